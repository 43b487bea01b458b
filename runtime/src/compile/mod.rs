//! From a model in floats to one whose products run on a processor.
//!
//! ```text
//! model -> candidates -> "can you run this?" -> ranges from data -> integers -> program bytes -> loaded -> Plan
//! ```
//!
//! A [`Compiler`] asks a substrate operation by operation, rounds the weights of what it takes, writes one program per
//! region, loads it, and gives the same model with a [`Plan`]: sessions, batches and training run it like any other.
//! What stays on the host stays in floats, bit for bit as before.
//!
//! * `partition`: which nodes could go together; `placing`: asking, rounding, building and loading them.

mod partition;
mod placing;

use std::sync::Arc;

use ndarray::{Array2, ArrayView2};

use forebay_akida::Device;
use forebay_kernels::Real;
use forebay_substrate::{Op as Primitive, Precision, Substrate};

use self::partition::candidates;
use self::placing::{Placed, Placing};
use crate::error::Error;
use crate::graph::{Graph, Op};
use crate::model::Model;
use crate::placement::{Fitted, Placement, Sample};
use crate::reservoir::Activation;

pub use crate::placement::{Plan, PlannedLayer, PlannedOp, PlannedRegion, Transactions};

/// Puts a model's products on a substrate.
///
/// ```
/// use forebay::{compile::Compiler, graph::Graph, model::Model, reservoir::Reservoir};
/// use forebay_substrate::Precision;
///
/// let mut g = Graph::builder();
/// let u = g.input("u", 1);
/// let x = g.reservoir("x", u, Reservoir::new(100));
/// g.readout("y", [x], 1);
/// let model = Model::<f32>::generate(g.build()?, 7)?;
///
/// let software = forebay::open("software:akd1000")?;
/// let precision = Precision::new(2, 2).expect("1 to 4 state digits, 1 to 3 weight digits");
/// let hybrid = Compiler::new(software).precision(precision).compile(&model)?;
/// println!("{}", hybrid.plan().expect("a compiled model has a plan"));
/// let mut session = hybrid.session();
/// session.step(&[0.5])?;
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Compiler<'a, T: Real> {
    substrate: Arc<dyn Substrate>,
    precision: Precision,
    calibration: Option<ArrayView2<'a, T>>,
    input_on_processor: bool,
}

/// The precision that a model was last compiled in, as its notes say.
///
/// # Errors
/// [`Error::Misuse`] if the notes are damaged.
pub fn last_precision<T: Real>(model: &Model<T>) -> Result<Option<Precision>, Error> {
    Ok(Fitted::of(&model.provenance().notes)?.and_then(|fitted| fitted.precision()))
}

/// The device that programs for a substrate are written for.
///
/// # Errors
/// [`Error::Misuse`] if it does not say.
pub(crate) fn device_of(substrate: &dyn Substrate) -> Result<Device, Error> {
    let name = &substrate.capabilities().device;
    name.parse().map_err(|_| Error::Misuse {
        what: "the compiler needs to know the device",
        instead: format!("the substrate says {name:?}; give one for AKD1000 or AKD1500"),
    })
}

impl<'a, T: Real> Compiler<'a, T> {
    /// For this substrate, with two digits each for states and weights and no calibration data.
    pub fn new(substrate: Arc<dyn Substrate>) -> Self {
        Self { substrate, precision: Precision::default(), calibration: None, input_on_processor: false }
    }

    /// Digits of states and weights.
    #[must_use]
    pub fn precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Features `[steps, inputs]` that the float model is run on once, to see which values its nodes take.
    ///
    /// Ranges are then as narrow as the data, which buys accuracy. They are kept with the model, in its file too: without
    /// data, a model that was compiled in this precision before gets the same ones and so the same integers. Else ranges
    /// are those that the activation bounds, and nodes without bounds cannot be placed.
    #[must_use]
    pub fn calibrate(mut self, features: ArrayView2<'a, T>) -> Self {
        self.calibration = Some(features);
        self
    }

    /// Also rounds the input weights of reservoirs and forms their product on the processor (off by default: the
    /// product with a few features costs the host little, and floats lose nothing). Needs calibration data.
    #[must_use]
    pub fn input_on_processor(mut self, yes: bool) -> Self {
        self.input_on_processor = yes;
        self
    }

    /// Places what the substrate takes.
    ///
    /// # Errors
    /// [`Error::Refused`] if the substrate takes nothing, with its first reason; [`Error::Misuse`] if a range can only
    /// be known from calibration data and there is none; [`Error::Shape`], [`Error::NonFinite`] for data that does not
    /// fit; [`Error::Substrate`] if a program cannot be loaded.
    pub fn compile(&self, model: &Model<T>) -> Result<Model<T>, Error> {
        let host = model.clone().without_placement();
        let graph = host.graph();
        let device = device_of(&*self.substrate)?;
        let observed = self.observe(&host)?;
        let stored = Fitted::of(&host.provenance().notes)?.filter(|fitted| fitted.precision() == Some(self.precision));
        let mut placing = Placing::new(self, device, &host, observed.as_deref(), stored.as_ref());
        for candidate in candidates(graph) {
            placing.place(&candidate)?;
        }
        let Placed { mut operations, regions, programs, planned, fitted, refusal } = placing.finish();
        if regions.is_empty() {
            return Err(match refusal {
                Some(refusal) => Error::Refused(refusal),
                None => Error::Misuse {
                    what: "this model has no product that a processor could form",
                    instead: "give it a reservoir or a dense node".to_owned(),
                },
            });
        }
        for (node, operations) in operations.iter_mut().enumerate() {
            if operations.is_empty() {
                *operations = self.on_host(graph, node);
            }
        }
        let capabilities = self.substrate.capabilities();
        let plan = Plan {
            substrate: capabilities.name.clone(),
            device: device.to_string(),
            silicon: capabilities.is_silicon,
            state_digits: self.precision.state_digits(),
            weight_digits: self.precision.weight_digits(),
            operations: operations.into_iter().flatten().collect(),
            regions: planned,
        };
        let substrate = Arc::clone(&self.substrate);
        let mut provenance = host.provenance().clone();
        fitted.keep(&mut provenance.notes);
        Ok(host.with_provenance(provenance).with_placement(Placement { regions, programs, plan, substrate, fitted }))
    }

    /// Values of every node over the calibration data.
    fn observe(&self, model: &Model<T>) -> Result<Option<Vec<Array2<T>>>, Error> {
        let Some(features) = self.calibration else { return Ok(None) };
        if features.nrows() == 0 {
            return Err(Error::shape("calibration data", "at least one step", "none"));
        }
        let nodes = model.graph().nodes();
        let mut samples: Vec<Sample<T>> = nodes.iter().map(|node| Sample::new(node.width())).collect();
        model.session().run_with(features, |session| {
            for (node, sample) in samples.iter_mut().enumerate() {
                sample.push(session.node_values(node));
            }
        })?;
        Ok(Some(samples.into_iter().map(Sample::into_rows).collect()))
    }

    /// What the host does for a node that no region computes.
    fn on_host(&self, graph: &Graph, node: usize) -> Vec<PlannedOp> {
        let name = graph.nodes()[node].name();
        let ask = |primitives: &[Primitive]| {
            let ops = primitives.iter().map(|op| PlannedOp {
                node: name.to_owned(),
                operation: op.name().to_owned(),
                region: None,
                why: match self.substrate.supports(op) {
                    Err(refusal) => refusal.to_string(),
                    Ok(_) => "nothing before it runs on the processor".to_owned(),
                },
            });
            ops.collect()
        };
        let say = |operation: &str, why: &str| {
            let (node, operation, why) = (name.to_owned(), operation.to_owned(), why.to_owned());
            vec![PlannedOp { node, operation, region: None, why }]
        };
        match graph.nodes()[node].op() {
            Op::Input { .. } => say("features", "given by the caller"),
            Op::Readout { .. } => say("readout", "trained and read in floats"),
            Op::Concat { .. } => ask(&[Primitive::Concat]),
            Op::Delay { .. } => ask(&[Primitive::Delay]),
            Op::Products { .. } => ask(&[Primitive::Products]),
            Op::Activation { function: Activation::Tanh, .. } => ask(&[Primitive::Tanh]),
            Op::Softmax { .. } => say("softmax", "needs the sum over all features, in floats"),
            Op::Activation { .. } => say("activation", "its source's sum is on the host"),
            Op::Custom { function, .. } => say(function.name(), "code of its own, in floats"),
            Op::Dense { .. } | Op::Reservoir { .. } => ask(&[Primitive::FloatMatMul]),
        }
    }
}
