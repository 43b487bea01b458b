//! Elementwise kernels of a reservoir step: leaky update with an activation, and the check for finite numbers.

use crate::{
    exponential,
    form::Form,
    lanes::{self, Kernel, Lanes, canonical, load_part, store_part},
    real::Real,
    tanh,
};

/// What a unit does with its weighted sum.
///
/// Errors are those of the function before leaking, in units in the last place (ulp) of the exact value, checked against
/// higher precision. No function raises a floating-point exception but "inexact" and "underflow" for a finite number.
/// Denormal results keep their bits; NaN gives NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Activation<T> {
    /// `tanh(z)`, see [`tanh()`](crate::tanh()).
    Tanh,
    /// `z`.
    Identity,
    /// `z` cut to `0..=max`; NaN stays NaN.
    BoundedRelu {
        /// The upper bound.
        max: T,
    },
    /// `1 / (1 + e^-z)`, at most 2.5 ulp off, on both sides: it is no difference of larger numbers where it is small.
    Sigmoid,
    /// `max(z, 0)`.
    Relu,
    /// `z` where that is not negative, else `slope z`.
    LeakyRelu {
        /// From 0 to 1.
        slope: T,
    },
    /// `ln(1 + e^z)`, at most 3 ulp off.
    Softplus,
}

/// How much of the new activation a unit takes (alpha, `rate`) and how much of its old state it keeps (`1 - alpha`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Leak<'a, T> {
    /// The same for each unit.
    Uniform {
        /// Leak rate, in (0, 1].
        rate: T,
        /// `1 - rate`.
        keep: T,
    },
    /// One of each per unit.
    PerUnit {
        /// Leak rates, in (0, 1].
        rates: &'a [T],
        /// `1 - rate` for each unit.
        keeps: &'a [T],
    },
}

impl<T: Real> Leak<'_, T> {
    /// One leak rate for all units.
    pub fn uniform(rate: T) -> Self {
        Self::Uniform { rate, keep: T::ONE - rate }
    }
}

/// Computes the leaky update `new[i] = fma(rate, activation(pre[i]), keep * old[i])`.
///
/// # Shapes
/// `pre`, `old`, `new` and the slices of `leak`: `[units]`.
/// # Panics
/// If a length disagrees.
/// # Examples
/// ```
/// use forebay_kernels::{Activation, Form, Leak, leaky_update};
///
/// let mut new = [0.0_f32; 2];
/// leaky_update(Form::best(), Activation::Identity, &[1.0, 2.0], Leak::uniform(0.25), &[4.0, 0.0], &mut new);
/// assert_eq!(new, [3.25, 0.5]);
/// ```
pub fn leaky_update<T: Real>(
    form: Form,
    activation: Activation<T>,
    pre: &[T],
    leak: Leak<'_, T>,
    old: &[T],
    new: &mut [T],
) {
    assert_eq!(pre.len(), new.len(), "there is one weighted sum for each unit");
    assert_eq!(old.len(), new.len(), "there is one old state for each unit");
    if let Leak::PerUnit { rates, keeps } = leak {
        assert_eq!(rates.len(), new.len(), "there is one leak rate for each unit");
        assert_eq!(keeps.len(), new.len(), "there is one kept part for each unit");
    }
    match activation {
        Activation::Tanh => lanes::run(form, Update { function: Tanh, pre, leak, old, new }),
        Activation::Identity => lanes::run(form, Update { function: Identity, pre, leak, old, new }),
        Activation::BoundedRelu { max } => {
            lanes::run(form, Update { function: BoundedRelu { max }, pre, leak, old, new });
        }
        Activation::Sigmoid => lanes::run(form, Update { function: Sigmoid, pre, leak, old, new }),
        Activation::Relu => lanes::run(form, Update { function: Relu, pre, leak, old, new }),
        Activation::LeakyRelu { slope } => {
            lanes::run(form, Update { function: LeakyRelu { slope }, pre, leak, old, new });
        }
        Activation::Softplus => lanes::run(form, Update { function: Softplus, pre, leak, old, new }),
    }
}

/// Whether no element is infinite or NaN.
///
/// Looks at exponents as integers: arithmetic with what it searches for would raise floating-point exceptions.
///
/// # Examples
/// ```
/// use forebay_kernels::{Form, all_finite};
///
/// assert!(all_finite(Form::best(), &[1.0_f64, -2.0]));
/// assert!(!all_finite(Form::best(), &[1.0, f64::INFINITY]));
/// ```
pub fn all_finite<T: Real>(form: Form, x: &[T]) -> bool {
    lanes::run(form, AllFinite { x })
}

/// An activation for one number and for a vector.
trait Function<T: Real>: Copy {
    fn scalar(self, z: T) -> T;
    fn vector<L: Lanes<Real = T>>(self, lanes: L, z: L::Vector) -> L::Vector;
}

#[derive(Clone, Copy)]
struct Tanh;

impl<T: Real> Function<T> for Tanh {
    fn scalar(self, z: T) -> T {
        tanh::scalar(z)
    }

    #[inline(always)]
    fn vector<L: Lanes<Real = T>>(self, lanes: L, z: L::Vector) -> L::Vector {
        tanh::vector(lanes, z)
    }
}

#[derive(Clone, Copy)]
struct Identity;

impl<T: Real> Function<T> for Identity {
    fn scalar(self, z: T) -> T {
        z
    }

    #[inline(always)]
    fn vector<L: Lanes<Real = T>>(self, _: L, z: L::Vector) -> L::Vector {
        z
    }
}

#[derive(Clone, Copy)]
struct BoundedRelu<T> {
    max: T,
}

impl<T: Real> Function<T> for BoundedRelu<T> {
    fn scalar(self, z: T) -> T {
        let lower = if z < T::ZERO { T::ZERO } else { z };
        if self.max < lower { self.max } else { lower }
    }

    #[inline(always)]
    fn vector<L: Lanes<Real = T>>(self, lanes: L, z: L::Vector) -> L::Vector {
        let (zero, max) = (lanes.splat(T::ZERO), lanes.splat(self.max));
        let lower = lanes.select(lanes.less(z, zero), zero, z);
        lanes.select(lanes.less(max, lower), max, lower)
    }
}

#[derive(Clone, Copy)]
struct Sigmoid;

impl<T: Real> Function<T> for Sigmoid {
    fn scalar(self, z: T) -> T {
        exponential::scalar_sigmoid(z)
    }

    #[inline(always)]
    fn vector<L: Lanes<Real = T>>(self, lanes: L, z: L::Vector) -> L::Vector {
        exponential::vector_sigmoid(lanes, z)
    }
}

#[derive(Clone, Copy)]
struct Softplus;

impl<T: Real> Function<T> for Softplus {
    fn scalar(self, z: T) -> T {
        exponential::scalar_softplus(z)
    }

    #[inline(always)]
    fn vector<L: Lanes<Real = T>>(self, lanes: L, z: L::Vector) -> L::Vector {
        exponential::vector_softplus(lanes, z)
    }
}

#[derive(Clone, Copy)]
struct Relu;

impl<T: Real> Function<T> for Relu {
    fn scalar(self, z: T) -> T {
        if z < T::ZERO { T::ZERO } else { z }
    }

    #[inline(always)]
    fn vector<L: Lanes<Real = T>>(self, lanes: L, z: L::Vector) -> L::Vector {
        let zero = lanes.splat(T::ZERO);
        lanes.select(lanes.less(z, zero), zero, z)
    }
}

#[derive(Clone, Copy)]
struct LeakyRelu<T> {
    slope: T,
}

impl<T: Real> Function<T> for LeakyRelu<T> {
    fn scalar(self, z: T) -> T {
        if z < T::ZERO { self.slope * z } else { z }
    }

    #[inline(always)]
    fn vector<L: Lanes<Real = T>>(self, lanes: L, z: L::Vector) -> L::Vector {
        let lower = lanes.mul(lanes.splat(self.slope), z);
        lanes.select(lanes.less(z, lanes.splat(T::ZERO)), lower, z)
    }
}

struct Update<'a, T, F> {
    function: F,
    pre: &'a [T],
    leak: Leak<'a, T>,
    old: &'a [T],
    new: &'a mut [T],
}

impl<T: Real, F: Function<T>> Kernel<T> for Update<'_, T, F> {
    type Output = ();

    fn scalar(self) {
        for i in 0..self.new.len() {
            let (rate, keep) = match self.leak {
                Leak::Uniform { rate, keep } => (rate, keep),
                Leak::PerUnit { rates, keeps } => (rates[i], keeps[i]),
            };
            self.new[i] = rate.mul_add(self.function.scalar(self.pre[i]), keep * self.old[i]).canonical();
        }
    }

    #[inline(always)]
    fn vector<L: Lanes<Real = T>>(self, lanes: L) {
        for (block, new) in self.new.chunks_mut(L::LANES).enumerate() {
            let start = block * L::LANES;
            let (rate, keep) = match self.leak {
                Leak::Uniform { rate, keep } => (lanes.splat(rate), lanes.splat(keep)),
                Leak::PerUnit { rates, keeps } => {
                    (load_part(lanes, &rates[start..]), load_part(lanes, &keeps[start..]))
                }
            };
            let activated = self.function.vector(lanes, load_part(lanes, &self.pre[start..]));
            let kept = lanes.mul(keep, load_part(lanes, &self.old[start..]));
            store_part(lanes, new, canonical(lanes, lanes.fma(rate, activated, kept)));
        }
    }
}

struct AllFinite<'a, T> {
    x: &'a [T],
}

impl<T: Real> Kernel<T> for AllFinite<'_, T> {
    type Output = bool;

    fn scalar(self) -> bool {
        T::are_finite(self.x)
    }

    #[inline(always)]
    fn vector<L: Lanes<Real = T>>(self, _: L) -> bool {
        T::are_finite(self.x)
    }
}
