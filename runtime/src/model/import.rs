//! Weights from elsewhere, and back: JSON objects, `.npz` archives and `.npy` arrays.

mod json;
mod npz;

pub use super::npy::{npy_from_bytes, npy_to_bytes, read_npy, write_npy};
pub use npz::NpzOptions;

use std::path::Path;

use forebay_kernels::Real;
use ndarray::{Array1, Array2, s};

use super::file::{FileError, read_file, write_aside};
use super::{LeakRates, LinearParameters, Matrix, Model, ModelBuilder, Parameters, ReservoirParameters};
use crate::error::Error;
use crate::esn::ReadoutOn;
use crate::graph::{Graph, NodeId, Op, ReservoirSource};
use crate::reservoir::Activation;

impl<T: Real> Model<T> {
    /// Reads a model file of any known kind by its extension: `.json`, `.npz`, or this crate's own format.
    ///
    /// # Errors
    /// As [`load`](Self::load), [`from_json`](Self::from_json), [`from_npz`](Self::from_npz).
    pub fn import(path: &Path, options: &NpzOptions) -> Result<Self, Error> {
        match extension(path).as_str() {
            "json" => Self::from_json(&read_file(path)?),
            "npz" => Self::from_npz(&read_file(path)?, options),
            _ => Self::load(path),
        }
    }

    /// Writes a model file of the kind its extension names, aside first, then renamed.
    ///
    /// # Errors
    /// As [`save`](Self::save), [`to_json`](Self::to_json), [`to_npz`](Self::to_npz).
    pub fn export(&self, path: &Path) -> Result<(), Error> {
        match extension(path).as_str() {
            "json" => write_aside(path, self.to_json()?.as_bytes()),
            "npz" => write_aside(path, &self.to_npz()?),
            _ => self.save(path),
        }
    }
}

fn extension(path: &Path) -> String {
    path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// One reservoir and its readout as plain matrices, the form that foreign files hold.
struct Plain {
    w_in: Array2<f64>,
    w_res: Array2<f64>,
    bias: Vec<f64>,
    leak: Vec<f64>,
    activation: Activation,
    /// `[outputs, columns of readout_on]`; none leaves an untrained readout.
    w_out: Option<Array2<f64>>,
    output_bias: Option<Vec<f64>>,
    readout_on: ReadoutOn,
}

impl Plain {
    /// Input, reservoir, readout, named `input`, `reservoir`, `output`.
    fn into_model<T: Real>(self) -> Result<Model<T>, Error> {
        let (units, inputs) = self.w_in.dim();
        let w_out = self.w_out.unwrap_or_else(|| Array2::zeros((1, self.readout_on.columns(inputs, units))));
        let bias_column = usize::from(self.readout_on.has_bias());
        let output_bias = match self.output_bias {
            Some(bias) => bias,
            None if bias_column == 1 => w_out.column(0).to_vec(),
            None => vec![0.0; w_out.nrows()],
        };
        let mut g = Graph::builder();
        let u = g.input("input", inputs);
        let x = g.reservoir("reservoir", u, ReservoirSource::Given { units, activation: self.activation });
        let sources: &[NodeId] = if self.readout_on.has_input() { &[u, x] } else { &[x] };
        g.readout("output", sources.iter().copied(), w_out.nrows());
        let narrow = |values: Vec<f64>| values.into_iter().map(T::from_f64).collect::<Vec<T>>();
        let parameters = ReservoirParameters {
            w_in: Matrix::from_dense("w_in", self.w_in.mapv(T::from_f64).view())?,
            w_res: Matrix::from_dense("w_res", self.w_res.mapv(T::from_f64).view())?,
            w_feedback: None,
            bias: narrow(self.bias),
            leak: LeakRates::new(narrow(self.leak))?,
        };
        let weights = w_out.slice(s![.., bias_column..]).mapv(T::from_f64);
        ModelBuilder::new(g.build()?)
            .reservoir("reservoir", parameters)?
            .linear("output", weights.view(), Array1::from(narrow(output_bias)).view())?
            .build()
    }
}

/// The parts of a model that has the form of [`Plain`].
struct Parts<'a, T: Real> {
    reservoir: &'a ReservoirParameters<T>,
    activation: Activation,
    readout: &'a LinearParameters<T>,
    inputs: usize,
    units: usize,
    reads_input: bool,
}

impl<'a, T: Real> Parts<'a, T> {
    fn of(model: &'a Model<T>, format: &'static str) -> Result<Self, FileError> {
        let refuse = |why: &str| Err(FileError::NotExpressible { format, why: why.to_owned() });
        let [input, reservoir, readout] = model.graph().nodes() else {
            let nodes = model.graph().nodes().len();
            return refuse(&format!("it has {nodes} nodes, the format holds an input, a reservoir and a readout"));
        };
        let (Op::Input { .. }, Op::Reservoir { weights, feedback, .. }, Op::Readout { sources, .. }) =
            (input.op(), reservoir.op(), readout.op())
        else {
            return refuse("the format holds an input, a reservoir and a readout, in this order");
        };
        if feedback.is_some() {
            return refuse("its reservoir has output feedback");
        }
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

fn all_zero<T: Real>(values: &[T]) -> bool {
    values.iter().all(|value| *value == T::ZERO)
}
