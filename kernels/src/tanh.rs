//! Hyperbolic tangent in operations that every form has: `+ - * /`, fused multiply-add, comparisons and bit moves.
//!
//! With `a = |x|`, both of two formulas are evaluated and one is taken, so there is no branch:
//!
//! * `a < 0.625`: `tanh a = a + a s P(s)`, `s = a^2`.
//! * else: `tanh a = 1 - 2 / (e^2a + 1)`, where `2a = k ln 2 + 2r`, `|r| <= ln 2 / 4` and `e^2r - 1 = r Q(r)`, so that
//!   `e^2a + 1 = 2^k (r Q(r)) + (2^k + 1)` is one fused multiply-add. `a` is cut at a value from which on the result
//!   rounds to 1.
//!
//! The sign comes back at the end. NaN gives NaN, infinities give ±1, and numbers whose cube vanishes give themselves,
//! denormal ones included; `tanh(-0)` is -0.
//!
//! `P` and `Q` are weighted least-squares fits of the relative error of the result on Chebyshev points, computed with 60
//! digits; coefficients were rounded to the type from the constant one upward, and the remaining ones were fitted again
//! after each rounding. The fit's own error is below 2^-27 (`f32`) and 2^-57 (`f64`).

use crate::{
    form::Form,
    lanes::{self, Kernel, Lanes, load_part, store_part},
    real::Real,
};

/// Replaces each element with its hyperbolic tangent.
///
/// The error is at most 1.3 ulp for `f32` (checked on every number) and 1.3 ulp for `f64` (checked against higher
/// precision on a large sample). The result is odd, within [-1, 1] and the same in every form.
///
/// # Examples
/// ```
/// use forebay_kernels::{Form, tanh};
///
/// let mut x = [0.0_f32, -0.5, 20.0];
/// tanh(Form::best(), &mut x);
/// assert_eq!(x, [0.0, -0.462_117_16, 1.0]);
/// ```
pub fn tanh<T: Real>(form: Form, x: &mut [T]) {
    lanes::run(form, InPlace { x });
}

/// Constants of one type's tanh.
#[derive(Clone, Copy, Debug)]
pub struct Coefficients<T: 'static> {
    /// From here on the formula with the exponential is used.
    pub(crate) threshold: T,
    /// From here on the result is 1.
    pub(crate) limit: T,
    /// `2 / ln 2`.
    pub(crate) inverse_step: T,
    /// `ln 2 / 2`, rounded.
    pub(crate) step: T,
    /// What the rounding took from `ln 2 / 2`.
    pub(crate) step_rest: T,
    /// `P`, constant first.
    pub(crate) small: &'static [T],
    /// `Q`, constant first.
    pub(crate) exponential: &'static [T],
}

pub(crate) const F32: Coefficients<f32> = Coefficients {
    threshold: 0.625,
    limit: 10.0,
    inverse_step: 2.885_39,
    step: 0.346_573_6,
    step_rest: -9.523_271e-10,
    small: &[-0.333_333_3, 0.133_332_21, -0.053_948_194, 0.021_707_078, -0.008_190_73, 0.002_153_569_1],
    exponential: &[2.0, 2.0, 1.333_320_3, 0.666_663, 0.267_860_1, 0.089_201_67],
};

pub(crate) const F64: Coefficients<f64> = Coefficients {
    threshold: 0.625,
    limit: 20.0,
    inverse_step: 2.885_390_081_777_926_8,
    step: 0.346_573_590_279_972_64,
    step_rest: 1.159_523_406_923_149_8e-17,
    small: &[
        -0.333_333_333_333_333_1,
        0.133_333_333_333_293_25,
        -0.053_968_253_965_873_71,
        0.021_869_488_464_441_887,
        -0.008_863_234_253_764_195,
        0.003_592_113_481_945_921,
        -0.001_455_722_923_211_632_4,
        0.000_589_439_944_411_076_6,
        -0.000_236_980_899_512_394_5,
        9.150_736_937_363_201e-5,
        -3.013_852_495_395_622e-5,
        6.022_091_122_855_452e-6,
    ],
    exponential: &[
        2.0,
        2.000_000_000_000_006_7,
        1.333_333_333_333_335,
        0.666_666_666_663_717_4,
        0.266_666_666_666_038_33,
        0.088_888_889_317_483_91,
        0.025_396_825_477_723_65,
        0.006_349_179_035_667_048,
        0.001_410_930_018_628_112_2,
        0.000_282_979_019_555_202_77,
        5.143_502_520_070_807_5e-5,
    ],
};

/// The definition for one number.
#[inline]
pub(crate) fn scalar<T: Real>(x: T) -> T {
    let c = T::TANH;
    let magnitude = x.abs();
    let a = if magnitude < c.limit { magnitude } else { c.limit };

    let s = a * a;
    let small = (a * s).mul_add(horner(c.small, s), a);

    let k_plus_magic = a.mul_add(c.inverse_step, T::ROUND_MAGIC);
    let k = k_plus_magic - T::ROUND_MAGIC;
    let r = (-k).mul_add(c.step_rest, (-k).mul_add(c.step, a));
    let power = T::power_of_two(k_plus_magic);
    let denominator = power.mul_add(r * horner(c.exponential, r), power + T::ONE);
    let large = T::ONE - (T::ONE + T::ONE) / denominator;

    let result = if a < c.threshold { small } else { large };
    if x.is_nan() { T::NAN } else { result.copysign(x) }
}

/// The same for each lane.
#[inline(always)]
pub(crate) fn vector<L: Lanes>(lanes: L, x: L::Vector) -> L::Vector {
    let c = <L::Real as crate::real::sealed::Sealed>::TANH;
    let one = lanes.splat(L::Real::ONE);
    let magnitude = lanes.abs(x);
    let limit = lanes.splat(c.limit);
    let a = lanes.select(lanes.less(magnitude, limit), magnitude, limit);

    let s = lanes.mul(a, a);
    let small = lanes.fma(lanes.mul(a, s), vector_horner(lanes, c.small, s), a);

    let magic = lanes.splat(<L::Real as crate::real::sealed::Sealed>::ROUND_MAGIC);
    let k_plus_magic = lanes.fma(a, lanes.splat(c.inverse_step), magic);
    let k = lanes.sub(k_plus_magic, magic);
    let r = lanes.fnma(k, lanes.splat(c.step_rest), lanes.fnma(k, lanes.splat(c.step), a));
    let power = lanes.power_of_two(k_plus_magic);
    let exponential = lanes.mul(r, vector_horner(lanes, c.exponential, r));
    let denominator = lanes.fma(power, exponential, lanes.add(power, one));
    let large = lanes.sub(one, lanes.div(lanes.add(one, one), denominator));

    let result = lanes.select(lanes.less(a, lanes.splat(c.threshold)), small, large);
    lanes.select(lanes.equal(x, x), lanes.copysign(result, x), lanes.splat(L::Real::NAN))
}

#[inline]
pub(crate) fn horner<T: Real>(coefficients: &[T], x: T) -> T {
    let (&highest, rest) = coefficients.split_last().expect("a polynomial has coefficients");
    rest.iter().rev().fold(highest, |sum, &c| sum.mul_add(x, c))
}

#[inline(always)]
pub(crate) fn vector_horner<L: Lanes>(lanes: L, coefficients: &[L::Real], x: L::Vector) -> L::Vector {
    let mut sum = lanes.splat(coefficients[coefficients.len() - 1]);
    for k in (0..coefficients.len() - 1).rev() {
        sum = lanes.fma(sum, x, lanes.splat(coefficients[k]));
    }
    sum
}

struct InPlace<'a, T> {
    x: &'a mut [T],
}

impl<T: Real> Kernel<T> for InPlace<'_, T> {
    type Output = ();

    fn scalar(self) {
        for x in self.x {
            *x = scalar(*x);
        }
    }

    #[inline(always)]
    fn vector<L: Lanes<Real = T>>(self, lanes: L) {
        for x in self.x.chunks_mut(L::LANES) {
            let result = vector(lanes, load_part(lanes, x));
            store_part(lanes, x, result);
        }
    }
}
