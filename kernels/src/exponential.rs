//! Functions made of the exponential of numbers that are not positive: logistic sigmoid, softplus and softmax.
//!
//! With `a = |x|` and `e = e^-a`, which is in (0, 1]:
//!
//! * `sigmoid x = 1 / (1 + e)` for `x >= 0`, else `e / (1 + e)`: never as `1/2 + tanh(x/2) / 2`, which for negative `x` is
//!   the difference of two nearly equal numbers.
//! * `softplus x = max(x, 0) + ln(1 + e)`, and `ln(1 + e) = 2 artanh(t / 2)` with `t = 2 e / (2 + e)`, which is a
//!   polynomial of `t^2 <= 4/9`: `t + t^3 P(t^2)`.
//!
//! The exponential is that of [`tanh`](crate::tanh()): `-a / 2 = k ln 2 / 2 + r`, `e^2r = 1 + r Q(r)`, times `2^k`. Down to
//! the smallest denormal number `2^k` is no normal number itself, so the product is formed `2^lift` higher and brought
//! down by a second multiplication, which rounds only where the result is denormal.
//!
//! `P` is a weighted least-squares fit as those of `tanh.rs`; its own error is below 2^-33 (`f32`) and 2^-59 (`f64`).

use crate::{
    form::Form,
    lanes::{self, Kernel, Lanes, load_part, store_part},
    real::Real,
    tanh::{horner, vector_horner},
};

/// Constants of one type's exponential and of the logarithm of 1 and more.
#[derive(Clone, Copy, Debug)]
pub struct Coefficients<T: 'static> {
    /// From here on down `e^2h` rounds to 0.
    pub(crate) lowest: T,
    /// Added to the exponent, so that the power is normal for every number above `lowest`.
    pub(crate) lift: T,
    /// `2^-lift`.
    pub(crate) drop: T,
    /// `P`, constant first.
    pub(crate) logarithm: &'static [T],
}

pub(crate) const F32: Coefficients<f32> = Coefficients {
    lowest: -52.0,
    lift: 64.0,
    drop: 5.421_011e-20,
    logarithm: &[0.083_333_34, 0.012_499_673, 0.002_235_544_1, 0.000_418_888_6, 0.000_118_320_31],
};

pub(crate) const F64: Coefficients<f64> = Coefficients {
    lowest: -373.0,
    lift: 512.0,
    drop: 7.458_340_731_200_207e-155,
    logarithm: &[
        0.083_333_333_333_332_88,
        0.012_500_000_000_048_446,
        0.002_232_142_855_326_936,
        0.000_434_027_811_472_854_9,
        8.877_805_051_702_556e-5,
        1.878_239_995_676_474_3e-5,
        4.059_207_332_650_85e-6,
        9.234_777_819_044_58e-7,
        1.592_308_474_856_888_3e-7,
        8.107_906_171_052_867e-8,
    ],
};

/// `e^2h` for `h <= 0`; NaN is taken for the lowest number.
#[inline]
fn scalar_exp_twice<T: Real>(h: T) -> T {
    let (c, t) = (T::EXPONENTIAL, T::TANH);
    let h = if c.lowest < h { h } else { c.lowest };
    let k_plus_magic = h.mul_add(t.inverse_step, T::ROUND_MAGIC);
    let k = k_plus_magic - T::ROUND_MAGIC;
    let r = (-k).mul_add(t.step_rest, (-k).mul_add(t.step, h));
    let lifted = r.mul_add(horner(t.exponential, r), T::ONE) * T::power_of_two(k_plus_magic + c.lift);
    lifted * c.drop
}

/// The same for each lane.
#[inline(always)]
fn vector_exp_twice<L: Lanes>(lanes: L, h: L::Vector) -> L::Vector {
    let (c, t) = (constants::<L>(), <L::Real as crate::real::sealed::Sealed>::TANH);
    let (one, lowest) = (lanes.splat(L::Real::ONE), lanes.splat(c.lowest));
    let h = lanes.select(lanes.less(lowest, h), h, lowest);
    let magic = lanes.splat(<L::Real as crate::real::sealed::Sealed>::ROUND_MAGIC);
    let k_plus_magic = lanes.fma(h, lanes.splat(t.inverse_step), magic);
    let k = lanes.sub(k_plus_magic, magic);
    let r = lanes.fnma(k, lanes.splat(t.step_rest), lanes.fnma(k, lanes.splat(t.step), h));
    let power = lanes.power_of_two(lanes.add(k_plus_magic, lanes.splat(c.lift)));
    let lifted = lanes.mul(lanes.fma(r, vector_horner(lanes, t.exponential, r), one), power);
    lanes.mul(lifted, lanes.splat(c.drop))
}

#[inline(always)]
fn constants<L: Lanes>() -> Coefficients<L::Real> {
    <L::Real as crate::real::sealed::Sealed>::EXPONENTIAL
}

/// `e^-|x|`.
#[inline]
fn scalar_decay<T: Real>(x: T) -> T {
    scalar_exp_twice(x.abs() * T::from_f64(-0.5))
}

/// The same for each lane.
#[inline(always)]
fn vector_decay<L: Lanes>(lanes: L, x: L::Vector) -> L::Vector {
    vector_exp_twice(lanes, lanes.mul(lanes.abs(x), lanes.splat(L::Real::from_f64(-0.5))))
}

/// `1 / (1 + e^-x)`.
#[inline]
pub(crate) fn scalar_sigmoid<T: Real>(x: T) -> T {
    let e = scalar_decay(x);
    let result = (if x < T::ZERO { e } else { T::ONE }) / (T::ONE + e);
    if x.is_nan() { T::NAN } else { result }
}

/// The same for each lane.
#[inline(always)]
pub(crate) fn vector_sigmoid<L: Lanes>(lanes: L, x: L::Vector) -> L::Vector {
    let (zero, one) = (lanes.splat(L::Real::ZERO), lanes.splat(L::Real::ONE));
    let e = vector_decay(lanes, x);
    let result = lanes.div(lanes.select(lanes.less(x, zero), e, one), lanes.add(one, e));
    lanes.select(lanes.equal(x, x), result, lanes.splat(L::Real::NAN))
}

/// `ln(1 + e^x)`.
#[inline]
pub(crate) fn scalar_softplus<T: Real>(x: T) -> T {
    let e = scalar_decay(x);
    let t = (e + e) / (T::ONE + T::ONE + e);
    let square = t * t;
    let logarithm = (t * square).mul_add(horner(T::EXPONENTIAL.logarithm, square), t);
    let result = (if x < T::ZERO { T::ZERO } else { x }) + logarithm;
    if x.is_nan() { T::NAN } else { result }
}

/// The same for each lane.
#[inline(always)]
pub(crate) fn vector_softplus<L: Lanes>(lanes: L, x: L::Vector) -> L::Vector {
    let (zero, two) = (lanes.splat(L::Real::ZERO), lanes.splat(L::Real::ONE + L::Real::ONE));
    let e = vector_decay(lanes, x);
    let t = lanes.div(lanes.add(e, e), lanes.add(two, e));
    let square = lanes.mul(t, t);
    let polynomial = vector_horner(lanes, constants::<L>().logarithm, square);
    let logarithm = lanes.fma(lanes.mul(t, square), polynomial, t);
    let result = lanes.add(lanes.select(lanes.less(x, zero), zero, x), logarithm);
    lanes.select(lanes.equal(x, x), result, lanes.splat(L::Real::NAN))
}

/// Computes `y[i] = e^z[i] / (sum over j of e^z[j])`.
///
/// As `e[i] / sum`, `e[i] = e^(z[i] - max z)`, so nothing overflows; the sum is that of eight chains over interleaved
/// elements and a fixed tree, as a readout's. The absolute error is at most `(2 + n / 16)` times the type's epsilon for `n`
/// elements. If an element is NaN or positive infinity, or all are negative infinity, every result is NaN.
///
/// # Shapes
/// `z`, `y`: `[n]`.
/// # Panics
/// If the lengths differ.
/// # Examples
/// ```
/// use forebay_kernels::{Form, softmax};
///
/// let mut y = [0.0_f64; 2];
/// softmax(Form::best(), &[1000.0, 1000.0], &mut y);
/// assert_eq!(y, [0.5, 0.5]);
/// ```
pub fn softmax<T: Real>(form: Form, z: &[T], y: &mut [T]) {
    assert_eq!(z.len(), y.len(), "there is one result for each element");
    if let Some(&first) = z.first() {
        let largest = z.iter().fold(first, |largest, &z| if largest < z { z } else { largest });
        lanes::run(form, Softmax { z, half_largest: largest * T::from_f64(0.5), y });
    }
}

struct Softmax<'a, T> {
    z: &'a [T],
    /// Halves, as the exponential wants them: their difference cannot overflow.
    half_largest: T,
    y: &'a mut [T],
}

/// Chains of a sum.
const CHAINS: usize = 8;

/// Eight chains over interleaved elements, joined by a fixed tree.
fn sum<T: Real>(x: &[T]) -> T {
    let mut p = [T::ZERO; CHAINS];
    for x in x.chunks(CHAINS) {
        for (p, &x) in p.iter_mut().zip(x) {
            *p += x;
        }
    }
    ((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7]))
}

impl<T: Real> Kernel<T> for Softmax<'_, T> {
    type Output = ();

    fn scalar(self) {
        for (y, &z) in self.y.iter_mut().zip(self.z) {
            let h = z * T::from_f64(0.5) - self.half_largest;
            *y = if h.is_nan() { T::NAN } else { scalar_exp_twice(h) };
        }
        let sum = sum(self.y);
        for y in self.y {
            *y = (*y / sum).canonical();
        }
    }

    #[inline(always)]
    fn vector<L: Lanes<Real = T>>(self, lanes: L) {
        let (zero, nan) = (lanes.splat(T::ZERO), lanes.splat(T::NAN));
        let (half, half_largest) = (lanes.splat(T::from_f64(0.5)), lanes.splat(self.half_largest));
        for (y, z) in self.y.chunks_mut(L::LANES).zip(self.z.chunks(L::LANES)) {
            let h = lanes.sub(lanes.mul(load_part(lanes, z), half), half_largest);
            // Lanes behind the end hold 0, which may be above the largest element: cut, nothing of them overflows.
            let e = vector_exp_twice(lanes, lanes.select(lanes.less(h, zero), h, zero));
            store_part(lanes, y, lanes.select(lanes.equal(h, h), e, nan));
        }
        let sum = lanes.splat(sum(self.y));
        for y in self.y.chunks_mut(L::LANES) {
            let result = lanes.div(load_part(lanes, y), sum);
            store_part(lanes, y, lanes::canonical(lanes, result));
        }
    }
}
