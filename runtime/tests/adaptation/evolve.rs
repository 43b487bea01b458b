//! Evolution on substrates: speed, beside ridge regression, rollback, resumption, the same bits everywhere.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use forebay::evolve::{Baseline, LiveWeights, NpuEvolver, Objective, Search, State, Strategy, Window};
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay::{Compiler, Error, Precision, Refusal, Substrate, SubstrateError};
use forebay_substrate::{Capabilities, Loaded, Op, ProgramShape, Runner, Support, WeightPatch};
use ndarray::{Array2, s};

const WASHOUT: usize = 200;

fn precision(state: u8, weight: u8) -> Precision {
    Precision::new(state, weight).expect("allowed digits")
}

fn software() -> Arc<dyn Substrate> {
    forebay::open("software:akd1000").expect("always there")
}

/// NARMA-10, bounded.
fn narma(steps: usize, seed: u64) -> (Array2<f64>, Array2<f64>) {
    let mut stream = Seed(seed).stream("NARMA-10");
    let u: Vec<f64> = (0..steps + 10).map(|_| stream.uniform_in(0.0, 0.5)).collect();
    let mut y = vec![0.0; steps + 11];
    for t in 9..steps + 10 {
        let past: f64 = y[t - 9..=t].iter().sum();
        y[t + 1] = (0.3 * y[t] + 0.05 * y[t] * past + 1.5 * u[t - 9] * u[t] + 0.1_f64).min(1.0);
    }
    (Array2::from_shape_fn((steps, 1), |(t, _)| u[10 + t]), Array2::from_shape_fn((steps, 1), |(t, _)| y[11 + t]))
}

fn model(units: usize, seed: u64) -> Result<Model<f64>, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let x = g.reservoir("x", u, Reservoir::new(units).density(0.4).spectral_radius(0.9));
    g.readout("y", [x], 1);
    Model::generate(g.build()?, seed)
}

/// A window on the states of a reservoir, and what ridge regression makes of it.
fn problem(units: usize, samples: usize, precision: Precision, seed: u64) -> Result<(Window, Baseline), Error> {
    let (inputs, targets) = narma(WASHOUT + samples, seed);
    let mut rows = Vec::new();
    let mut session = model(units, seed)?.session();
    session.run_with(inputs.view(), |session| rows.extend_from_slice(session.node("x").expect("a node")))?;
    let states = Array2::from_shape_vec((WASHOUT + samples, units), rows).expect("a row per step");
    let window = Window::new(states.slice(s![WASHOUT.., ..]), targets.slice(s![WASHOUT.., ..]), precision)?;
    let baseline = window.baseline(1.0)?;
    Ok((window, baseline))
}

fn ridge_cost(window: &Window, baseline: &Baseline, objective: &Objective) -> Result<[f64; 2], Error> {
    let real: Vec<f64> = baseline.ridge.weights.iter().copied().collect();
    Ok([window.cost_of(&real, objective)?, window.cost_of(&baseline.real(&baseline.rounded), objective)?])
}

fn searches(start: &[i32], precision: Precision, population: usize) -> Result<[Search; 3], Error> {
    Ok([
        Search::plus(start.len(), precision, population, Seed(1))?,
        Search::separable(start, precision, population, Seed(1))?,
        Search::antithetic(start, precision, population, Seed(1))?,
    ])
}

/// Processor time of this thread in seconds, where the system tells: wall time if it does not.
fn seconds(since: Instant) -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    nanoseconds.map_or(since.elapsed().as_secs_f64(), |ns| 1e-9 * ns)
}

/// 50 units, population 10, windows of 100 samples: at least 2,000 generations per second of one core, patches included.
#[test]
fn thousands_of_generations_per_second() -> Result<(), Error> {
    let one = precision(1, 1);
    let (window, baseline) = problem(50, 100, one, 1)?;
    for search in searches(&baseline.rounded, one, 10)? {
        let weights = LiveWeights::load(&*software(), &baseline.rounded, 1, one)?;
        let mut fitness = window.fitness(&weights, &baseline.scale, Objective::MeanSquare)?;
        let mut evolver = NpuEvolver::new(weights, search)?;
        let mut best = 0.0_f64;
        // Other jobs disturb: the best of five.
        for _ in 0..5 {
            let start = Instant::now();
            let begin = seconds(start);
            for _ in 0..400 {
                evolver.generation(&mut fitness)?;
            }
            best = best.max(400.0 / (seconds(start) - begin));
        }
        let report = evolver.report();
        assert_eq!((report.generations, report.evaluations, report.device_runs), (2000, 20_001, 20_001));
        // The start is no candidate.
        assert_eq!((evolver.state().generations, evolver.state().evaluations), (2000, 20_000));
        println!(
            "{best:.0} generations/s; evaluating {:?}, updating {:?}, patching {:?}: {} dominates; {} digits patched",
            report.evaluating,
            report.updating,
            report.patching,
            report.dominant(),
            report.patched
        );
        assert!(best >= 2000.0, "{best:.0} generations per second");
    }
    Ok(())
}

/// From zeros, with weights of three digits, to within 5 % of ridge regression; both by integers on the substrate.
#[test]
fn a_linear_readout_comes_within_five_percent_of_ridge() -> Result<(), Error> {
    let fine = precision(1, 3);
    for seed in [1, 2] {
        let (window, baseline) = problem(20, 300, fine, seed)?;
        let [ridge, _] = ridge_cost(&window, &baseline, &Objective::MeanSquare)?;
        let start = [0; 20];
        for search in searches(&start, fine, 10)? {
            let name = format!("{search:?}");
            let name = name.split('(').next().unwrap_or_default();
            let weights = LiveWeights::load(&*software(), &start, 1, fine)?;
            let mut fitness = window.fitness(&weights, &baseline.scale, Objective::MeanSquare)?;
            let mut evolver = NpuEvolver::new(weights, search)?;
            for _ in 0..3000 {
                evolver.generation(&mut fitness)?;
            }
            let ratio = evolver.cost().expect("scored") / ridge;
            println!("seed {seed}, {name}: {ratio:.4} of the ridge error");
            assert!(ratio < 1.05, "{name}: {ratio}");
        }
    }
    Ok(())
}

/// Four-bit weights: what rounding ridge weights loses, evolution finds back, on every seed.
#[test]
fn quantised_objectives_improve_on_rounded_ridge() -> Result<(), Error> {
    let one = precision(1, 1);
    let objectives = |window: &Window| {
        let threshold = window.targets().iter().sum::<f64>() / window.samples() as f64;
        [
            ("squared error", Objective::MeanSquare, 0.95),
            ("squared error of 3-bit outputs", Objective::of_bits(3, window.targets()), 0.9),
            ("wrong side", Objective::Side { threshold }, 0.75),
        ]
    };
    for seed in 1..=5 {
        let (window, baseline) = problem(50, 100, one, seed)?;
        for (name, objective, most) in objectives(&window) {
            let [ridge, rounded] = ridge_cost(&window, &baseline, &objective)?;
            let weights = LiveWeights::load(&*software(), &baseline.rounded, 1, one)?;
            let mut fitness = window.fitness(&weights, &baseline.scale, objective)?;
            let mut evolver = NpuEvolver::new(weights, Search::plus(50, one, 10, Seed(seed))?)?;
            for _ in 0..1500 {
                evolver.generation(&mut fitness)?;
            }
            let cost = evolver.cost().expect("scored");
            println!("seed {seed}, {name}: ridge {ridge:.4e}, rounded {rounded:.4e}, evolved {cost:.4e}");
            assert!(cost <= most * rounded, "seed {seed}, {name}: {cost} against {rounded}");
        }
    }
    Ok(())
}

#[test]
fn every_substrate_gives_the_same_genomes() -> Result<(), Error> {
    for digits in [precision(1, 1), precision(2, 2)] {
        let (window, baseline) = problem(8, 12, digits, 3)?;
        for search in searches(&[0; 8], digits, 4)? {
            let run = |address: &str| -> Result<_, Error> {
                let weights = LiveWeights::load(&*forebay::open(address)?, &[0; 8], 1, digits)?;
                let mut fitness = window.fitness(&weights, &baseline.scale, Objective::MeanSquare)?;
                let mut evolver = NpuEvolver::new(weights, search.clone())?;
                for _ in 0..6 {
                    evolver.generation(&mut fitness)?;
                }
                evolver.weights().loaded().verify()?;
                assert_eq!(evolver.weights().genome(), evolver.best());
                Ok((evolver.state().clone(), evolver.weights().loaded().read_memory(0, 0..8)?))
            };
            assert_eq!(run("software:akd1000")?, run("emulator:akd1000")?);
        }
    }
    Ok(())
}

/// A failing fitness leaves weights and search as they were before the generation.
#[test]
fn errors_roll_back() -> Result<(), Error> {
    let one = precision(1, 1);
    for address in ["software:akd1000", "emulator:akd1000"] {
        let start: Vec<i32> = (0..10).map(|i| i % 15 - 7).collect();
        let weights = LiveWeights::load(&*forebay::open(address)?, &start, 1, one)?;
        let words = weights.loaded().read_memory(0, 0..4)?;
        let mut evolver = NpuEvolver::new(weights, Search::plus(10, one, 4, Seed(1))?)?;
        let before = evolver.state().clone();
        let mut calls = 0;
        let mut breaks = |_: &[i32]| {
            calls += 1;
            if calls == 4 { Ok(f64::NAN) } else { Ok(1.0) }
        };
        assert!(matches!(evolver.generation(&mut breaks), Err(Error::NonFinite { .. })));
        assert_eq!((evolver.state(), evolver.report().rollbacks), (&before, 1));
        assert_eq!(evolver.weights().loaded().read_memory(0, 0..4)?, words);
        evolver.weights().loaded().verify()?;

        // Worse candidates are tried and taken back.
        let mut distance =
            |genome: &[i32]| Ok(f64::from(genome.iter().zip(&start).map(|(a, b)| (a - b).abs()).sum::<i32>()));
        assert_eq!(evolver.generation(&mut distance)?, 0.0);
        assert_eq!((evolver.best(), evolver.report().rollbacks), (&start[..], 2));
        assert_eq!(evolver.weights().loaded().read_memory(0, 0..4)?, words);
        evolver.weights().loaded().verify()?;
    }
    Ok(())
}

/// The software substrate, whose programs fail at the patch of this number, counted from 1.
#[derive(Debug)]
struct Failing(Arc<dyn Substrate>, u64);

#[derive(Debug)]
struct FailingProgram {
    inner: Arc<dyn Loaded>,
    fails_at: u64,
    patches: AtomicU64,
}

impl Substrate for Failing {
    fn capabilities(&self) -> &Capabilities {
        self.0.capabilities()
    }

    fn supports(&self, op: &Op) -> Result<Support, Refusal> {
        self.0.supports(op)
    }

    fn load(&self, program: &[u8]) -> Result<Arc<dyn Loaded>, SubstrateError> {
        Ok(Arc::new(FailingProgram { inner: self.0.load(program)?, fails_at: self.1, patches: AtomicU64::new(0) }))
    }
}

impl Loaded for FailingProgram {
    fn shape(&self) -> &ProgramShape {
        self.inner.shape()
    }

    fn runner(&self) -> Result<Box<dyn Runner>, SubstrateError> {
        self.inner.runner()
    }

    fn patch(&self, patches: &[WeightPatch]) -> Result<(), SubstrateError> {
        let number = self.patches.fetch_add(1, Ordering::Relaxed) + 1;
        if number == self.fails_at { Err(SubstrateError::Unloaded) } else { self.inner.patch(patches) }
    }

    fn verify(&self) -> Result<(), SubstrateError> {
        self.inner.verify()
    }

    fn read_memory(&self, layer: usize, words: Range<usize>) -> Result<Vec<u32>, SubstrateError> {
        self.inner.read_memory(layer, words)
    }

    fn unload(&self) -> Result<(), SubstrateError> {
        self.inner.unload()
    }
}

/// Where the patch back to the best genome failed, the generation was an error and counted all the same.
#[test]
fn a_generation_whose_patches_fail_does_not_count() -> Result<(), Error> {
    let one = precision(1, 1);
    let start: Vec<i32> = (0..10).map(|i| i % 15 - 7).collect();
    let mut cost = |genome: &[i32]| Ok(f64::from(genome.iter().map(|level| (level - 3).abs()).sum::<i32>()));
    let evolver = |fails_at| {
        let weights = LiveWeights::load(&Failing(software(), fails_at), &start, 1, one)?;
        NpuEvolver::new(weights, Search::plus(10, one, 4, Seed(1))?)
    };
    let json = |evolver: &NpuEvolver| serde_json::to_string(evolver.state()).expect("finite numbers");
    let mut expected = vec![];
    let mut sound = evolver(0)?;
    for _ in 0..10 {
        sound.generation(&mut cost)?;
        expected.push((json(&sound), sound.weights().genome().to_vec()));
    }
    let mut failures = 0;
    for fails_at in 1..30 {
        let mut evolver = evolver(fails_at)?;
        let (mut generation, mut before) = (0, json(&evolver));
        while generation < expected.len() {
            if evolver.generation(&mut cost).is_ok() {
                let found = (json(&evolver), evolver.weights().genome().to_vec());
                assert_eq!(found, expected[generation], "patch {fails_at}");
                (generation, before) = (generation + 1, found.0);
            } else {
                failures += 1;
                assert_eq!(json(&evolver), before, "patch {fails_at}");
                assert_eq!(evolver.weights().genome(), evolver.best(), "patch {fails_at}");
            }
            evolver.weights().loaded().verify()?;
        }
    }
    assert!(failures > 20, "{failures}");
    Ok(())
}

#[test]
fn a_stored_search_goes_on_as_if_nothing_had_happened() -> Result<(), Error> {
    let fine = precision(1, 2);
    let (window, baseline) = problem(12, 40, fine, 4)?;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("state.json");
    for search in searches(&[0; 12], fine, 6)? {
        let weights = || LiveWeights::load(&*software(), &[0; 12], 1, fine);
        let mut evolver = NpuEvolver::new(weights()?, search)?;
        let mut fitness = window.fitness(evolver.weights(), &baseline.scale, Objective::MeanSquare)?;
        for generation in 0..60 {
            if generation == 25 {
                evolver.state().save(&path)?;
            }
            evolver.generation(&mut fitness)?;
        }
        let mut resumed = NpuEvolver::resume(weights()?, State::<Search>::load(&path)?)?;
        let mut fitness = window.fitness(resumed.weights(), &baseline.scale, Objective::MeanSquare)?;
        while resumed.state().generations < 60 {
            resumed.generation(&mut fitness)?;
        }
        let json = |evolver: &NpuEvolver| serde_json::to_string(evolver.state()).expect("finite numbers");
        assert_eq!(json(&resumed), json(&evolver));
        assert_eq!(resumed.weights().genome(), evolver.weights().genome());
    }
    // Earlier versions wrote no checksum; what is no state is told.
    let kept = State::<Search>::load(&path)?;
    let text = std::fs::read_to_string(&path).expect("written");
    let (_, fields) = text.split_once("\",").expect("the checksum is first");
    let earlier = format!("{{{}", fields.replacen("\"version\":2", "\"version\":1", 1));
    let load = |text: &str| {
        std::fs::write(&path, text).expect("writable");
        State::<Search>::load(&path)
    };
    assert_eq!(load(&earlier)?, kept);
    for (from, to) in [
        ("\"version\":1", "\"version\":2"),
        ("\"version\":1", "\"version\":3"),
        ("\"generations\":25", "\"generations\":18446744073709551615"),
        ("\"sigma\":", "\"sigma\":-"),
        ("\"mean\":[", "\"mean\":[0.5,"),
    ] {
        assert!(earlier.contains(from), "{from}");
        let resumed = load(&earlier.replace(from, to))
            .and_then(|state| NpuEvolver::resume(LiveWeights::load(&*software(), &[0; 12], 1, fine)?, state));
        assert!(matches!(resumed, Err(Error::File(_))), "{to}");
    }
    Ok(())
}

/// A flipped bit in a cost or a genome went on as another search.
#[test]
fn a_stored_search_is_whole_or_refused() -> Result<(), Error> {
    let fine = precision(1, 2);
    let weights = LiveWeights::load(&*software(), &[0; 12], 1, fine)?;
    let mut evolver = NpuEvolver::new(weights, Search::separable(&[0; 12], fine, 6, Seed(5))?)?;
    let mut cost = |genome: &[i32]| Ok(f64::from(genome.iter().map(|gene| (gene - 3).pow(2)).sum::<i32>()));
    for _ in 0..9 {
        evolver.generation(&mut cost)?;
    }
    let bytes = evolver.state().to_json_with(&"settings")?;
    let read = |bytes: &[u8]| State::<Search>::from_json_with::<String>(bytes);
    let (state, settings) = read(&bytes)?;
    assert!(settings == "settings" && state.to_json_with(&settings)? == bytes);
    let mut numbers = Seed(6).stream("bits");
    for _ in 0..2000 {
        let (mut flipped, bit) = (bytes.clone(), numbers.below(8 * bytes.len() as u64) as usize);
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&flipped).is_err(), "bit {bit}");
        assert!(read(&bytes[..numbers.below(bytes.len() as u64) as usize]).is_err());
    }
    Ok(())
}

/// Recurrent weights of a compiled model, with a cost of the user's own.
#[test]
fn weights_inside_a_reservoir_evolve() -> Result<(), Error> {
    let hybrid = Compiler::new(software()).precision(precision(2, 2)).compile(&model(20, 5)?)?;
    let (inputs, _) = narma(60, 5);
    let weights = LiveWeights::of_region(&hybrid, 0)?;
    let genes = weights.genome().len();
    assert!(LiveWeights::of_region(&hybrid, 1).is_err());
    let mut evolver = NpuEvolver::new(weights, Search::plus(genes, precision(2, 2), 4, Seed(1))?)?;
    // How far the states are from having a mean square of a tenth.
    let mut energy = |_: &[i32]| {
        let mut sum = 0.0;
        hybrid.session().run_with(inputs.view(), |session| {
            sum += session.node("x").expect("a node").iter().map(|x| x * x).sum::<f64>();
        })?;
        Ok((sum / (60.0 * 20.0) - 0.1).abs())
    };
    let first = energy(&[])?;
    for _ in 0..40 {
        evolver.generation(&mut energy)?;
    }
    let last = energy(&[])?;
    assert_eq!(Some(last), evolver.cost());
    assert!(last < 0.5 * first, "{first} to {last}");
    hybrid.loaded(0).expect("compiled").verify()?;
    Ok(())
}

#[test]
fn what_does_not_fit_is_told() -> Result<(), Error> {
    let one = precision(1, 1);
    let (window, baseline) = problem(10, 20, one, 1)?;
    let zeros = [0; 10];
    assert!(matches!(Search::plus(0, one, 1, Seed(0)), Err(Error::Range { .. })));
    assert!(matches!(Search::plus(10, one, 0, Seed(0)), Err(Error::Range { .. })));
    assert!(matches!(Search::separable(&zeros, one, 3, Seed(0)), Err(Error::Range { .. })));
    assert!(matches!(Search::antithetic(&zeros, one, 5, Seed(0)), Err(Error::Range { .. })));
    assert!(matches!(LiveWeights::load(&*software(), &[8], 1, one), Err(Error::Range { .. })));
    assert!(matches!(LiveWeights::load(&*software(), &[1, 2, 3], 2, one), Err(Error::Shape { .. })));
    assert!(matches!(LiveWeights::load(&*software(), &[], 0, one), Err(Error::Shape { .. })));
    let few = LiveWeights::load(&*software(), &[0; 9], 1, one)?;
    assert!(matches!(window.fitness(&few, &baseline.scale, Objective::Classes), Err(Error::Shape { .. })));
    let mut weights = LiveWeights::load(&*software(), &zeros, 1, one)?;
    assert!(matches!(weights.write(&[0; 9]), Err(Error::Shape { .. })));
    assert!(matches!(weights.write(&[8; 10]), Err(Error::Range { .. })));
    assert!(matches!(NpuEvolver::new(weights, Search::plus(9, one, 1, Seed(0))?), Err(Error::Shape { .. })));
    assert!(matches!(window.baseline(-1.0), Err(Error::Train(_))));
    let empty = Array2::zeros((0, 3));
    assert!(matches!(Window::new(empty.view(), empty.view(), one), Err(Error::Shape { .. })));
    let nan = Array2::from_elem((2, 3), f64::NAN);
    assert!(matches!(Window::new(nan.view(), nan.view(), one), Err(Error::NonFinite { .. })));
    Ok(())
}

/// Two outputs, as classes; and strategies keep to the range from any genome.
#[test]
fn classes_and_edges() -> Result<(), Error> {
    let one = precision(1, 1);
    let mut stream = Seed(2).stream("classes");
    let states = Array2::from_shape_simple_fn((80, 4), || stream.uniform_in(-1.0, 1.0));
    let is_first = |t: usize| states[[t, 0]] + states[[t, 1]] * states[[t, 1]] > 0.3;
    let targets = Array2::from_shape_fn((80, 2), |(t, o)| f64::from(u8::from(is_first(t) == (o == 0))));
    let window = Window::new(states.view(), targets.view(), one)?;
    let baseline = window.baseline(1.0)?;
    let weights = LiveWeights::load(&*software(), &baseline.rounded, 2, one)?;
    let mut fitness = window.fitness(&weights, &baseline.scale, Objective::Classes)?;
    let mut evolver = NpuEvolver::new(weights, Search::plus(8, one, 10, Seed(1))?)?;
    for _ in 0..200 {
        evolver.generation(&mut fitness)?;
    }
    // Host and substrate agree on what the genome costs, and on every output.
    let on_host = window.cost_of(&baseline.real(evolver.best()), &Objective::Classes)?;
    assert_eq!(evolver.rescore(&mut fitness)?, on_host);
    let [_, rounded] = ridge_cost(&window, &baseline, &Objective::Classes)?;
    assert!(on_host <= rounded, "{on_host} against {rounded}");

    for mut search in searches(&[7; 6], one, 8)? {
        let mut candidates = vec![0; 48];
        for _ in 0..50 {
            search.ask(&[7; 6], &mut candidates);
            assert!(candidates.iter().all(|gene| (-7..=7).contains(gene)));
            let costs: Vec<f64> = candidates.chunks(6).map(|c| -f64::from(c.iter().sum::<i32>())).collect();
            search.tell((&[7; 6], -42.0), &costs);
        }
    }
    Ok(())
}

/// 0 bits were taken for 1 and 20 for 16, constant targets cost 0 / 0, and a cost that is no number was given as one.
#[test]
fn levels_are_those_asked_for_or_refused() -> Result<(), Error> {
    let one = precision(1, 1);
    let (window, baseline) = problem(10, 20, one, 1)?;
    let weights = LiveWeights::load(&*software(), &[0; 10], 1, one)?;
    let of = |low: f64, high: f64, levels: u32| Objective::Quantised { low, high, levels };
    for make in [
        || Objective::of_bits(0, &[0.0, 1.0]),
        || Objective::of_bits(32, &[0.0, 1.0]),
        || Objective::of_bits(4, &[]),
        || Objective::Quantised { low: 1.0, high: 0.0, levels: 2 },
        || Objective::Quantised { low: f64::MIN, high: f64::MAX, levels: 2 },
        || Objective::Quantised { low: f64::NAN, high: 1.0, levels: 2 },
    ] {
        assert!(matches!(window.cost_of(&[0.0; 10], &make()), Err(Error::Range { .. })), "{:?}", make());
        assert!(matches!(window.fitness(&weights, &baseline.scale, make()), Err(Error::Range { .. })), "{:?}", make());
    }
    for bits in [1, 16, 20, 31] {
        let objective = Objective::of_bits(bits, &[0.0, 1.0]);
        assert_eq!(format!("{objective:?}"), format!("{:?}", of(0.0, 1.0, 1 << bits)));
        assert!(window.cost_of(&[0.0; 10], &objective)?.is_finite());
    }
    // The only output that there is.
    let constant = Objective::of_bits(3, &[2.0; 5]);
    assert_eq!(constant.cost(1, &[2.0, 1.0, 3.0], &[2.0; 3]), 0.0);
    assert_eq!(constant.cost(1, &[2.0, 7.0], &[2.0, 3.0]), 0.5);
    assert!(window.cost_of(&[0.0; 10], &constant)?.is_finite());
    let no_number = Objective::Custom(Box::new(|_, _| f64::NAN));
    assert!(matches!(window.cost_of(&[0.0; 10], &no_number), Err(Error::NonFinite { .. })));
    Ok(())
}
