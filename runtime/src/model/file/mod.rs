//! Models on disk: one file, safetensors with a JSON header.
//!
//! ```text
//! 8 bytes   length of the safetensors header, little-endian
//! header    JSON: tensor names, dtypes, shapes, offsets; `__metadata__.forebay` = the model's header as JSON text
//! tensors   little-endian, one after the other
//! ```
//!
//! The model's header holds format, version, checksum, precision, graph and provenance. Tensors are named `node/tensor`: `w_in`,
//! `w_res`, `w_feedback`, `bias`, `leak` of a reservoir; `weights`, `bias` of a readout or dense node. A sparse matrix is
//! three tensors, `.starts` (u64), `.columns` (u32) and `.values`.
//!
//! The checksum is BLAKE3 of the whole file with zeros in its own place. Files of version 1 have none, and are read.
//!
//! Nothing in a file is trusted: the graph is built and checked again, every tensor is compared with it, and no more
//! memory is taken than the tensors that are there.

mod read;
mod write;

pub use crate::error::FileError;
pub(super) use read::{TensorSource, assemble};
pub(super) use write::{Values, refuse_code, values};

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Provenance;
use crate::disk;
use crate::error::Error;
use crate::graph::{Graph, GraphBuilder};
use read::Contents;

pub(super) const FORMAT: &str = "forebay-model";
/// What is written.
const VERSION: u32 = 2;
/// The oldest that is read; it has no checksum.
const OLDEST: u32 = 1;
const HEADER_KEY: &str = "forebay";

/// Endings of the three tensors of a sparse matrix.
const STARTS: &str = ".starts";
const COLUMNS: &str = ".columns";
const VALUES: &str = ".values";

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
    /// Before everything that has names in it, so that its place is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checksum: Option<String>,
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
        let contents = Contents::parse(&disk::map(path)?)?.header;
        let graph = contents.graph.clone().build()?;
        Ok((contents, graph))
    }
}
