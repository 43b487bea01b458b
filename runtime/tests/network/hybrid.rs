//! Models on a substrate: what runs there is what the plan says, the integers are the same however they are formed, and
//! the host's part is as before.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use forebay::graph::{Graph, NodeId};
use forebay::model::{Model, ModelBuilder};
use forebay::random::Seed;
use forebay::reservoir::{Activation, Reservoir};
use forebay::train::{Series, Training};
use forebay::{Compiler, Error, Form, HybridEsn, Precision, Refusal, Substrate, SubstrateError, metrics};
use forebay_akida::{Device, Program};
use forebay_software::Software;
use forebay_substrate::{Capabilities, Loaded, Op, ProgramShape, Queued, Runner, Support, WeightPatch};
use ndarray::{Array1, Array2, Array3, s};

/// The software substrate with a fault: it takes few inputs, forms digits one by one, or fails when told to.
#[derive(Debug)]
struct Faulty {
    inner: Software,
    most_inputs: usize,
    fails: Arc<AtomicBool>,
}

impl Faulty {
    fn new() -> Self {
        Self { inner: software(Device::Akd1000), most_inputs: usize::MAX, fails: Arc::default() }
    }
}

impl Substrate for Faulty {
    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    fn supports(&self, op: &Op) -> Result<Support, Refusal> {
        match *op {
            Op::MatMul { inputs, .. } if inputs > self.most_inputs => {
                Err(Refusal::Inputs { layer: "product".to_owned(), found: inputs, limit: self.most_inputs })
            }
            _ => self.inner.supports(op),
        }
    }

    fn load(&self, program: &[u8]) -> Result<Arc<dyn Loaded>, SubstrateError> {
        Ok(Arc::new(FaultyProgram { inner: self.inner.load(program)?, fails: Arc::clone(&self.fails) }))
    }
}

#[derive(Debug)]
struct FaultyProgram {
    inner: Arc<dyn Loaded>,
    fails: Arc<AtomicBool>,
}

/// Leaves out `multiplier`, so that digits are formed plane by plane.
impl Loaded for FaultyProgram {
    fn shape(&self) -> &ProgramShape {
        self.inner.shape()
    }
    fn runner(&self) -> Result<Box<dyn Runner>, SubstrateError> {
        Ok(Box::new(FaultyRunner { inner: self.inner.runner()?, fails: Arc::clone(&self.fails) }))
    }
    fn patch(&self, patches: &[WeightPatch]) -> Result<(), SubstrateError> {
        self.inner.patch(patches)
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

#[derive(Debug)]
struct FaultyRunner {
    inner: Box<dyn Runner>,
    fails: Arc<AtomicBool>,
}

impl Runner for FaultyRunner {
    fn run(&mut self, inputs: &[u8], outputs: &mut [i32]) -> Result<(), SubstrateError> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(SubstrateError::Unloaded);
        }
        self.inner.run(inputs, outputs)
    }
    fn generation(&self) -> u64 {
        self.inner.generation()
    }
}

fn software(device: Device) -> Software {
    Software::new(device).expect("a kernel form")
}

fn precision(state: u8, weight: u8) -> Precision {
    Precision::new(state, weight).expect("allowed")
}

/// Two slow sines, `[steps, 2]`.
fn waves(steps: usize) -> Array2<f64> {
    Array2::from_shape_fn((steps, 2), |(t, k)| (t as f64 * [0.11, 0.173][k]).sin())
}

fn model(units: usize, density: f64) -> Result<Model<f64>, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let x = g.reservoir("x", u, Reservoir::new(units).density(density).leak_rate(0.6));
    g.readout("y", [u, x], 2);
    Model::generate(g.build()?, 5)
}

fn states(model: &Model<f64>, steps: usize) -> Result<Vec<f64>, Error> {
    let mut states = Vec::new();
    model.session().run_with(waves(steps).view(), |session| {
        states.extend_from_slice(session.node("x").expect("the reservoir"));
    })?;
    Ok(states)
}

fn worst(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn the_plan_says_what_the_program_has() -> Result<(), Error> {
    // Units, state and weight digits, and where the stored layer goes: u (4 + 6 ceil(n / 32)) words, 10752 fit an FNP3.
    let cases =
        [(100, 1, 1, "FNP3"), (200, 1, 1, "FNP3"), (200, 2, 2, "FNP2"), (1000, 1, 1, "FNP2"), (1000, 2, 2, "FNP2")];
    for device in Device::ALL {
        let substrate: Arc<dyn Substrate> = Arc::new(software(device));
        for (units, state, weight, processor) in cases {
            let compiler = Compiler::new(Arc::clone(&substrate)).precision(precision(state, weight));
            let hybrid = compiler.compile(&model(units, 0.05)?)?;
            let plan = hybrid.plan().expect("compiled");
            let program = Program::from_bytes(hybrid.programs()[0].bytes().to_vec()).expect("a program");
            let (planned, placed) = (&plan.regions[0].layers[0], &program.layers()[0]);
            let stored = units * usize::from(weight);
            assert_eq!((planned.inputs, planned.units), (units, stored));
            assert_eq!((placed.inputs, placed.units), (units, stored));
            assert_eq!((planned.processor.as_str(), placed.np.kind.to_string().as_str()), (processor, processor));
            assert_eq!(planned.at, [placed.np.col, placed.np.row, placed.np.id]);
            assert_eq!(planned.memory_words, stored * (4 + 6 * units.div_ceil(32)));
            assert_eq!(4 * planned.memory_words, placed.memory.len());
            assert_eq!(plan.regions[0].program_bytes, program.bytes().len());
            assert_eq!(plan.regions[0].per_step.inferences, usize::from(state));
            let op = Op::MatMul { inputs: units, units: stored, weight_bits: 4, input_bits: 4 };
            let support = substrate.supports(&op)?;
            assert_eq!((support.place.as_str(), support.memory_words), (processor, planned.memory_words as u64));
        }
    }
    Ok(())
}

#[test]
fn every_digit_brings_the_states_nearer() -> Result<(), Error> {
    let model = model(120, 0.2)?;
    let float = states(&model, 300)?;
    let substrate: Arc<dyn Substrate> = Arc::new(software(Device::Akd1000));
    let mut last = f64::INFINITY;
    for (state, weight, bound) in [(1, 1, 0.3), (2, 2, 0.03), (3, 3, 2e-3), (4, 3, 1.5e-3)] {
        let data = waves(500);
        let compiler = Compiler::new(Arc::clone(&substrate)).precision(precision(state, weight));
        let found = worst(&states(&compiler.calibrate(data.view()).compile(&model)?, 300)?, &float);
        assert!(found < bound && found < last, "{state} x {weight}: off by {found}");
        last = found;
    }
    Ok(())
}

/// Fused, digit by digit, through a queue, in every kernel form: the same integers, so the same states.
#[test]
fn the_way_integers_are_formed_does_not_show() -> Result<(), Error> {
    let model = model(90, 1.0)?;
    for (state, weight) in [(1, 1), (2, 1), (1, 2), (2, 2), (3, 2), (4, 3)] {
        let on = |substrate: Arc<dyn Substrate>| {
            states(&Compiler::new(substrate).precision(precision(state, weight)).compile(&model)?, 100)
        };
        let expected = on(Arc::new(Software::with_form(Device::Akd1000, Form::SCALAR)))?;
        assert!(expected == on(Arc::new(Faulty::new()))?, "{state} x {weight}, digit by digit");
        let queued = Queued::new(Arc::new(software(Device::Akd1500)), Duration::from_mins(1));
        assert!(expected == on(Arc::new(queued))?, "{state} x {weight}, through a queue");
        for form in Form::available() {
            assert!(
                expected == on(Arc::new(Software::with_form(Device::Akd1000, form)))?,
                "{state} x {weight}, {form}"
            );
        }
    }
    Ok(())
}

#[test]
fn batches_are_single_streams() -> Result<(), Error> {
    let queued = Queued::new(Arc::new(software(Device::Akd1000)), Duration::from_mins(1));
    for substrate in [Arc::new(software(Device::Akd1000)) as Arc<dyn Substrate>, Arc::new(queued)] {
        let hybrid = Compiler::new(substrate).compile(&model(60, 0.3)?)?;
        let mut stream = Seed(3).stream("features");
        let features = Array3::from_shape_simple_fn((7, 40, 2), || stream.uniform_in(-1.0, 1.0));
        let together = hybrid.batch(1)?.run(features.view())?;
        let mut stepped = hybrid.batch(7)?;
        for t in 0..40 {
            let row: Vec<f64> = features.slice(s![.., t, ..]).iter().copied().collect();
            stepped.step(&row)?;
        }
        for stream in 0..7 {
            let mut session = hybrid.session();
            let alone = session.run(features.slice(s![stream, .., ..]))?;
            assert_eq!(alone, together.slice(s![stream, .., ..]));
            let state = session.node("x")?;
            assert_eq!(state, &stepped.node("x")?[stream * 60..(stream + 1) * 60]);
        }
    }
    Ok(())
}

#[test]
fn a_failing_substrate_leaves_the_state_as_it_was() -> Result<(), Error> {
    let faulty = Faulty::new();
    let fails = Arc::clone(&faulty.fails);
    let hybrid = Compiler::new(Arc::new(faulty)).compile(&model(50, 0.3)?)?;
    let (mut session, mut undisturbed) = (hybrid.session(), hybrid.session());
    let data = waves(20);
    for (t, row) in data.rows().into_iter().enumerate() {
        let features = row.to_vec();
        if t % 3 == 0 {
            fails.store(true, Ordering::Relaxed);
            assert!(matches!(session.step(&features), Err(Error::Substrate(SubstrateError::Unloaded))));
            fails.store(false, Ordering::Relaxed);
        }
        assert_eq!(session.step(&features)?, undisturbed.step(&features)?);
        assert_eq!(session.node("x")?, undisturbed.node("x")?);
    }
    Ok(())
}

#[test]
fn what_is_refused_stays_on_the_host_with_its_reason() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let small = g.reservoir("small", u, Reservoir::new(40).density(0.5));
    let large = g.reservoir("large", u, Reservoir::new(60).density(0.5));
    g.readout("y", [small, large], 1);
    let model = Model::<f64>::generate(g.build()?, 1)?;
    let limited = |most_inputs| Compiler::new(Arc::new(Faulty { most_inputs, ..Faulty::new() }));
    let hybrid = limited(50).compile(&model)?;
    let plan = hybrid.plan().expect("compiled");
    assert_eq!(plan.regions.len(), 1);
    assert_eq!(plan.regions[0].nodes, ["small"]);
    let refused = plan.operations.iter().find(|op| op.node == "large" && op.operation == "product").expect("noted");
    assert_eq!(refused.region, None);
    assert!(refused.why.ends_with("The maximum value is 50."), "{}", refused.why);
    // What stayed on the host has the bits it had.
    let (mut float, mut mixed) = (model.session(), hybrid.session());
    for row in waves(50).rows() {
        float.step(&row.to_vec())?;
        mixed.step(&row.to_vec())?;
        assert_eq!(float.node("large")?, mixed.node("large")?);
        assert_ne!(float.node("small")?, mixed.node("small")?);
    }
    assert!(matches!(limited(30).compile(&model), Err(Error::Refused(Refusal::Inputs { found: 40, limit: 30, .. }))));
    Ok(())
}

#[test]
fn ranges_that_nothing_bounds_need_data() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let x = g.reservoir("x", u, Reservoir::new(30).activation(Activation::Identity).spectral_radius(0.5));
    g.readout("y", [x], 1);
    let model = Model::<f64>::generate(g.build()?, 1)?;
    let compiler = Compiler::new(Arc::new(software(Device::Akd1000)));
    let error = compiler.compile(&model).expect_err("an identity has no range");
    assert!(error.to_string().contains("calibrate"), "{error}");
    let data = waves(200);
    compiler.clone().calibrate(data.view()).compile(&model)?;
    let empty = Array2::zeros((0, 2));
    assert!(matches!(compiler.clone().calibrate(empty.view()).compile(&model), Err(Error::Shape { .. })));
    let wrong = Array2::zeros((5, 3));
    assert!(matches!(compiler.calibrate(wrong.view()).compile(&model), Err(Error::Shape { .. })));
    Ok(())
}

#[test]
fn a_readout_trained_on_hybrid_states_is_better() -> Result<(), Error> {
    let model = model(100, 0.2)?;
    let data = waves(1501);
    let pair = Series::new(data.slice(s![..1000, ..]), data.slice(s![1..1001, ..]));
    let training = Training::new().washout(100).ridge(1e-6);
    let compiler = Compiler::new(Arc::new(software(Device::Akd1000))).precision(precision(1, 1));
    let compiler = compiler.calibrate(data.slice(s![..1000, ..]));
    let error = |model: &Model<f64>| -> Result<f64, Error> {
        let forecast = model.session().run(data.slice(s![..1500, ..]))?;
        Ok(metrics::nrmse(data.slice(s![1001.., ..]), forecast.slice(s![1000.., ..])).expect("finite"))
    };
    let kept = error(&compiler.compile(&training.fit(&model, &[pair])?.0)?)?;
    let (refitted, _) = training.fit(&compiler.compile(&model)?, &[pair])?;
    assert!(refitted.plan().is_some(), "training keeps the placement");
    let refitted = error(&refitted)?;
    assert!(refitted < 0.5 * kept, "refitted {refitted}, kept {kept}");
    Ok(())
}

#[test]
fn an_esn_moves_onto_a_substrate_with_its_state() -> Result<(), Error> {
    let float = model(70, 0.3)?;
    let mut esn = HybridEsn::from_model(float.clone())?;
    esn.run(waves(100).view())?;
    let state = esn.state().to_vec();
    let substrate = forebay::open("software:akd1500")?;
    let esn = esn.with_precision(3, 2)?.with_substrate(substrate)?;
    assert_eq!(esn.state(), state);
    let plan = esn.model().plan().expect("compiled");
    assert_eq!((plan.device.as_str(), plan.state_digits, plan.weight_digits), ("AKD1500", 3, 2));
    let mut esn = esn.with_precision(1, 1)?;
    assert_eq!(esn.model().plan().map(|plan| plan.state_digits), Some(1));
    esn.step(&[0.1, 0.2])?;
    assert!(matches!(esn.clone().with_precision(5, 1), Err(Error::Range { .. })));
    assert!(matches!(forebay::open("software:akd9000"), Err(Error::Unknown { .. })));
    assert!(matches!(forebay::open("hardware"), Err(Error::Unknown { .. })));
    esn.set_model(float)?;
    assert!(esn.model().plan().is_none());
    esn.step(&[0.1, 0.2])?;
    Ok(())
}

/// Saved, read and compiled again without data, a hybrid is the same network.
#[test]
fn ranges_are_kept_with_the_model() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let x = g.reservoir("x", u, Reservoir::new(40).activation(Activation::Identity).spectral_radius(0.5));
    let a = g.dense("a", u, 20, 1.0);
    let a = g.bounded_relu("a_relu", a, 1.0);
    g.readout("y", [x, a], 1);
    let model = Model::<f64>::generate(g.build()?, 3)?;
    let data = waves(200);
    let compiler = Compiler::new(Arc::new(software(Device::Akd1000))).precision(precision(3, 2));
    let hybrid = compiler.clone().calibrate(data.view()).compile(&model)?;
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    hybrid.save(file.path())?;
    let read = Model::<f64>::load(file.path())?;
    assert_eq!(forebay::compile::last_precision(&read)?, Some(precision(3, 2)));
    let again = compiler.compile(&read)?;
    assert_eq!(again.programs(), hybrid.programs());
    assert_eq!(states(&again, 50)?, states(&hybrid, 50)?);
    // Other digits have other levels.
    assert!(matches!(compiler.clone().precision(precision(1, 1)).compile(&read), Err(Error::Misuse { .. })));
    let mut notes = read.provenance().clone();
    notes.notes["compiled"]["ranges"]["x, 4096 levels"]["step"][0] = 0.0.into();
    assert!(matches!(compiler.compile(&read.with_provenance(notes)), Err(Error::Misuse { .. })));
    Ok(())
}

#[test]
fn the_input_product_can_go_along() -> Result<(), Error> {
    let model = model(80, 0.3)?;
    let data = waves(400);
    let compiler =
        Compiler::new(Arc::new(software(Device::Akd1000))).precision(precision(3, 3)).input_on_processor(true);
    assert!(matches!(compiler.compile(&model), Err(Error::Misuse { .. })), "features have no range of their own");
    let hybrid = compiler.calibrate(data.view()).compile(&model)?;
    assert_eq!(hybrid.programs()[0].layers()[0].inputs, 82);
    let off = worst(&states(&hybrid, 300)?, &states(&model, 300)?);
    assert!(off < 0.01, "off by {off}");
    Ok(())
}

/// A network of dense layers: on the processor from end to end, its levels near the float values.
#[test]
fn chains_stay_on_the_processor() -> Result<(), Error> {
    let build = |raw_end: bool| -> Result<(Model<f64>, NodeId), Error> {
        let mut g = Graph::builder();
        let u = g.input("u", 2);
        let a = g.dense("a", u, 60, 1.0);
        let a = g.bounded_relu("a_relu", a, 1.0);
        let b = g.dense("b", a, 40, 0.3);
        let b = g.bounded_relu("b_relu", b, 2.0);
        let end = if raw_end { g.dense("c", b, 5, 0.5) } else { b };
        g.readout("y", [end], 1);
        Ok((Model::generate(g.build()?, 9)?, end))
    };
    let data = waves(600);
    for (raw_end, last, layers) in [(true, "c", 3), (false, "b_relu", 2)] {
        let (model, _) = build(raw_end)?;
        let compiler = Compiler::new(Arc::new(software(Device::Akd1000)));
        assert!(matches!(compiler.compile(&model), Err(Error::Misuse { .. })), "levels come from data");
        let hybrid = compiler.calibrate(data.view()).compile(&model)?;
        let program = &hybrid.programs()[0];
        assert_eq!((hybrid.programs().len(), program.layers().len()), (1, layers));
        assert_eq!(program.layers()[layers - 1].has_activation, !raw_end);
        let (mut float, mut placed) = (model.session(), hybrid.session());
        let (mut truth, mut found) = (Vec::new(), Vec::new());
        for row in data.rows() {
            float.step(&row.to_vec())?;
            placed.step(&row.to_vec())?;
            truth.extend_from_slice(float.node(last)?);
            found.extend_from_slice(placed.node(last)?);
        }
        assert!(matches!(placed.node("a_relu"), Err(Error::Misuse { .. })), "inside the program");
        let column = |values: Vec<f64>| Array2::from_shape_vec((values.len(), 1), values).expect("one column");
        let error = metrics::nrmse(column(truth).view(), column(found).view()).expect("finite");
        // Two or three layers of 4 bits; rounding inputs to 16 levels alone gives about 0.05.
        assert!(error < 0.2, "{last}: NRMSE {error}");
    }
    Ok(())
}

/// A unit of zeros and a bias put out 0, and one whose potentials were worth more than a level up to 1.8 times its bound.
#[test]
fn levels_of_a_chain_keep_biases_and_bounds() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let a = g.dense("a", u, 9, 1.0);
    let a = g.bounded_relu("a_relu", a, 1.0);
    g.readout("y", [a], 1);
    // Biases alone, biases beside next to nothing, ordinary weights, and weights so large that a level of the input is many of the output.
    let rows = [
        ([0.0, 0.0], 0.4),
        ([0.0, 0.0], 0.9),
        ([1e-12, -1e-13], 0.7),
        ([1e-5, 1e-5], 0.2),
        ([0.5, 0.3], 0.1),
        ([30.0, -30.0], 0.5),
        ([300.0, 200.0], -3.0),
        ([2.0, 9.0], 0.3),
        ([0.0, 0.0], -0.2),
    ];
    let weights = Array2::from_shape_fn((9, 2), |(i, j)| rows[i].0[j]);
    let bias = Array1::from_iter(rows.iter().map(|row| row.1));
    let model = ModelBuilder::<f64>::new(g.build()?).seed(1).linear("a", weights.view(), bias.view())?.build()?;
    let data = waves(400);
    for device in [Device::Akd1000, Device::Akd1500] {
        let hybrid = Compiler::new(Arc::new(software(device))).calibrate(data.view()).compile(&model)?;
        let (mut float, mut placed) = (model.session(), hybrid.session());
        for row in data.rows() {
            float.step(&row.to_vec())?;
            placed.step(&row.to_vec())?;
            let (truth, found) = (float.node("a_relu")?, placed.node("a_relu")?);
            assert!(found.iter().all(|v| (0.0..=1.0 + 1e-9).contains(v)), "{found:?}");
            for unit in [0, 1, 2, 3, 8] {
                let off = (truth[unit] - found[unit]).abs();
                assert!(off <= 0.04, "unit {unit}: {} instead of {}", found[unit], truth[unit]);
            }
            assert!((truth[4] - found[4]).abs() < 0.15, "{} instead of {}", found[4], truth[4]);
        }
    }
    Ok(())
}

/// One dense node whose sum the host needs is a product of digits.
#[test]
fn a_lone_dense_node_is_a_product() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let a = g.dense("a", u, 12, 1.0);
    g.readout("y", [a], 1);
    let graph = g.build()?;
    let weights = Array2::from_shape_fn((12, 2), |(i, j)| (i as f64 - 6.0) * [0.1, -0.07][j]);
    let model =
        ModelBuilder::<f64>::new(graph).seed(1).linear("a", weights.view(), Array1::ones(12).view())?.build()?;
    let data = waves(100);
    let compiler = Compiler::new(Arc::new(software(Device::Akd1000))).precision(precision(3, 3));
    let hybrid = compiler.calibrate(data.view()).compile(&model)?;
    let (mut float, mut placed) = (model.session(), hybrid.session());
    for row in data.rows() {
        float.step(&row.to_vec())?;
        placed.step(&row.to_vec())?;
        assert!(worst(float.node("a")?, placed.node("a")?) < 1e-3);
    }
    Ok(())
}
