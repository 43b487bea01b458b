//! Drift detection against closed forms, asked-for rates of false alarms and hostile samples.

use forebay::drift::{
    Adwin, Cusum, Detector, DetectorKind, DriftMonitor, DriftSettings, Event, Kswin, PageHinkley, Source, View,
    Whitener, Whitening, autocorrelation_time, ks_distance, levinson_durbin, thresholds,
};
use forebay::random::{Seed, Stream};
use ndarray::Array2;

/// `x(t) = phi x(t-1) + noise`, in any number of channels.
struct Noise {
    phi: f64,
    state: Vec<f64>,
    stream: Stream,
}

impl Noise {
    fn new(phi: f64, channels: usize, seed: u64) -> Self {
        let mut noise = Self { phi, state: vec![0.0; channels], stream: Seed(seed).stream("noise") };
        (0..200).for_each(|_| drop(noise.next()));
        noise
    }

    fn next(&mut self) -> Vec<f64> {
        self.state.iter_mut().for_each(|x| *x = self.phi * *x + self.stream.normal());
        self.state.clone()
    }

    fn stretch(&mut self, steps: usize) -> Array2<f64> {
        let channels = self.state.len();
        Array2::from_shape_vec((steps, channels), (0..steps).flat_map(|_| self.next()).collect()).expect("it fits")
    }
}

fn is_alarm(event: Event) -> bool {
    matches!(event, Event::Alarm { .. })
}

/// False alarms per 1,000 steps over `steps` steps after calibration on `stretch`.
fn rate(settings: DriftSettings, phi: f64, channels: usize, stretch: usize, steps: usize) -> f64 {
    let mut noise = Noise::new(phi, channels, 100 + settings.seed);
    let mut monitor = DriftMonitor::calibrate(settings, noise.stretch(stretch).view()).expect("it can be calibrated");
    let alarms = (0..steps).filter(|_| is_alarm(monitor.observe(&noise.next()).expect("as many channels"))).count();
    assert_eq!(alarms as u64, monitor.alarms());
    alarms as f64 * 1000.0 / steps as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Rates of false alarms over 200,000 steps each for several seeds.
fn check_rates(name: &str, phi: f64, channels: usize, stretch: usize, settings: &DriftSettings, seeds: u64) -> f64 {
    let rates: Vec<f64> = (0..seeds)
        .map(|seed| rate(DriftSettings { seed, ..settings.clone() }, phi, channels, stretch, 200_000))
        .collect();
    let middle = median(rates.clone());
    println!("{name}, {stretch} steps of calibration: {rates:.3?} per 1,000 steps, median {middle:.3}");
    middle
}

/// Asked for 0.1 per 1,000: 20 alarms in 200,000 steps, give or take 4.5 by chance alone.
#[test]
fn the_rate_of_false_alarms_is_the_one_asked_for() {
    let standard = DriftSettings::default();
    let only = |detector| DriftSettings { detector, second: None, ..DriftSettings::default() };
    let cases = [
        ("white", 0.0, 1, 20_000, standard.clone()),
        ("AR(0.9)", 0.9, 1, 20_000, standard.clone()),
        ("white", 0.0, 1, 5000, standard.clone()),
        ("AR(0.9)", 0.9, 1, 5000, standard.clone()),
        ("white, Page-Hinkley", 0.0, 1, 5000, only(DetectorKind::PageHinkley)),
        ("white, ADWIN", 0.0, 1, 5000, only(DetectorKind::Adwin)),
        ("white, KSWIN", 0.0, 1, 5000, only(DetectorKind::Kswin)),
        (
            "AR(0.9), means of blocks",
            0.9,
            1,
            20_000,
            DriftSettings { whitening: Whitening::Blocks, ..standard.clone() },
        ),
    ];
    for (name, phi, channels, stretch, settings) in cases {
        let seeds = if settings == standard { 5 } else { 3 };
        let middle = check_rates(name, phi, channels, stretch, &settings, seeds);
        assert!((0.05..=0.2).contains(&middle), "{name}: {middle}");
    }
    let middle = check_rates("white, 11 channels", 0.0, 11, 5000, &standard, 3);
    assert!((0.05..=0.2).contains(&middle), "11 channels: {middle}");
    // Magnitudes of an autoregression are no autoregression: the blocks of the simulation err on the quiet side.
    let magnitudes = DriftSettings { view: View::Magnitude, ..standard };
    let white = check_rates("white, magnitudes", 0.0, 1, 20_000, &magnitudes, 3);
    let correlated = check_rates("AR(0.9), magnitudes", 0.9, 1, 20_000, &magnitudes, 3);
    assert!(white <= 0.2 && correlated <= 0.2, "{white} {correlated}");
    // Why whitening is not optional: the threshold that is right for independent samples.
    let mut noise = Noise::new(0.9, 1, 1);
    let mut cusum = Cusum::new(0.5, 8.0).expect("in range");
    let spread = (1.0_f64 / (1.0 - 0.81)).sqrt();
    let alarms = (0..200_000).filter(|_| {
        let is_alarm = cusum.update(noise.next()[0] / spread) >= 1.0;
        if is_alarm {
            cusum.restart();
        }
        is_alarm
    });
    let alarms = alarms.count() as f64 / 200.0;
    println!("AR(0.9), standardised but not whitened, CUSUM k 0.5 h 8: {alarms:.2} per 1,000 steps");
    assert!(alarms > 1.0, "{alarms}");
}

/// Median steps from shifts by 1 and 3 to the alarm, over 40 streams on 4 calibrations, without those that had a false alarm
/// just before.
fn delays(settings: &DriftSettings) -> [f64; 2] {
    let mut delays = [Vec::new(), Vec::new()];
    for seed in 0..4 {
        let stretch = Noise::new(0.0, 1, seed).stretch(5000);
        let settings = DriftSettings { seed, ..settings.clone() };
        let calibrated = DriftMonitor::calibrate(settings, stretch.view()).expect("it can be calibrated");
        for stream in 0..10 {
            for (shift, delays) in [1.0, 3.0].into_iter().zip(&mut delays) {
                let mut noise = Noise::new(0.0, 1, 1000 + 10 * seed + stream);
                let mut monitor = calibrated.clone();
                let mut step = |shift: f64| is_alarm(monitor.observe(&[noise.next()[0] + shift]).expect("one channel"));
                if (0..500).filter(|_| step(0.0)).count() == 0 {
                    let found = (1..2000).find(|_| step(shift));
                    delays.push(found.map_or(f64::INFINITY, f64::from));
                }
            }
        }
    }
    delays.map(median)
}

#[test]
fn delays_are_short() {
    for (rate, limit) in [(0.5, 20.0), (0.1, 60.0)] {
        for kind in [DetectorKind::Cusum, DetectorKind::PageHinkley, DetectorKind::Kswin, DetectorKind::Adwin] {
            let second = (kind == DetectorKind::Cusum).then_some(DetectorKind::Adwin);
            let settings = DriftSettings { rate, detector: kind, second, ..DriftSettings::default() };
            let [one, three] = delays(&settings);
            println!("{kind}, {rate} per 1,000: median delay {one} steps for 1 sd, {three} for 3 sd");
            // KSWIN compares whole windows of 30 and is slower than the sums at the higher rate.
            assert!(one <= if kind == DetectorKind::Kswin { 60.0 } else { limit }, "{kind}: {one}");
            assert!(three < one);
        }
    }
}

/// D. Siegmund's approximation against the detector itself, and against the threshold that simulation finds.
#[test]
fn cusum_has_the_run_length_of_the_closed_form() {
    let mut stream = Seed(9).stream("normal");
    for (threshold, mean) in [(4.0, 0.0), (5.0, 0.0), (5.0, 0.25), (5.0, 1.0)] {
        let (up, down) = (Cusum::run_length(0.5, threshold, mean), Cusum::run_length(0.5, threshold, -mean));
        let expected = 1.0 / (1.0 / up + 1.0 / down);
        let mut cusum = Cusum::new(0.5, threshold).expect("in range");
        let (mut steps, mut alarms) = (0_u32, 0_u32);
        while alarms < 2000 {
            steps += 1;
            if cusum.update(stream.normal() + mean) >= 1.0 {
                alarms += 1;
                cusum.restart();
            }
        }
        let measured = f64::from(steps) / f64::from(alarms);
        assert!((measured / expected - 1.0).abs() < 0.12, "h {threshold}, mean {mean}: {measured} against {expected}");
    }
    // Montgomery's table: 465 samples in control for k = 1/2, h = 5; 10.4 after a shift by 1.
    assert!((Cusum::run_length(0.5, 5.0, 0.0) / 2.0 - 465.0).abs() < 15.0);
    assert!((Cusum::run_length(0.5, 5.0, 1.0) - 10.4).abs() < 0.4);

    let whitened = Noise::new(0.0, 1, 3).stretch(20_000);
    let found = thresholds(DetectorKind::Cusum, 1, whitened.view(), 10_000.0, Seed(1)).expect("it can be found")[0];
    let closed = (0..2000).map(|i| f64::from(i) * 0.01).find(|h| Cusum::run_length(0.5, *h, 0.0) >= 20_000.0);
    assert!((found - closed.expect("below 20")).abs() < 0.5, "{found} {closed:?}");
}

/// How long a change has lasted is told by when the sum left zero, on the side that is ahead.
#[test]
fn sums_tell_since_when_they_grow() -> Result<(), forebay::Error> {
    let mut cusum = Cusum::new(0.5, 100.0)?;
    for side in [1.0, -1.0] {
        cusum.restart();
        for _ in 0..7 {
            cusum.update(0.0);
        }
        assert_eq!(cusum.since(), 0, "no sum has left zero");
        for steps in 1..=9 {
            cusum.update(2.0 * side);
            assert_eq!(cusum.since(), steps, "side {side}");
        }
        // The other side begins at once and is ahead once its sum is larger: 13.5 left of 9 x 1.5.
        for _ in 0..4 {
            cusum.update(-6.0 * side);
        }
        assert_eq!(cusum.since(), 4);
    }
    let mut page = PageHinkley::new(0.5, 100.0)?;
    for t in 0..50 {
        page.update(if t % 2 == 0 { 0.25 } else { -0.25 });
    }
    assert_eq!(page.since(), 0);
    for steps in 1..=9 {
        page.update(5.0);
        assert_eq!(page.since(), steps);
    }
    Ok(())
}

/// An alarm says when the change began: when the sum that raised it left zero.
#[test]
fn alarms_tell_when_the_change_began() -> Result<(), forebay::Error> {
    for kind in [DetectorKind::Cusum, DetectorKind::PageHinkley] {
        let settings = DriftSettings { detector: kind, second: None, ..DriftSettings::default() };
        let mut noise = Noise::new(0.0, 1, 5);
        let mut monitor = DriftMonitor::calibrate(settings, noise.stretch(4000).view())?;
        let mut since = None;
        for step in 0..800 {
            // As small as can be, so that the alarm comes long after the change.
            let sample = if step < 500 { 0.0 } else { 0.8 };
            if let Event::Alarm { since: found, .. } = monitor.observe(&[sample])?
                && step >= 500
            {
                since = Some((found, step));
                break;
            }
        }
        let (since, told) = since.expect("a shift by 0.8 is found");
        assert!(since.abs_diff(500) <= 1 && told > 510, "{kind:?} says {since} at {told}");
    }
    Ok(())
}

#[test]
fn settings_out_of_range_are_refused() {
    let quiet = Noise::new(0.0, 1, 6).stretch(1000);
    let refused = |settings: DriftSettings| DriftMonitor::calibrate(settings, quiet.view()).is_err();
    let good = DriftSettings::default();
    assert!(!refused(good.clone()));
    assert!(refused(DriftSettings { warn_at: 0.0, clear_at: 0.0, ..good.clone() }));
    assert!(refused(DriftSettings { warn_at: 1.5, ..good.clone() }));
    assert!(refused(DriftSettings { warn_at: 0.5, clear_at: 0.6, ..good.clone() }));
    assert!(refused(DriftSettings { rate: 0.0, ..good.clone() }));
    assert!(refused(DriftSettings { rate: 21.0, ..good }));
}

/// Where correlations last, the window of the sum ends at a quarter of the series.
#[test]
fn the_autocorrelation_time_of_a_ramp_is_the_literal_sum() {
    let ramp: Vec<f64> = (0..40).map(f64::from).collect();
    let about = |lag: usize| (lag..40).map(|t| (ramp[t] - 19.5) * (ramp[t - lag] - 19.5)).sum::<f64>();
    let expected = 0.5 + (1..10).map(|lag| about(lag) / about(0)).sum::<f64>();
    assert!((autocorrelation_time(&ramp) - expected).abs() < 1e-12);
}

#[test]
fn distances_of_kolmogorov_and_smirnov_by_hand() {
    assert_eq!(ks_distance(&[1.0, 2.0, 3.0], &[4.0, 5.0]), 1.0);
    assert_eq!(ks_distance(&[1.0, 3.0, 5.0], &[2.0, 4.0]), 1.0 / 3.0);
    assert_eq!(ks_distance(&[1.0, 1.0, 2.0], &[1.0, 2.0, 2.0]), 1.0 / 3.0);
    assert_eq!(ks_distance(&[0.5; 4], &[0.5; 9]), 0.0);
    assert_eq!(ks_distance(&[], &[1.0]), 0.0);
    // The windows of the detector are those of a plain computation.
    let mut stream = Seed(1).stream("samples");
    let samples: Vec<f64> = (0..500).map(|_| (stream.normal() * 4.0).round()).collect();
    let mut kswin = Kswin::new(50, 20, 1.0).expect("in range");
    for t in 0..samples.len() {
        let score = kswin.update(samples[t]);
        if t >= 49 {
            let (mut older, mut recent) = (samples[t - 49..t - 19].to_vec(), samples[t - 19..=t].to_vec());
            older.sort_by(f64::total_cmp);
            recent.sort_by(f64::total_cmp);
            assert_eq!(score, ks_distance(&recent, &older) * (20.0 * 30.0 / 50.0_f64).sqrt());
        }
    }
}

/// A step of size 1 without noise: variance and both means are known, so the bound can be evaluated by hand.
#[test]
fn adwin_cuts_where_the_bound_does() {
    for delta in [0.002, 0.1] {
        let mut adwin = Adwin::new(delta).expect("in range");
        (0..64).for_each(|_| assert!(adwin.update(0.0) < 1.0));
        let alarm = (1..64).find(|_| adwin.update(1.0) >= 1.0).expect("it cuts");
        // The best cut lies at the step: the search runs on even counts, between buckets, with 5 samples on either side.
        let exceeds = |new: i32| {
            let (n, new) = (64.0 + f64::from(new), f64::from(new));
            let evidence = (2.0 * n / delta).ln();
            let inverse = 1.0 / 64.0 + 1.0 / new;
            let variance = new / n * (1.0 - new / n);
            1.0 >= (2.0 * inverse * variance * evidence).sqrt() + 2.0 / 3.0 * inverse * evidence
        };
        let bound = (5..64).find(|&new| exceeds(new)).expect("it is exceeded");
        assert!((bound..bound + 4).contains(&alarm), "delta {delta}: alarm after {alarm}, bound after {bound}");
        // What came before the step is dropped.
        assert_eq!((adwin.since(), adwin.window(), adwin.mean()), (alarm as u64, alarm as u64, Some(1.0)));
    }
}

#[test]
fn whitening_finds_what_made_the_noise() {
    // x(t) = 1.2 x(t-1) - 0.5 x(t-2) + noise of spread 2, around 10.
    let mut stream = Seed(4).stream("noise");
    let (mut a, mut b) = (0.0, 0.0);
    let series: Vec<f64> = (0..50_000)
        .map(|_| {
            (a, b) = (1.2 * a - 0.5 * b + 2.0 * stream.normal(), a);
            a + 10.0
        })
        .collect();
    let mut whitener = Whitener::fit(&series, Whitening::Autoregression(8)).expect("it is long enough");
    let found = whitener.coefficients();
    assert!((found[0] - 1.2).abs() < 0.03 && (found[1] + 0.5).abs() < 0.03, "{found:?}");
    assert!((whitener.spread() - 2.0).abs() < 0.03 && (whitener.mean() - 10.0).abs() < 0.2);
    assert!((autocorrelation_time(&whitener.whiten(&series)) - 0.5).abs() < 0.05);

    // Yule-Walker equations of order 2, solved by hand.
    let (c0, c1, c2) = (2.0, 1.0, 0.2);
    let mut last = Vec::new();
    levinson_durbin(&[c0, c1, c2], |coefficients, _| last = coefficients.to_vec());
    let determinant = c0 * c0 - c1 * c1;
    let by_hand = [(c1 * c0 - c1 * c2) / determinant, (c0 * c2 - c1 * c1) / determinant];
    assert!(last.iter().zip(by_hand).all(|(a, b)| (a - b).abs() < 1e-12), "{last:?} {by_hand:?}");

    // (1 + phi) / (1 - phi) / 2 = 9.5.
    let correlated: Vec<f64> = Noise::new(0.9, 1, 5).stretch(100_000).into_iter().collect();
    assert!((autocorrelation_time(&correlated) - 9.5).abs() < 1.5, "{}", autocorrelation_time(&correlated));
    assert!(Whitener::fit(&correlated, Whitening::Blocks).is_ok_and(|blocks| blocks.block() >= 16));
}

#[test]
fn samples_that_are_not_finite_are_counted_and_change_nothing() {
    let mut stream = Seed(6).stream("samples");
    let samples: Vec<f64> = (0..300).map(|_| stream.normal()).collect();
    for kind in [DetectorKind::Cusum, DetectorKind::PageHinkley, DetectorKind::Adwin, DetectorKind::Kswin] {
        let new = || kind.with_threshold(5.0).expect("in range");
        let (mut clean, mut dirty) = (new(), new());
        for (t, &x) in samples.iter().enumerate() {
            assert_eq!(dirty.update([f64::NAN, f64::INFINITY, f64::NEG_INFINITY][t % 3]), 0.0);
            assert_eq!(clean.update(x), dirty.update(x), "{kind}");
        }
        assert_eq!((clean.skipped(), dirty.skipped()), (0, 300));
        for threshold in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(kind.with_threshold(threshold).is_err());
        }
    }
    // No mean has this distance from that sample.
    let mut far = PageHinkley::new(0.5, 5.0).expect("in range");
    far.update(f64::MAX);
    assert_eq!(([far.update(-f64::MAX), far.update(-f64::MAX)], far.skipped()), ([0.0; 2], 2));

    let mut noise = Noise::new(0.9, 2, 7);
    let watch = vec![(Source::Input, 1), (Source::Residual, 1)];
    let settings = DriftSettings { watch, ..DriftSettings::default() };
    let mut monitor = DriftMonitor::calibrate(settings.clone(), noise.stretch(2000).view()).expect("it is long enough");
    let mut alarms = 0;
    for t in 0..2000 {
        let mut step = noise.next();
        if t % 2 == 0 {
            step[1] = [f64::NAN, f64::INFINITY, 1e308 * 10.0][t % 3];
        }
        let event = monitor.observe(&step).expect("two channels");
        alarms += u32::from(is_alarm(event));
        assert!(t % 2 == 1 || is_alarm(event) || event == Event::NotFinite { channel: 1 }, "{t}: {event:?}");
        assert!(monitor.score().is_finite());
    }
    assert_eq!((monitor.skipped(), monitor.steps()), (1000, 2000));
    // A sample after a gap is harder to predict, which costs a false alarm at times.
    assert!(alarms <= 3, "{alarms}");
    assert_eq!(
        (monitor.source(0), monitor.source(1), monitor.source(2)),
        (Some((Source::Input, 0)), Some((Source::Residual, 0)), None)
    );
    assert!(monitor.observe(&[0.0]).is_err());

    let stretch = noise.stretch(500);
    let refused = |settings: DriftSettings| DriftMonitor::calibrate(settings, stretch.view()).is_err();
    assert!(refused(DriftSettings { watch: vec![(Source::State, 3)], ..DriftSettings::default() }));
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 21.0] {
        assert!(refused(DriftSettings { rate, ..DriftSettings::default() }), "{rate}");
    }
    assert!(refused(DriftSettings { warn_at: 0.0, ..DriftSettings::default() }));
    assert!(refused(DriftSettings { clear_at: 0.9, ..DriftSettings::default() }));
    assert!(refused(DriftSettings { whitening: Whitening::Autoregression(usize::MAX), ..DriftSettings::default() }));
    for bad in [Array2::zeros((1000, 1)), Array2::from_elem((1000, 1), 0.1), Array2::from_elem((1000, 1), f64::NAN)] {
        assert!(DriftMonitor::calibrate(DriftSettings::default(), bad.view()).is_err());
    }
    assert!(DriftMonitor::calibrate(DriftSettings::default(), Array2::zeros((0, 0)).view()).is_err());
}

#[test]
fn warnings_have_hysteresis_and_alarms_a_cool_down() {
    let stretch = Noise::new(0.0, 1, 8).stretch(5000);
    let settings = DriftSettings {
        second: None,
        whitening: Whitening::None,
        warm_up: 0,
        cool_down: 50,
        ..DriftSettings::default()
    };
    let calibrate = || DriftMonitor::calibrate(settings.clone(), stretch.view()).expect("it is long enough");
    let mut monitor = calibrate();
    let (mut warned, mut quiet_again) = (false, false);
    // Up to a warning, then slowly down: the warning stays until the score is below half.
    for _ in 0..100 {
        let sample = if warned { 0.2 } else { 1.5 };
        match monitor.observe(&[sample]).expect("one channel") {
            Event::Warning { score, .. } => {
                assert!(score >= if warned { 0.5 } else { 0.8 } && !quiet_again);
                warned = true;
            }
            Event::Quiet => quiet_again |= warned,
            other => panic!("{other:?}"),
        }
    }
    assert!(warned && quiet_again);
    // A lasting shift: alarms come no closer than the cool-down.
    let mut monitor = calibrate();
    let alarms: Vec<usize> = (0..300).filter(|_| is_alarm(monitor.observe(&[3.0]).expect("one channel"))).collect();
    assert!(alarms.len() >= 4 && alarms.windows(2).all(|pair| pair[1] - pair[0] > 50), "{alarms:?}");
    // The same seed, the same events.
    let mut noise = Noise::new(0.0, 1, 9);
    let (mut first, mut second) = (calibrate(), calibrate());
    for _ in 0..2000 {
        let step = noise.next();
        assert_eq!(first.observe(&step).ok(), second.observe(&step).ok());
        assert_eq!(first.score().to_bits(), second.score().to_bits());
    }
}

/// A rate that is too high was refused as a run length, of which nobody had spoken.
#[test]
fn a_rate_that_is_too_high_is_told_with_the_highest() -> Result<(), forebay::Error> {
    let (white, slow) = (Noise::new(0.0, 1, 6).stretch(1000), Noise::new(0.9, 1, 6).stretch(5000));
    let alone = |rate| DriftSettings { rate, second: None, ..DriftSettings::default() };
    let refused = |settings: DriftSettings, stretch: &Array2<f64>| {
        let error = DriftMonitor::calibrate(settings, stretch.view()).expect_err("it is too high").to_string();
        assert!(error.starts_with("the rate of false alarms must be at most "), "{error}");
        error
    };
    for rate in [15.626, 21.0] {
        let error = refused(DriftSettings { rate, ..DriftSettings::default() }, &white);
        assert!(error.contains(" 15.625 per 1,000 steps"), "{error}");
    }
    assert!(refused(alone(20.5), &white).contains(" 20 per 1,000 steps"));
    DriftMonitor::calibrate(DriftSettings { rate: 15.625, ..DriftSettings::default() }, white.view())?;
    DriftMonitor::calibrate(alone(20.0), white.view())?;

    let blocks = |rate| DriftSettings { whitening: Whitening::Blocks, ..alone(rate) };
    let monitor = DriftMonitor::calibrate(blocks(0.1), slow.view())?;
    let highest = 50.0 / monitor.whitener(0).expect("one channel").block() as f64;
    assert!(refused(blocks(1.01 * highest), &slow).contains(&format!(" {highest} per 1,000 steps")));
    DriftMonitor::calibrate(blocks(highest), slow.view())?;
    Ok(())
}

#[test]
fn page_hinkley_is_the_sum_above_its_least_value() {
    let mut stream = Seed(10).stream("samples");
    let mut detector = PageHinkley::new(0.3, 1.0).expect("in range");
    let (mut sum, mut total, mut least) = ([0.0_f64; 2], 0.0, [0.0_f64; 2]);
    for t in 1..500 {
        let x = stream.normal();
        total += x;
        let mean = total / f64::from(t);
        for (side, sign) in [1.0, -1.0].into_iter().enumerate() {
            sum[side] += sign * (x - mean) - 0.3;
        }
        let plain = (0..2).map(|side| sum[side] - least[side].min(sum[side])).fold(0.0, f64::max);
        least = [least[0].min(sum[0]), least[1].min(sum[1])];
        assert!((detector.update(x) - plain).abs() < 1e-9);
    }
}
