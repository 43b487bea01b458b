//! One of every kind, trained and run, and how each goes on.

use forebay::conductor::{Base, ConductorSettings as HeadSettings, HeadKind as Head, Layout, Prediction};
use forebay::drift::{
    DetectorKind as Detector, DriftMonitor, DriftSettings, Event, Ladder, Policy, View, Watched, Whitening,
};
use forebay::graph::{Graph, Products};
use forebay::keep::{Keep, KeepError};
use forebay::model::Model;
use forebay::parallel::{ParallelReservoirs, PatchGrid};
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay::train::classify::{Classifier, Pooling};
use forebay::train::online::{Lms, OnlineFeedback, OnlineLearner, OnlineTrainer, Rls};
use forebay::train::sequence::SequenceRegression;
use forebay::train::{Ridge, Series, Training};
use forebay::{Conductor, Error, Esn, HybridEsn, Real};
use ndarray::Array2;

/// A number between -1 and 1 that depends on step and channel alone.
pub(crate) fn wave(step: u64, channel: u64) -> f64 {
    // The same bits on every machine.
    libm::sin(0.37 * step as f64 + 1.3 * channel as f64) * libm::cos(0.011 * step as f64 * (channel + 1) as f64)
}

/// A normal one, likewise.
pub(crate) fn noise(step: u64, channel: u64) -> f64 {
    Seed(11).stream("noise").at(channel, step).normal()
}

/// Something that can be made, trained, kept, and asked for the bits of all that it then does.
pub(crate) trait Thing: Keep {
    /// Made and run for some hundred steps.
    fn made() -> Result<Self, Error>;

    /// Bits of all that so many more steps give; `from` is the number of the first.
    fn go_on(&mut self, from: u64, steps: u64) -> Vec<u64>;
}

/// Steps after which things are kept.
pub(crate) const KEPT_AT: u64 = 400;

fn features(step: u64, count: u64) -> Vec<f64> {
    // The last feature falls silent, so that a direction is held.
    (0..count).map(|i| if i + 1 == count && step > 200 { 0.0 } else { wave(step, i) }).collect()
}

fn learn(learner: &mut impl OnlineLearner, from: u64, steps: u64) -> Vec<u64> {
    let mut bits = Vec::new();
    let mut output = vec![0.0; learner.outputs()];
    for step in from..from + steps {
        let features = features(step, learner.features() as u64);
        let target: Vec<f64> = (0..learner.outputs() as u64).map(|k| wave(step + 3, k)).collect();
        learner.predict(&features, &mut output).expect("sizes fit");
        bits.extend(output.iter().map(|y| y.to_bits()));
        // A forged learner may leave the range of f64: it says so, and stays.
        bits.push(u64::from(learner.update(&features, &target).is_ok()));
    }
    bits.extend(learner.weights().iter().map(|w| w.to_bits()));
    bits
}

impl Thing for Rls {
    fn made() -> Result<Self, Error> {
        let mut rls = Rls::new(6, 2, 0.85, 1e-2)?;
        learn(&mut rls, 0, KEPT_AT * 2);
        assert!(rls.held().directions > 0 && rls.held().updates > 0, "{:?}", rls.held());
        Ok(rls)
    }

    fn go_on(&mut self, from: u64, steps: u64) -> Vec<u64> {
        let mut bits = learn(self, from, steps);
        bits.extend([self.held().directions as u64, self.held().updates]);
        bits
    }
}

impl Thing for Lms {
    fn made() -> Result<Self, Error> {
        let mut lms = Lms::new(5, 2, 0.3)?;
        learn(&mut lms, 0, KEPT_AT);
        Ok(lms)
    }

    fn go_on(&mut self, from: u64, steps: u64) -> Vec<u64> {
        learn(self, from, steps)
    }
}

/// All that a session remembers: two reservoirs, feedback, a delay; and two heads.
pub(crate) fn deep<T: Real>() -> Result<Model<T>, Error> {
    deep_of(5)
}

/// The same graph with weights from another seed.
pub(crate) fn deep_of<T: Real>(seed: u64) -> Result<Model<T>, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let past = g.delay("past", u, 5);
    let both = g.concat("both", [u, past]);
    let first = g.reservoir_with_feedback("first", both, Reservoir::new(12).density(0.3).leak_rate(0.3), "y");
    let second = g.reservoir("second", first, Reservoir::new(8).density(1.0));
    let pairs = g.products("pairs", u, Products::Unique { degree: 2 });
    g.readout("y", [second, pairs], 2);
    g.readout("z", [first], 1);
    g.readout("other", [second], 1);
    Model::generate(g.build()?, seed)
}

impl<T: Real, L: OnlineLearner + Made> Thing for OnlineTrainer<T, L>
where
    Self: Keep,
{
    fn made() -> Result<Self, Error> {
        let model = deep::<T>()?;
        let mut trainer = Self::new(&model, "z", L::of(13, 1)?, OnlineFeedback::Own)?.with_head("y", L::of(12, 2)?)?;
        trainer.go_on(0, KEPT_AT);
        Ok(trainer)
    }

    fn go_on(&mut self, from: u64, steps: u64) -> Vec<u64> {
        let mut bits = Vec::new();
        for step in from..from + steps {
            let input = [wave(step, 0), wave(step, 1)].map(T::from_f64);
            let target = [wave(step + 2, 0), wave(step + 3, 0), wave(step + 3, 1)].map(T::from_f64);
            match self.step(&input, &target) {
                Ok(output) => bits.extend(output.iter().map(|y| y.to_bits())),
                Err(_) => bits.push(0),
            }
            bits.extend(self.session().outputs().iter().map(|y| y.bits()));
        }
        bits.extend(
            self.learners().flat_map(|(_, learner)| learner.weights().iter().map(|w| w.to_bits()).collect::<Vec<_>>()),
        );
        bits.push(self.session().steps());
        bits
    }
}

/// Learners of a given size.
pub(crate) trait Made: Sized {
    fn of(features: usize, outputs: usize) -> Result<Self, Error>;
}

impl Made for Rls {
    fn of(features: usize, outputs: usize) -> Result<Self, Error> {
        Rls::new(features, outputs, 0.999, 1.0)
    }
}

impl Made for Lms {
    fn of(features: usize, outputs: usize) -> Result<Self, Error> {
        Lms::new(features, outputs, 0.1)
    }
}

/// Monitors that between them have every detector, view, whitening and stage.
pub(crate) fn monitors() -> [(&'static str, DriftSettings); 4] {
    let detectors =
        |detector, second| DriftSettings { detector, second, rate: 2.0, cool_down: 30, ..DriftSettings::default() };
    [
        ("cusum and adwin", detectors(Detector::Cusum, Some(Detector::Adwin))),
        (
            "page-hinkley and kswin, magnitudes",
            DriftSettings { view: View::Magnitude, ..detectors(Detector::PageHinkley, Some(Detector::Kswin)) },
        ),
        (
            "adwin alone, relearning, blocks",
            DriftSettings { whitening: Whitening::Blocks, relearn: Some(300), ..detectors(Detector::Adwin, None) },
        ),
        (
            "kswin and cusum, no whitening",
            DriftSettings { whitening: Whitening::None, ..detectors(Detector::Kswin, Some(Detector::Cusum)) },
        ),
    ]
}

/// Run over `steps` steps, of which the last but 150 have an alarm in them.
pub(crate) fn monitor(settings: DriftSettings, steps: u64) -> Result<DriftMonitor, Error> {
    let stretch = Array2::from_shape_fn((600, 2), |(t, k)| errors(1_000_000 + t as u64, false)[k]);
    let mut monitor = DriftMonitor::calibrate(settings, stretch.view())?;
    monitor.go_on(0, steps);
    Ok(monitor)
}

fn errors(step: u64, is_shifted: bool) -> [f64; 2] {
    let shift = if is_shifted { 2.5 } else { 0.0 };
    [noise(step, 0) + 0.5 * noise(step.wrapping_sub(1), 0), noise(step, 1) + shift]
}

impl Thing for DriftMonitor {
    fn made() -> Result<Self, Error> {
        monitor(monitors()[0].1.clone(), KEPT_AT)
    }

    fn go_on(&mut self, from: u64, steps: u64) -> Vec<u64> {
        let mut bits = Vec::new();
        for step in from..from + steps {
            let mut samples = errors(step, step % 300 > 200);
            if step % 97 == 0 {
                samples[0] = f64::NAN;
            }
            let event = self.observe(&samples[..self.channels().min(2)]);
            bits.push(match event {
                Ok(Event::Quiet) => 0,
                Ok(Event::NotFinite { channel }) => 1 + channel as u64,
                Ok(Event::Warning { channel, score, .. }) => score.to_bits() ^ channel as u64,
                Ok(Event::Alarm { channel, since, .. }) => since.wrapping_mul(1000).wrapping_add(1000 + channel as u64),
                Ok(Event::Relearnt { .. }) => 10,
                Ok(_) => 11,
                Err(_) => 12,
            });
            bits.push(self.score().to_bits());
        }
        bits.extend([self.alarms(), self.steps(), self.skipped()]);
        bits
    }
}

pub(crate) fn small<T: Real>(inputs: usize) -> Result<Model<T>, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", inputs);
    let x = g.reservoir("x", u, Reservoir::new(16));
    g.readout("none", [u, x], 1);
    Model::generate(g.build()?, 3)
}

fn sequence<T: Real>(number: u64) -> Array2<T> {
    let class = number % 3;
    let length = 12 + (number % 5) as usize;
    Array2::from_shape_fn((length, 1), |(t, _)| {
        T::from_f64(libm::sin(0.2 * (class + 1) as f64 * t as f64) + 0.2 * noise(t as u64, number))
    })
}

impl<T: Real> Thing for Classifier<T> {
    fn made() -> Result<Self, Error> {
        let sequences: Vec<Array2<T>> = (0..45).map(sequence).collect();
        let views: Vec<_> = sequences.iter().map(|sequence| sequence.view()).collect();
        let labels: Vec<usize> = (0..45).map(|number| number % 3).collect();
        let pooling = [Pooling::Mean, Pooling::Last, Pooling::Samples(2)];
        Classifier::fit(&small(1)?, "none", &pooling, &Ridge::Fixed(0.05), &views, &labels, 3)
    }

    fn go_on(&mut self, from: u64, steps: u64) -> Vec<u64> {
        let mut bits = vec![self.ridge().to_bits(), self.training_errors() as u64, self.classes() as u64];
        for number in (from..from + steps).step_by(10) {
            match self.scores(sequence::<T>(number).view()) {
                Ok(scores) => bits.extend(scores.iter().map(|score| score.to_bits())),
                Err(_) => bits.push(0),
            }
        }
        bits
    }
}

/// Two outputs, one of them constant: there is no NRMSE of that.
impl<T: Real> Thing for SequenceRegression<T> {
    fn made() -> Result<Self, Error> {
        let sequences: Vec<Array2<T>> = (0..45).map(sequence).collect();
        let views: Vec<_> = sequences.iter().map(|sequence| sequence.view()).collect();
        let target = |(i, k): (usize, usize)| T::from_f64(if k == 0 { 0.2 * (i % 3 + 1) as f64 } else { 0.5 });
        let targets = Array2::from_shape_fn((45, 2), target);
        let pooling = [Pooling::Last, Pooling::Samples(3)];
        let trained = Self::fit(&small(1)?, "none", &pooling, &Ridge::Fixed(0.05), &views, targets.view())?;
        assert!(matches!(trained.train_nrmse(), [Some(_), None]));
        Ok(trained)
    }

    fn go_on(&mut self, from: u64, steps: u64) -> Vec<u64> {
        let mut bits = vec![self.ridge().to_bits(), self.outputs() as u64];
        bits.extend(self.train_nrmse().iter().map(|error| error.map_or(0, f64::to_bits)));
        for number in (from..from + steps).step_by(10) {
            match self.predict(sequence::<T>(number).view()) {
                Ok(vector) => bits.extend(vector.iter().map(|y| y.to_bits())),
                Err(_) => bits.push(0),
            }
        }
        bits
    }
}

const HEADS: [&str; 3] = ["ahead", "which", "whether"];

/// What the heads are to say in a step: a value two steps later, which third it is in, whether it rises.
fn truths(step: u64) -> [f64; 4] {
    let [now, next] = [2, 3].map(|ahead| wave(step + ahead, 0));
    let third = if next < -0.3 {
        0.0
    } else if next < 0.3 {
        1.0
    } else {
        2.0
    };
    [now, wave(step + 2, 1), third, f64::from(u8::from(next > now + 0.2 * noise(step, 7)))]
}

impl<T: Real> Thing for Conductor<T> {
    fn made() -> Result<Self, Error> {
        let mut layout = Layout::new([
            (HEADS[0], Head::Regression { outputs: 2, base: Base::Persistence }),
            (HEADS[1], Head::Classification { classes: 3 }),
        ]);
        for head in &mut layout.heads {
            (head.trust.window, head.trust.minimum, head.trust.horizon) = (64, 32, Some(2));
        }
        let input = |(t, k): (usize, usize)| T::from_f64(wave(t as u64, k as u64));
        let inputs = Array2::from_shape_fn((500, 2), input);
        let target = |(t, k): (usize, usize)| T::from_f64(truths(t as u64)[k]);
        let settings = HeadSettings { ridge: Ridge::Fixed(1e-3), memory: 8, ..HeadSettings::default() };
        let targets = Array2::from_shape_fn((500, 3), target);
        let series = Series::new(inputs.view(), targets.view());
        let (mut conductor, _) = Conductor::fit(&small(2)?, &["x", "u"], &layout, &series, &settings)?;
        conductor.go_on(0, KEPT_AT / 2);
        // One that comes later.
        let targets = Array2::from_shape_fn((500, 1), |(t, _)| target((t, 3)));
        let series = Series::new(inputs.view(), targets.view());
        conductor.add(&Layout::new([(HEADS[2], Head::Probability)]), &series, &settings)?;
        conductor.go_on(KEPT_AT / 2, KEPT_AT / 2);
        assert!(conductor.trust(HEADS[1])?.skill.is_some());
        Ok(conductor)
    }

    fn go_on(&mut self, from: u64, steps: u64) -> Vec<u64> {
        let mut bits = Vec::new();
        for step in from..from + steps {
            match self.step(&[wave(step, 0), wave(step, 1)].map(T::from_f64)) {
                Ok(outputs) => bits.extend(outputs.iter().map(|y| y.bits())),
                Err(_) => bits.push(0),
            }
            // Truths come three steps late, and some never.
            let (Some(late), false) = (self.steps().checked_sub(4), step % 11 == 5) else { continue };
            let [a, b, c, d] = truths(step.wrapping_sub(3)).map(T::from_f64);
            for (name, truth) in HEADS.iter().zip([&[a, b][..], &[c], &[d]]) {
                bits.push(u64::from(self.observe_at(name, late, truth).is_ok()));
                if let Ok(trust) = self.trust(name) {
                    bits.extend([trust.skill, trust.lower].map(|x| x.map_or(0, f64::to_bits)));
                    bits.extend([trust.steps as u64, u64::from(trust.is_trusted)]);
                }
                if let Ok(Some(Prediction::Class(class, _))) = self.trusted(name) {
                    bits.push(class as u64);
                }
            }
        }
        bits.push(self.steps());
        bits
    }
}

impl Thing for ParallelReservoirs {
    fn made() -> Result<Self, Error> {
        let drawn = Self::generate(PatchGrid::new(12, 3, 2)?, Reservoir::new(20).input_scaling(0.3), 1)?;
        let series = Array2::from_shape_fn((300, 12), |(t, i)| libm::sin(0.5 * i as f64 - 0.1 * t as f64));
        Ok(drawn.fit(series.view(), 0..3, &Training::new().washout(20).ridge(1e-4))?.0)
    }

    fn go_on(&mut self, _: u64, steps: u64) -> Vec<u64> {
        let points = self.grid().points();
        let series = Array2::from_shape_fn((50, points), |(t, i)| libm::sin(0.5 * i as f64 - 0.1 * t as f64));
        let forecast = self.start().and_then(|mut run| {
            run.warm_up(series.view())?;
            run.forecast(steps as usize)
        });
        forecast.map_or_else(|_| vec![0], |forecast| forecast.iter().map(|y| y.to_bits()).collect())
    }
}

/// Twice what it was from step 300 to 899, for which the readout is no good.
fn truth(step: u64) -> f64 {
    let scale = if (300..900).contains(&step) { 2.0 } else { 1.0 };
    scale * wave(step.wrapping_sub(1), 0) + 0.05 * noise(step, 3)
}

/// Trained, then learning on: a network whose covariance was lost would forecast as before, and learn something else.
impl Thing for HybridEsn<f64> {
    fn made() -> Result<Self, Error> {
        let inputs = Array2::from_shape_fn((300, 2), |(t, c)| wave(t as u64, c as u64));
        let targets = Array2::from_shape_fn((300, 2), |(t, c)| wave(t as u64 + 3, c as u64));
        let mut esn = Esn::new(9).feedback(true).washout(20).fit(inputs.view(), targets.view())?;
        esn.learn_online(0.98, 1e-3)?;
        esn.go_on(300, 100);
        Ok(esn)
    }

    fn go_on(&mut self, from: u64, steps: u64) -> Vec<u64> {
        let mut bits = Vec::new();
        for step in from..from + steps {
            let row = |later: u64| Array2::from_shape_fn((1, 2), |(_, c)| wave(step + later, c as u64));
            let outputs =
                if step % 3 == 0 { self.run(row(0).view()) } else { self.partial_fit(row(0).view(), row(3).view()) };
            bits.extend(outputs.map_or(vec![0], |outputs| outputs.iter().map(|y| y.to_bits()).collect()));
        }
        let (weights, bias) = self.model().readout("output").expect("its readout");
        bits.extend(weights.iter().chain(&bias).chain(self.state()).map(|value| value.to_bits()));
        bits
    }
}

impl Thing for Watched<f64> {
    fn made() -> Result<Self, Error> {
        const FIRST: u64 = 1_000_000;
        let inputs = Array2::from_shape_fn((900, 1), |(t, _)| wave(FIRST + t as u64, 0));
        let targets = Array2::from_shape_fn((900, 1), |(t, _)| truth(FIRST + t as u64));
        let training = Training::new().washout(50).ridge(1e-4);
        let (model, _) = training.fit(&small(1)?, &[Series::new(inputs.view(), targets.view())])?;
        let mut esn = HybridEsn::from_model(model)?;
        let residuals = esn.run(inputs.view())? - &targets;
        esn.reset();
        let monitor = DriftMonitor::calibrate(DriftSettings::default(), residuals.slice(ndarray::s![100.., ..]))?;
        let (refit_after, retrain_after, trial) = (60, 120, 40);
        let policy = Policy { refit_after, retrain_after, trial, washout: 10, recalibrate: 200, ..Policy::default() };
        let mut watched = Self { ladder: Ladder::new(monitor, policy, 0.05)?, esn };
        watched.go_on(0, 320);
        assert!(!watched.ladder.is_trusted());
        Ok(watched)
    }

    fn go_on(&mut self, from: u64, steps: u64) -> Vec<u64> {
        let mut bits = Vec::new();
        for step in from..from + steps {
            match self.esn.step(&[wave(step, 0)]) {
                Ok(output) => bits.push(output[0].to_bits()),
                Err(_) => bits.push(0),
            }
            let event = self.ladder.observe(&mut self.esn, &[wave(step, 0)], &[truth(step)]);
            bits.push(match event {
                Ok(Event::Alarm { since, .. }) => since.wrapping_add(1),
                Ok(_) => 0,
                Err(_) => u64::MAX,
            });
            bits.extend([self.ladder.log().len() as u64, u64::from(self.ladder.is_trusted())]);
        }
        bits.extend(
            self.ladder.log().iter().flat_map(|entry| [entry.step, format!("{:?}", entry.action).len() as u64]),
        );
        bits
    }
}

/// Bytes of what was loaded, and bits of what it then did.
type Loaded = Result<(Vec<u8>, Vec<u64>), Error>;

/// A kind as bytes, for what is the same with all of them.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// Loads, and makes so many steps.
    pub(crate) load: fn(&[u8], u64) -> Loaded,
    /// Whether every bit of the content is this crate's to say: a model's JSON may have more than one text.
    pub(crate) is_exact: bool,
}

fn case<A: Thing>(name: &'static str, is_exact: bool) -> Result<Case, Error> {
    Ok(Case { name, bytes: A::made()?.to_bytes()?, load: load::<A>, is_exact })
}

fn load<A: Thing>(bytes: &[u8], steps: u64) -> Loaded {
    let mut thing = A::from_bytes(bytes)?;
    let again = thing.to_bytes()?;
    let bits = thing.go_on(KEPT_AT, steps);
    Ok((again, bits))
}

/// Small things of every kind.
pub(crate) fn cases() -> Result<Vec<Case>, Error> {
    let mut cases = vec![
        case::<Rls>("recursive least squares", true)?,
        case::<Lms>("least mean squares", true)?,
        case::<OnlineTrainer<f64, Rls>>("online trainer", false)?,
        case::<OnlineTrainer<f32, Lms>>("online trainer", false)?,
        case::<Classifier<f64>>("classifier", false)?,
        case::<SequenceRegression<f64>>("sequence regression", false)?,
        case::<Conductor<f64>>("conductor", false)?,
        case::<Conductor<f32>>("conductor", false)?,
        case::<ParallelReservoirs>("parallel reservoirs", false)?,
        case::<Watched<f64>>("drift ladder", false)?,
        case::<HybridEsn<f64>>("network", false)?,
    ];
    for (number, (_, settings)) in monitors().into_iter().enumerate() {
        let bytes = monitor(settings, 250 + 40 * number as u64)?.to_bytes()?;
        cases.push(Case { name: "drift monitor", bytes, load: load::<DriftMonitor>, is_exact: true });
    }
    Ok(cases)
}

/// The content of kept bytes begins here: after magic, two versions, the kind's name and two lengths.
pub(crate) fn content_start(bytes: &[u8]) -> usize {
    let kind = u64::from_le_bytes(bytes[16..24].try_into().expect("8 bytes")) as usize;
    24 + kind + 8
}

/// The same kept bytes around another content.
pub(crate) fn around(bytes: &[u8], content: &[u8]) -> Vec<u8> {
    let start = content_start(bytes);
    let length = (content.len() as u64).to_le_bytes();
    sealed([&bytes[..start - 8], &length, content, &[0; 32]].concat())
}

/// The same bytes with a checksum that is right again.
pub(crate) fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Err(KeepError::Checksum { computed, .. }) = forebay::keep::kind(&bytes) {
        let end = bytes.len() - 32;
        bytes[end..].copy_from_slice(computed.as_bytes());
    }
    bytes
}
