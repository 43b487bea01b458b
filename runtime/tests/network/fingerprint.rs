//! Fingerprints: equal where things are equal, different at the smallest fault.

use std::ops::Range;
use std::sync::Arc;

use forebay::fingerprint::{DeviceFingerprint, Fingerprint};
use forebay::graph::{Graph, ReservoirSource};
use forebay::model::{LeakRates, Matrix, Model, ModelBuilder, Provenance, ReservoirParameters};
use forebay::reservoir::{Activation, Reservoir};
use forebay::weights::Csr;
use forebay::{Board, Compiler, DriverOptions, Error, Form, Refusal, Substrate, SubstrateError};
use forebay_akida::Device;
use forebay_akida::driver::Checking;
use forebay_emulator::{Emulator, Fault, Injection, Settings};
use forebay_software::Software;
use forebay_substrate::{Capabilities, Loaded, Op, ProgramShape, Runner, Support, WeightPatch};
use ndarray::{Array2, array};

// ---- Devices ----

#[test]
fn the_emulated_chips_equal_their_software_twins() -> Result<(), Error> {
    for chip in ["akd1000", "akd1500"] {
        let software = DeviceFingerprint::at(&format!("software:{chip}"))?;
        let emulated = DeviceFingerprint::at(&format!("emulator:{chip}"))?;
        assert!(emulated.matches(&software), "{chip}: {:?}", emulated.differences(&software));
        assert_eq!((emulated.health.errors, emulated.health.recoveries), (0, Some(0)));
        assert!(emulated.matches(&software.twin()?));
        assert!(!emulated.identity.is_silicon && emulated.identity.version_register.is_some());
        let text = emulated.to_string();
        assert!(text.contains("not a device's") && text.contains("not a PUF, not secret, no entropy"), "{text}");
        assert_eq!(emulated.min_entropy(), None);
    }
    Ok(())
}

/// Fixed by the first run: a change here makes every fingerprint that was ever written down worthless.
#[test]
fn conformance_fingerprints_stay_as_they_are() -> Result<(), Error> {
    for (chip, expected) in [("akd1000", AKD1000), ("akd1500", AKD1500)] {
        let taken = DeviceFingerprint::at(&format!("software:{chip}"))?;
        assert_eq!(taken.conformance().map(|hash| hash.to_string()).as_deref(), Some(expected), "{chip}");
    }
    Ok(())
}

const AKD1000: &str = "cb68e2e391ecbc5308cf887b6959516eb927b49f4c2d27667df5beea6bafbfda";
const AKD1500: &str = "4f5dfbe5c7a547bc821961afbf5a56187a6940332fb6d9ddf6f010cfb058c600";

/// Jobs 0 and 1 program the first processor, 2 is its first sample; 9 is the first sample of the second one.
#[test]
fn a_flipped_bit_of_an_emulated_chip_shows_where_it_is() -> Result<(), Error> {
    let software = DeviceFingerprint::at("software:akd1500")?;
    for (at, processor) in [(2, "FNP3 (1,3,0), own memory"), (9, "FNP3 (2,1,0), own memory")] {
        let mut shown = 0;
        for seed in 0..32 {
            let mut chip = Settings::new(Device::Akd1500);
            chip.faults = vec![Injection { fault: Fault::FlippedBit, at, seed }];
            let options = DriverOptions { checking: Checking::Never, ..DriverOptions::default() };
            let board = Board::open(Box::new(Emulator::new(chip).bus()), options).expect("the emulator answers");
            let faulty = DeviceFingerprint::of_board(&board)?;
            let differences = faulty.differences(&software);
            assert!(differences.is_empty() || differences == [processor], "{differences:?}");
            assert_eq!(faulty.matches(&software), differences.is_empty());
            shown += differences.len();
        }
        // Of a unit's 64 words 4 hold threshold and step, which a layer without activation does not read: 30 of 32 are
        // expected to be others.
        assert!(shown >= 27, "{shown} of 32");
    }
    Ok(())
}

#[test]
fn the_drivers_own_check_makes_a_wrong_result_an_error() -> Result<(), Error> {
    let mut chip = Settings::new(Device::Akd1500);
    chip.faults = vec![Injection { fault: Fault::FlippedBit, at: 2, seed: 0 }];
    let board = Board::open(Box::new(Emulator::new(chip).bus()), DriverOptions::default()).expect("it answers");
    let faulty = DeviceFingerprint::of_board(&board)?;
    assert_eq!((faulty.health.errors, faulty.conformance()), (1, None));
    assert_eq!(faulty.differences(&faulty.twin()?), ["FNP3 (1,3,0), own memory"]);
    Ok(())
}

/// By address, as a person would try it.
#[test]
fn a_fault_by_name_shows() -> Result<(), Error> {
    let faulty = DeviceFingerprint::at("emulator:akd1000,fault=flipped-bit,seed=5")?;
    assert!(!faulty.matches(&faulty.twin()?));
    Ok(())
}

#[test]
fn a_device_that_goes_away_matches_nothing() -> Result<(), Error> {
    let gone = DeviceFingerprint::at("emulator:akd1500,fault=removal,seed=3")?;
    assert_eq!(gone.conformance(), None);
    assert_eq!(gone.health.errors, 3);
    assert!(!gone.matches(&gone.clone()));
    assert!(gone.to_string().contains("left out after earlier failures"), "{gone}");
    Ok(())
}

/// The software substrate with one weight wrong in every program that fills a memory.
#[derive(Debug)]
struct Faulty {
    inner: Software,
    capabilities: Capabilities,
    input: usize,
    unit: usize,
}

impl Substrate for Faulty {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }
    fn supports(&self, op: &Op) -> Result<Support, Refusal> {
        self.inner.supports(op)
    }
    fn load(&self, program: &[u8]) -> Result<Arc<dyn Loaded>, SubstrateError> {
        let loaded = self.inner.load(program)?;
        if loaded.shape().units == 168 {
            // No weight of these programs is 6, so both of them are changed.
            loaded.patch(&[WeightPatch { layer: 0, input: self.input, unit: self.unit, value: 6 }])?;
        }
        Ok(Arc::new(FaultyProgram(loaded)))
    }
}

#[derive(Debug)]
struct FaultyProgram(Arc<dyn Loaded>);

impl Loaded for FaultyProgram {
    fn shape(&self) -> &ProgramShape {
        self.0.shape()
    }
    fn runner(&self) -> Result<Box<dyn Runner>, SubstrateError> {
        self.0.runner()
    }
    fn patch(&self, patches: &[WeightPatch]) -> Result<(), SubstrateError> {
        self.0.patch(patches)
    }
    fn verify(&self) -> Result<(), SubstrateError> {
        self.0.verify()
    }
    fn read_memory(&self, layer: usize, words: Range<usize>) -> Result<Vec<u32>, SubstrateError> {
        self.0.read_memory(layer, words)
    }
    fn unload(&self) -> Result<(), SubstrateError> {
        self.0.unload()
    }
}

#[test]
fn one_wrong_weight_is_found_wherever_it_is() -> Result<(), Error> {
    let twin = DeviceFingerprint::at("software:akd1500")?;
    for (input, unit) in [(0, 0), (319, 167), (31, 5), (32, 100), (200, 166)] {
        let inner = Software::new(Device::Akd1500)?;
        let capabilities = inner.capabilities().clone();
        let found = DeviceFingerprint::of(&Faulty { inner, capabilities, input, unit })?;
        assert!(!found.matches(&twin));
        // Both programs of each of the seven processors with memory of their own, and no other.
        let differences = found.differences(&twin);
        assert_eq!(differences.len(), 14, "{differences:?}");
        assert!(differences.iter().all(|name| name.contains("own memory")), "{differences:?}");
    }
    Ok(())
}

#[test]
fn a_substrate_of_no_device_is_refused() -> Result<(), Error> {
    let inner = Software::new(Device::Akd1500)?;
    let capabilities = Capabilities { device: String::new(), ..inner.capabilities().clone() };
    let nameless = Faulty { inner, capabilities, input: 0, unit: 0 };
    assert!(matches!(DeviceFingerprint::of(&nameless), Err(Error::Misuse { .. })));
    Ok(())
}

// ---- Models ----

fn weights(model: &Model<f32>) -> Fingerprint {
    Fingerprint::of_weights(model)
}

/// Two reservoirs of given weights, in the one or the other order of definition.
fn given(is_turned: bool, is_sparse: bool, leak: f32, activation: Activation) -> Result<Model<f32>, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let names = if is_turned { ["b", "a"] } else { ["a", "b"] };
    let nodes = names.map(|name| g.reservoir(name, u, ReservoirSource::Given { units: 2, activation }));
    g.readout("y", nodes, 1);
    let mut builder = ModelBuilder::new(g.build()?);
    let csr = Csr::new(2, 2, vec![0, 1, 2], vec![1, 0], vec![0.5, -0.25]).expect("a valid sparse matrix");
    for name in names {
        let w_res = if is_sparse {
            Matrix::from_csr("w_res", &csr)?
        } else {
            Matrix::from_dense("w_res", array![[0.0, 0.5], [-0.25, 0.0]].view())?
        };
        let w_in = Matrix::from_dense("w_in", array![[1.0], [2.0]].view())?;
        let leak = LeakRates::uniform(leak)?;
        let reservoir = ReservoirParameters { w_in, w_res, w_feedback: None, bias: vec![0.0; 2], leak };
        builder = builder.reservoir(name, reservoir)?;
    }
    builder.linear("y", Array2::zeros((1, 4)).view(), array![0.0].view())?.build()
}

#[test]
fn a_model_has_the_same_fingerprint_however_it_is_kept() -> Result<(), Error> {
    let tanh = Activation::Tanh;
    let model = given(false, false, 0.5, tanh)?;
    let noted = model.clone().with_provenance(Provenance { seed: Some(9), ..Provenance::default() });
    let same = [
        given(false, true, 0.5, tanh)?,
        model.clone().with_form(Form::SCALAR),
        Model::from_bytes(&model.to_bytes()?)?,
        noted,
    ];
    for other in &same {
        assert_eq!(weights(other), weights(&model));
        assert_eq!(Fingerprint::of_model(other), Fingerprint::of_model(&model));
    }
    // Another order of nodes, another function: the same weights in another computation.
    for other in [given(true, false, 0.5, tanh)?, given(false, false, 0.5, Activation::Identity)?] {
        assert_eq!(weights(&other), weights(&model));
        assert_ne!(Fingerprint::of_model(&other), Fingerprint::of_model(&model));
    }
    let other = given(false, false, 0.500_000_06, tanh)?;
    assert_ne!(weights(&other), weights(&model));
    assert_ne!(Fingerprint::of_model(&other), Fingerprint::of_model(&model));
    Ok(())
}

/// The hashed bytes of a model of one readout, put together by hand.
#[test]
fn weights_are_hashed_as_specified() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    g.readout("y", [u], 1);
    let builder = ModelBuilder::new(g.build()?);
    let model = builder.linear("y", array![[0.0_f32, -2.0]].view(), array![1.0].view())?.build()?;
    let mut hasher = blake3::Hasher::new_derive_key("forebay weights fingerprint v1");
    let number = |hasher: &mut blake3::Hasher, number: u64| {
        hasher.update(&number.to_le_bytes());
    };
    let text = |hasher: &mut blake3::Hasher, text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    };
    text(&mut hasher, "f32");
    text(&mut hasher, "y/bias");
    for n in [1, 1, 0] {
        number(&mut hasher, n);
    }
    hasher.update(&[0, 0, 0x80, 0x3F]);
    number(&mut hasher, u64::MAX);
    text(&mut hasher, "y/weights");
    for n in [1, 2, 1] {
        number(&mut hasher, n);
    }
    hasher.update(&[0, 0, 0, 0xC0]);
    number(&mut hasher, u64::MAX);
    assert_eq!(weights(&model).as_bytes(), hasher.finalize().as_bytes());
    Ok(())
}

#[test]
fn compilations_have_the_weights_of_their_model_and_a_fingerprint_of_their_own() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let x = g.reservoir("x", u, Reservoir::new(20));
    g.readout("y", [x], 1);
    let model = Model::<f32>::generate(g.build()?, 7)?;
    let compile = |address| Compiler::new(forebay::open(address)?).compile(&model);
    let [first, second] = [compile("software:akd1000")?, compile("software:akd1500")?];
    assert_eq!(weights(&first), weights(&model));
    assert_ne!(Fingerprint::of_model(&first), Fingerprint::of_model(&model));
    assert_eq!(Fingerprint::of_model(&first), Fingerprint::of_model(&second));
    assert_eq!(Fingerprint::of_model(&first.without_placement()), Fingerprint::of_model(&model));
    Ok(())
}
