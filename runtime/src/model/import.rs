//! Weights from elsewhere, and back: JSON objects and `NumPy`'s `.npz`.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use forebay_kernels::Real;
use ndarray::{Array1, Array2, ArrayView2, s};
use serde::{Deserialize, Serialize};

use super::file::{FileError, write_aside};
use super::npy::{self, NpyArray};
use super::{LeakRates, LinearParameters, Matrix, Model, ModelBuilder, Parameters, Provenance, ReservoirParameters};
use crate::error::Error;
use crate::esn::ReadoutOn;
use crate::graph::{Graph, NodeId, Op, ReservoirSource};
use crate::reservoir::Activation;

const JSON: &str = "JSON of ESN weights";
const NPZ: &str = ".npz of ESN weights";

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
        if self.w_res.dim() != (units, units) {
            let found = format!("{:?}", self.w_res.dim());
            return Err(Error::shape("w_res", format!("({units}, {units}), as many rows as w_in"), found));
        }
        let columns = self.readout_on.columns(inputs, units);
        let w_out = self.w_out.unwrap_or_else(|| Array2::zeros((1, columns)));
        if w_out.ncols() != columns {
            let expected = format!("{columns} columns for {:?}", self.readout_on);
            return Err(Error::shape("w_out", expected, w_out.ncols()));
        }
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
            .provenance(Provenance::default())
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

fn parts<'a, T: Real>(model: &'a Model<T>, format: &'static str) -> Result<Parts<'a, T>, Error> {
    let refuse = |why: &str| FileError::NotExpressible { format, why: why.to_owned() };
    let nodes = model.graph().nodes();
    let [input, reservoir, readout] = nodes else {
        return Err(refuse("it holds exactly one input, one reservoir and one readout").into());
    };
    let (Op::Input { .. }, Op::Reservoir { weights, feedback: None, .. }, Op::Readout { sources, .. }) =
        (input.op(), reservoir.op(), readout.op())
    else {
        return Err(refuse("it holds exactly one input, one reservoir without feedback, and one readout").into());
    };
    let reads_input = match sources[..] {
        [NodeId(1)] => false,
        [NodeId(0), NodeId(1)] => true,
        _ => return Err(refuse("the readout must see the state, or the input and the state").into()),
    };
    let (Parameters::Reservoir(weights_of), Parameters::Linear(linear)) = (model.parameters(1), model.parameters(2))
    else {
        unreachable!("parameters follow the nodes");
    };
    Ok(Parts {
        reservoir: weights_of,
        activation: weights.activation(),
        readout: linear,
        inputs: input.width(),
        units: reservoir.width(),
        reads_input,
    })
}

/// The JSON object: flat row-major arrays and the sizes to check them by.
#[derive(Debug, Serialize, Deserialize)]
struct JsonWeights {
    /// `[reservoir_size, input_size]`.
    w_in: Vec<f64>,
    /// `[reservoir_size, reservoir_size]`.
    w_res: Vec<f64>,
    /// `[output_size, reservoir_size]`.
    w_out: Vec<f64>,
    input_size: usize,
    reservoir_size: usize,
    output_size: usize,
    leak_rate: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bias: Option<Vec<f64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    activation: Option<String>,
}

impl<T: Real> Model<T> {
    /// Reads a JSON object `{w_in, w_res, w_out, input_size, reservoir_size, output_size, leak_rate}` with flat row-major
    /// arrays; `bias` (one per unit) and `activation` (`"tanh"` or `"identity"`) may be there, too. The readout sees the
    /// state.
    ///
    /// # Errors
    /// [`Error::File`] for bytes that are no such object or sizes that do not match; else as for any weights.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Error> {
        let json: JsonWeights = serde_json::from_slice(bytes).map_err(|e| FileError::format(JSON, e))?;
        let matrix = |name: &str, values: Vec<f64>, rows: usize, cols: usize, shape: &str| {
            let found = values.len();
            if rows == 0 || cols == 0 || rows.checked_mul(cols) != Some(found) {
                let why = format!("{name} needs {shape} = {rows} x {cols} values, found {found}");
                return Err(FileError::format(JSON, why));
            }
            Array2::from_shape_vec((rows, cols), values).map_err(|e| FileError::format(JSON, e))
        };
        let (units, inputs, outputs) = (json.reservoir_size, json.input_size, json.output_size);
        let activation = match json.activation.as_deref() {
            None | Some("tanh") => Activation::Tanh,
            Some("identity" | "linear") => Activation::Identity,
            Some(other) => {
                let why = format!("unknown activation {other:?}; there is tanh, identity");
                return Err(FileError::format(JSON, why).into());
            }
        };
        let w_res = matrix("w_res", json.w_res, units, units, "reservoir_size x reservoir_size")?;
        Plain {
            w_in: matrix("w_in", json.w_in, units, inputs, "reservoir_size x input_size")?,
            w_out: Some(matrix("w_out", json.w_out, outputs, units, "output_size x reservoir_size")?),
            w_res,
            bias: json.bias.unwrap_or_else(|| vec![0.0; units]),
            leak: vec![json.leak_rate],
            activation,
            output_bias: None,
            readout_on: ReadoutOn::State,
        }
        .into_model()
    }

    /// The JSON object that [`from_json`](Self::from_json) reads; floats are written so that they read back as they are.
    ///
    /// # Errors
    /// [`Error::File`] if the model has more than the format holds: several reservoirs, feedback, a readout of the input or
    /// with an intercept, a leak rate per unit.
    pub fn to_json(&self) -> Result<String, Error> {
        let parts = parts(self, JSON)?;
        let refuse = |why: &str| FileError::NotExpressible { format: JSON, why: why.to_owned() };
        if parts.reads_input {
            return Err(refuse("the readout sees the input").into());
        }
        if parts.readout.bias.iter().any(|b| *b != T::ZERO) {
            return Err(refuse("the readout has an intercept").into());
        }
        let [leak] = parts.reservoir.leak.rates() else {
            return Err(refuse("it has a leak rate per unit").into());
        };
        let activation = match parts.activation {
            Activation::Tanh => "tanh",
            Activation::Identity => "identity",
            Activation::BoundedRelu { .. } => return Err(refuse("its activation is a bounded relu").into()),
        };
        let flat = |matrix: Array2<T>| matrix.iter().map(|v| v.to_f64()).collect::<Vec<f64>>();
        let biased = parts.reservoir.bias.iter().any(|b| *b != T::ZERO);
        let json = JsonWeights {
            w_in: flat(parts.reservoir.w_in.to_dense()),
            w_res: flat(parts.reservoir.w_res.to_dense()),
            w_out: flat(parts.readout.to_dense()),
            input_size: parts.inputs,
            reservoir_size: parts.units,
            output_size: parts.readout.bias.len(),
            leak_rate: leak.to_f64(),
            bias: biased.then(|| parts.reservoir.bias.iter().map(|b| b.to_f64()).collect()),
            activation: Some(activation.to_owned()),
        };
        Ok(serde_json::to_string(&json).map_err(|e| FileError::format(JSON, e))?)
    }

    /// Reads the arrays of a `.npz` file by the names in `options`.
    ///
    /// # Shapes
    /// W `[N, N]`; Win `[N, inputs]`, or `[N, 1 + inputs]` with the bias in front ([`NpzOptions::bias_in_w_in`]); Wout
    /// `[outputs, columns]` or its transpose, with the columns of [`ReadoutOn`]; bias `[N]`, `[N, 1]` or `[1, N]`; lr one
    /// value or `[N]`. Wout, bias and lr may be missing: no readout, no bias, no leak.
    ///
    /// # Errors
    /// [`Error::File`] for bytes that are no `.npz`, a missing array, an array of another shape or type.
    pub fn from_npz(bytes: &[u8], options: &NpzOptions) -> Result<Self, Error> {
        let archive = npy::read_npz(bytes)?;
        let find = |name: &str| archive.iter().find(|(n, _)| n == name).map(|(_, array)| array);
        let need = |name: &str| {
            let names = archive.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>().join(", ");
            find(name).ok_or_else(|| {
                FileError::format(NPZ, format!("it has no array {name:?}; it has {names}: name yours by an option"))
            })
        };
        let w_res = need(&options.w)?.matrix(&options.w)?;
        let units = w_res.nrows();
        let mut w_in = need(&options.w_in)?.matrix(&options.w_in)?;
        let mut bias = match find(&options.bias) {
            Some(array) => array.vector(&options.bias, units)?,
            None => vec![0.0; units],
        };
        if options.bias_in_w_in {
            if w_in.ncols() < 2 {
                return Err(FileError::format(NPZ, "Win has no column beside the bias").into());
            }
            bias = w_in.column(0).to_vec();
            w_in = w_in.slice(s![.., 1..]).to_owned();
        }
        let leak = match find(&options.leak) {
            Some(array) if array.values.len() == 1 => array.values.clone(),
            Some(array) => array.vector(&options.leak, units)?,
            None => vec![1.0],
        };
        let inputs = w_in.ncols();
        let (w_out, readout_on) = match find(&options.w_out) {
            None => (None, ReadoutOn::State),
            Some(array) => {
                let (w_out, on) = orient(array.matrix(&options.w_out)?, inputs, units, options.readout_on)?;
                (Some(w_out), on)
            }
        };
        let outputs = w_out.as_ref().map_or(1, Array2::nrows);
        let output_bias = match options.output_bias.as_deref().map(|name| (name, find(name))) {
            Some((name, Some(array))) => Some(array.vector(name, outputs)?),
            Some((name, None)) => {
                return Err(FileError::format(NPZ, format!("it has no array {name:?}")).into());
            }
            None => None,
        };
        let activation = Activation::Tanh;
        Plain { w_in, w_res, bias, leak, activation, w_out, output_bias, readout_on }.into_model()
    }

    /// The `.npz` that [`from_npz`](Self::from_npz) reads with default options (and the readout layout named by the shape of
    /// Wout): W, Win, Wout with a bias column in front, bias, lr.
    ///
    /// # Errors
    /// [`Error::File`] if the model is not one reservoir with tanh and one readout.
    pub fn to_npz(&self) -> Result<Vec<u8>, Error> {
        let parts = parts(self, NPZ)?;
        if parts.activation != Activation::Tanh {
            let why = format!("its activation is {}, the format means tanh", parts.activation);
            return Err(FileError::NotExpressible { format: NPZ, why }.into());
        }
        let weights = parts.readout.to_dense();
        let mut w_out = Array2::from_elem((weights.nrows(), 1 + weights.ncols()), T::ZERO);
        w_out.column_mut(0).iter_mut().zip(&parts.readout.bias).for_each(|(to, from)| *to = *from);
        w_out.slice_mut(s![.., 1..]).assign(&weights);
        let row = |values: &[T]| Array2::from_shape_fn((1, values.len()), |(_, i)| values[i]);
        npy::write_npz(&[
            ("W", parts.reservoir.w_res.to_dense().view()),
            ("Win", parts.reservoir.w_in.to_dense().view()),
            ("Wout", w_out.view()),
            ("bias", row(&parts.reservoir.bias).view()),
            ("lr", row(parts.reservoir.leak.rates()).view()),
        ])
    }

    /// Reads a model file of any known kind by its extension: `.json`, `.npz`, or this crate's own format.
    ///
    /// # Errors
    /// As [`load`](Self::load), [`from_json`](Self::from_json), [`from_npz`](Self::from_npz).
    pub fn import(path: &Path, options: &NpzOptions) -> Result<Self, Error> {
        let read = || fs::read(path).map_err(|source| FileError::Io { action: "read", path: path.to_owned(), source });
        match extension(path).as_str() {
            "json" => Self::from_json(&read()?),
            "npz" => Self::from_npz(&read()?, options),
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

/// Names and layout of the arrays in a `.npz` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NpzOptions {
    /// Recurrent weights; `W`.
    pub w: String,
    /// Input weights; `Win`.
    pub w_in: String,
    /// Readout weights; `Wout`.
    pub w_out: String,
    /// Bias of the units; `bias`.
    pub bias: String,
    /// Leak rate; `lr`.
    pub leak: String,
    /// Intercept of the readout, if it has an array of its own.
    pub output_bias: Option<String>,
    /// Whether the first column of the input weights is the bias.
    pub bias_in_w_in: bool,
    /// What the columns of the readout stand for; by default told from their number.
    pub readout_on: Option<ReadoutOn>,
}

impl Default for NpzOptions {
    fn default() -> Self {
        Self {
            w: "W".to_owned(),
            w_in: "Win".to_owned(),
            w_out: "Wout".to_owned(),
            bias: "bias".to_owned(),
            leak: "lr".to_owned(),
            output_bias: None,
            bias_in_w_in: false,
            readout_on: None,
        }
    }
}

/// Turns the readout so that its columns are features, and says which.
fn orient(
    w_out: Array2<f64>,
    inputs: usize,
    units: usize,
    wanted: Option<ReadoutOn>,
) -> Result<(Array2<f64>, ReadoutOn), FileError> {
    let fits = |columns: usize| match wanted {
        Some(on) => Some(on).filter(|on| on.columns(inputs, units) == columns),
        None => ReadoutOn::from_columns(columns, inputs, units),
    };
    match (fits(w_out.ncols()), fits(w_out.nrows())) {
        (Some(on), _) => Ok((w_out, on)),
        (None, Some(on)) => Ok((w_out.reversed_axes().as_standard_layout().to_owned(), on)),
        (None, None) => {
            let why = format!(
                "Wout has shape {:?}, which fits no readout of {units} units and {inputs} inputs for certain: say what its \
                 columns are",
                w_out.dim()
            );
            Err(FileError::format(NPZ, why))
        }
    }
}

impl NpyArray {
    /// A 2-D array; one dimension becomes one column.
    fn matrix(&self, name: &str) -> Result<Array2<f64>, FileError> {
        let (rows, cols) = match self.shape[..] {
            [rows] => (rows, 1),
            [rows, cols] => (rows, cols),
            _ => return Err(FileError::format(NPZ, format!("{name} has shape {:?}, not two dimensions", self.shape))),
        };
        Array2::from_shape_vec((rows, cols), self.values.clone()).map_err(|e| FileError::format(NPZ, e))
    }

    fn vector(&self, name: &str, length: usize) -> Result<Vec<f64>, FileError> {
        let long_axes = self.shape.iter().filter(|&&n| n != 1).count();
        if self.values.len() == length && long_axes <= 1 {
            return Ok(self.values.clone());
        }
        let why = format!("{name} has shape {:?}, expected {length} values in one row or column", self.shape);
        Err(FileError::format(NPZ, why))
    }
}

/// Reads a `.npy` file as `[rows, columns]`; one dimension becomes one column. Floats and integers are converted to f64.
///
/// # Errors
/// [`Error::File`] for a file that is no `.npy`, is cut off, or holds another type or more dimensions.
pub fn read_npy(path: &Path) -> Result<Array2<f64>, Error> {
    let bytes = fs::read(path).map_err(|source| FileError::Io { action: "read", path: path.to_owned(), source })?;
    npy_from_bytes(&bytes)
}

/// The array of the bytes of a `.npy` file, as [`read_npy`] gives it.
///
/// # Errors
/// As [`read_npy`].
pub fn npy_from_bytes(bytes: &[u8]) -> Result<Array2<f64>, Error> {
    Ok(npy::read(bytes)?.matrix("the array")?)
}

/// Writes `[rows, columns]` as a `.npy` file, aside first, then renamed.
///
/// # Errors
/// [`Error::File`] if it cannot be written.
pub fn write_npy<T: Real>(path: &Path, array: ArrayView2<'_, T>) -> Result<(), Error> {
    let mut bytes = Cursor::new(Vec::new());
    npy::write(&mut bytes, array)?;
    write_aside(path, &bytes.into_inner())
}
