//! How long a monitor warns, whatever its detectors are given in a step.

use forebay::Error;
use forebay::drift::{DetectorKind, DriftMonitor, DriftSettings, Event, Whitening};
use forebay::keep::Keep;
use forebay::random::Seed;
use ndarray::Array2;

/// `x(t) = phi x(t-1) + noise`, whatever it is asked for.
fn noise(phi: f64, seed: u64) -> impl FnMut((usize, usize)) -> f64 {
    let (mut stream, mut x) = (Seed(seed).stream("noise"), 0.0);
    move |_| {
        x = phi * x + stream.normal();
        x
    }
}

fn is_warning(event: Event) -> bool {
    matches!(event, Event::Warning { .. })
}

/// Events with scores, of a monitor that is kept and loaded after every step.
fn told(mut monitor: DriftMonitor, samples: impl Iterator<Item = f64>) -> Result<Vec<(Event, f64)>, Error> {
    let mut all = Vec::new();
    for sample in samples {
        let mut loaded = DriftMonitor::from_bytes(&monitor.to_bytes()?)?;
        let event = monitor.observe(&[sample])?;
        assert_eq!((loaded.observe(&[sample])?, loaded.score()), (event, monitor.score()), "step {}", all.len());
        all.push((event, monitor.score()));
    }
    Ok(all)
}

/// A warning ended in each step that gave a detector no sample or ADWIN no search, or in which a sample was missing: of a second
/// opinion it lasted one step in sixteen.
#[test]
fn a_warning_ends_by_a_statistic_and_by_nothing_else() -> Result<(), Error> {
    let base = DriftSettings { second: None, whitening: Whitening::None, warm_up: 0, ..DriftSettings::default() };
    let calibrated = |settings: DriftSettings, phi: f64| {
        DriftMonitor::calibrate(settings, Array2::from_shape_fn((5000, 1), noise(phi, 8)).view())
    };
    let warned = |told: &[(Event, f64)]| told.iter().position(|step| is_warning(step.0)).expect("it warns");

    // The sum over all samples stays 0; that over means of 16 grows, is near its threshold, and falls again.
    let settings = DriftSettings { second: Some(DetectorKind::Cusum), ..base.clone() };
    let first = warned(&told(calibrated(settings.clone(), 0.0)?, std::iter::repeat_n(0.4, 400))?);
    assert_eq!(first % 16, 15);
    let samples = (0..first + 200).map(|t| if t <= first { 0.4 } else { 0.0 });
    let after = told(calibrated(settings, 0.0)?, samples)?.split_off(first);
    for stride in after.chunks(16) {
        let (event, score) = stride[0];
        assert!(stride.iter().all(|step| *step == (event, score)), "{stride:?}");
        assert_eq!(is_warning(event), score >= 0.5, "{stride:?}");
    }
    assert!(is_warning(after[16].0) && after.last().expect("many").0 == Event::Quiet);

    // Searches are made of 30 samples, and of every fourth from there on.
    let mut white = noise(0.0, 9);
    let samples = (0..600).map(|t| white((t, 0)) + if t < 300 { 0.0 } else { 0.6 });
    let all = told(calibrated(DriftSettings { detector: DetectorKind::Adwin, ..base.clone() }, 0.0)?, samples)?;
    let first = warned(&all);
    assert_eq!(first % 4, 29 % 4);
    let alarm = all.iter().position(|step| matches!(step.0, Event::Alarm { .. })).expect("a shift that lasts is found");
    for between in all[first..alarm].chunks(4) {
        assert!(between.iter().all(|step| *step == between[0]), "{between:?}");
    }

    // A block is a sample once it is full.
    let settings = DriftSettings { whitening: Whitening::Blocks, ..base.clone() };
    let monitor = calibrated(settings, 0.9)?;
    let block = monitor.whitener(0).expect("one channel").block();
    let all = told(monitor, std::iter::repeat_n(3.0, 100 * block))?;
    let first = warned(&all);
    assert!(block > 1 && first % block == block - 1, "{first} with blocks of {block}");
    assert!(all[first..first + block].iter().all(|step| *step == all[first]), "{:?}", &all[first..first + block]);

    // Between both limits a warning goes on after a gap, and none begins.
    let samples = [2.8, 2.8, 2.8, 0.0, 0.0, 0.0, f64::NAN, 0.4];
    let monitor = calibrated(base, 0.0)?;
    let all = told(monitor.clone(), samples.into_iter())?;
    assert!((0.5..0.8).contains(&all[5].1) && is_warning(all[2].0), "choose other samples: {all:?}");
    assert_eq!(all[6], (Event::NotFinite { channel: 0 }, all[5].1));
    assert!(is_warning(all[7].0), "{all:?}");
    let all = told(monitor, [2.5, 2.5, 2.5, f64::NAN, 0.4].into_iter())?;
    assert!((0.5..0.8).contains(&all[4].1) && !all.iter().any(|step| is_warning(step.0)), "{all:?}");
    Ok(())
}
