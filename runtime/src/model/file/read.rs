//! Model files, read: nothing in them is trusted.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::Path;

use forebay_kernels::Real;
use ndarray::{Array1, Array2};
use safetensors::tensor::{Dtype, Metadata};
use serde::Deserialize;

use super::{COLUMNS, FORMAT, FileError, HEADER_KEY, ModelHeader, OLDEST, STARTS, TensorEntry, VALUES, VERSION};
use crate::disk;
use crate::error::{Error, shortened_name};
use crate::graph::{Graph, NodeId, Op};
use crate::model::{LeakRates, Matrix, Model, ModelBuilder, Provenance, ReservoirParameters};
use crate::seal;
use crate::weights::{Csr, Weights};

impl<T: Real> Model<T> {
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
        Self::from_bytes(&disk::map(path)?)
    }

    /// Reads the bytes of a model file; memory is taken in proportion to their number.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let Contents { header, metadata, data } = Contents::parse(bytes)?;
        let graph = header.graph.build()?;
        let mut reader = Reader { metadata, data, precision: header.precision, used: BTreeSet::new() };
        let builder = assemble(graph, header.provenance, &mut reader)?;
        reader.finish()?;
        builder.build()
    }
}

/// Where the weights of a model come from, by name; each is compared with the shape that the graph needs.
pub(in crate::model) trait TensorSource<T: Real> {
    /// `[rows, columns]`.
    fn dense(&mut self, name: &str, shape: (usize, usize)) -> Result<Array2<T>, Error>;
    /// As many values as one of `lengths`.
    fn vector(&mut self, name: &str, lengths: &[usize]) -> Result<Vec<T>, Error>;
    /// `[rows, columns]`, dense or sparse.
    fn matrix(&mut self, name: &str, shape: (usize, usize)) -> Result<Weights<T>, Error>;
}

/// Gives every node of a graph its weights.
pub(in crate::model) fn assemble<T: Real>(
    graph: Graph,
    provenance: Provenance,
    tensors: &mut impl TensorSource<T>,
) -> Result<ModelBuilder<T>, Error> {
    let matrix = |tensors: &mut _, node: &str, tensor: &str, shape| {
        let name = format!("{node}/{tensor}");
        Matrix::from_weights(&format!("{name:?}"), &TensorSource::matrix(tensors, &name, shape)?)
    };
    let mut builder = ModelBuilder::new(graph.clone()).provenance(provenance);
    for node in graph.nodes() {
        let (name, rows) = (node.name(), node.width());
        let width = |ids: &[NodeId]| ids.iter().map(|id| graph.nodes()[id.0].width()).sum();
        match node.op() {
            Op::Reservoir { source, feedback, .. } => {
                let fed_back = feedback.as_deref().and_then(|name| graph.head(name)).map(|head| head.width);
                let parameters = ReservoirParameters {
                    w_in: matrix(tensors, name, "w_in", (rows, width(&[*source])))?,
                    w_res: matrix(tensors, name, "w_res", (rows, rows))?,
                    w_feedback: fed_back.map(|n| matrix(tensors, name, "w_feedback", (rows, n))).transpose()?,
                    bias: tensors.vector(&format!("{name}/bias"), &[rows])?,
                    leak: LeakRates::new(tensors.vector(&format!("{name}/leak"), &[1, rows])?)?,
                };
                builder = builder.reservoir(name, parameters)?;
            }
            op @ (Op::Dense { .. } | Op::Readout { .. }) => {
                let weights = tensors.dense(&format!("{name}/weights"), (rows, width(op.sources())))?;
                let bias: Vec<T> = tensors.vector(&format!("{name}/bias"), &[rows])?;
                builder = builder.linear(name, weights.view(), Array1::from(bias).view())?;
            }
            _ => {}
        }
    }
    Ok(builder)
}

/// A file taken apart: its header checked, its tensors where the header says.
pub(super) struct Contents<'a> {
    pub(super) header: ModelHeader,
    metadata: Metadata,
    data: &'a [u8],
}

impl<'a> Contents<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, FileError> {
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
        match (header.version, &header.checksum) {
            (OLDEST, None) => {}
            (OLDEST, Some(_)) => return Err(fail(&"its version has no checksum, but it holds one")),
            (_, None) => return Err(fail(&"its checksum is missing")),
            (_, Some(checksum)) => seal::check(seal::IN_TEXT, bytes, checksum)?,
        }
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
        if !(OLDEST..=VERSION).contains(&tag.version) {
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

    /// Refuses tensors that nobody asked for.
    fn finish(self) -> Result<(), FileError> {
        let surplus = self.metadata.tensors().into_keys().filter(|name| !self.used.contains(name)).min();
        surplus.map_or(Ok(()), |tensor| Err(FileError::Surplus { tensor }))
    }
}

impl<T: Real> TensorSource<T> for Reader<'_> {
    fn vector(&mut self, name: &str, lengths: &[usize]) -> Result<Vec<T>, Error> {
        let bytes = self.bytes(name, self.precision(), lengths)?;
        Ok(self.floats(bytes))
    }

    fn dense(&mut self, name: &str, (rows, cols): (usize, usize)) -> Result<Array2<T>, Error> {
        let bytes = self.shaped(name, self.precision(), &format!("shape [{rows}, {cols}]"), |s| s == [rows, cols])?;
        Ok(Array2::from_shape_vec((rows, cols), self.floats(bytes)).expect("a tensor has the bytes of its shape"))
    }

    fn matrix(&mut self, name: &str, shape: (usize, usize)) -> Result<Weights<T>, Error> {
        if self.metadata.info(&format!("{name}{STARTS}")).is_none() {
            return Ok(Weights::Dense(self.dense(name, shape)?));
        }
        let starts = self.bytes(&format!("{name}{STARTS}"), Dtype::U64, &[shape.0 + 1])?;
        let starts: Vec<usize> = chunks(starts).map(|c| u64::from_le_bytes(c) as usize).collect();
        let entries = starts[shape.0];
        let columns = self.bytes(&format!("{name}{COLUMNS}"), Dtype::U32, &[entries])?;
        let columns: Vec<u32> = chunks(columns).map(u32::from_le_bytes).collect();
        let values = self.vector(&format!("{name}{VALUES}"), &[entries])?;
        let csr = Csr::new(shape.0, shape.1, starts, columns, values)
            .map_err(|why| FileError::tensor(name, "a valid sparse matrix", why.to_string()))?;
        Ok(Weights::Sparse(csr))
    }
}

fn chunks<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks::<N>().0.iter().copied()
}
