//! Elementwise kernels: every form equals the scalar one in every bit.

use forebay_kernels::{Activation, Form, Leak, Real, all_finite, leaky_update, softmax, tanh};
use proptest::{collection::vec, prelude::*};

use crate::support::{any_number, bits, noise};

fn check_elementwise<T: Real>(z: &[T], old: &[T], rates: &[T]) {
    let keeps: Vec<T> = rates.iter().map(|&rate| T::ONE - rate).collect();
    let mut expected = z.to_vec();
    tanh(Form::SCALAR, &mut expected);
    for form in Form::available() {
        let mut x = z.to_vec();
        tanh(form, &mut x);
        assert_eq!(bits(&x), bits(&expected), "tanh, {form}");
        assert_eq!(all_finite(form, z), z.iter().all(|z| z.to_f64().abs() <= f64::MAX), "finite, {form}");
    }
    let mut expected = vec![T::ZERO; z.len()];
    softmax(Form::SCALAR, z, &mut expected);
    for form in Form::available() {
        let mut y = vec![T::ONE; z.len()];
        softmax(form, z, &mut y);
        assert_eq!(bits(&y), bits(&expected), "softmax, {form}");
    }
    let activations = [
        Activation::Tanh,
        Activation::Identity,
        Activation::BoundedRelu { max: T::from_f64(0.75) },
        Activation::Sigmoid,
        Activation::Relu,
        Activation::LeakyRelu { slope: T::from_f64(0.3) },
        Activation::Softplus,
    ];
    for activation in activations {
        for leak in [Leak::uniform(T::from_f64(0.3)), Leak::PerUnit { rates, keeps: &keeps }] {
            let mut expected = vec![T::ZERO; z.len()];
            leaky_update(Form::SCALAR, activation, z, leak, old, &mut expected);
            for form in Form::available() {
                let mut new = vec![T::ONE; z.len()];
                leaky_update(form, activation, z, leak, old, &mut new);
                assert_eq!(bits(&new), bits(&expected), "{activation:?}, {leak:?}, {form}");
            }
        }
    }
}

fn case<T: Real>() -> impl Strategy<Value = (Vec<T>, Vec<T>, Vec<T>)> {
    (0..150_usize).prop_flat_map(|len| {
        let rates = vec((0.0..1.0_f64).prop_map(T::from_f64), len);
        (vec(any_number::<T>(), len), vec(any_number::<T>(), len), rates)
    })
}

proptest! {
    #[test]
    fn forms_agree_f32((z, old, rates) in case::<f32>()) {
        check_elementwise(&z, &old, &rates);
    }

    #[test]
    fn forms_agree_f64((z, old, rates) in case::<f64>()) {
        check_elementwise(&z, &old, &rates);
    }
}

/// The scalar form against the formulas as a reader would write them.
#[test]
fn scalar_update_is_the_formula() {
    let (z, old) = (noise::<f64>(1, 50), noise::<f64>(2, 50));
    let rates: Vec<f64> = noise::<f64>(3, 50).iter().map(|x| x.abs()).collect();
    let keeps: Vec<f64> = rates.iter().map(|rate| 1.0 - rate).collect();
    let leak = Leak::PerUnit { rates: &rates, keeps: &keeps };
    let mut activated = z.clone();
    tanh(Form::SCALAR, &mut activated);
    let mut new = vec![0.0; 50];

    leaky_update(Form::SCALAR, Activation::Tanh, &z, leak, &old, &mut new);
    for i in 0..50 {
        assert_eq!(new[i], rates[i].mul_add(activated[i], keeps[i] * old[i]));
    }
    leaky_update(Form::SCALAR, Activation::BoundedRelu { max: 0.5 }, &z, leak, &old, &mut new);
    for i in 0..50 {
        assert_eq!(new[i], rates[i].mul_add(z[i].clamp(0.0, 0.5), keeps[i] * old[i]));
    }
    leaky_update(Form::SCALAR, Activation::LeakyRelu { slope: 0.1 }, &z, leak, &old, &mut new);
    for i in 0..50 {
        assert_eq!(new[i], rates[i].mul_add(z[i].max(0.1 * z[i]), keeps[i] * old[i]));
    }
    leaky_update(Form::SCALAR, Activation::Sigmoid, &z, leak, &old, &mut new);
    for i in 0..50 {
        let expected = rates[i].mul_add(1.0 / (1.0 + libm::exp(-z[i])), keeps[i] * old[i]);
        assert!((new[i] - expected).abs() < 1e-15, "{} is not {expected}", new[i]);
    }
}

/// One number that is not finite is found at every place, whichever it is.
#[test]
fn one_infinity_is_found() {
    for form in Form::available() {
        for len in 1..70 {
            for at in 0..len {
                let mut x = vec![f32::MAX; len];
                assert!(all_finite(form, &x));
                for bad in [0xFF80_0000, 0x7F80_0000, 0x7FC0_0000, 0xFF80_0001, 0x7FFF_FFFF].map(f32::from_bits) {
                    x[at] = bad;
                    assert!(!all_finite(form, &x), "{form}, {at} of {len}");
                }
                let mut x = vec![f64::MIN; len];
                assert!(all_finite(form, &x));
                for bad in [0x7FF0_0000_0000_0000, 0xFFF0_0000_0000_0001, 0x7FF8_0000_0000_0000].map(f64::from_bits) {
                    x[at] = bad;
                    assert!(!all_finite(form, &x), "{form}, {at} of {len}");
                }
            }
        }
    }
}
