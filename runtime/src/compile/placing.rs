//! Asks the substrate for each candidate, rounds its weights, builds and loads its program, and notes why.

use std::sync::Arc;

use ndarray::{Array2, Axis, concatenate};

use forebay_akida::{Device, Program};
use forebay_kernels::Real;
use forebay_substrate::{Loaded, Op as Primitive, Precision, Refusal};

use super::Compiler;
use super::partition::{Candidate, ChainLayer};
use crate::error::Error;
use crate::graph::Op;
use crate::model::{LinearParameters, Model, Parameters};
use crate::placement::chain::{self, Chain};
use crate::placement::product::{self, Product};
use crate::placement::{Fitted, PlannedOp, PlannedRegion, Ranges, Region, levels};
use crate::reservoir::Activation;

/// A compilation under way.
pub(super) struct Placing<'b, 'a, T: Real> {
    compiler: &'b Compiler<'a, T>,
    device: Device,
    model: &'b Model<T>,
    /// Values that every node took, `[samples, width]`.
    observed: Option<&'b [Array2<T>]>,
    /// What the model was compiled with before.
    stored: Option<&'b Fitted>,
    placed: Placed<T>,
}

/// What a compilation came to.
pub(super) struct Placed<T> {
    /// Per node.
    pub(super) operations: Vec<Vec<PlannedOp>>,
    pub(super) regions: Vec<Region<T>>,
    pub(super) programs: Vec<Program>,
    pub(super) planned: Vec<PlannedRegion>,
    pub(super) fitted: Fitted,
    /// The first one.
    pub(super) refusal: Option<Refusal>,
}

impl<'b, 'a, T: Real> Placing<'b, 'a, T> {
    pub(super) fn new(
        compiler: &'b Compiler<'a, T>,
        device: Device,
        model: &'b Model<T>,
        observed: Option<&'b [Array2<T>]>,
        stored: Option<&'b Fitted>,
    ) -> Self {
        let operations = model.graph().nodes().iter().map(|_| Vec::new()).collect();
        let fitted = Fitted::new(compiler.precision);
        let (regions, programs, planned) = (Vec::new(), Vec::new(), Vec::new());
        let placed = Placed { operations, regions, programs, planned, fitted, refusal: None };
        Self { compiler, device, model, observed, stored, placed }
    }

    pub(super) fn finish(self) -> Placed<T> {
        self.placed
    }

    pub(super) fn place(&mut self, candidate: &Candidate) -> Result<(), Error> {
        match candidate {
            Candidate::Reservoir { node } => self.place_reservoir(*node),
            Candidate::Dense { node } => self.place_dense(*node),
            Candidate::Chain { layers } => self.place_chain(layers),
        }
    }

    fn place_reservoir(&mut self, node: usize) -> Result<(), Error> {
        let Op::Reservoir { source, weights: recipe, feedback } = self.model.graph().nodes()[node].op() else {
            unreachable!("the candidate is a reservoir");
        };
        let Parameters::Reservoir(weights) = self.model.parameters(node) else {
            unreachable!("the model holds a reservoir's weights for a reservoir node");
        };
        let precision = self.compiler.precision;
        let with_input = self.compiler.input_on_processor;
        let units = weights.w_res.rows();
        let mut ranges = self.range_of(node, precision)?;
        let mut matrix = weights.w_res.to_dense().mapv(T::to_f64);
        if with_input {
            let input = weights.w_in.to_dense().mapv(T::to_f64);
            matrix = concatenate(Axis(1), &[input.view(), matrix.view()]).expect("both have a row per unit");
            ranges = self.range_of(source.0, precision)?.followed_by(&ranges);
        }
        let Some((product, region, why)) = self.product(node, &matrix, &ranges)? else { return Ok(()) };
        self.placed.regions.push(Region::Reservoir { node, with_input, product });
        if with_input {
            self.note(node, "input product", Some(region), &format!("joined with the state; {why}"));
        } else {
            let features = weights.w_in.cols();
            self.note(node, "input product", None, &format!("{features} of {} columns; floats", features + units));
        }
        self.note(node, "recurrent product", Some(region), &why);
        if feedback.is_some() {
            self.note(node, "feedback product", None, "a few columns; floats");
        }
        let follows = "follows a sum on the host";
        let why = |primitive| match self.compiler.substrate.supports(primitive) {
            Err(refusal) => refusal.to_string(),
            Ok(_) => follows.to_owned(),
        };
        let (bias, tanh, leak) = (why(&Primitive::Bias), why(&Primitive::Tanh), why(&Primitive::Leak));
        self.note(node, Primitive::Bias.name(), None, &bias);
        match recipe.activation() {
            Activation::Tanh => self.note(node, Primitive::Tanh.name(), None, &tanh),
            Activation::Identity => {}
            function => self.note(node, &function.to_string(), None, follows),
        }
        self.note(node, Primitive::Leak.name(), None, &leak);
        Ok(())
    }

    fn place_dense(&mut self, node: usize) -> Result<(), Error> {
        let (source, matrix, _) = self.dense(node);
        let ranges = self.range_of(source, self.compiler.precision)?;
        let Some((product, region, why)) = self.product(node, &matrix, &ranges)? else { return Ok(()) };
        self.placed.regions.push(Region::Dense { node, product });
        self.note(node, "product", Some(region), &why);
        self.note(node, "bias", None, "added where the integers become floats again");
        Ok(())
    }

    /// Rounds, builds and loads a product; `None` if the substrate refuses it, which is noted.
    #[expect(clippy::type_complexity, reason = "the product, its region and why it was taken")]
    fn product(
        &mut self,
        node: usize,
        matrix: &Array2<f64>,
        ranges: &Ranges,
    ) -> Result<Option<(Arc<Product<T>>, usize, String)>, Error> {
        let precision = self.compiler.precision;
        let (rows, inputs) = matrix.dim();
        let primitive =
            Primitive::MatMul { inputs, units: rows * precision.weight_digits(), weight_bits: 4, input_bits: 4 };
        let support = match self.compiler.substrate.supports(&primitive) {
            Ok(support) => support,
            Err(refusal) => {
                self.refuse(node, refusal);
                return Ok(None);
            }
        };
        let name = self.model.graph().nodes()[node].name().to_owned();
        let (quantised, program) = match product::build(self.device, &name, matrix.view(), ranges, precision) {
            Err(Error::Refused(refusal)) => {
                self.refuse(node, refusal);
                return Ok(None);
            }
            built => built?,
        };
        let loaded = self.load(&program)?;
        let product = Arc::new(Product::new(loaded, &quantised, ranges, precision));
        let region = self.add(vec![name], program, precision.state_digits());
        let why = format!("{} holds its {} words", support.place, support.memory_words);
        Ok(Some((product, region, why)))
    }

    fn place_chain(&mut self, layers: &[ChainLayer]) -> Result<(), Error> {
        let one = Precision::new(1, 1).expect("one digit each is allowed");
        let (source, ..) = self.dense(layers[0].dense);
        let ranges = self.range_of(source, one)?;
        let mut dense = Vec::with_capacity(layers.len());
        for layer in layers {
            let (_, weights, bias) = self.dense(layer.dense);
            let heights = match layer.rectifier {
                None => None,
                Some((node, max)) => Some(self.heights_of(node, max)?),
            };
            let name = self.model.graph().nodes()[layer.dense].name().to_owned();
            dense.push(chain::Dense { name, weights, bias, heights });
        }
        let (program, outputs) = match chain::build(self.device, &ranges, &dense) {
            Err(Error::Refused(refusal)) => {
                self.refuse(layers[0].dense, refusal);
                return Ok(());
            }
            built => built?,
        };
        let chain = Arc::new(Chain::new(self.load(&program)?, &ranges, &outputs));
        let names = dense.into_iter().map(|layer| layer.name).collect();
        let places: Vec<String> = program.layers().iter().map(|layer| layer.np.kind.to_string()).collect();
        let region = self.add(names, program, 1);
        let mut nodes = Vec::new();
        for (layer, place) in layers.iter().zip(places) {
            nodes.push(layer.dense);
            self.note(layer.dense, "product", Some(region), &format!("{place}, 4-bit weights and inputs"));
            if let Some((rectifier, _)) = layer.rectifier {
                nodes.push(rectifier);
                self.note(rectifier, "bounded relu", Some(region), "16 levels, thresholds and steps from the data");
            }
        }
        if layers.last().is_some_and(|layer| layer.rectifier.is_none()) {
            let last = layers[layers.len() - 1].dense;
            self.note(last, "bias", None, "added where the integers become floats again");
        }
        self.placed.regions.push(Region::Chain { source, nodes, chain });
        Ok(())
    }

    /// Source, weights `[units, inputs]` and bias of a dense node.
    fn dense(&self, node: usize) -> (usize, Array2<f64>, Vec<f64>) {
        let (Op::Dense { source, .. }, Parameters::Linear(LinearParameters { weights, bias })) =
            (self.model.graph().nodes()[node].op(), self.model.parameters(node))
        else {
            unreachable!("the candidate is a dense node with linear weights");
        };
        let bias = bias.iter().map(|b| b.to_f64()).collect();
        (source.0, weights.to_dense().mapv(T::to_f64), bias)
    }

    /// The range of a node's values: from data, else from the last compilation, else from what bounds it.
    fn range_of(&mut self, node: usize, precision: Precision) -> Result<Ranges, Error> {
        let (definition, levels) = (&self.model.graph().nodes()[node], levels(precision));
        let (name, width) = (definition.name(), definition.width());
        let stored = match self.stored {
            Some(stored) => stored.ranges(name, levels, width)?,
            None => None,
        };
        let bounds = match definition.op() {
            Op::Reservoir { weights, .. } => weights.activation().bounds(),
            Op::Activation { function, .. } => function.bounds(),
            Op::Softmax { .. } => Some((0.0, 1.0)),
            _ => None,
        };
        let ranges = match (self.observed, stored, bounds) {
            (Some(observed), ..) if begins_apart(definition.op()) => {
                let rest = Array2::from_elem((1, width), T::ZERO);
                let seen = concatenate(Axis(0), &[observed[node].view(), rest.view()]).expect("both have the width");
                Ranges::observed(seen.view(), levels)
            }
            (Some(observed), ..) => Ranges::observed(observed[node].view(), levels),
            (None, Some(stored), _) => stored,
            (None, None, Some((low, high))) => Ranges::bounds(width, low, high, levels),
            (None, None, None) => return Err(self.needs_data(node)),
        };
        self.placed.fitted.keep_ranges(name, levels, &ranges);
        Ok(ranges)
    }

    /// Heights of the levels of a rectifier: from data, else from the last compilation.
    fn heights_of(&mut self, node: usize, max: f64) -> Result<Vec<f64>, Error> {
        let definition = &self.model.graph().nodes()[node];
        let (name, width) = (definition.name(), definition.width());
        let stored = match self.stored {
            Some(stored) => stored.heights(name, width)?,
            None => None,
        };
        let heights = match (self.observed, stored) {
            (Some(observed), _) => chain::heights(observed[node].view(), max),
            (None, Some(stored)) => stored,
            (None, None) => return Err(self.needs_data(node)),
        };
        self.placed.fitted.keep_heights(name, &heights);
        Ok(heights)
    }

    fn needs_data(&self, node: usize) -> Error {
        let name = self.model.graph().nodes()[node].name();
        Error::Misuse {
            what: "nothing bounds the values of a node that is to be written in integers",
            instead: format!("calibrate with features, so that the range of {name:?} is known"),
        }
    }

    fn load(&self, program: &Program) -> Result<Arc<dyn Loaded>, Error> {
        Ok(self.compiler.substrate.load(program.bytes())?)
    }

    fn add(&mut self, nodes: Vec<String>, program: Program, inferences: usize) -> usize {
        self.placed.planned.push(PlannedRegion::new(nodes, &program, inferences));
        self.placed.programs.push(program);
        self.placed.programs.len() - 1
    }

    fn note(&mut self, node: usize, operation: &str, region: Option<usize>, why: &str) {
        let name = self.model.graph().nodes()[node].name().to_owned();
        let op = PlannedOp { node: name, operation: operation.to_owned(), region, why: why.to_owned() };
        self.placed.operations[node].push(op);
    }

    fn refuse(&mut self, node: usize, refusal: Refusal) {
        self.note(node, "product", None, &refusal.to_string());
        self.placed.refusal.get_or_insert(refusal);
    }
}

/// Whether a reservoir's state at rest is none that its function gives later on: the first product would read 0 as the
/// lowest number of the data.
fn begins_apart(op: &Op) -> bool {
    match op {
        Op::Reservoir { weights, .. } => matches!(weights.activation(), Activation::Sigmoid | Activation::Softplus),
        _ => false,
    }
}
