//! The stated errors of sigmoid, softplus and softmax, and their shapes.

use dashu_float::{Context, FBig, round::mode::HalfEven};
use forebay_kernels::{Activation, Form, Leak, Real, leaky_update, softmax};

use crate::support::noise;

type Wide = FBig<HalfEven, 2>;

const SIGMOID_ULP: f64 = 2.5;
const SOFTPLUS_ULP: f64 = 3.0;

/// The activation alone: all of it is taken and nothing is kept.
fn apply<T: Real>(form: Form, activation: Activation<T>, z: &[T]) -> Vec<T> {
    let old = vec![T::ZERO; z.len()];
    let mut new = old.clone();
    leaky_update(form, activation, z, Leak::uniform(T::ONE), &old, &mut new);
    new
}

/// Units in the last place of `f32` at this magnitude, denormal numbers included.
fn ulp_f32(exact: f64) -> f64 {
    let exponent = (exact.to_bits() >> 52) as i32 - 1023;
    2.0_f64.powi(exponent.max(-126) - 23)
}

/// A sample of every exponent and both signs: each 127th number.
fn check_f32(activation: Activation<f32>, exact: impl Fn(f64) -> f64, at_most: f64) {
    let mut worst = (0.0, 0.0_f32);
    let bits: Vec<u32> = (0..f32::INFINITY.to_bits()).step_by(127).collect();
    for bits in bits.chunks(4096) {
        for sign in [0, 1 << 31] {
            let x: Vec<f32> = bits.iter().map(|&bits| f32::from_bits(bits | sign)).collect();
            for (&x, &y) in x.iter().zip(&apply(Form::best(), activation, &x)) {
                let exact = exact(f64::from(x));
                let error = (f64::from(y) - exact).abs() / ulp_f32(exact);
                if error > worst.0 {
                    worst = (error, x);
                }
            }
        }
    }
    println!("{activation:?} of f32: {:.3} ulp at {:e}", worst.0, worst.1);
    assert!(worst.0 <= at_most, "{activation:?}: {} ulp at {:e}", worst.0, worst.1);
}

/// `e^-|x|` and what follows from it have an error of 2^-52 here, far below the last place of `f32`.
#[test]
fn f32_errors_are_as_stated() {
    let decay = |x: f64| libm::exp(-x.abs());
    let sigmoid = |x: f64| if x < 0.0 { decay(x) / (1.0 + decay(x)) } else { 1.0 / (1.0 + decay(x)) };
    check_f32(Activation::Sigmoid, sigmoid, SIGMOID_ULP);
    check_f32(Activation::Softplus, |x| x.max(0.0) + libm::log1p(decay(x)), SOFTPLUS_ULP);
}

const CONTEXT: Context<HalfEven> = Context::new(160);

fn wide(x: f64) -> Wide {
    Wide::try_from(x).expect("finite").with_precision(160).value()
}

fn exp(x: &Wide) -> Wide {
    CONTEXT.exp(x.repr(), None).expect("finite").value()
}

/// Distance in units in the last place of the exact value, which is positive.
fn error_f64(exact: &Wide, y: f64) -> f64 {
    let nearest = exact.to_f64().value();
    let ulp = f64::from_bits(nearest.to_bits() + 1) - nearest;
    ((exact - wide(y)) / wide(ulp)).to_f64().value().abs()
}

fn sample_f64() -> Vec<f64> {
    // Densely where the functions bend, to where they are 0, and over every binary exponent below.
    let mut x: Vec<f64> = noise::<f64>(21, 12_000).iter().map(|u| u * 40.0).collect();
    x.extend(noise::<f64>(22, 12_000).iter().map(|u| u * 3.0));
    x.extend(noise::<f64>(23, 3_000).iter().map(|u| u * 709.0));
    for exponent in -60..0 {
        let scale = 2.0_f64.powi(exponent);
        x.extend(noise::<f64>(200 + u64::from(exponent.unsigned_abs()), 100).iter().map(|u| u * scale));
    }
    x
}

fn check_f64(activation: Activation<f64>, exact: impl Fn(&Wide) -> Wide, at_most: f64) {
    let mut worst = (0.0, 0.0);
    let x = sample_f64();
    for (&x, &y) in x.iter().zip(&apply(Form::best(), activation, &x)) {
        let error = error_f64(&exact(&wide(x)), y);
        if error > worst.0 {
            worst = (error, x);
        }
    }
    println!("{activation:?} of f64: {:.3} ulp at {:e} of {} points", worst.0, worst.1, x.len());
    assert!(worst.0 <= at_most, "{activation:?}: {} ulp at {:e}", worst.0, worst.1);
}

#[test]
fn f64_errors_are_as_stated() {
    // Of x as it is, so that a sigmoid near 0 has its own last place.
    check_f64(Activation::Sigmoid, |x| wide(1.0) / (wide(1.0) + exp(&-x.clone())), SIGMOID_ULP);
    let softplus = |x: &Wide| CONTEXT.ln_1p(exp(x).repr(), None).expect("finite").value();
    check_f64(Activation::Softplus, softplus, SOFTPLUS_ULP);
}

/// Results that are denormal: at most one unit of the smallest number off, and 0 only where that is the nearest.
#[test]
fn denormal_results_keep_their_bits() {
    let x: Vec<f64> = (0..4000).map(|k| -708.4 - f64::from(k) * 0.01).collect();
    for activation in [Activation::Sigmoid, Activation::Softplus] {
        for (&x, &y) in x.iter().zip(&apply(Form::best(), activation, &x)) {
            // Both are e^x to far below the last place.
            let units = (exp(&wide(x)) / wide(f64::from_bits(1))).to_f64().value();
            let found = y.to_bits() as f64;
            assert!(units < 1e16 && (found - units).abs() <= 1.0, "{activation:?} of {x}: {found} of {units} units");
        }
    }
}

/// Literal values at the ends and in the middle.
#[test]
fn special_numbers() {
    for form in Form::available() {
        let z = [f64::NEG_INFINITY, f64::INFINITY, f64::MIN, f64::MAX, 0.0, -0.0, -746.0, 800.0];
        let sigmoid = apply(form, Activation::Sigmoid, &z);
        assert_eq!(sigmoid, [0.0, 1.0, 0.0, 1.0, 0.5, 0.5, 0.0, 1.0], "{form}");
        let softplus = apply(form, Activation::Softplus, &z);
        let ln_2 = std::f64::consts::LN_2;
        assert_eq!(softplus, [0.0, f64::INFINITY, 0.0, f64::MAX, ln_2, ln_2, 0.0, 800.0], "{form}");
        let relu = apply(form, Activation::Relu, &z);
        assert_eq!(relu, [0.0, f64::INFINITY, 0.0, f64::MAX, 0.0, 0.0, 0.0, 800.0], "{form}");
        assert!(relu[5].is_sign_positive(), "{form}");
        let leaky = apply(form, Activation::LeakyRelu { slope: 0.25 }, &z);
        let expected = [f64::NEG_INFINITY, f64::INFINITY, f64::MIN / 4.0, f64::MAX, 0.0, 0.0, -186.5, 800.0];
        assert_eq!(leaky, expected, "{form}");
        for activation in
            [Activation::Sigmoid, Activation::Softplus, Activation::Relu, Activation::LeakyRelu { slope: 0.5 }]
        {
            let nan = apply(form, activation, &[f64::NAN, -f64::NAN, 1.0]);
            assert_eq!([nan[0].to_bits(), nan[1].to_bits()], [f64::NAN.to_bits(); 2], "{activation:?}, {form}");
            assert!(nan[2] > 0.0, "{activation:?}, {form}");
        }
    }
}

#[test]
fn bounded_and_monotone_on_a_sorted_sample() {
    let x: Vec<f64> = (-240_000..=240_000).map(|k| f64::from(k) * 4e-4).collect();
    let narrow: Vec<f32> = x.iter().map(|&x| x as f32).collect();
    let sigmoid = apply(Form::best(), Activation::Sigmoid, &x);
    assert!(sigmoid.windows(2).all(|pair| pair[0] <= pair[1]));
    assert!(sigmoid.iter().all(|y| (0.0..=1.0).contains(y)));
    let sigmoid = apply(Form::best(), Activation::Sigmoid, &narrow);
    assert!(sigmoid.windows(2).all(|pair| pair[0] <= pair[1]));
    let softplus = apply(Form::best(), Activation::Softplus, &x);
    assert!(softplus.windows(2).all(|pair| pair[0] <= pair[1]));
    assert!(softplus.iter().zip(&x).all(|(y, x)| *y >= x.max(0.0)));
}

/// Against the definition with 160 bits, at widths around vectors and chains.
#[test]
fn softmax_error_is_as_stated() {
    for (case, &n) in [1_usize, 2, 3, 7, 8, 9, 16, 17, 40, 1000].iter().enumerate() {
        for (scale, shift) in [(1.0, 0.0), (30.0, 5.0), (700.0, -1e4), (1e-3, 1e15)] {
            let z: Vec<f64> = noise::<f64>(300 + case as u64, n).iter().map(|u| u * scale + shift).collect();
            let mut y = vec![0.0; n];
            softmax(Form::best(), &z, &mut y);
            let powers: Vec<Wide> = z.iter().map(|&z| exp(&(wide(z) - wide(shift)))).collect();
            let sum = powers.iter().fold(wide(0.0), |sum, power| sum + power);
            let at_most = (2.0 + n as f64 / 16.0) * f64::EPSILON;
            for (power, &y) in powers.iter().zip(&y) {
                let error = (power / &sum - wide(y)).to_f64().value().abs();
                assert!(error <= at_most, "{n} elements, scale {scale}: {error:e}");
            }
            let total: f64 = y.iter().sum();
            assert!((total - 1.0).abs() <= n as f64 * f64::EPSILON, "{n} elements: {total}");
        }
    }
}

#[test]
fn softmax_of_any_size() {
    for form in Form::available() {
        let mut y = [0.0; 3];
        softmax(form, &[f64::MAX, f64::MIN, f64::MAX], &mut y);
        assert_eq!(y, [0.5, 0.0, 0.5], "{form}");
        softmax(form, &[f64::MIN; 3], &mut y);
        assert_eq!(y, [1.0 / 3.0; 3], "{form}");
        softmax(form, &[f64::NEG_INFINITY, 2.0, f64::NEG_INFINITY], &mut y);
        assert_eq!(y, [0.0, 1.0, 0.0], "{form}");
        softmax(form, &[0.0, f64::NAN, 1.0], &mut y);
        assert_eq!(y.map(f64::to_bits), [f64::NAN.to_bits(); 3], "{form}");
        softmax::<f64>(form, &[], &mut []);
    }
}
