//! Drift detection where truths are missing, samples lie far from zero, or units are odd: no alarm is lost, none is made up.

use forebay::drift::{
    Action, Adwin, Cusum, Detector, DetectorKind, DriftMonitor, DriftSettings, Event, Kswin, Ladder, PageHinkley,
    Policy, View, Watched, Whitening, autocorrelation_time,
};
use forebay::keep::Keep;
use forebay::random::Seed;
use forebay::{Error, HybridEsn};
use ndarray::Array2;
use proptest::prelude::*;

/// A network whose outputs are always 0, so that residuals are what the test says.
fn silent(outputs: usize) -> HybridEsn<f64> {
    HybridEsn::from_weights(&[0.5, -0.3], &[0.0, 0.4, -0.4, 0.0], &vec![0.0; 2 * outputs], 0.5).expect("it fits")
}

fn noise(steps: usize, channels: usize, seed: u64) -> Array2<f64> {
    let mut noise = Seed(seed).stream("noise");
    Array2::from_shape_simple_fn((steps, channels), || noise.normal())
}

fn calibrated(channels: usize, settings: DriftSettings) -> DriftMonitor {
    DriftMonitor::calibrate(settings, noise(2000, channels, 1).view()).expect("it can be calibrated")
}

fn is_alarm(event: Event) -> bool {
    matches!(event, Event::Alarm { .. })
}

/// The truth of step `t`: noise that all channels leave by 6 from step 60 on, without those of the mask.
fn truth(noise: &Array2<f64>, t: usize, missing: usize) -> Vec<f64> {
    let shift = if t >= 60 { 6.0 } else { 0.0 };
    let value = |(channel, x): (usize, &f64)| if missing >> channel & 1 == 1 { f64::NAN } else { x + shift };
    noise.row(t).iter().enumerate().map(value).collect()
}

/// An alarm came while another truth was missing: the ladder returned before it looked at the alarm, and the monitor had
/// started anew. Every pattern of missing truths, from the shift on, and in the step of the alarm alone.
#[test]
fn an_alarm_holds_whatever_truths_are_missing() -> Result<(), Error> {
    for outputs in 1..=4 {
        let monitor = calibrated(outputs, DriftSettings::default());
        let noise = noise(200, outputs, 2);
        // Where the alarm comes with every truth there.
        let mut plain = monitor.clone();
        let residuals = |t| truth(&noise, t, 0).iter().map(|x| -x).collect::<Vec<_>>();
        let due = (0..200).find(|&t| is_alarm(plain.observe(&residuals(t)).expect("it fits"))).expect("it comes");
        for missing in 0..1_usize << outputs {
            for from in [60, due] {
                let mut ladder = Ladder::new(monitor.clone(), Policy::default(), 1.0)?;
                let mut esn = silent(outputs);
                let mut alarm = None;
                for t in 0..200 {
                    esn.step(&[0.0])?;
                    let mask = if t >= from { missing } else { 0 };
                    let event = ladder.observe(&mut esn, &[0.0], &truth(&noise, t, mask))?;
                    if let (Event::Alarm { channel, detector, since }, None) = (event, &alarm) {
                        alarm = Some((t, Action::Hold { channel, detector, since }));
                    }
                    let is_trusted = alarm.is_none();
                    assert_eq!(ladder.is_trusted(), is_trusted, "{outputs} outputs, {missing:b} missing, step {t}");
                }
                // Nothing can be noticed where nothing is there.
                assert_eq!(alarm.is_some(), missing + 1 < 1 << outputs, "{outputs} outputs, {missing:b} missing");
                let told: Vec<_> =
                    ladder.log().iter().map(|entry| (entry.step as usize, entry.action.clone())).collect();
                assert_eq!(told, Vec::from_iter(alarm), "{outputs} outputs, {missing:b} missing");
            }
        }
    }
    Ok(())
}

/// With a monitor that had seen 500 steps before, a ladder told of a change in its step 60 as one in step 560.
#[test]
fn a_ladder_counts_its_own_steps() -> Result<(), Error> {
    let earlier = |shift: f64| -> Result<DriftMonitor, Error> {
        let mut monitor = calibrated(1, DriftSettings { second: None, ..DriftSettings::default() });
        for (t, x) in noise(500, 1, 9).iter().enumerate() {
            let event = monitor.observe(&[0.5 * x + if t >= 497 { shift } else { 0.0 }])?;
            assert!(!is_alarm(event), "it comes later");
        }
        Ok(monitor)
    };
    let noise = noise(200, 1, 2);
    let since = |monitor: DriftMonitor, first: usize| -> Result<u64, Error> {
        let mut watched = Watched { ladder: Ladder::new(monitor, Policy::default(), 1.0)?, esn: silent(1) };
        for t in first..200 {
            let Watched { esn, ladder } = &mut watched;
            esn.step(&[0.0])?;
            let event = ladder.observe(esn, &[0.0], &truth(&noise, t, 0))?;
            if let Event::Alarm { since, .. } = event {
                assert!(matches!(ladder.log()[0].action, Action::Hold { since: logged, .. } if logged == since));
                return Ok(since);
            }
            watched = Watched::from_bytes(&watched.to_bytes()?)?;
        }
        panic!("a shift by 6 is found")
    };
    let found = since(earlier(0.0)?, 0)?;
    // By the estimate of a sum that noise had moved before.
    assert!(found.abs_diff(60) <= 30, "{found}");
    // What began before the ladder began in no step of it.
    assert_eq!(since(earlier(-1.5)?, 60)?, 0);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Truths missing at random in every step, at any size of the errors, through all stages of the ladder.
    #[test]
    fn no_alarm_is_lost(outputs in 1_usize..=5, share in 0.0..0.9_f64, exponent in -9..=12_i32, seed in 0_u64..1000) {
        let unit = (0..exponent.abs()).fold(1.0, |unit, _| if exponent < 0 { unit / 10.0 } else { unit * 10.0 });
        let stretch = noise(600, outputs, 1) * unit;
        let settings = DriftSettings { rate: 2.0, ..DriftSettings::default() };
        let monitor = DriftMonitor::calibrate(settings, stretch.view()).expect("it can be calibrated");
        let policy =
            Policy { refit_after: 150, retrain_after: 200, trial: 30, washout: 20, recalibrate: 300, ..Policy::default() };
        let mut ladder = Ladder::new(monitor, policy, unit).expect("the policy is good");
        let (mut esn, mut stream) = (silent(outputs), Seed(seed).stream("truths"));
        for t in 0..3000 {
            let input = [stream.normal()];
            esn.step(&input).expect("it is finite");
            let level = f64::from(t / 500 % 2) * 4.0;
            let missing = |stream: &mut forebay::random::Stream| stream.uniform() < share;
            let truth: Vec<f64> = (0..outputs)
                .map(|_| unit * (level + stream.normal()) * if missing(&mut stream) { f64::NAN } else { 1.0 })
                .collect();
            let (was_trusted, told) = (ladder.is_trusted(), ladder.log().len());
            let held = ladder.log().last().is_some_and(|entry| matches!(entry.action, Action::Again { .. }));
            let event = ladder.observe(&mut esn, &input, &truth).expect("shapes agree");
            let new = &ladder.log()[told..];
            if is_alarm(event) && was_trusted {
                // Told in this very step, or while learning anew the first has been told.
                let is_told = new.iter().any(|e| matches!(e.action, Action::Hold { .. } | Action::Again { .. }));
                prop_assert!(is_told || held, "step {t}: {event:?}, {:?}", ladder.log());
            }
            let holds = new.iter().filter(|entry| matches!(entry.action, Action::Hold { .. })).count();
            prop_assert!(holds == 0 || is_alarm(event), "step {}: a hold without an alarm", t);
            prop_assert!(ladder.monitor().score() >= 0.0);
        }
    }
}

/// The window was never cut: one shift, and 746 alarms.
#[test]
fn after_a_shift_adwins_window_holds_what_came_after() -> Result<(), Error> {
    for seed in 0..20 {
        for shift in [1.0, 3.0] {
            for mut adwin in [Adwin::new(0.002)?, Adwin::with_threshold(12.0)?] {
                let mut stream = Seed(seed).stream("samples");
                assert!((0..2000).all(|_| adwin.update(stream.normal()) < 1.0), "seed {seed}");
                assert_eq!(adwin.window(), 2000);
                let alarms: Vec<u32> = (1..=2000).filter(|_| adwin.update(shift + stream.normal()) >= 1.0).collect();
                assert!((1..=3).contains(&alarms.len()) && alarms[0] < 300, "seed {seed}, {shift}: {alarms:?}");
                // The cut lies where the evidence is largest, which noise moves: by a few samples, or dozens for a small shift.
                let (window, mean) = (adwin.window(), adwin.mean().expect("it is not empty"));
                let most = if shift < 2.0 { 2150 } else { 2040 };
                assert!((1900..=most).contains(&window), "seed {seed}, {shift}: {window}");
                assert!((mean - shift).abs() < 0.1, "seed {seed}, {shift}: {mean}");
            }
        }
    }
    // Without noise the window holds not one sample from before.
    let mut adwin = Adwin::new(0.002)?;
    assert!((0..1000).all(|_| adwin.update(0.0) == 0.0));
    let alarms: Vec<u64> = (1..=1000).filter(|_| adwin.update(1.0) >= 1.0).collect();
    assert_eq!((alarms.len(), adwin.window(), adwin.mean()), (1, 1000, Some(1.0)), "{alarms:?}");
    Ok(())
}

/// 24 false alarms in 5,000 samples around 1e8, none around 0: squares cancelled.
#[test]
fn an_offset_or_another_unit_changes_no_alarm() -> Result<(), Error> {
    type Make = fn() -> Box<dyn Detector>;
    let mut total = 0;
    for seed in 0..10 {
        let mut stream = Seed(seed).stream("samples");
        let samples: Vec<f64> = (0..5000).map(|t| stream.normal() + if t % 2000 < 1500 { 0.0 } else { 0.7 }).collect();
        let alarms = |detector: &mut dyn Detector, scale: f64, offset: f64| -> Vec<usize> {
            let is_alarm = |&t: &usize| detector.update(offset + scale * samples[t]) >= 1.0;
            (0..samples.len()).filter(is_alarm).collect()
        };
        let detectors: [(&str, Make); 3] = [
            ("ADWIN, delta", || Box::new(Adwin::new(0.2).expect("in range"))),
            ("ADWIN, fixed", || Box::new(Adwin::with_threshold(6.0).expect("in range"))),
            ("KSWIN", || Box::new(Kswin::new(100, 30, 1.5).expect("in range"))),
        ];
        for (name, new) in detectors {
            let plain = alarms(&mut *new(), 1.0, 0.0);
            total += plain.len();
            for (scale, offset) in [(1.0, 1e8), (1.0, -1e8), (1e-6, 0.0), (1e-9, 0.0), (1e12, 0.0), (1e-4, 1e4)] {
                assert_eq!(alarms(&mut *new(), scale, offset), plain, "{name}, seed {seed}, {scale} x + {offset}");
            }
        }
        // Page-Hinkley's units are standard deviations, so only the offset can change.
        let new = || PageHinkley::new(0.3, 12.0).expect("in range");
        let plain = alarms(&mut new(), 1.0, 0.0);
        for offset in [1e8, -1e8] {
            assert_eq!(alarms(&mut new(), 1.0, offset), plain, "Page-Hinkley, seed {seed}, {offset}");
        }
        // Stationary samples alone: none.
        let mut adwin = Adwin::new(0.002)?;
        assert_eq!((0..5000).filter(|_| adwin.update(1e8 + stream.normal()) >= 1.0).count(), 0, "seed {seed}");
    }
    assert!(total > 100, "there is something to compare: {total}");
    Ok(())
}

/// Whitening takes out level and unit: the same events, whatever they are.
#[test]
fn a_monitor_sees_the_same_in_every_unit() {
    for (detector, view) in [
        (DetectorKind::Cusum, View::Value),
        (DetectorKind::PageHinkley, View::Value),
        (DetectorKind::Adwin, View::Value),
        (DetectorKind::Kswin, View::Value),
        (DetectorKind::Cusum, View::Magnitude),
    ] {
        let run = |scale: f64, offset: f64| {
            let settings = DriftSettings { rate: 1.0, detector, view, ..DriftSettings::default() };
            let stretch = noise(1000, 2, 3).mapv(|x| scale * x + offset);
            let mut monitor = DriftMonitor::calibrate(settings, stretch.view()).expect("it can be calibrated");
            let samples = noise(3000, 2, 4);
            let alarm = |t: usize| {
                let grown = if t % 1000 < 700 { 1.0 } else { 3.0 };
                let step = samples.row(t).mapv(|x| scale * (grown * x + grown - 1.0) + offset).to_vec();
                if let Event::Alarm { channel, since, .. } = monitor.observe(&step).expect("two channels") {
                    return Some((t, channel, since));
                }
                None
            };
            (0..3000).filter_map(alarm).collect::<Vec<_>>()
        };
        let plain = run(1.0, 0.0);
        assert!(plain.len() >= 3, "{detector}: {plain:?}");
        // The last has three digits left to its deviations.
        for (scale, offset) in [(1.0, 1e8), (1.0, -1e8), (1e-9, 0.0), (1e12, 0.0), (1e-3, 1e4), (1e-5, 123_456_789.123)]
        {
            let other = run(scale, offset);
            assert_eq!(other.len(), plain.len(), "{detector}, {view:?}, {scale} x + {offset}: {other:?}, {plain:?}");
            // Rounding may move an alarm by a step.
            let is_near = |(a, b): (&(usize, usize, u64), &(usize, usize, u64))| a.0.abs_diff(b.0) <= 1 && a.1 == b.1;
            assert!(other.iter().zip(&plain).all(is_near), "{detector}, {view:?}: {other:?}, {plain:?}");
        }
    }
}

/// The mean of many samples far from zero was off by more than what they vary, so that their magnitudes never shrank.
#[test]
fn errors_that_shrink_are_noticed_at_any_offset() {
    for (scale, offset) in [(1.0, 0.0), (1e-5, 123_456_789.123), (1e-6, 1e8 / 3.0)] {
        let stretch = noise(20_000, 1, 5).mapv(|x| offset + scale * x);
        let settings = DriftSettings { view: View::Magnitude, ..DriftSettings::default() };
        let mut monitor = DriftMonitor::calibrate(settings, stretch.view()).expect("it can be calibrated");
        let samples = noise(1000, 1, 6);
        let first = (0..1000).find(|&t| {
            let shrunk = if t < 200 { samples[[t, 0]] } else { 0.1 * samples[[t, 0]] };
            is_alarm(monitor.observe(&[offset + scale * shrunk]).expect("one channel"))
        });
        assert!(first.is_some_and(|t| (200..300).contains(&t)), "{offset}: {first:?}");
    }
}

/// Two samples near the end of f64 made the sums infinite for ever.
#[test]
fn sums_stay_numbers() -> Result<(), Error> {
    let mut detectors: [Box<dyn Detector>; 2] =
        [Box::new(Cusum::new(0.5, 0.1)?), Box::new(PageHinkley::new(0.5, 0.1)?)];
    for detector in &mut detectors {
        let mut most = 0.0_f64;
        for sample in [0.0, 1.7e308, 1.7e308, 1.7e308, -1.7e308, -1.7e308, -1.0] {
            let statistic = detector.update(sample);
            assert!(statistic.is_finite());
            most = most.max(statistic);
        }
        assert!(most > 1e300, "{most:e}: it is an alarm");
        detector.restart();
        assert!((0..1000).all(|_| detector.update(-1.0).is_finite()));
    }
    Ok(())
}

/// An error of 1e300 overflowed on its way, was left out as if it were missing, and raised no alarm.
#[test]
fn what_is_far_off_is_an_alarm_and_not_a_gap() {
    for view in [View::Value, View::Magnitude] {
        for detector in [DetectorKind::Cusum, DetectorKind::PageHinkley, DetectorKind::Adwin, DetectorKind::Kswin] {
            for far in [1e155, 1e300, -f64::MAX] {
                let settings = DriftSettings { detector, view, second: None, ..DriftSettings::default() };
                let stretch = noise(2000, 2, 5) * 1e-9;
                let mut monitor = DriftMonitor::calibrate(settings, stretch.view()).expect("it can be calibrated");
                let quiet = noise(300, 1, 6) * 1e-9;
                for sample in &quiet {
                    monitor.observe(&[*sample, f64::NAN]).expect("two channels");
                }
                let found = (0..40).find(|_| is_alarm(monitor.observe(&[far, f64::NAN]).expect("two channels")));
                assert!(found.is_some(), "{detector}, {view:?}, {far:e}");
                assert_eq!(monitor.skipped(), monitor.steps(), "{detector}, {view:?}: only what is missing");
            }
        }
    }
    // Page-Hinkley's mean was infinite, then not a number, and the statistic 0 ever after.
    let mut detector = PageHinkley::new(0.5, 10.0).expect("in range");
    for sample in [f64::MAX, -f64::MAX, f64::MAX, 0.0, -f64::MAX] {
        assert!(detector.update(sample) >= 0.0);
    }
    assert!(detector.skipped() > 0);
    assert!((0..100).any(|_| detector.update(3.0) >= 1.0), "it is not deaf");
}

/// A constant has no memory; the rounding of its mean had one of a quarter of its length.
#[test]
fn a_constant_has_no_autocorrelation() {
    for constant in [0.0, 0.1, 1e8 + 0.1, -1e-300] {
        assert_eq!(autocorrelation_time(&[constant; 1000]), 0.5, "{constant}");
    }
    assert_eq!(autocorrelation_time(&[]), 0.5);
    assert!(autocorrelation_time(&[1.0, f64::NAN, 2.0, 3.0]).is_nan());
    let shifted: Vec<f64> = noise(2000, 1, 7).iter().map(|x| x + 1e8).collect();
    assert!((autocorrelation_time(&shifted) - 0.5).abs() < 0.2, "{}", autocorrelation_time(&shifted));
}

/// Two lasting changes gave an alarm at every cool-down; with the new level taken as normal they give two.
#[test]
fn a_new_level_may_be_taken_as_normal() -> Result<(), Error> {
    let mut stream = Seed(2).stream("levels");
    let stretch = Array2::from_shape_simple_fn((5000, 1), || 0.8 + 0.05 * stream.normal());
    let level = |t: usize| [(0.8, 0.05), (0.4, 0.02), (0.6, 0.1)][t / 1500];
    let samples: Vec<f64> = (0..4500).map(|t| level(t).0 + level(t).1 * stream.normal()).collect();
    let events = |relearn| {
        let settings = DriftSettings { relearn, ..DriftSettings::default() };
        let mut monitor = DriftMonitor::calibrate(settings, stretch.view())?;
        let events: Result<Vec<Event>, Error> = samples.iter().map(|x| monitor.observe(&[*x])).collect();
        let events: Vec<(usize, Event)> = events?.into_iter().enumerate().collect();
        let of = |is: fn(&Event) -> bool| events.iter().filter(|e| is(&e.1)).map(|e| e.0).collect::<Vec<_>>();
        Ok::<_, Error>((of(|e| matches!(e, Event::Alarm { .. })), of(|e| matches!(e, Event::Relearnt { steps: 800 }))))
    };
    let (alarms, learnt) = events(None)?;
    assert!(alarms.len() > 20 && learnt.is_empty(), "{alarms:?}");
    let (alarms, learnt) = events(Some(800))?;
    assert!(alarms.len() == 2 && alarms[0] - 1500 < 20 && alarms[1] - 3000 < 20, "{alarms:?}");
    assert_eq!(learnt, [alarms[0] + 100 + 800, alarms[1] + 100 + 800]);

    // A sensor that hangs is not normal, and goes on being told.
    let settings = DriftSettings { relearn: Some(200), ..DriftSettings::default() };
    let mut monitor = DriftMonitor::calibrate(settings.clone(), stretch.view())?;
    let events: Vec<Event> = (0..1000).map(|_| monitor.observe(&[0.3]).expect("one channel")).collect();
    assert!(events.iter().filter(|event| is_alarm(**event)).count() >= 3);
    assert!(events.contains(&Event::NotRelearnt) && !events.iter().any(|e| matches!(e, Event::Relearnt { .. })));

    let refused = DriftMonitor::calibrate(DriftSettings { relearn: Some(199), ..settings }, stretch.view());
    assert!(matches!(refused, Err(Error::Range { .. })));
    // Ten steps for every coefficient that may be learnt.
    let longer = |whitening, relearn| {
        let settings = DriftSettings { whitening, relearn: Some(relearn), ..DriftSettings::default() };
        DriftMonitor::calibrate(settings, stretch.view())
    };
    assert!(matches!(longer(Whitening::Autoregression(30), 299), Err(Error::Range { .. })));
    assert!(longer(Whitening::Autoregression(30), 300).is_ok() && longer(Whitening::Blocks, 200).is_ok());
    assert!(matches!(Ladder::<f64>::new(monitor, Policy::default(), 0.05), Err(Error::Misuse { .. })));
    Ok(())
}
