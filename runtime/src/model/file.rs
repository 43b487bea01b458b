//! Models on disk: one file, safetensors with a JSON header.
//!
//! ```text
//! 8 bytes   length of the safetensors header, little-endian
//! header    JSON: tensor names, dtypes, shapes, offsets; `__metadata__.forebay` = the model's header as JSON text
//! tensors   little-endian, one after the other
//! ```
//!
//! The model's header holds format, version, precision, graph and provenance. Tensors are named `node/tensor`: `w_in`,
//! `w_res`, `w_feedback`, `bias`, `leak` of a reservoir; `weights`, `bias` of a readout or dense node. A sparse matrix is
//! three tensors, `.starts` (u64), `.columns` (u32) and `.values`.
//!
//! Nothing in a file is trusted: the graph is built and checked again, every tensor is compared with it, and no more
//! memory is taken than the tensors that are there.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use forebay_kernels::Real;
use ndarray::{Array1, Array2};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use super::{LeakRates, Matrix, Model, ModelBuilder, Parameters, Provenance, ReservoirParameters};
use crate::error::Error;
use crate::graph::{Graph, GraphBuilder, Op};
use crate::weights::{Csr, Weights};

const FORMAT: &str = "forebay-model";
const VERSION: u32 = 1;
const HEADER_KEY: &str = "forebay";

/// Why a file is no usable model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file cannot be read or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// Read or write.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not a file of this format, or a damaged one.
    #[error("not a usable {format}: {why}")]
    Format {
        /// What was expected.
        format: &'static str,
        /// What is wrong.
        why: String,
    },
    /// A version this program does not read.
    #[error("the model file has version {found}, this program reads version {known}: use a newer forebay")]
    Version {
        /// The file's version.
        found: u32,
        /// The version read.
        known: u32,
    },
    /// A tensor that does not fit the graph.
    #[error("tensor {tensor:?}: expected {expected}, found {found}")]
    Tensor {
        /// Its name.
        tensor: String,
        /// What the graph needs.
        expected: String,
        /// What the file has.
        found: String,
    },
    /// Something the target format cannot hold.
    #[error("this model cannot be written as {format}: {why}")]
    NotExpressible {
        /// The format.
        format: &'static str,
        /// What does not fit.
        why: String,
    },
}

impl FileError {
    pub(super) fn format(format: &'static str, why: impl ToString) -> Self {
        // The text of a library may have several lines; one line is promised.
        let why = why.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        Self::Format { format, why }
    }

    fn tensor(tensor: &str, expected: impl ToString, found: impl ToString) -> Self {
        Self::Tensor { tensor: tensor.to_owned(), expected: expected.to_string(), found: found.to_string() }
    }
}

/// What a model file says about itself, without its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelHeader {
    format: String,
    version: u32,
    /// Float type of the weights, `f32` or `f64`.
    pub precision: String,
    graph: GraphBuilder,
    /// Seed, training and notes.
    pub provenance: Provenance,
}

impl ModelHeader {
    /// Reads the header of a model file.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Graph`].
    pub fn read(path: &Path) -> Result<(Self, Graph), Error> {
        let bytes = map(path)?;
        let header = header(&bytes)?;
        let graph = header.graph.clone().build()?;
        Ok((header, graph))
    }
}

impl<T: Real> Model<T> {
    /// Writes the model to a file: aside first, then renamed, so that a failure leaves what was there before.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        write_aside(path, &self.to_bytes()?)
    }

    /// The bytes [`save`](Self::save) writes; equal models give equal bytes.
    ///
    /// # Errors
    /// [`Error::File`] if the provenance cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let header = ModelHeader {
            format: FORMAT.to_owned(),
            version: VERSION,
            precision: T::NAME.to_owned(),
            graph: self.graph().to_builder(),
            provenance: self.provenance().clone(),
        };
        let header = serde_json::to_string(&header).map_err(|e| FileError::format("model header", e))?;
        let tensors = tensors(self);
        let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
            let view = TensorView::new(*dtype, shape.clone(), bytes).map_err(|e| FileError::format("tensor", e))?;
            Ok((name.as_str(), view))
        });
        let views = views.collect::<Result<Vec<_>, FileError>>()?;
        let metadata = HashMap::from([(HEADER_KEY.to_owned(), header)]);
        Ok(safetensors::serialize(views, Some(metadata)).map_err(|e| FileError::format("model file", e))?)
    }

    /// Reads a model file through a memory map. Weights stored in another precision are rounded or widened.
    ///
    /// The file must not be changed by others while it is read, as with any mapped file.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Graph`], [`Error::NonFinite`], [`Error::Range`]: whatever the file holds.
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::from_bytes(&map(path)?)
    }

    /// Reads the bytes of a model file.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let header = header(bytes)?;
        let file = SafeTensors::deserialize(bytes).map_err(|e| FileError::format("model file", e))?;
        let graph = header.graph.build()?;
        let mut reader = Reader { file, precision: header.precision, used: 0 };
        let mut builder = ModelBuilder::new(graph.clone()).provenance(header.provenance);
        for node in graph.nodes() {
            let (name, rows) = (node.name(), node.width());
            let width = |ids: &[crate::graph::NodeId]| ids.iter().map(|id| graph.nodes()[id.0].width()).sum();
            match node.op() {
                Op::Reservoir { source, feedback, .. } => {
                    let fed_back = feedback.as_deref().and_then(|name| graph.head(name)).map(|head| head.width);
                    let parameters = ReservoirParameters {
                        w_in: reader.matrix(name, "w_in", (rows, width(&[*source])))?,
                        w_res: reader.matrix(name, "w_res", (rows, rows))?,
                        w_feedback: fed_back.map(|n| reader.matrix(name, "w_feedback", (rows, n))).transpose()?,
                        bias: reader.vector(&format!("{name}/bias"), &[rows])?,
                        leak: LeakRates::new(reader.vector(&format!("{name}/leak"), &[1, rows])?)?,
                    };
                    builder = builder.reservoir(name, parameters)?;
                }
                op @ (Op::Dense { .. } | Op::Readout { .. }) => {
                    let weights = reader.dense(&format!("{name}/weights"), (rows, width(op.sources())))?;
                    let bias: Vec<T> = reader.vector(&format!("{name}/bias"), &[rows])?;
                    builder = builder.linear(name, weights.view(), Array1::from(bias).view())?;
                }
                _ => {}
            }
        }
        let surplus = reader.file.len() - reader.used;
        if surplus > 0 {
            let why = format!("it holds {surplus} tensors that its graph does not need");
            return Err(FileError::format("model file", why).into());
        }
        builder.build()
    }
}

/// Dtype, shape and little-endian bytes by name, in the order of names.
type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

fn tensors<T: Real>(model: &Model<T>) -> Tensors {
    let mut tensors = Tensors::new();
    let float = if T::NAME == "f32" { Dtype::F32 } else { Dtype::F64 };
    let vector = |values: &[T]| (float, vec![values.len()], values.iter().flat_map(|v| little_endian(*v)).collect());
    for (index, node) in model.graph().nodes().iter().enumerate() {
        let name = |tensor: &str| format!("{}/{tensor}", node.name());
        let mut matrix = |tensor: &str, matrix: &Matrix<T>| match matrix.to_weights() {
            Weights::Dense(w) => {
                let bytes = w.iter().flat_map(|v| little_endian(*v)).collect();
                tensors.insert(name(tensor), (float, vec![w.nrows(), w.ncols()], bytes));
            }
            Weights::Sparse(w) => {
                let starts: Vec<u8> = w.row_starts().iter().flat_map(|&s| (s as u64).to_le_bytes()).collect();
                let columns: Vec<u8> = w.columns().iter().flat_map(|c| c.to_le_bytes()).collect();
                tensors.insert(name(&format!("{tensor}.starts")), (Dtype::U64, vec![w.rows() + 1], starts));
                tensors.insert(name(&format!("{tensor}.columns")), (Dtype::U32, vec![w.nnz()], columns));
                tensors.insert(name(&format!("{tensor}.values")), vector(w.values()));
            }
        };
        match model.parameters(index) {
            Parameters::None => {}
            Parameters::Reservoir(reservoir) => {
                matrix("w_in", &reservoir.w_in);
                matrix("w_res", &reservoir.w_res);
                if let Some(w) = &reservoir.w_feedback {
                    matrix("w_feedback", w);
                }
                tensors.insert(name("bias"), vector(&reservoir.bias));
                tensors.insert(name("leak"), vector(reservoir.leak.rates()));
            }
            Parameters::Linear(linear) => {
                matrix("weights", &linear.joined());
                tensors.insert(name("bias"), vector(&linear.bias));
            }
        }
    }
    tensors
}

fn little_endian<T: Real>(value: T) -> impl Iterator<Item = u8> {
    // `bits` zero-extends an f32, so its low bytes are the number's.
    value.bits().to_le_bytes().into_iter().take(size_of::<T>())
}

fn header(bytes: &[u8]) -> Result<ModelHeader, FileError> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| FileError::format("model file", e))?;
    let text = metadata.metadata().as_ref().and_then(|entries| entries.get(HEADER_KEY));
    let text = text.ok_or_else(|| FileError::format("model file", "it is safetensors, but holds no forebay header"))?;
    // The version is read first: the rest may look different in another one.
    let tag: Tag = serde_json::from_str(text).map_err(|e| FileError::format("model header", e))?;
    if tag.format != FORMAT {
        return Err(FileError::format("model file", format!("its format is {:?}, not {FORMAT:?}", tag.format)));
    }
    if tag.version != VERSION {
        return Err(FileError::Version { found: tag.version, known: VERSION });
    }
    let header: ModelHeader = serde_json::from_str(text).map_err(|e| FileError::format("model header", e))?;
    if !matches!(header.precision.as_str(), "f32" | "f64") {
        let why = format!("its precision is {:?}, not f32 or f64", header.precision);
        return Err(FileError::format("model file", why));
    }
    Ok(header)
}

#[derive(Deserialize)]
struct Tag {
    format: String,
    version: u32,
}

struct Reader<'a> {
    file: SafeTensors<'a>,
    precision: String,
    used: usize,
}

impl<'a> Reader<'a> {
    fn tensor(&mut self, name: &str) -> Result<TensorView<'a>, FileError> {
        self.used += 1;
        self.file.tensor(name).map_err(|_| FileError::tensor(name, "to be in the file", "none of this name"))
    }

    /// The floats of a tensor whose shape is checked by the caller before anything is copied.
    fn floats<T: Real>(&self, name: &str, view: &TensorView<'_>) -> Result<Vec<T>, FileError> {
        let data = view.data();
        match (view.dtype(), self.precision.as_str()) {
            (Dtype::F32, "f32") => {
                let value = |c: &[u8]| f64::from(f32::from_le_bytes(c.try_into().expect("chunks of 4")));
                Ok(data.chunks_exact(4).map(|c| T::from_f64(value(c))).collect())
            }
            (Dtype::F64, "f64") => {
                let value = |c: &[u8]| f64::from_le_bytes(c.try_into().expect("chunks of 8"));
                Ok(data.chunks_exact(8).map(|c| T::from_f64(value(c))).collect())
            }
            (other, precision) => Err(FileError::tensor(name, precision, format!("{other:?}"))),
        }
    }

    fn vector<T: Real>(&mut self, name: &str, lengths: &[usize]) -> Result<Vec<T>, FileError> {
        let view = self.tensor(name)?;
        match view.shape() {
            [length] if lengths.contains(length) => self.floats(name, &view),
            found => {
                Err(FileError::tensor(name, format!("one of the lengths {lengths:?}"), format!("shape {found:?}")))
            }
        }
    }

    fn dense<T: Real>(&mut self, name: &str, (rows, cols): (usize, usize)) -> Result<Array2<T>, FileError> {
        let view = self.tensor(name)?;
        if view.shape() != [rows, cols] {
            let expected = format!("shape [{rows}, {cols}]");
            return Err(FileError::tensor(name, expected, format!("shape {:?}", view.shape())));
        }
        let values = self.floats(name, &view)?;
        let found = values.len();
        Array2::from_shape_vec((rows, cols), values)
            .map_err(|_| FileError::tensor(name, format!("{rows} x {cols} values"), found))
    }

    fn matrix<T: Real>(&mut self, node: &str, tensor: &str, shape: (usize, usize)) -> Result<Matrix<T>, Error> {
        let name = format!("{node}/{tensor}");
        if self.file.tensor(&format!("{name}.starts")).is_err() {
            return Matrix::from_dense(&name, self.dense(&name, shape)?.view());
        }
        let starts = self.tensor(&format!("{name}.starts"))?;
        let columns = self.tensor(&format!("{name}.columns"))?;
        if starts.dtype() != Dtype::U64 || columns.dtype() != Dtype::U32 {
            let found = format!("{:?} and {:?}", starts.dtype(), columns.dtype());
            return Err(FileError::tensor(&name, "U64 starts and U32 columns", found).into());
        }
        let integer = |c: &[u8]| u64::from_le_bytes(c.try_into().expect("chunks of 8")) as usize;
        let starts: Vec<usize> = starts.data().chunks_exact(8).map(integer).collect();
        let integer = |c: &[u8]| u32::from_le_bytes(c.try_into().expect("chunks of 4"));
        let columns: Vec<u32> = columns.data().chunks_exact(4).map(integer).collect();
        let values = self.vector(&format!("{name}.values"), &[columns.len()])?;
        let csr = Csr::new(shape.0, shape.1, starts, columns, values)
            .map_err(|why| FileError::tensor(&name, "a valid sparse matrix", why))?;
        Matrix::from_csr(&name, &csr)
    }
}

/// Maps a file into memory for reading.
fn map(path: &Path) -> Result<memmap2::Mmap, FileError> {
    let fail = |source| FileError::Io { action: "read", path: path.to_owned(), source };
    let file = File::open(path).map_err(fail)?;
    // A folder or device opens, too, but cannot be a model.
    if !file.metadata().map_err(fail)?.is_file() {
        return Err(fail(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")));
    }
    // SAFETY: the map is read-only and lives as long as the bytes are borrowed. The promise that nobody truncates or
    // rewrites the file meanwhile cannot be checked; it is asked of the caller in the documentation of `load`, and every
    // value read is checked after it was copied out.
    unsafe { memmap2::Mmap::map(&file) }.map_err(fail)
}

/// Writes bytes beside `path` and renames, so that the file is either the old one or the whole new one.
pub(super) fn write_aside(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let fail = |source| FileError::Io { action: "write", path: path.to_owned(), source };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(fail)?;
    file.persist(path).map_err(|error| fail(error.error))?;
    Ok(())
}
