//! Models as JSON: one reservoir and its readout as an object of flat arrays, or any graph as nodes and tensors.

use std::collections::BTreeMap;

use forebay_kernels::Real;
use ndarray::{Array2, s};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{all_zero, noted};
use crate::error::Error;
use crate::graph::{GraphBuilder, Node};
use crate::model::file::{FileError, TensorSource, Values, assemble, refuse_code, values};
use crate::model::single::{Parts, Single};
use crate::model::{Model, Provenance};
use crate::reservoir::Activation;
use crate::seal;
use crate::weights::Weights;

const JSON: &str = "JSON of a model";

/// What the nodes of one reservoir are called when they are read back. Under other names a model is written as a graph: notes of a
/// compilation keep ranges by the names of nodes.
const NAMES: [&str; 3] = ["input", "reservoir", "output"];

/// The object of one reservoir: flat row-major arrays and the sizes to check them by.
#[derive(Debug, Serialize, Deserialize)]
struct JsonWeights {
    /// Of every byte of the text, if there is one; first, so that its place is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checksum: Option<String>,
    /// `[reservoir_size, input_size]`.
    w_in: Vec<f64>,
    /// `[reservoir_size, reservoir_size]`.
    w_res: Vec<f64>,
    /// `[reservoir_size, output_size]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    w_feedback: Option<Vec<f64>>,
    /// `[output_size, reservoir_size]`.
    w_out: Vec<f64>,
    /// `[output_size, input_size]`: the readout's weights of the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    w_out_input: Option<Vec<f64>>,
    /// `[output_size]`: the readout's intercept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    w_out_bias: Option<Vec<f64>>,
    input_size: usize,
    reservoir_size: usize,
    output_size: usize,
    /// One for all units, or `[reservoir_size]`.
    leak_rate: OneOrMany,
    /// `[reservoir_size]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bias: Option<Vec<f64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    activation: Option<Activation>,
    /// Float type of the numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    precision: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provenance: Option<Provenance>,
    /// What else there is.
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(f64),
    Many(Vec<f64>),
}

/// Any graph.
#[derive(Debug, Serialize, Deserialize)]
struct JsonGraph {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checksum: Option<String>,
    format: String,
    version: u32,
    precision: String,
    graph: GraphBuilder,
    provenance: Provenance,
    tensors: BTreeMap<String, JsonTensor>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// Row-major, every zero written out.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonTensor {
    shape: Vec<usize>,
    values: Vec<f64>,
}

const GRAPH_FORMAT: &str = "forebay-graph";
const GRAPH_VERSION: u32 = 1;

impl<T: Real> Model<T> {
    /// Reads a JSON object `{w_in, w_res, w_out, input_size, reservoir_size, output_size, leak_rate}` with flat row-major
    /// arrays; `bias` (one per unit), `w_feedback`, `w_out_input` and `w_out_bias` (what the readout takes of the input, and
    /// its intercept), `activation` (`"tanh"`, `"identity"`, `{"bounded_relu": {"max": 1.0}}`; tanh if missing),
    /// `precision` and `provenance` may be there, too. Its nodes are named `input`, `reservoir` and `output`. Or the object
    /// of any other graph or names that [`to_json`](Self::to_json) writes.
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
    /// `w_in`: `[reservoir_size, input_size]`; `w_res`: `[reservoir_size, reservoir_size]`; `w_feedback`:
    /// `[reservoir_size, output_size]`; `w_out`: `[output_size, reservoir_size]`; `w_out_input`:
    /// `[output_size, input_size]`; `w_out_bias`: `[output_size]`; `leak_rate`: one or `[reservoir_size]`.
    ///
    /// # Errors
    /// [`Error::File`] for bytes that are no such object, sizes that do not match, and keys that nothing uses; else as for
    /// any weights.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Error> {
        read(bytes, None, &[])
    }

    /// The JSON object that [`from_json`](Self::from_json) reads, with all that the model holds; floats are written so that
    /// they read back as they are, and a checksum tells when the content has changed. Equal models give equal text.
    ///
    /// # Errors
    /// [`Error::File`] if the provenance cannot be written.
    pub fn to_json(&self) -> Result<String, Error> {
        let has_their_names = self.graph().nodes().iter().map(Node::name).eq(NAMES);
        Ok(match Parts::of(self, JSON) {
            Ok(parts) if has_their_names => sealed(&self.plain_json(&parts))?,
            _ => {
                refuse_code(self.graph())?;
                sealed(&self.graph_json())?
            }
        })
    }

    fn plain_json(&self, parts: &Parts<'_, T>) -> JsonWeights {
        // An f32 widened to f64 is exact, and so is its decimal form.
        let wide = |values: &[T]| values.iter().map(|v| v.to_f64()).collect::<Vec<f64>>();
        let some = |values: &[T]| (!all_zero(values)).then(|| wide(values));
        let w_out = parts.readout.to_dense();
        let of_state = w_out.ncols() - parts.units;
        let part = |of: ndarray::ArrayView2<'_, T>| flat(&of.to_owned());
        JsonWeights {
            checksum: Some(seal::EMPTY.to_owned()),
            w_in: flat(&parts.reservoir.w_in.to_dense()),
            w_res: flat(&parts.reservoir.w_res.to_dense()),
            w_feedback: parts.reservoir.w_feedback.as_ref().map(|w| flat(&w.to_dense())),
            w_out: part(w_out.slice(s![.., of_state..])),
            w_out_input: parts.reads_input.then(|| part(w_out.slice(s![.., ..of_state]))),
            w_out_bias: some(&parts.readout.bias),
            input_size: parts.inputs,
            reservoir_size: parts.units,
            output_size: parts.readout.bias.len(),
            leak_rate: match parts.reservoir.leak.rates() {
                [leak] => OneOrMany::One(leak.to_f64()),
                rates => OneOrMany::Many(wide(rates)),
            },
            bias: some(&parts.reservoir.bias),
            activation: Some(parts.activation),
            precision: Some(T::NAME.to_owned()),
            provenance: Some(self.provenance().clone()),
            rest: BTreeMap::new(),
        }
    }

    fn graph_json(&self) -> JsonGraph {
        let tensor = |values: Values<T>| match values {
            Values::Vector(values) => {
                JsonTensor { shape: vec![values.len()], values: values.iter().map(|v| v.to_f64()).collect() }
            }
            Values::Dense(w) => JsonTensor { shape: w.shape().to_vec(), values: flat(&w) },
            Values::Sparse(w) => JsonTensor { shape: vec![w.rows(), w.cols()], values: flat(&w.to_dense()) },
        };
        JsonGraph {
            checksum: Some(seal::EMPTY.to_owned()),
            format: GRAPH_FORMAT.to_owned(),
            version: GRAPH_VERSION,
            precision: T::NAME.to_owned(),
            graph: self.graph().to_builder(),
            provenance: self.provenance().clone(),
            tensors: values(self).into_iter().map(|(name, values)| (name, tensor(values))).collect(),
            rest: BTreeMap::new(),
        }
    }
}

/// The text of an object whose checksum is still empty, closed.
fn sealed(object: &impl Serialize) -> Result<String, FileError> {
    let fail = |why: &dyn std::fmt::Display| FileError::format(JSON, why);
    let text = serde_json::to_vec(object).map_err(|e| fail(&e))?;
    String::from_utf8(seal::close(seal::IN_JSON, text)?).map_err(|e| fail(&e))
}

fn flat<T: Real>(matrix: &Array2<T>) -> Vec<f64> {
    matrix.iter().map(|v| v.to_f64()).collect()
}

/// The float type that the numbers of a JSON object are meant in, if it says one.
pub(super) fn precision(bytes: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Tag {
        precision: Option<String>,
    }
    serde_json::from_slice::<Tag>(bytes).ok()?.precision
}

/// Reads either object; of what nothing uses, only keys in `ignored` may be there.
pub(super) fn read<T: Real>(
    bytes: &[u8],
    activation: Option<Activation>,
    ignored: &[String],
) -> Result<Model<T>, Error> {
    #[derive(Deserialize)]
    struct Tag {
        format: Option<Value>,
        checksum: Option<String>,
    }
    let fail = |e: serde_json::Error| FileError::format(JSON, &e);
    let tag: Tag = serde_json::from_slice(bytes).map_err(fail)?;
    if let Some(checksum) = tag.checksum {
        seal::check(seal::IN_JSON, bytes, &checksum)?;
    }
    match tag.format {
        Some(Value::String(format)) if format == GRAPH_FORMAT => {
            if activation.is_some() {
                return Err(FileError::format(
                    JSON,
                    &"a graph says the functions of its nodes: leave the activation out",
                )
                .into());
            }
            of_graph(serde_json::from_slice(bytes).map_err(fail)?, ignored)
        }
        _ => {
            let mut json: JsonWeights = serde_json::from_slice(bytes).map_err(fail)?;
            if let (Some(one), Some(other)) = (json.activation, activation)
                && one != other
            {
                let why = format!("the file says {one}, the options say {other}: leave the activation out");
                return Err(FileError::format(JSON, &why).into());
            }
            json.activation = json.activation.or(activation);
            of_weights(json, ignored)
        }
    }
}

fn of_weights<T: Real>(json: JsonWeights, ignored: &[String]) -> Result<Model<T>, Error> {
    unless_unused(&json.rest, ignored)?;
    let (units, inputs, outputs) = (json.reservoir_size, json.input_size, json.output_size);
    let [of_units, of_inputs, of_outputs] =
        [("reservoir_size", units), ("input_size", inputs), ("output_size", outputs)];
    // The square matrix first: if the number of units is wrong, it tells.
    let w_res = matrix("w_res", json.w_res, of_units, of_units)?;
    let w_in = matrix("w_in", json.w_in, of_units, of_inputs)?;
    let w_feedback = json.w_feedback.map(|w| matrix("w_feedback", w, of_units, of_outputs)).transpose()?;
    let of_state = matrix("w_out", json.w_out, of_outputs, of_units)?;
    let of_input = json.w_out_input.map(|w| matrix("w_out_input", w, of_outputs, of_inputs)).transpose()?;
    let reads_input = of_input.is_some();
    let w_out = match of_input {
        None => of_state,
        Some(of_input) => ndarray::concatenate(ndarray::Axis(1), &[of_input.view(), of_state.view()])
            .expect("both have a row per output"),
    };
    let output_bias = json.w_out_bias.unwrap_or_else(|| vec![0.0; outputs]);
    if output_bias.len() != outputs {
        let expected = format!("output_size = {outputs} values");
        return Err(FileError::array("w_out_bias", expected, output_bias.len().to_string()).into());
    }
    let provenance = json.provenance.unwrap_or_else(|| {
        let activation = if json.activation.is_none() { ", tanh, of which the file says nothing" } else { "" };
        noted(format!("JSON of {units} units, {inputs} inputs, {outputs} outputs{activation}"))
    });
    let narrow = |values: Vec<f64>| values.into_iter().map(T::from_f64).collect::<Vec<T>>();
    let weights = |matrix: Array2<f64>| Weights::Dense(matrix.mapv(T::from_f64));
    Single {
        w_in: weights(w_in),
        w_res: weights(w_res),
        w_feedback: w_feedback.map(weights),
        bias: narrow(json.bias.unwrap_or_else(|| vec![0.0; units])),
        leak: match json.leak_rate {
            OneOrMany::One(leak) => narrow(vec![leak]),
            OneOrMany::Many(rates) => narrow(rates),
        },
        activation: json.activation.unwrap_or(Activation::Tanh),
        w_out: w_out.mapv(T::from_f64),
        reads_input,
        output_bias: narrow(output_bias),
    }
    .into_builder()?
    .provenance(provenance)
    .build()
}

fn of_graph<T: Real>(json: JsonGraph, ignored: &[String]) -> Result<Model<T>, Error> {
    if json.version != GRAPH_VERSION {
        return Err(FileError::Version { found: json.version, known: GRAPH_VERSION }.into());
    }
    unless_unused(&json.rest, ignored)?;
    let mut tensors = Tensors(json.tensors);
    let builder = assemble(json.graph.build()?, json.provenance, &mut tensors)?;
    match tensors.0.into_keys().next() {
        Some(tensor) => Err(FileError::Surplus { tensor }.into()),
        None => builder.build(),
    }
}

fn unless_unused(rest: &BTreeMap<String, Value>, ignored: &[String]) -> Result<(), FileError> {
    let unused: Vec<String> = rest.keys().filter(|key| !ignored.contains(key)).cloned().collect();
    FileError::unless_unused("keys", &unused)
}

/// Tensors that are taken out when they are used.
struct Tensors(BTreeMap<String, JsonTensor>);

impl Tensors {
    fn take(&mut self, name: &str, expected: String, fits: impl Fn(&[usize]) -> bool) -> Result<Vec<f64>, FileError> {
        let Some(tensor) = self.0.remove(name) else {
            return Err(FileError::tensor(name, expected, "no tensor of this name"));
        };
        if !fits(&tensor.shape) || tensor.shape.iter().product::<usize>() != tensor.values.len() {
            let found = format!("{} values of shape {:?}", tensor.values.len(), tensor.shape);
            return Err(FileError::tensor(name, expected, found));
        }
        Ok(tensor.values)
    }
}

impl<T: Real> TensorSource<T> for Tensors {
    fn dense(&mut self, name: &str, (rows, columns): (usize, usize)) -> Result<Array2<T>, Error> {
        let values = self.take(name, format!("shape [{rows}, {columns}]"), |shape| shape == [rows, columns])?;
        let values = values.into_iter().map(T::from_f64).collect();
        Ok(Array2::from_shape_vec((rows, columns), values).expect("a tensor has the values of its shape"))
    }

    fn vector(&mut self, name: &str, lengths: &[usize]) -> Result<Vec<T>, Error> {
        let one_of = lengths.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
        let fits = |shape: &[usize]| matches!(shape, [n] if lengths.contains(n));
        Ok(self.take(name, format!("{one_of} values"), fits)?.into_iter().map(T::from_f64).collect())
    }

    fn matrix(&mut self, name: &str, shape: (usize, usize)) -> Result<Weights<T>, Error> {
        // Zeros are written out: what the storage was is not known.
        let dense: Array2<T> = self.dense(name, shape)?;
        Error::check_finite(name, dense.as_slice().expect("as it was read"))?;
        Ok(Weights::Dense(dense).by_density())
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
