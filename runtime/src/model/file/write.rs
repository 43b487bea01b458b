//! Model files, written.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use forebay_kernels::Real;
use ndarray::Array2;
use safetensors::tensor::{Dtype, TensorView};

use super::{COLUMNS, FORMAT, FileError, HEADER_KEY, ModelHeader, STARTS, VALUES, VERSION};
use crate::disk;
use crate::error::Error;
use crate::graph::{Graph, Op};
use crate::model::{Matrix, Model, Parameters};
use crate::seal;
use crate::weights::{Csr, Weights};

impl<T: Real> Model<T> {
    /// Writes the model to a file, `.forebay` by custom: aside first, then renamed, so that a failure leaves what was
    /// there before.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        disk::write_aside(path, &self.to_bytes()?)
    }

    /// The bytes [`save`](Self::save) writes; equal models give equal bytes.
    ///
    /// # Errors
    /// [`Error::File`] if the provenance cannot be written as JSON, or a node's function is code.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        refuse_code(self.graph())?;
        let header = ModelHeader {
            format: FORMAT.to_owned(),
            version: VERSION,
            checksum: Some(seal::EMPTY.to_owned()),
            precision: T::NAME.to_owned(),
            graph: self.graph().to_builder(),
            provenance: self.provenance().clone(),
            tensors: Vec::new(),
        };
        let header = serde_json::to_string(&header).map_err(|e| FileError::format("model header", &e))?;
        let tensors = tensors(self);
        let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
            let view = TensorView::new(*dtype, shape.clone(), bytes).map_err(|e| FileError::format("tensor", &e))?;
            Ok((name.as_str(), view))
        });
        let views = views.collect::<Result<Vec<_>, FileError>>()?;
        let metadata = HashMap::from([(HEADER_KEY.to_owned(), header)]);
        let bytes = safetensors::serialize(views, Some(metadata)).map_err(|e| FileError::format("model file", &e))?;
        Ok(seal::close(seal::IN_TEXT, bytes)?)
    }
}

/// A function of a user's is code, and no file holds it.
pub(in crate::model) fn refuse_code(graph: &Graph) -> Result<(), FileError> {
    match graph.nodes().iter().find_map(|node| match node.op() {
        Op::Custom { function, .. } => Some((node.name(), function.name())),
        _ => None,
    }) {
        None => Ok(()),
        Some((node, function)) => {
            let why = format!("node {node:?} computes {function:?}, which is code outside of this library");
            Err(FileError::NotExpressible { format: "model file", why })
        }
    }
}

/// Dtype, shape and little-endian bytes by name, in the order of names.
type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

fn tensors<T: Real>(model: &Model<T>) -> Tensors {
    let mut tensors = Tensors::new();
    let float = if T::NAME == "f32" { Dtype::F32 } else { Dtype::F64 };
    let floats = |shape: Vec<usize>, values: &mut dyn Iterator<Item = T>| (float, shape, little_endian(values));
    let vector = |values: &[T]| floats(vec![values.len()], &mut values.iter().copied());
    for (name, values) in values(model) {
        match values {
            Values::Dense(w) => {
                tensors.insert(name, floats(w.shape().to_vec(), &mut w.iter().copied()));
            }
            Values::Vector(values) => {
                tensors.insert(name, vector(&values));
            }
            Values::Sparse(w) => {
                let starts: Vec<u8> = w.row_starts().iter().flat_map(|&s| (s as u64).to_le_bytes()).collect();
                let columns: Vec<u8> = w.columns().iter().flat_map(|c| c.to_le_bytes()).collect();
                tensors.insert(format!("{name}{STARTS}"), (Dtype::U64, vec![w.rows() + 1], starts));
                tensors.insert(format!("{name}{COLUMNS}"), (Dtype::U32, vec![w.nnz()], columns));
                tensors.insert(format!("{name}{VALUES}"), vector(w.values()));
            }
        }
    }
    tensors
}

/// What one tensor, or the three of a sparse matrix, hold.
pub(in crate::model) enum Values<T> {
    Vector(Vec<T>),
    Dense(Array2<T>),
    Sparse(Csr<T>),
}

/// All weights of a model by `node/tensor`, node after node.
pub(in crate::model) fn values<T: Real>(model: &Model<T>) -> Vec<(String, Values<T>)> {
    let mut values = Vec::new();
    let matrix = |matrix: &Matrix<T>| match matrix.to_weights() {
        Weights::Dense(w) => Values::Dense(w),
        Weights::Sparse(w) => Values::Sparse(w),
    };
    for (index, node) in model.graph().nodes().iter().enumerate() {
        let mut put = |tensor: &str, value: Values<T>| values.push((format!("{}/{tensor}", node.name()), value));
        match model.parameters(index) {
            Parameters::None => {}
            Parameters::Reservoir(reservoir) => {
                put("w_in", matrix(&reservoir.w_in));
                put("w_res", matrix(&reservoir.w_res));
                if let Some(w) = &reservoir.w_feedback {
                    put("w_feedback", matrix(w));
                }
                put("bias", Values::Vector(reservoir.bias.clone()));
                put("leak", Values::Vector(reservoir.leak.rates().to_vec()));
            }
            Parameters::Linear(linear) => {
                put("weights", Values::Dense(linear.to_dense()));
                put("bias", Values::Vector(linear.bias.clone()));
            }
        }
    }
    values
}

fn little_endian<T: Real>(values: impl Iterator<Item = T>) -> Vec<u8> {
    // `bits` zero-extends an f32, so its low bytes are the number's.
    values.flat_map(|value| value.bits().to_le_bytes().into_iter().take(size_of::<T>())).collect()
}
