//! The recursion itself: every step as the textbook has it, whatever the scale.

use forebay::Error;
use forebay::random::Seed;
use forebay::train::online::{OnlineLearner, Rls};
use proptest::prelude::*;

use super::textbook::{Digits, Textbook};

fn one_weight_row(rls: &Rls) -> Vec<f64> {
    rls.weights().row(0).to_vec()
}

/// Largest difference over largest weight.
fn distance(found: &[f64], expected: &[f64]) -> f64 {
    let size = expected.iter().fold(0.0_f64, |most, w| most.max(w.abs()));
    found.iter().zip(expected).fold(0.0_f64, |most, (a, b)| most.max((a - b).abs())) / size
}

/// 10,000 steps against 100 digits. `spread` is the scale of what the second feature has beyond the first: the square root
/// of the condition number, of whose size an f64 may lose digits.
fn assert_is_the_textbook(forgetting: f64, ridge: f64, spread: f64, tolerance: f64) -> Result<(), Error> {
    const FEATURES: usize = 5;
    let mut stream = Seed(21).stream("features");
    let (mut rls, mut textbook) =
        (Rls::new(FEATURES, 1, forgetting, ridge)?, Textbook::<Digits>::new(FEATURES, forgetting, ridge));
    for t in 1..=10_000 {
        let a = stream.normal();
        let phi = [1.0, a, a + spread * stream.normal(), 0.1 * stream.normal() - 2.0, stream.uniform_in(0.0, 30.0)];
        let y = phi[1] - 0.5 * phi[3] + 0.1 * stream.normal();
        rls.update(&phi, &[y])?;
        textbook.update(&phi, y);
        if [7, 100, 1000, 10_000].contains(&t) {
            let off = distance(&one_weight_row(&rls), &textbook.weights());
            assert!(off < tolerance, "lambda {forgetting}, ridge {ridge:e}, spread {spread:e}, step {t}: {off:e}");
        }
    }
    assert_eq!(rls.held().updates, 0, "everything is excited");
    Ok(())
}

#[test]
fn ten_thousand_steps_are_the_textbooks_in_100_digits() -> Result<(), Error> {
    assert_is_the_textbook(0.99, 1.0, 1.0, 1e-11)?;
    assert_is_the_textbook(1.0, 1e-6, 1e-3, 1e-9)
}

#[test]
fn ten_thousand_badly_conditioned_steps_are_the_textbooks_in_100_digits() -> Result<(), Error> {
    assert_is_the_textbook(0.99, 1e-6, 1e-5, 1e-8)?;
    assert_is_the_textbook(0.999, 1e-2, 1e-4, 1e-8)
}

/// A whole scaling by a power of two changes exponents only, so no digit may change: nothing in the learner has a scale of
/// its own.
#[test]
fn a_scale_changes_no_digit() -> Result<(), Error> {
    for power in [-30, 40] {
        let scale = f64::from_bits(((1023 + power) as u64) << 52);
        let mut stream = Seed(22).stream("features");
        let mut plain = Rls::new(4, 1, 0.9, 0.5)?;
        let mut scaled = Rls::new(4, 1, 0.9, 0.5 * scale * scale)?;
        for t in 0..2000 {
            // The last feature falls silent, so that it is held.
            let last = if t < 50 { stream.normal() } else { 0.0 };
            let phi = [1.0, stream.normal(), stream.normal(), last];
            let y = [phi[1] - 2.0 * phi[2] + 0.1 * stream.normal()];
            plain.update(&phi, &y)?;
            scaled.update(&phi.map(|x| x * scale), &y)?;
            assert_eq!(plain.held(), scaled.held(), "step {t}");
        }
        assert!(plain.held().updates > 0);
        let back: Vec<f64> = scaled.weights().iter().map(|w| w * scale).collect();
        assert_eq!(one_weight_row(&plain), back);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Offsets up to 1e8 of what varies, scales from 1e-9 to 1e12, any penalty: predictions are those of 100 digits, as far as
    /// the last digits of the features decide them, or the learner says that it held something.
    #[test]
    fn predictions_are_the_textbooks_at_any_scale_and_offset(
        features in 1_usize..7,
        outputs in 1_usize..4,
        forgetting in prop_oneof![Just(1.0), Just(0.999), Just(0.97)],
        scale in -9_i32..=12,
        offset in prop_oneof![Just(0.0), Just(1.0), Just(1e4), Just(1e8)],
        relative_ridge in -12_i32..=2,
        seed in any::<u64>(),
    ) {
        let scale = libm::pow(10.0, f64::from(scale));
        let ridge = scale * scale * libm::pow(10.0, f64::from(relative_ridge));
        let mut stream = Seed(seed).stream("case");
        let mut rls = Rls::new(1 + features, outputs, forgetting, ridge)?;
        let book = || Textbook::<Digits>::new(1 + features, forgetting, ridge);
        let mut books: Vec<_> = (0..outputs).map(|_| book()).collect();
        // The same with features that are off by their last digit, some times: one may be off to no effect.
        let mut nudged: Vec<_> = (0..4).map(|_| book()).collect();
        let (mut found, mut size, mut sensitivity) = (vec![0.0; outputs], 0.0_f64, 0.0_f64);
        for t in 0..300 {
            let mut phi = vec![1.0];
            phi.extend((0..features).map(|_| scale * (offset + stream.normal())));
            let mut nudge = |x: &f64| if stream.normal() > 0.0 { x.next_up() } else { x.next_down() };
            let off: Vec<Vec<f64>> = nudged.iter().map(|_| phi.iter().map(&mut nudge).collect()).collect();
            let sum = phi[1..].iter().map(|x| x / scale - offset).sum::<f64>();
            let y: Vec<f64> = (0..outputs).map(|o| (sum + 0.1 * stream.normal()) * (o + 1) as f64).collect();
            size = y.iter().fold(size, |most, y| most.max(y.abs()));
            if rls.held().updates > 0 {
                let is_tame = offset <= 1.0 && relative_ridge >= -8;
                prop_assert!(forgetting < 1.0 && !is_tame, "step {}: {:?}", t, rls.held());
                break;
            }
            rls.predict(&phi, &mut found)?;
            let plain = books[0].predict(&phi);
            sensitivity = nudged
                .iter()
                .zip(&off)
                .fold(sensitivity, |most, (book, off)| most.max((book.predict(off) - plain).abs()));
            for (book, found) in books.iter().zip(&found) {
                let expected = book.predict(&phi);
                let tolerance = 1e-9 * size.max(expected.abs()) + 200.0 * sensitivity;
                prop_assert!((found - expected).abs() <= tolerance, "step {}: {} against {}", t, found, expected);
            }
            rls.update(&phi, &y)?;
            nudged.iter_mut().zip(&off).for_each(|(book, off)| {
                book.update(off, y[0]);
            });
            for (book, y) in books.iter_mut().zip(&y) {
                book.update(&phi, *y);
            }
        }
    }

    /// What cannot be learnt from changes nothing: the next update gives the same bits as if it had not been tried.
    #[test]
    fn a_refused_update_changes_nothing(
        bad in prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(1e200), Just(-1e300), Just(f64::MAX)],
        place in 0_usize..4,
        at in 0_usize..30,
    ) {
        let mut stream = Seed(23).stream("features");
        let (mut rls, mut twin) = (Rls::new(3, 1, 0.95, 1e-3)?, Rls::new(3, 1, 0.95, 1e-3)?);
        for t in 0..40 {
            let (phi, y) = ([1.0, stream.normal(), stream.normal()], stream.normal());
            if t >= at {
                let mut pair = [phi[0], phi[1], phi[2], y];
                pair[place] = bad;
                // A large target alone is no reason to refuse.
                if place < 3 || !bad.is_finite() {
                    prop_assert!(rls.update(&pair[..3], &pair[3..]).is_err());
                    prop_assert!(rls.update(&phi[..2], &[y]).is_err());
                    prop_assert!(rls.update(&phi, &[]).is_err());
                    // Nor is there anything to take over.
                    rls.commit();
                }
            }
            rls.update(&phi, &[y])?;
            twin.update(&phi, &[y])?;
            prop_assert_eq!(rls.weights(), twin.weights());
            prop_assert_eq!(rls.held(), twin.held());
        }
    }
}
