//! The two float types that kernels exist for.

use std::{
    fmt::{Debug, Display},
    ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign},
};

/// `f32` or `f64`; sealed, because the kernels are written for exactly these.
pub trait Real:
    sealed::Sealed
    + Copy
    + Default
    + PartialEq
    + PartialOrd
    + Debug
    + Display
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + SubAssign
    + Mul<Output = Self>
    + MulAssign
    + Div<Output = Self>
    + DivAssign
    + Neg<Output = Self>
{
    /// Name of the type, as in Rust.
    const NAME: &'static str;
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// The quiet NaN that every kernel returns for NaN, whatever the processor would make of it.
    const NAN: Self;
    /// Distance from 1 to the next larger number.
    const EPSILON: Self;

    /// The nearest value of this type.
    fn from_f64(x: f64) -> Self;
    /// The same value as `f64`, exact.
    fn to_f64(self) -> f64;
    /// The nearest value of this type, ties to even.
    fn from_i64(x: i64) -> Self;
    /// The nearest integer, ties to even, for numbers up to 2^21 in magnitude; unspecified for others.
    fn round_to_i32(self) -> i32;
    /// `self * a + b`, rounded once.
    #[must_use]
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// `|self|`.
    #[must_use]
    fn abs(self) -> Self;
    /// `|self|` with the sign of `sign`.
    #[must_use]
    fn copysign(self, sign: Self) -> Self;
    /// The square root, exactly rounded.
    #[must_use]
    fn sqrt(self) -> Self;
    /// Neither infinite nor NaN; looks at bits, so that no floating-point exception is raised.
    fn is_finite(self) -> bool;
    /// NaN; looks at bits, so that no floating-point exception is raised.
    fn is_nan(self) -> bool;
    /// The bits of the number, zero-extended.
    fn bits(self) -> u64;

    /// `self + 0`, which turns -0 into +0, and [`Real::NAN`] for every NaN: the form in which kernels write results.
    #[must_use]
    #[inline]
    fn canonical(self) -> Self {
        if self.is_nan() { Self::NAN } else { self + Self::ZERO }
    }
}

pub(crate) mod sealed {
    use crate::lanes::Lanes;

    /// Closes [`Real`] and ties each type to its vectors and to the constants of its functions.
    pub trait Sealed: Sized + crate::aligned::Plain + 'static {
        #[cfg(target_arch = "x86_64")]
        type Avx2: Lanes<Real = Self>;
        #[cfg(target_arch = "x86_64")]
        type Avx512: Lanes<Real = Self>;
        #[cfg(target_arch = "aarch64")]
        type Neon: Lanes<Real = Self>;

        /// Added to a number below 2^(mantissa bits - 1), rounds it to an integer, which then is in the lowest bits.
        const ROUND_MAGIC: Self;
        /// Coefficients of the tanh, see `tanh.rs`.
        const TANH: crate::tanh::Coefficients<Self>;
        /// Coefficients of the exponential, see `exponential.rs`.
        const EXPONENTIAL: crate::exponential::Coefficients<Self>;

        /// `2^k` for the integer `k` that `ROUND_MAGIC` was added to.
        #[must_use]
        fn power_of_two(k_plus_magic: Self) -> Self;

        /// Whether none of the numbers is infinite or NaN: a loop over integers that compilers turn into vectors.
        fn are_finite(x: &[Self]) -> bool;
    }
}

macro_rules! real {
    ($real:ident, $tanh:expr, $exponential:expr, $magic:expr) => {
        impl sealed::Sealed for $real {
            #[cfg(target_arch = "x86_64")]
            type Avx2 = crate::lanes::x86::Avx2<$real>;
            #[cfg(target_arch = "x86_64")]
            type Avx512 = crate::lanes::x86::Avx512<$real>;
            #[cfg(target_arch = "aarch64")]
            type Neon = crate::lanes::neon::Neon<$real>;

            const ROUND_MAGIC: Self = $magic;
            const TANH: crate::tanh::Coefficients<Self> = $tanh;
            const EXPONENTIAL: crate::exponential::Coefficients<Self> = $exponential;

            #[inline]
            fn power_of_two(k_plus_magic: Self) -> Self {
                let exponent = k_plus_magic.to_bits() << (Self::MANTISSA_DIGITS - 1);
                Self::from_bits(exponent.wrapping_add(Self::to_bits(1.0)))
            }

            #[inline(always)]
            fn are_finite(x: &[Self]) -> bool {
                // One more in an exponent of ones carries into the place of the sign.
                const ONE_MORE: u32 = $real::MANTISSA_DIGITS - 1;
                let seen = x.iter().fold(0, |seen, x| seen | (x.abs().to_bits() + (1 << ONE_MORE)));
                Self::from_bits(seen).is_sign_positive()
            }
        }

        impl Real for $real {
            const NAME: &'static str = stringify!($real);
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NAN: Self = $real::NAN;
            const EPSILON: Self = $real::EPSILON;

            #[inline]
            fn from_f64(x: f64) -> Self {
                x as $real
            }
            #[inline]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline]
            fn from_i64(x: i64) -> Self {
                x as $real
            }
            #[inline]
            fn round_to_i32(self) -> i32 {
                // The sum's lowest bits are the rounded number, as those of the magic number stand for zero.
                let magic = <Self as sealed::Sealed>::ROUND_MAGIC;
                ((self + magic).to_bits() as u32).wrapping_sub(magic.to_bits() as u32) as i32
            }
            #[inline]
            fn mul_add(self, a: Self, b: Self) -> Self {
                $real::mul_add(self, a, b)
            }
            #[inline]
            fn abs(self) -> Self {
                $real::abs(self)
            }
            #[inline]
            fn copysign(self, sign: Self) -> Self {
                $real::copysign(self, sign)
            }
            #[inline]
            fn sqrt(self) -> Self {
                $real::sqrt(self)
            }
            #[inline]
            fn is_finite(self) -> bool {
                self.abs().to_bits() < $real::INFINITY.to_bits()
            }
            #[inline]
            fn is_nan(self) -> bool {
                self.abs().to_bits() > $real::INFINITY.to_bits()
            }
            #[inline]
            fn bits(self) -> u64 {
                u64::from(self.to_bits())
            }
        }
    };
}

real!(f32, crate::tanh::F32, crate::exponential::F32, 12_582_912.0); // 1.5 * 2^23
real!(f64, crate::tanh::F64, crate::exponential::F64, 6_755_399_441_055_744.0); // 1.5 * 2^52
