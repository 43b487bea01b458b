//! One reservoir and its readout as a JSON object.

use forebay_kernels::Real;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::{Parts, Plain, all_zero};
use crate::error::Error;
use crate::esn::ReadoutOn;
use crate::model::Model;
use crate::model::file::{FileError, shortened_name};
use crate::reservoir::Activation;

const JSON: &str = "JSON of ESN weights";

/// The JSON object: flat row-major arrays and the sizes to check them by. Other keys are passed over.
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
    /// state. Its nodes are named `input`, `reservoir` and `output`.
    ///
    /// ```
    /// use forebay::model::Model;
    ///
    /// let text = r#"{"w_in": [0.5, -0.3], "w_res": [0.0, 0.4, -0.4, 0.0], "w_out": [1.0, -1.0],
    ///                "input_size": 1, "reservoir_size": 2, "output_size": 1, "leak_rate": 0.7}"#;
    /// let model = Model::<f32>::from_json(text.as_bytes())?;
    /// assert_eq!(model.session().step(&[0.0])?, [0.0]);
    /// # Ok::<(), forebay::Error>(())
    /// ```
    ///
    /// # Shapes
    /// `w_in`: `[reservoir_size, input_size]`; `w_res`: `[reservoir_size, reservoir_size]`; `w_out`:
    /// `[output_size, reservoir_size]`.
    ///
    /// # Errors
    /// [`Error::File`] for bytes that are no such object or sizes that do not match; else as for any weights.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Error> {
        let json: JsonWeights = serde_json::from_slice(bytes).map_err(|e| FileError::format(JSON, &e))?;
        let (units, inputs, outputs) = (json.reservoir_size, json.input_size, json.output_size);
        let activation = match json.activation.as_deref() {
            None | Some("tanh") => Activation::Tanh,
            Some("identity") => Activation::Identity,
            Some(other) => return Err(FileError::array("activation", "tanh or identity", shortened_name(other)).into()),
        };
        // The square matrix first: if the number of units is wrong, it tells.
        let w_res = matrix("w_res", json.w_res, ("reservoir_size", units), ("reservoir_size", units))?;
        Plain {
            w_in: matrix("w_in", json.w_in, ("reservoir_size", units), ("input_size", inputs))?,
            w_res,
            w_out: Some(matrix("w_out", json.w_out, ("output_size", outputs), ("reservoir_size", units))?),
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
    /// with an intercept, a leak rate per unit, a bounded relu.
    pub fn to_json(&self) -> Result<String, Error> {
        let parts = Parts::of(self, JSON)?;
        let refuse = |why: &str| Err(FileError::NotExpressible { format: JSON, why: why.to_owned() }.into());
        if parts.reads_input {
            return refuse("its readout sees the input, too");
        }
        if !all_zero(&parts.readout.bias) {
            return refuse("its readout has an intercept");
        }
        let [leak] = parts.reservoir.leak.rates() else {
            return refuse("it has a leak rate per unit");
        };
        let activation = match parts.activation {
            Activation::Tanh => "tanh",
            Activation::Identity => "identity",
            Activation::BoundedRelu { .. } => return refuse("its activation is a bounded relu"),
            other => return refuse(&format!("its activation is {other}")),
        };
        let bias = &parts.reservoir.bias;
        // An f32 widened to f64 is exact, and so is its decimal form.
        let flat = |matrix: Array2<T>| matrix.iter().map(|v| v.to_f64()).collect::<Vec<f64>>();
        let json = JsonWeights {
            w_in: flat(parts.reservoir.w_in.to_dense()),
            w_res: flat(parts.reservoir.w_res.to_dense()),
            w_out: flat(parts.readout.to_dense()),
            input_size: parts.inputs,
            reservoir_size: parts.units,
            output_size: parts.readout.bias.len(),
            leak_rate: leak.to_f64(),
            bias: (!all_zero(bias)).then(|| bias.iter().map(|b| b.to_f64()).collect()),
            activation: Some(activation.to_owned()),
        };
        Ok(serde_json::to_string(&json).map_err(|e| FileError::format(JSON, &e))?)
    }
}

fn matrix(
    name: &str,
    values: Vec<f64>,
    (row_key, rows): (&str, usize),
    (column_key, columns): (&str, usize),
) -> Result<Array2<f64>, FileError> {
    let found = values.len();
    let refuse =
        || FileError::array(name, format!("{row_key} x {column_key} = {rows} x {columns} values"), found.to_string());
    if found == 0 {
        return Err(refuse());
    }
    Array2::from_shape_vec((rows, columns), values).map_err(|_| refuse())
}
