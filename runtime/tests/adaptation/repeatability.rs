//! Monitors, thresholds and detectors, hashed: the same on every processor, with any number of threads, and after a file.

use forebay::drift::{
    Detector, DetectorKind, DriftMonitor, DriftSettings, Event, Source, View, Whitening, autocorrelation_time,
    thresholds,
};
use forebay::keep::Keep;
use forebay::random::Seed;
use forebay::{Error, threads};
use ndarray::Array2;

const ALL: [DetectorKind; 4] =
    [DetectorKind::Cusum, DetectorKind::PageHinkley, DetectorKind::Adwin, DetectorKind::Kswin];

/// Three channels: noise without memory and with a long one, and bursts whose magnitudes remember.
fn quiet(steps: usize) -> Array2<f64> {
    let (mut slow, mut burst) = (0.0, 1.0);
    let mut rows = Array2::zeros((steps, 3));
    for (step, mut row) in rows.rows_mut().into_iter().enumerate() {
        let [a, b, c, d] = [0, 1, 2, 3].map(|line| Seed(3).stream("quiet").at(line, step as u64).normal());
        slow = 0.8 * slow + b;
        burst = 0.9 * burst + 0.1 * d * d;
        (row[0], row[1], row[2]) = (5.0 + a, slow + 0.5 * a, 1e-3 * burst * c);
    }
    rows
}

/// What is watched afterwards: shifts, a wider spread, gaps, and what no sum can hold.
fn stream(steps: usize) -> Array2<f64> {
    let mut rows = quiet(steps);
    for (step, mut row) in rows.rows_mut().into_iter().enumerate() {
        match step {
            300..600 => row[0] += 1.5,
            900..1000 => row[2] *= 8.0,
            1300..1500 => row[1] -= 6.0,
            _ => {}
        }
        match step {
            50 | 1700..1705 => row[step % 3] = f64::NAN,
            1710 => row[1] = f64::INFINITY,
            1720 => row[2] = -1e300,
            _ => {}
        }
    }
    rows
}

fn told(event: Event) -> Vec<f64> {
    let of = |detector: DetectorKind| ALL.iter().position(|kind| *kind == detector).expect("one of all") as f64;
    match event {
        Event::Quiet => vec![0.0],
        Event::NotFinite { channel } => vec![1.0, channel as f64],
        Event::Warning { channel, detector, score } => vec![2.0, channel as f64, of(detector), score],
        Event::Alarm { channel, detector, since } => vec![3.0, channel as f64, of(detector), since as f64],
        Event::Relearnt { steps } => vec![4.0, steps as f64],
        Event::NotRelearnt => vec![5.0],
        other => panic!("{other:?} is new"),
    }
}

/// Settings that have every detector, view and whitening among them.
fn settings() -> Vec<DriftSettings> {
    let base = DriftSettings { rate: 2.0, second: None, cool_down: 60, ..DriftSettings::default() };
    let watch = vec![(Source::Input, 1), (Source::Residual, 1), (Source::State, 1)];
    vec![
        DriftSettings { second: Some(DetectorKind::Adwin), watch, ..base.clone() },
        DriftSettings { detector: DetectorKind::PageHinkley, whitening: Whitening::Blocks, seed: 1, ..base.clone() },
        DriftSettings { detector: DetectorKind::Adwin, view: View::Magnitude, rate: 0.5, ..base.clone() },
        DriftSettings { detector: DetectorKind::Kswin, whitening: Whitening::None, relearn: Some(250), ..base.clone() },
        DriftSettings { second: Some(DetectorKind::PageHinkley), warm_up: 0, relearn: Some(200), ..base.clone() },
        DriftSettings { second: Some(DetectorKind::Kswin), warn_at: 0.6, clear_at: 0.3, cool_down: 0, ..base },
    ]
}

/// What a monitor says of the stream; one that is kept and loaded in the middle says the same.
fn watched(settings: DriftSettings) -> Result<Vec<f64>, Error> {
    let mut monitor = DriftMonitor::calibrate(settings, quiet(1200).view())?;
    let mut values = Vec::new();
    for channel in 0..monitor.channels() {
        let whitener = monitor.whitener(channel).expect("as many as channels");
        values.extend([whitener.mean(), whitener.spread(), whitener.block() as f64]);
        values.extend(whitener.coefficients());
    }
    let mut loaded: Option<DriftMonitor> = None;
    for (step, row) in stream(2000).rows().into_iter().enumerate() {
        let row = row.to_vec();
        let event = told(monitor.observe(&row)?);
        if let Some(loaded) = &mut loaded {
            assert_eq!(told(loaded.observe(&row)?), event, "step {step} of one that was kept");
            assert_eq!(loaded.score().to_bits(), monitor.score().to_bits(), "step {step} of one that was kept");
        }
        values.extend(event);
        values.push(monitor.score());
        // In an alarm's wake, in the middle of a stride, and while the next normal is gathered.
        if [333, 777, 1399, 1701].contains(&step) {
            loaded = Some(DriftMonitor::from_bytes(&monitor.to_bytes()?)?);
        }
    }
    values.extend([monitor.steps(), monitor.alarms(), monitor.skipped()].map(|count| count as f64));
    Ok(values)
}

fn all() -> Result<Vec<f64>, Error> {
    let mut values = Vec::new();
    for settings in settings() {
        values.extend(watched(settings)?);
    }
    // Means of strides, few alarms among many runs and many among few, and magnitudes that remember.
    let mut whitened = quiet(900);
    for mut column in whitened.columns_mut() {
        let (mean, spread) = (column.mean().expect("some"), column.std(0.0));
        column.mapv_inplace(|x| (x - mean) / spread);
        values.push(autocorrelation_time(&column.to_vec()));
    }
    for (kind, stride, run_length) in [
        (DetectorKind::Cusum, 1, 500.0),
        (DetectorKind::Cusum, 16, 60_000.0),
        (DetectorKind::PageHinkley, 5, 3000.0),
        (DetectorKind::Adwin, 1, 20_000.0),
        (DetectorKind::Kswin, 3, 4500.0),
    ] {
        values.extend(thresholds(kind, stride, whitened.view(), run_length, Seed(9))?);
    }
    // Each alone, restarted after every alarm.
    for kind in ALL {
        let mut detector = kind.with_threshold(4.0)?;
        for (step, row) in stream(1800).rows().into_iter().enumerate() {
            let score = detector.update(0.5 * row[step / 900]);
            values.extend([score, detector.since() as f64]);
            if score >= 1.0 {
                detector.restart();
            }
        }
        values.push(detector.skipped() as f64);
    }
    Ok(values)
}

fn hash(values: &[f64]) -> String {
    let mut hasher = blake3::Hasher::new();
    for value in values {
        hasher.update(&value.to_bits().to_le_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

#[test]
fn drift_has_its_hash() -> Result<(), Error> {
    let values = all()?;
    // A monitor that says nothing would have a hash as well.
    let alarms = |kind: usize| values.windows(3).filter(|w| w[0] == 3.0 && w[2] == kind as f64).count();
    assert!((0..ALL.len()).all(|kind| alarms(kind) > 0), "{:?}", [0, 1, 2, 3].map(alarms));
    // No library whose bits depend on the processor is used, so these are the bits everywhere.
    assert_eq!(hash(&values), "e22b6194eeaaaeac");
    Ok(())
}

#[test]
fn drift_is_the_same_with_any_number_of_threads() -> Result<(), Box<dyn std::error::Error>> {
    let expected = threads::Pool::new(1)?.install(all)?;
    let found = threads::Pool::new(3)?.install(all)?;
    assert_eq!(hash(&expected), hash(&found));
    Ok(())
}
