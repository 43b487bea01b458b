//! A graph with its weights: immutable, cheap to clone, shared between threads.

mod columns;
#[cfg(feature = "files")]
pub mod file;
mod fingerprint;
#[cfg(feature = "files")]
pub mod import;
mod matrix;
#[cfg(feature = "files")]
mod npy;
mod parameters;
mod single;

pub use columns::ReadoutOn;
pub use matrix::Matrix;
pub use parameters::{LeakRates, LinearParameters, ReservoirParameters};

use std::sync::{Arc, OnceLock};

use forebay_akida::Program;
use forebay_kernels::{Form, Real};
use forebay_substrate::{Loaded, Substrate};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::graph::{Graph, Head, Op, ReservoirSource};
use crate::hash::Fingerprint;
use crate::placement::{Placement, Plan};
use crate::random::Seed;
use crate::report::TrainingReport;
use crate::reservoir::ReservoirWeights;
pub(crate) use parameters::Parameters;
pub(crate) use single::Single;

/// What is known about where a model's numbers come from; stored with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// The seed its weights were drawn from; `None` if all were given.
    pub seed: Option<u64>,
    /// How its readouts were trained, if they were.
    pub training: Option<TrainingReport>,
    /// Free-form notes by name (data set, scaling, columns), kept as they are.
    #[serde(default)]
    pub notes: serde_json::Map<String, serde_json::Value>,
}

/// A graph with its weights in precision `T` (`f32` or `f64`).
///
/// Immutable and `Sync`; cloning shares the weights. Each stream of data has its own [`Session`](crate::execute::Session).
///
/// ```
/// use forebay::{graph::Graph, model::Model, reservoir::Reservoir};
///
/// let mut g = Graph::builder();
/// let u = g.input("u", 1);
/// let x = g.reservoir("x", u, Reservoir::new(50));
/// g.readout("y", [x], 1);
/// let model = Model::<f32>::generate(g.build()?, 7)?;
/// let mut session = model.session();
/// assert_eq!(session.step(&[0.5])?.len(), 1);
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Model<T: Real> {
    graph: Arc<Graph>,
    parameters: Vec<Arc<Parameters<T>>>,
    form: Form,
    provenance: Arc<Provenance>,
    /// What runs on a substrate; nothing unless the model was compiled.
    placement: Option<Arc<Placement<T>>>,
    /// Its fingerprint, once somebody asked; shared by all models that compute the same.
    fingerprint: Arc<OnceLock<Fingerprint>>,
}

impl<T: Real> Model<T> {
    /// Draws all weights from the graph's recipes and one seed; readouts start at zero.
    ///
    /// Every node has random streams of its own, named after it, so adding a node leaves the others as they are.
    ///
    /// # Errors
    /// [`Error::Misuse`] if a reservoir's weights are to be given (use [`ModelBuilder`]), [`Error::Reservoir`] if
    /// one cannot be drawn, [`Error::Kernel`] if the environment forces a kernel form that the CPU lacks.
    pub fn generate(graph: Graph, seed: u64) -> Result<Self, Error> {
        ModelBuilder::new(graph).seed(seed).build()
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The kernel form that sessions of this model use.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The same model run by another kernel form; the numbers stay the same, bit for bit.
    #[must_use]
    pub fn with_form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// Seed, training and notes.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// The same model with another provenance.
    #[must_use]
    pub fn with_provenance(mut self, provenance: Provenance) -> Self {
        self.provenance = Arc::new(provenance);
        self
    }

    /// The weights of the reservoir of this name.
    ///
    /// # Errors
    /// [`Error::Unknown`] if there is no such reservoir.
    pub fn reservoir(&self, name: &str) -> Result<&ReservoirParameters<T>, Error> {
        match self.graph.find(name).map(|id| &*self.parameters[id.0]) {
            Some(Parameters::Reservoir(reservoir)) => Ok(reservoir),
            _ => Err(self.unknown("reservoir", name, |op| matches!(op, Op::Reservoir { .. }))),
        }
    }

    /// The head of this name.
    ///
    /// # Errors
    /// [`Error::Unknown`] if there is no such readout.
    pub fn head(&self, name: &str) -> Result<Head<'_>, Error> {
        self.graph.head(name).ok_or_else(|| self.unknown("readout", name, |op| matches!(op, Op::Readout { .. })))
    }

    /// Weights `[outputs, features]` and bias `[outputs]` of the readout of this name.
    ///
    /// # Errors
    /// [`Error::Unknown`] if there is no such readout.
    pub fn readout(&self, name: &str) -> Result<(Array2<T>, Array1<T>), Error> {
        let head = self.head(name)?;
        let Parameters::Linear(linear) = &*self.parameters[head.node.0] else {
            unreachable!("a readout has linear parameters");
        };
        Ok((linear.to_dense(), Array1::from(linear.bias.clone())))
    }

    /// The same model with other readout weights; everything else is shared.
    ///
    /// # Shapes
    /// `weights`: `[outputs, features]` over the readout's sources in order; `bias`: `[outputs]`.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Shape`] or [`Error::NonFinite`].
    pub fn with_readout(&self, name: &str, weights: ArrayView2<'_, T>, bias: ArrayView1<'_, T>) -> Result<Self, Error> {
        let node = self.head(name)?.node;
        let mut model = self.clone();
        model.parameters[node.0] = Arc::new(Parameters::Linear(linear(&self.graph, node.0, weights, bias)?));
        model.fingerprint = Arc::default();
        Ok(model)
    }

    /// What runs where, for a model that a [`Compiler`](crate::compile::Compiler) made.
    pub fn plan(&self) -> Option<&Plan> {
        self.placement.as_deref().map(Placement::plan)
    }

    /// The programs of a compiled model, in the order of the plan's regions.
    pub fn programs(&self) -> &[Program] {
        self.placement.as_deref().map_or(&[], Placement::programs)
    }

    /// A compiled model's program as the substrate holds it, to patch, verify or read back; the weights on the host
    /// are not changed by that.
    pub fn loaded(&self, region: usize) -> Option<&Arc<dyn Loaded>> {
        self.placement.as_deref().and_then(|placement| placement.loaded(region))
    }

    /// The substrate that a compiled model's programs run on.
    pub fn substrate(&self) -> Option<Arc<dyn Substrate>> {
        self.placement.as_deref().map(|placement| Arc::clone(placement.substrate()))
    }

    /// The same model with everything on the host, in floats.
    #[must_use]
    pub fn without_placement(mut self) -> Self {
        self.placement = None;
        self.fingerprint = Arc::default();
        self
    }

    pub(crate) fn with_placement(mut self, placement: Placement<T>) -> Self {
        self.placement = Some(Arc::new(placement));
        self.fingerprint = Arc::default();
        self
    }

    /// [`Fingerprint::of_model`], worked out once.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        *self.fingerprint.get_or_init(|| Fingerprint::of_model(self))
    }

    /// Whether the other one is a clone of this one: the same weights in the same place, not equal ones.
    pub(crate) fn is_clone_of(&self, other: &Self) -> bool {
        let placed = match (&self.placement, &other.placement) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            (None, None) => true,
            _ => false,
        };
        let mut weights = self.parameters.iter().zip(&other.parameters);
        placed && Arc::ptr_eq(&self.graph, &other.graph) && weights.all(|(own, other)| Arc::ptr_eq(own, other))
    }

    pub(crate) fn placement(&self) -> Option<&Arc<Placement<T>>> {
        self.placement.as_ref()
    }

    /// Bytes of all weights as the kernels hold them, without programs.
    pub fn bytes(&self) -> usize {
        self.parameters.iter().map(|p| p.bytes()).sum()
    }

    pub(crate) fn parameters(&self, node: usize) -> &Parameters<T> {
        &self.parameters[node]
    }

    fn unknown(&self, kind: &'static str, name: &str, is: impl Fn(&Op) -> bool) -> Error {
        unknown_node(&self.graph, kind, name, is)
    }
}

fn unknown_node(graph: &Graph, kind: &'static str, name: &str, is: impl Fn(&Op) -> bool) -> Error {
    let names: Vec<&str> = graph.nodes().iter().filter(|n| is(n.op())).map(crate::graph::Node::name).collect();
    let available = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Error::Unknown { kind, name: name.to_owned(), available }
}

/// Puts given weights to the nodes of a graph; what is not given is drawn from the seed.
#[derive(Debug)]
pub struct ModelBuilder<T: Real> {
    graph: Graph,
    parameters: Vec<Option<Parameters<T>>>,
    form: Option<Form>,
    provenance: Provenance,
}

impl<T: Real> ModelBuilder<T> {
    /// Starts without weights.
    pub fn new(graph: Graph) -> Self {
        let parameters = graph.nodes().iter().map(|_| None).collect();
        Self { graph, parameters, form: None, provenance: Provenance::default() }
    }

    /// The seed for weights that are not given; needed if there are any.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.provenance.seed = Some(seed);
        self
    }

    /// The kernel form; by default `FOREBAY_KERNEL`, or else the best this CPU has.
    #[must_use]
    pub fn form(mut self, form: Form) -> Self {
        self.form = Some(form);
        self
    }

    /// Seed, training and notes to store with the model.
    #[must_use]
    pub fn provenance(mut self, provenance: Provenance) -> Self {
        self.provenance = provenance;
        self
    }

    /// Gives a reservoir its weights.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such a reservoir; [`Error::Shape`] and [`Error::NonFinite`] name the matrix;
    /// [`Error::Range`] for a leak rate outside (0, 1].
    pub fn reservoir(mut self, name: &str, weights: ReservoirParameters<T>) -> Result<Self, Error> {
        let Some(id) = self.graph.find(name) else {
            return Err(unknown_node(&self.graph, "reservoir", name, |op| matches!(op, Op::Reservoir { .. })));
        };
        let Op::Reservoir { source, feedback, .. } = self.graph.nodes()[id.0].op() else {
            return Err(unknown_node(&self.graph, "reservoir", name, |op| matches!(op, Op::Reservoir { .. })));
        };
        let width = |id: crate::graph::NodeId| self.graph.nodes()[id.0].width();
        let fed_back = feedback.as_deref().and_then(|name| self.graph.head(name)).map(|head| head.width);
        weights.check(name, self.graph.nodes()[id.0].width(), width(*source), fed_back)?;
        self.parameters[id.0] = Some(Parameters::Reservoir(weights));
        Ok(self)
    }

    /// Gives a readout or dense node its weights `[rows, features]` and bias `[rows]`.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Shape`] or [`Error::NonFinite`].
    pub fn linear(mut self, name: &str, weights: ArrayView2<'_, T>, bias: ArrayView1<'_, T>) -> Result<Self, Error> {
        let is_linear = |op: &Op| matches!(op, Op::Readout { .. } | Op::Dense { .. });
        match self.graph.find(name) {
            Some(id) if is_linear(self.graph.nodes()[id.0].op()) => {
                self.parameters[id.0] = Some(Parameters::Linear(linear(&self.graph, id.0, weights, bias)?));
                Ok(self)
            }
            _ => Err(unknown_node(&self.graph, "readout or dense node", name, is_linear)),
        }
    }

    /// Draws what was not given and gives the model.
    ///
    /// # Errors
    /// [`Error::Misuse`] if weights are missing and there is neither a recipe nor a seed; see [`Model::generate`].
    pub fn build(self) -> Result<Model<T>, Error> {
        let form = match self.form {
            Some(form) => form,
            None => Form::from_env()?,
        };
        let seed = self.provenance.seed.map(Seed);
        let mut parameters = Vec::with_capacity(self.parameters.len());
        for (index, given) in self.parameters.into_iter().enumerate() {
            let node = match given {
                Some(node) => node,
                None => draw(&self.graph, index, seed.as_ref())?,
            };
            parameters.push(Arc::new(node));
        }
        Ok(Model {
            graph: Arc::new(self.graph),
            parameters,
            form,
            provenance: Arc::new(self.provenance),
            placement: None,
            fingerprint: Arc::default(),
        })
    }
}

/// Packs a linear map over the node's sources: rows for a readout, which has few, panels for a dense node.
fn linear<T: Real>(
    graph: &Graph,
    index: usize,
    weights: ArrayView2<'_, T>,
    bias: ArrayView1<'_, T>,
) -> Result<LinearParameters<T>, Error> {
    let node = &graph.nodes()[index];
    let features = node.op().sources().iter().map(|id| graph.nodes()[id.0].width()).sum::<usize>();
    let expected = (node.width(), features);
    let what = format!("weights of {:?}", node.name());
    if weights.dim() != expected {
        return Err(Error::shape(what, format!("{expected:?}"), format!("{:?}", weights.dim())));
    }
    if bias.len() != node.width() {
        return Err(Error::shape(format!("bias of {:?}", node.name()), node.width(), bias.len()));
    }
    let bias = bias.to_vec();
    Error::check_finite(&format!("bias of {:?}", node.name()), &bias)?;
    let weights = match node.op() {
        Op::Readout { .. } => Matrix::of_readout(&what, weights)?,
        _ => Matrix::from_dense(&what, weights)?,
    };
    Ok(LinearParameters { weights, bias })
}

/// Draws the weights of one node.
fn draw<T: Real>(graph: &Graph, index: usize, seed: Option<&Seed>) -> Result<Parameters<T>, Error> {
    let node = &graph.nodes()[index];
    let width = |id: &crate::graph::NodeId| graph.nodes()[id.0].width();
    let missing = || Error::Misuse {
        what: "the model has neither weights nor a seed for every node",
        instead: format!("give the weights of {:?} or set a seed", node.name()),
    };
    match node.op() {
        Op::Reservoir { weights: ReservoirSource::Given { .. }, .. } => Err(missing()),
        Op::Reservoir { source, weights: ReservoirSource::Generated(recipe), feedback } => {
            let seed = seed.ok_or_else(missing)?.child(node.name());
            let fed_back = feedback.as_deref().and_then(|name| graph.head(name)).map_or(0, |head| head.width);
            let drawn: ReservoirWeights = recipe
                .generate(width(source), fed_back, &seed)
                .map_err(|source| Error::Reservoir { node: node.name().to_owned(), source })?;
            Ok(Parameters::Reservoir(ReservoirParameters::from_drawn(&drawn)?))
        }
        Op::Dense { source, units, scaling } => {
            let mut stream = seed.ok_or_else(missing)?.child(node.name()).stream("dense");
            let mut uniform = || T::from_f64(stream.uniform_in(-scaling, *scaling));
            let weights = Array2::from_shape_simple_fn((*units, width(source)), &mut uniform);
            let bias = Array1::from_shape_simple_fn(*units, &mut uniform);
            Ok(Parameters::Linear(linear(graph, index, weights.view(), bias.view())?))
        }
        Op::Readout { sources, outputs } => {
            let weights = Array2::from_elem((*outputs, sources.iter().map(width).sum()), T::ZERO);
            Ok(Parameters::Linear(linear(graph, index, weights.view(), Array1::from_elem(*outputs, T::ZERO).view())?))
        }
        _ => Ok(Parameters::None),
    }
}
