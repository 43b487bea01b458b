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

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use forebay_kernels::Real;
use ndarray::{Array1, Array2};
use safetensors::tensor::{Dtype, Metadata, TensorView};
use serde::{Deserialize, Serialize};

use super::{LeakRates, Matrix, Model, ModelBuilder, Parameters, Provenance, ReservoirParameters};
use crate::error::Error;
use crate::graph::{Graph, GraphBuilder, NodeId, Op};
use crate::weights::{Csr, Weights};

const FORMAT: &str = "forebay-model";
const VERSION: u32 = 1;
const HEADER_KEY: &str = "forebay";

/// Why a file cannot be written, or what it holds cannot be used.
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
    /// A model file of another length than its header says.
    #[error("the model file has {found} bytes, its header speaks of {expected}: it is cut off or damaged")]
    Length {
        /// Bytes that the header speaks of.
        expected: usize,
        /// Bytes there are.
        found: usize,
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
    /// A tensor that the graph does not need.
    #[error("the model file holds tensor {tensor:?}, which its graph does not need: graph and weights differ")]
    Surplus {
        /// Its name.
        tensor: String,
    },
    /// An array to import that is not there.
    #[error("there is no array {array:?}, only {available}: name yours by the options")]
    Missing {
        /// The name looked for.
        array: String,
        /// The names there are.
        available: String,
    },
    /// An array to import of another type, shape or value.
    #[error("{array}: expected {expected}, found {found}")]
    Array {
        /// Its name.
        array: String,
        /// What is needed.
        expected: String,
        /// What is there.
        found: String,
    },
    /// Two arrays to import that say the same thing.
    #[error("{one} and {other} both give {what}: leave one of them out")]
    Twice {
        /// What is given twice.
        what: &'static str,
        /// Where.
        one: String,
        /// And where else.
        other: String,
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
    pub(super) fn format(format: &'static str, why: &dyn Display) -> Self {
        // The text of a library may have several lines and quote the file at length; one short line is promised.
        let words = why.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        Self::Format { format, why: shortened(&words, LONGEST_TEXT) }
    }

    pub(super) fn array(array: &str, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Array { array: array.to_owned(), expected: expected.into(), found: found.into() }
    }

    fn tensor(tensor: &str, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Tensor { tensor: tensor.to_owned(), expected: expected.into(), found: found.into() }
    }
}

/// What a model file says about itself, without its weights.
///
/// ```
/// use forebay::model::{Model, file::ModelHeader};
/// # use forebay::{graph::Graph, reservoir::Reservoir};
/// # let mut g = Graph::builder();
/// # let u = g.input("u", 1);
/// # let x = g.reservoir("x", u, Reservoir::new(50));
/// # g.readout("y", [x], 1);
/// # let model = Model::<f32>::generate(g.build()?, 7)?;
/// # let folder = tempfile::tempdir().expect("a temporary folder");
/// let path = folder.path().join("wave.forebay");
/// model.save(&path)?;
/// let (header, graph) = ModelHeader::read(&path)?;
/// assert_eq!((header.precision.as_str(), graph.units()), ("f32", 50));
/// assert_eq!(header.tensors[0].name, "x/bias");
/// assert_eq!(header.tensors[0].shape, [50]);
/// # Ok::<(), forebay::Error>(())
/// ```
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
    /// The tensors in the file, by name.
    #[serde(skip)]
    pub tensors: Vec<TensorEntry>,
}

/// A tensor in a model file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorEntry {
    /// `node/tensor`.
    pub name: String,
    /// Type of its values, as safetensors calls it: `F32`, `F64`, `U32`, `U64`.
    pub dtype: String,
    /// Its dimensions.
    pub shape: Vec<usize>,
}

impl ModelHeader {
    /// Reads the header of a model file and builds its graph; the weights are not looked at.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Graph`].
    pub fn read(path: &Path) -> Result<(Self, Graph), Error> {
        let contents = Contents::parse(&map(path)?)?.header;
        let graph = contents.graph.clone().build()?;
        Ok((contents, graph))
    }
}

impl<T: Real> Model<T> {
    /// Writes the model to a file, `.forebay` by custom: aside first, then renamed, so that a failure leaves what was
    /// there before.
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
        refuse_code(self.graph())?;
        let header = ModelHeader {
            format: FORMAT.to_owned(),
            version: VERSION,
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
        Ok(safetensors::serialize(views, Some(metadata)).map_err(|e| FileError::format("model file", &e))?)
    }

    /// Reads a model file through a memory map. Weights stored in another precision are rounded or widened.
    ///
    /// As with any mapped file, another process must not write into it meanwhile: changed bytes give other numbers (which
    /// are checked as usual), a truncated file ends the process. [`save`](Self::save) is safe: it replaces files whole and
    /// never writes into one.
    ///
    /// # Errors
    /// [`Error::File`] for a file that cannot be read, is no model file or does not fit its own graph; [`Error::Graph`],
    /// [`Error::NonFinite`], [`Error::Range`] for what it holds.
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::from_bytes(&map(path)?)
    }

    /// Reads the bytes of a model file; memory is taken in proportion to their number.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let Contents { header, metadata, data } = Contents::parse(bytes)?;
        let graph = header.graph.build()?;
        let mut reader = Reader { metadata, data, precision: header.precision, used: BTreeSet::new() };
        let mut builder = ModelBuilder::new(graph.clone()).provenance(header.provenance);
        for node in graph.nodes() {
            let (name, rows) = (node.name(), node.width());
            let width = |ids: &[NodeId]| ids.iter().map(|id| graph.nodes()[id.0].width()).sum();
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
        reader.finish()?;
        builder.build()
    }
}

/// A function of a user's is code, and no file holds it.
fn refuse_code(graph: &Graph) -> Result<(), FileError> {
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
    let dense = |w: &Array2<T>| floats(w.shape().to_vec(), &mut w.iter().copied());
    for (index, node) in model.graph().nodes().iter().enumerate() {
        let name = |tensor: &str| format!("{}/{tensor}", node.name());
        let mut matrix = |tensor: &str, matrix: &Matrix<T>| match matrix.to_weights() {
            Weights::Dense(w) => {
                tensors.insert(name(tensor), dense(&w));
            }
            Weights::Sparse(w) => {
                let starts: Vec<u8> = w.row_starts().iter().flat_map(|&s| (s as u64).to_le_bytes()).collect();
                let columns: Vec<u8> = w.columns().iter().flat_map(|c| c.to_le_bytes()).collect();
                tensors.insert(name(&format!("{tensor}{STARTS}")), (Dtype::U64, vec![w.rows() + 1], starts));
                tensors.insert(name(&format!("{tensor}{COLUMNS}")), (Dtype::U32, vec![w.nnz()], columns));
                tensors.insert(name(&format!("{tensor}{VALUES}")), vector(w.values()));
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
                tensors.insert(name("weights"), dense(&linear.to_dense()));
                tensors.insert(name("bias"), vector(&linear.bias));
            }
        }
    }
    tensors
}

/// Endings of the three tensors of a sparse matrix.
const STARTS: &str = ".starts";
const COLUMNS: &str = ".columns";
const VALUES: &str = ".values";

fn little_endian<T: Real>(values: impl Iterator<Item = T>) -> Vec<u8> {
    // `bits` zero-extends an f32, so its low bytes are the number's.
    values.flat_map(|value| value.bits().to_le_bytes().into_iter().take(size_of::<T>())).collect()
}

/// A file taken apart: its header checked, its tensors where the header says.
struct Contents<'a> {
    header: ModelHeader,
    metadata: Metadata,
    data: &'a [u8],
}

impl<'a> Contents<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, FileError> {
        let fail = |why: &dyn Display| FileError::format("model file", why);
        let (length, rest) = bytes.split_first_chunk().ok_or_else(|| fail(&"it is shorter than 8 bytes"))?;
        let length = u64::from_le_bytes(*length);
        let header_end = usize::try_from(length).ok().filter(|&n| n <= rest.len());
        let (text, data) = rest.split_at(header_end.ok_or_else(|| {
            fail(&format!("the first 8 bytes speak of {length} bytes of header, but {} follow", rest.len()))
        })?);
        // Parsed from a copy: text that another process changes under the parser would break its invariants.
        let text = text.to_vec();
        let metadata: Metadata = serde_json::from_slice(&text).map_err(|e| fail(&e))?;
        if metadata.data_len() != data.len() {
            let before = bytes.len() - data.len();
            return Err(FileError::Length { expected: before + metadata.data_len(), found: bytes.len() });
        }
        let header = metadata.metadata().as_ref().and_then(|entries| entries.get(HEADER_KEY));
        let mut header = Self::header(header.ok_or_else(|| fail(&"it is safetensors, but holds no forebay header"))?)?;
        header.tensors = (metadata.tensors().into_iter())
            .map(|(name, info)| TensorEntry { name, dtype: format!("{:?}", info.dtype), shape: info.shape.clone() })
            .collect();
        header.tensors.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { header, metadata, data })
    }

    fn header(text: &str) -> Result<ModelHeader, FileError> {
        // The version is read first: the rest may look different in another one.
        let tag: Tag = serde_json::from_str(text).map_err(|e| FileError::format("model header", &e))?;
        if tag.format != FORMAT {
            let why = format!("its format is '{}', not '{FORMAT}'", shortened_name(&tag.format));
            return Err(FileError::format("model file", &why));
        }
        if tag.version != VERSION {
            return Err(FileError::Version { found: tag.version, known: VERSION });
        }
        let header: ModelHeader = serde_json::from_str(text).map_err(|e| FileError::format("model header", &e))?;
        if !matches!(header.precision.as_str(), "f32" | "f64") {
            let why = format!("its precision is '{}', not f32 or f64", shortened_name(&header.precision));
            return Err(FileError::format("model file", &why));
        }
        Ok(header)
    }
}

#[derive(Deserialize)]
struct Tag {
    format: String,
    version: u32,
}

/// Hands out tensors by name, each compared with the shape that the graph needs before it is copied.
struct Reader<'a> {
    metadata: Metadata,
    data: &'a [u8],
    precision: String,
    used: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    /// The bytes of a tensor of one dimension and one of these lengths.
    fn bytes(&mut self, name: &str, dtype: Dtype, lengths: &[usize]) -> Result<&'a [u8], FileError> {
        let one_of = lengths.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
        self.shaped(name, dtype, &format!("{one_of} values"), |shape| matches!(shape, [n] if lengths.contains(n)))
    }

    fn shaped(
        &mut self,
        name: &str,
        dtype: Dtype,
        expected: &str,
        fits: impl Fn(&[usize]) -> bool,
    ) -> Result<&'a [u8], FileError> {
        let expected = format!("{dtype:?}, {expected}");
        let Some(info) = self.metadata.info(name) else {
            return Err(FileError::tensor(name, expected, "no tensor of this name"));
        };
        if info.dtype != dtype || !fits(&info.shape) {
            return Err(FileError::tensor(name, expected, format!("{:?}, shape {:?}", info.dtype, info.shape)));
        }
        self.used.insert(name.to_owned());
        // The metadata was checked: tensors lie inside the data and have the bytes of their shape.
        Ok(&self.data[info.data_offsets.0..info.data_offsets.1])
    }

    fn precision(&self) -> Dtype {
        if self.precision == "f32" { Dtype::F32 } else { Dtype::F64 }
    }

    fn floats<T: Real>(&self, bytes: &[u8]) -> Vec<T> {
        match self.precision() {
            Dtype::F32 => chunks(bytes).map(|c| T::from_f64(f64::from(f32::from_le_bytes(c)))).collect(),
            _ => chunks(bytes).map(|c| T::from_f64(f64::from_le_bytes(c))).collect(),
        }
    }

    fn vector<T: Real>(&mut self, name: &str, lengths: &[usize]) -> Result<Vec<T>, FileError> {
        let bytes = self.bytes(name, self.precision(), lengths)?;
        Ok(self.floats(bytes))
    }

    fn dense<T: Real>(&mut self, name: &str, (rows, cols): (usize, usize)) -> Result<Array2<T>, FileError> {
        let bytes = self.shaped(name, self.precision(), &format!("shape [{rows}, {cols}]"), |s| s == [rows, cols])?;
        Ok(Array2::from_shape_vec((rows, cols), self.floats(bytes)).expect("a tensor has the bytes of its shape"))
    }

    fn matrix<T: Real>(&mut self, node: &str, tensor: &str, shape: (usize, usize)) -> Result<Matrix<T>, Error> {
        let name = format!("{node}/{tensor}");
        if self.metadata.info(&format!("{name}{STARTS}")).is_none() {
            return Matrix::from_dense(&format!("{name:?}"), self.dense(&name, shape)?.view());
        }
        let starts = self.bytes(&format!("{name}{STARTS}"), Dtype::U64, &[shape.0 + 1])?;
        let starts: Vec<usize> = chunks(starts).map(|c| u64::from_le_bytes(c) as usize).collect();
        let entries = starts[shape.0];
        let columns = self.bytes(&format!("{name}{COLUMNS}"), Dtype::U32, &[entries])?;
        let columns: Vec<u32> = chunks(columns).map(u32::from_le_bytes).collect();
        let values = self.vector(&format!("{name}{VALUES}"), &[entries])?;
        let csr = Csr::new(shape.0, shape.1, starts, columns, values)
            .map_err(|why| FileError::tensor(&name, "a valid sparse matrix", why.to_string()))?;
        Matrix::from_csr(&format!("{name:?}"), &csr)
    }

    /// Refuses tensors that nobody asked for.
    fn finish(self) -> Result<(), FileError> {
        let surplus = self.metadata.tensors().into_keys().filter(|name| !self.used.contains(name)).min();
        surplus.map_or(Ok(()), |tensor| Err(FileError::Surplus { tensor }))
    }
}

fn chunks<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks::<N>().0.iter().copied()
}

/// A name out of a file for an error: one short line.
pub(super) fn shortened_name(name: &str) -> String {
    shortened(&name.escape_debug().to_string(), LONGEST_NAME)
}

fn shortened(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}..", &text[..end]),
    }
}

const LONGEST_TEXT: usize = 200;
const LONGEST_NAME: usize = 40;

/// Opens a regular file; a folder opens, too, and a pipe or a device may never end.
fn open(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    File::open(path)
}

/// The bytes of a file.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, FileError> {
    let read = || {
        let mut bytes = Vec::new();
        open(path)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|source| FileError::Io { action: "read", path: path.to_owned(), source })
}

/// Maps a file into memory for reading.
fn map(path: &Path) -> Result<memmap2::Mmap, FileError> {
    let fail = |source| FileError::Io { action: "read", path: path.to_owned(), source };
    let file = open(path).map_err(fail)?;
    // SAFETY: the map is private to the caller, read-only and outlives every borrow of its bytes. What the type system
    // cannot promise is that no other process writes into the file or truncates it meanwhile; that is asked of the caller
    // in the documentation of `load`. This crate replaces files by renaming and never writes into one. Should it happen
    // all the same, text is parsed from a copy and every number is checked after it was copied out, so changed bytes
    // lead to an error or to other weights; a truncated file ends the process by SIGBUS.
    unsafe { memmap2::Mmap::map(&file) }.map_err(fail)
}

/// Writes bytes beside `path` and renames, so that the file is either the old one or the whole new one.
pub(crate) fn write_aside(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let fail = |source| FileError::Io { action: "write", path: path.to_owned(), source };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut aside = tempfile::Builder::new();
    // Temporary files are private by default; a model is as readable as any file its owner writes.
    #[cfg(unix)]
    aside.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = aside.tempfile_in(folder).map_err(fail)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(fail)?;
    file.persist(path).map_err(|error| fail(error.error))?;
    Ok(())
}
