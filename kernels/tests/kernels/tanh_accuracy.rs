//! The stated error of the tanh, and its shape.

use dashu_float::{Context, FBig, round::mode::HalfEven};
use forebay_kernels::{Form, tanh};

use crate::support::noise;

/// Units in the last place of `f32` at the magnitude of a tanh, which is never above 1.
fn ulp_f32(exact: f64) -> f64 {
    let exponent = (exact.to_bits() >> 52) as i32 - 1023;
    2.0_f64.powi(exponent.max(-126) - 23)
}

/// Every `f32`. Negative numbers need no oracle: the function is odd to the bit, checked along the way.
#[test]
fn f32_error_is_at_most_1_3_ulp_for_every_number() {
    /// Below, `x - x^3 / 3` is exact to 2^-50 of the result.
    const CUBIC_BELOW: f64 = 1.0 / 8192.0;
    let form = Form::best();
    let mut worst = (0.0, 0.0_f32);
    let mut x = vec![0.0_f32; 4096];
    let mut positive = x.clone();
    let mut negative = x.clone();
    for start in (0..f32::INFINITY.to_bits()).step_by(x.len()) {
        for (k, x) in x.iter_mut().enumerate() {
            *x = f32::from_bits(start + k as u32);
        }
        positive.copy_from_slice(&x);
        tanh(form, &mut positive);
        for (negative, x) in negative.iter_mut().zip(&x) {
            *negative = -x;
        }
        tanh(form, &mut negative);
        let odd = positive.iter().zip(&negative).all(|(p, n)| p.to_bits() ^ n.to_bits() == 1 << 31);
        assert!(odd, "odd near {}", x[0]);
        if x[0] >= 10.0 {
            assert!(positive.iter().all(|&y| y == 1.0), "saturated near {}", x[0]);
            continue;
        }
        for (&x, &y) in x.iter().zip(&positive) {
            let wide = f64::from(x);
            let exact = if wide < CUBIC_BELOW { wide - wide * wide * wide / 3.0 } else { libm::tanh(wide) };
            let error = (f64::from(y) - exact).abs() / ulp_f32(exact);
            if error > worst.0 {
                worst = (error, x);
            }
        }
    }
    println!("f32: {:.3} ulp at {:e}", worst.0, worst.1);
    assert!(worst.0 <= 1.3, "{} ulp at {:e}", worst.0, worst.1);
}

#[test]
fn f64_error_is_at_most_1_3_ulp_on_a_large_sample() {
    let mut x = Vec::new();
    // Densely over the numbers whose tanh is neither x nor 1, and over every binary exponent below.
    x.extend(noise::<f64>(11, 60_000).iter().map(|u| u.abs() * 20.0));
    x.extend(noise::<f64>(12, 60_000).iter().map(|u| u.abs() * 2.0));
    for exponent in -60..5 {
        let scale = 2.0_f64.powi(exponent);
        x.extend(noise::<f64>(100 + u64::from(exponent.unsigned_abs()), 400).iter().map(|u| (1.5 + u / 2.0) * scale));
    }
    let mut y = x.clone();
    tanh(Form::best(), &mut y);
    let mut worst = (0.0, 0.0);
    for (&x, &y) in x.iter().zip(&y) {
        let error = error_f64(x, y);
        if error > worst.0 {
            worst = (error, x);
        }
    }
    println!("f64: {:.3} ulp at {:e} of {} points", worst.0, worst.1, x.len());
    assert!(worst.0 <= 1.3, "{} ulp at {:e}", worst.0, worst.1);

    // Below, the cube is less than a hundredth of an ulp.
    for exponent in -1074..-60 {
        let x = 2.0_f64.powi(exponent);
        let mut y = [x];
        tanh(Form::best(), &mut y);
        assert_eq!(y, [x]);
    }
}

/// Distance of `y` from tanh(x) in units in the last place, with 160 bits.
fn error_f64(x: f64, y: f64) -> f64 {
    let context = Context::<HalfEven>::new(160);
    let wide = |x: f64| FBig::<HalfEven, 2>::try_from(x).expect("finite").with_precision(160).value();
    let e = context.exp_m1(wide(2.0 * x).repr(), None).expect("finite").value();
    let exact = &e / (&e + wide(2.0));
    let exponent = (y.to_bits() >> 52) as i32 - 1023;
    // The spacing below a power of two is half; measuring with that of the exact value's side.
    let ulp = 2.0_f64.powi(if exact < wide(y) && y == 2.0_f64.powi(exponent) { exponent - 53 } else { exponent - 52 });
    ((exact - wide(y)) / wide(ulp)).to_f64().value().abs()
}

#[test]
fn special_numbers() {
    for form in Form::available() {
        let mut x = [f32::INFINITY, f32::NEG_INFINITY, -0.0, 0.0, f32::from_bits(1), -f32::from_bits(77), f32::MAX];
        tanh(form, &mut x);
        let expected = [1.0, -1.0, -0.0, 0.0, f32::from_bits(1), -f32::from_bits(77), 1.0];
        assert_eq!(x.map(f32::to_bits), expected.map(f32::to_bits), "{form}");
        let mut nan = [-f64::NAN, f64::NAN];
        tanh(form, &mut nan);
        assert_eq!(nan.map(f64::to_bits), [f64::NAN.to_bits(); 2], "{form}");
    }
}

#[test]
fn bounded_and_monotone_on_a_sorted_sample() {
    let mut x: Vec<f64> = (-240_000..=240_000).map(|k| f64::from(k) * 1e-4).collect();
    let mut narrow: Vec<f32> = x.iter().map(|&x| x as f32).collect();
    tanh(Form::best(), &mut x);
    tanh(Form::best(), &mut narrow);
    assert!(x.windows(2).all(|pair| pair[0] <= pair[1]));
    assert!(narrow.windows(2).all(|pair| pair[0] <= pair[1]));
    assert!(x.iter().all(|y| (-1.0..=1.0).contains(y)));
    assert!(narrow.iter().all(|y| (-1.0..=1.0).contains(y)));
}
