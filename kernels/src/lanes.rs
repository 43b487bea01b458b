//! The vector operations that kernels are written in, and the switch from a [`Form`] to its instructions.
//!
//! A kernel is one generic body over [`Lanes`]; the `run` function of each form is the only `#[target_feature]`
//! function, and the body is inlined into it. A value of a `Lanes` type is proof that the processor has its
//! instructions, which makes the arithmetic safe to call; only loads and stores through pointers stay unsafe.

#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86;

use crate::{
    form::{Form, Kind},
    real::Real,
};

/// One kernel call: its arguments, the scalar loop that defines it and the vector body that must equal it.
pub(crate) trait Kernel<T: Real> {
    type Output;

    /// The definition.
    fn scalar(self) -> Self::Output;

    /// The same values in the same bits. Implementations are `#[inline(always)]`, as is all they call: a function
    /// that stays outside of the `#[target_feature]` caller would be compiled without the instructions.
    fn vector<L: Lanes<Real = T>>(self, lanes: L) -> Self::Output;
}

/// Runs a kernel in the given form.
pub(crate) fn run<T: Real, K: Kernel<T>>(form: Form, kernel: K) -> K::Output {
    match form.kind() {
        Kind::Scalar => kernel.scalar(),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a `Form` of this kind exists only where the processor was found to have AVX2 and FMA.
        Kind::Avx2 => unsafe { x86::run_avx2(kernel) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a `Form` of this kind exists only where the processor was found to have AVX-512 F, VL, BW and DQ.
        Kind::Avx512 => unsafe { x86::run_avx512(kernel) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: a `Form` of this kind exists only where the processor was found to have NEON.
        Kind::Neon => unsafe { neon::run(kernel) },
        #[allow(unreachable_patterns, reason = "each architecture lacks the other's kinds")]
        _ => unreachable!("a form of another architecture cannot be made"),
    }
}

/// Vectors of one instruction set; each operation acts on every lane as its scalar counterpart does.
pub trait Lanes: Copy {
    /// Type of one lane.
    type Real: Real;
    /// Vectors of the same instructions with at most eight lanes.
    type Narrow: Lanes<Real = Self::Real>;
    /// A register of lanes.
    type Vector: Copy;
    /// One truth value per lane.
    type Mask: Copy;

    /// Lanes in a vector.
    const LANES: usize;
    /// Vectors of rows in a register tile of a batch; together with six streams they fit the register file.
    const TILE_VECTORS: usize;

    /// The proof that the instructions are there.
    ///
    /// # Safety
    /// The processor has the instructions of this form.
    unsafe fn assume() -> Self;

    /// The proof that narrower vectors are there, too.
    fn narrow(self) -> Self::Narrow;

    /// All lanes hold `x`.
    fn splat(self, x: Self::Real) -> Self::Vector;
    /// `a + b`.
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a - b`.
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a * b`.
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a / b`.
    fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a * b + c`, rounded once.
    fn fma(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// `c - a * b`, rounded once.
    fn fnma(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// `|a|`.
    fn abs(self, a: Self::Vector) -> Self::Vector;
    /// `|a|` with the sign of `sign`.
    fn copysign(self, a: Self::Vector, sign: Self::Vector) -> Self::Vector;
    /// `a < b`, false where one is NaN.
    fn less(self, a: Self::Vector, b: Self::Vector) -> Self::Mask;
    /// `a == b`, false where one is NaN.
    fn equal(self, a: Self::Vector, b: Self::Vector) -> Self::Mask;
    /// `a` where the mask is true, else `b`.
    fn select(self, mask: Self::Mask, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `2^k` for the integer `k` that `ROUND_MAGIC` was added to.
    fn power_of_two(self, k_plus_magic: Self::Vector) -> Self::Vector;

    /// Reads one vector.
    ///
    /// # Safety
    /// `from` is valid for reads of [`Lanes::LANES`] elements.
    unsafe fn load(self, from: *const Self::Real) -> Self::Vector;

    /// Writes one vector.
    ///
    /// # Safety
    /// `to` is valid for writes of [`Lanes::LANES`] elements.
    unsafe fn store(self, to: *mut Self::Real, a: Self::Vector);

    /// Lane `k` holds `table[indices[k]]`.
    ///
    /// # Safety
    /// `indices` is valid for reads of [`Lanes::LANES`] elements, and `table` for a read at each of them.
    unsafe fn gather<I: Index>(self, table: *const Self::Real, indices: *const I) -> Self::Vector;
}

/// A stored column or row number.
pub trait Index: Copy {
    /// The number.
    fn widen(self) -> usize;
}

impl Index for u16 {
    #[inline(always)]
    fn widen(self) -> usize {
        usize::from(self)
    }
}

impl Index for u32 {
    #[inline(always)]
    fn widen(self) -> usize {
        self as usize
    }
}

/// The most lanes that a vector of any form has.
pub(crate) const MAX_LANES: usize = 16;

/// `a + 0`, which turns -0 into +0, and the one quiet NaN for every NaN; the scalar twin is [`Real::canonical`].
#[inline(always)]
pub(crate) fn canonical<L: Lanes>(lanes: L, a: L::Vector) -> L::Vector {
    let sum = lanes.add(a, lanes.splat(L::Real::ZERO));
    lanes.select(lanes.equal(sum, sum), sum, lanes.splat(L::Real::NAN))
}

/// Reads up to one vector from the start of `from`; lanes beyond its end are 0.
#[inline(always)]
pub(crate) fn load_part<L: Lanes>(lanes: L, from: &[L::Real]) -> L::Vector {
    if from.len() >= L::LANES {
        // SAFETY: the slice holds `LANES` elements.
        unsafe { lanes.load(from.as_ptr()) }
    } else {
        let mut padded = [L::Real::ZERO; MAX_LANES];
        padded[..from.len()].copy_from_slice(from);
        // SAFETY: no form has more than `MAX_LANES` lanes.
        unsafe { lanes.load(padded.as_ptr()) }
    }
}

/// Writes as many lanes as `to` holds, up to one vector.
#[inline(always)]
pub(crate) fn store_part<L: Lanes>(lanes: L, to: &mut [L::Real], a: L::Vector) {
    if to.len() >= L::LANES {
        // SAFETY: the slice holds `LANES` elements.
        unsafe { lanes.store(to.as_mut_ptr(), a) }
    } else {
        let mut padded = [L::Real::ZERO; MAX_LANES];
        // SAFETY: no form has more than `MAX_LANES` lanes.
        unsafe { lanes.store(padded.as_mut_ptr(), a) };
        let len = to.len();
        to.copy_from_slice(&padded[..len]);
    }
}
