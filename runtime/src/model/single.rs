//! One reservoir and its readout as matrices: what simulation codes hand over and what foreign files hold.

use forebay_kernels::Real;
use ndarray::{Array1, Array2};

use super::{LeakRates, LinearParameters, Matrix, Model, ModelBuilder, Parameters, ReservoirParameters};
use crate::error::{Error, FileError};
use crate::graph::{Graph, NodeId, Op, ReservoirSource};
use crate::reservoir::Activation;
use crate::weights::Weights;

/// The matrices of an echo state network with one reservoir and one readout.
pub(crate) struct Single<T> {
    pub(crate) w_in: Weights<T>,
    pub(crate) w_res: Weights<T>,
    /// `[units, outputs]`.
    pub(crate) w_feedback: Option<Weights<T>>,
    pub(crate) bias: Vec<T>,
    pub(crate) leak: Vec<T>,
    pub(crate) activation: Activation,
    /// Over `[u; x]` if it reads the input, or over x.
    pub(crate) w_out: Array2<T>,
    pub(crate) reads_input: bool,
    pub(crate) output_bias: Vec<T>,
}

impl<T: Real> Single<T> {
    /// Input, reservoir, readout, named `input`, `reservoir`, `output`.
    pub(crate) fn into_builder(self) -> Result<ModelBuilder<T>, Error> {
        let (units, inputs, outputs) = (self.w_res.rows(), self.w_in.cols(), self.w_out.nrows());
        let given = ReservoirSource::Given { units, activation: self.activation };
        let mut g = Graph::builder();
        let u = g.input("input", inputs);
        let x = match self.w_feedback {
            Some(_) => g.reservoir_with_feedback("reservoir", u, given, "output"),
            None => g.reservoir("reservoir", u, given),
        };
        let sources: &[NodeId] = if self.reads_input { &[u, x] } else { &[x] };
        g.readout("output", sources.iter().copied(), outputs);
        let parameters = ReservoirParameters {
            w_in: Matrix::by_density("w_in", self.w_in)?,
            w_res: Matrix::by_density("w_res", self.w_res)?,
            w_feedback: self.w_feedback.map(|weights| Matrix::by_density("w_feedback", weights)).transpose()?,
            bias: self.bias,
            leak: LeakRates::new(self.leak)?,
        };
        ModelBuilder::new(g.build()?).reservoir("reservoir", parameters)?.linear(
            "output",
            self.w_out.view(),
            Array1::from(self.output_bias).view(),
        )
    }
}

/// The parts of a model that has the form of [`Single`].
pub(crate) struct Parts<'a, T: Real> {
    pub(crate) reservoir: &'a ReservoirParameters<T>,
    pub(crate) activation: Activation,
    pub(crate) readout: &'a LinearParameters<T>,
    pub(crate) inputs: usize,
    pub(crate) units: usize,
    pub(crate) reads_input: bool,
}

impl<'a, T: Real> Parts<'a, T> {
    /// Takes a model apart, or says what of it the format cannot hold.
    pub(crate) fn of(model: &'a Model<T>, format: &'static str) -> Result<Self, FileError> {
        let refuse = |why: &str| Err(FileError::NotExpressible { format, why: why.to_owned() });
        let [input, reservoir, readout] = model.graph().nodes() else {
            let nodes = model.graph().nodes().len();
            return refuse(&format!("it has {nodes} nodes, the format holds an input, a reservoir and a readout"));
        };
        let (Op::Input { .. }, Op::Reservoir { weights, .. }, Op::Readout { sources, .. }) =
            (input.op(), reservoir.op(), readout.op())
        else {
            return refuse("the format holds an input, a reservoir and a readout, in this order");
        };
        let reads_input = match sources[..] {
            [NodeId(1)] => false,
            [NodeId(0), NodeId(1)] => true,
            _ => return refuse("its readout must see the state, or the input and the state"),
        };
        let (Parameters::Reservoir(given), Parameters::Linear(linear)) = (model.parameters(1), model.parameters(2))
        else {
            unreachable!("parameters are of the kind of their node");
        };
        Ok(Self {
            reservoir: given,
            activation: weights.activation(),
            readout: linear,
            inputs: input.width(),
            units: reservoir.width(),
            reads_input,
        })
    }
}
