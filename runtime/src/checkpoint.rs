//! A running state on disk: what a session remembers, tied to its model, with a checksum over everything.
//!
//! ```text
//! 0        8   "FBSTATE" and a zero
//! 8        u32 version, 1
//! 12       u32 bits of a value: 32 (f32) or 64 (f64)
//! 16       32  fingerprint of the model (`Fingerprint::of_model`)
//! 48       u64 completed steps, below 2^63
//! 56       u64 N, number of values
//! 64           N values: states of reservoirs, delay lines, custom nodes in the graph's order, feedback, outputs
//!          u64 S, number of sections
//!              S sections in ascending order of names: u64 length of the name, name (UTF-8), u64 length, bytes
//! end - 32 32  BLAKE3 of everything before
//! ```
//!
//! All numbers are little-endian. The section `forebay: no outputs` says that no closed loop may start from the outputs. Other sections hold what belongs to the state and is not the session's, such as a
//! monitor's counters; their owner says what the bytes mean. Those of learners and monitors are made by [`keep`](crate::keep).
//!
//! The layout is told in `specs/checkpoint.md` as well. Nothing in a file is trusted: lengths are compared with the
//! bytes that are there before anything is copied, and equal checkpoints have equal bytes. The checksum finds damage,
//! not forgery: anybody can compute it.

use std::collections::BTreeMap;
#[cfg(feature = "files")]
use std::path::Path;

use forebay_kernels::Real;

pub use crate::error::{CheckpointError, Patches};

#[cfg(feature = "files")]
use crate::disk::{read_file, write_aside};
use crate::error::Error;
use crate::hash::Fingerprint;
use crate::model::Model;

const MAGIC: [u8; 8] = *b"FBSTATE\0";
const VERSION: u32 = 1;
const CHECKSUM_BYTES: usize = 32;

/// The section, without bytes, of a state whose outputs are not known: it was set where a readout reads an input.
const NO_OUTPUTS: &str = "forebay: no outputs";

/// Leaves a session room to count on.
const MOST_STEPS: u64 = u64::MAX / 2;

/// The state of a session, and sections of others, tied to a model.
///
/// ```
/// use forebay::checkpoint::Checkpoint;
/// # use forebay::{graph::Graph, model::Model, reservoir::Reservoir};
/// # let mut g = Graph::builder();
/// # let u = g.input("u", 1);
/// # let x = g.reservoir("x", u, Reservoir::new(50));
/// # g.readout("y", [x], 1);
/// # let model = Model::<f32>::generate(g.build()?, 7)?;
/// # let folder = tempfile::tempdir().expect("a temporary folder");
/// # let path = folder.path().join("run.state");
/// let mut session = model.session();
/// session.step(&[0.5])?;
/// session.checkpoint().with_section("alarms", vec![3]).save(&path)?;
///
/// let kept = Checkpoint::read(&path)?;
/// let mut resumed = model.session();
/// resumed.resume(&kept)?;
/// assert_eq!(resumed.step(&[0.25])?, session.step(&[0.25])?);
/// assert_eq!(kept.section("alarms"), Some(&[3][..]));
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    model: Fingerprint,
    width: Width,
    steps: u64,
    /// Little-endian, whole values.
    values: Vec<u8>,
    sections: BTreeMap<String, Vec<u8>>,
}

/// Float type of the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    F32,
    F64,
}

impl Width {
    fn of<T: Real>() -> Self {
        if size_of::<T>() == 4 { Self::F32 } else { Self::F64 }
    }

    fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// The values exactly; every f32 is an f64.
    fn numbers(self, bytes: &[u8]) -> impl Iterator<Item = f64> {
        bytes.chunks_exact(self.bytes()).map(move |value| match self {
            Self::F32 => f64::from(f32::from_le_bytes(value.try_into().expect("4 bytes"))),
            Self::F64 => f64::from_le_bytes(value.try_into().expect("8 bytes")),
        })
    }
}

impl Checkpoint {
    /// `has_outputs`: whether the outputs are those of the state, so that a closed loop may start from them.
    pub(crate) fn of_state<T: Real>(model: &Model<T>, steps: u64, values: &[T], has_outputs: bool) -> Self {
        // `bits` zero-extends an f32, so its low bytes are the number's.
        let bytes = values.iter().flat_map(|value| value.bits().to_le_bytes().into_iter().take(size_of::<T>()));
        let (values, mut sections): (Vec<u8>, _) = (bytes.collect(), BTreeMap::new());
        let is_rest = steps == 0 && values.iter().all(|byte| *byte == 0);
        if !has_outputs && !is_rest {
            sections.insert(NO_OUTPUTS.to_owned(), Vec::new());
        }
        Self { model: model.fingerprint(), width: Width::of::<T>(), steps, values, sections }
    }

    /// Whether the outputs are those of the state.
    pub(crate) fn has_outputs(&self) -> bool {
        !self.sections.contains_key(NO_OUTPUTS)
    }

    /// Whether it has sections that are not the session's own.
    pub(crate) fn has_sections_of_others(&self) -> bool {
        self.sections.keys().any(|name| name != NO_OUTPUTS)
    }

    /// The values for a session of this model that remembers `expected` of them.
    pub(crate) fn state_for<T: Real>(&self, model: &Model<T>, expected: usize) -> Result<Vec<T>, CheckpointError> {
        if self.width != Width::of::<T>() {
            return Err(CheckpointError::Precision { checkpoint: self.precision(), session: T::NAME });
        }
        let session = model.fingerprint();
        if self.model != session {
            return Err(CheckpointError::Model { checkpoint: self.model, session });
        }
        let found = self.values.len() / self.width.bytes();
        if found != expected {
            return Err(CheckpointError::Values { expected, found });
        }
        Ok(self.width.numbers(&self.values).map(T::from_f64).collect())
    }

    /// The values of several states of one model after as many steps, one after the other; none without any.
    pub(crate) fn joined(parts: impl IntoIterator<Item = Self>) -> Option<Self> {
        let join = |mut all: Self, part: Self| {
            debug_assert_eq!((all.model, all.steps), (part.model, part.steps));
            all.values.extend(part.values);
            all
        };
        parts.into_iter().reduce(join)
    }

    /// The states that were [joined](Self::joined), if so many can have been; sections are left out.
    pub(crate) fn parts(&self, count: usize) -> Option<impl Iterator<Item = Self>> {
        let whole = count.checked_mul(self.width.bytes()).filter(|&bytes| bytes > 0 && !self.values.is_empty());
        let length = self.values.len() / whole.filter(|&bytes| self.values.len().is_multiple_of(bytes))?;
        let part = move |values: &[u8]| Self { values: values.to_vec(), sections: BTreeMap::new(), ..*self };
        Some(self.values.chunks_exact(length * self.width.bytes()).map(part))
    }

    /// The same checkpoint with a section of somebody else's bytes, in place of one of the same name.
    #[must_use]
    pub fn with_section(mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        self.sections.insert(name.into(), bytes.into());
        self
    }

    /// The bytes of a section; `None` if there is none of this name.
    pub fn section(&self, name: &str) -> Option<&[u8]> {
        self.sections.get(name).map(Vec::as_slice)
    }

    /// All sections in ascending order of names.
    pub fn sections(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.sections.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    /// Fingerprint of the model it belongs to, see [`Fingerprint::of_model`].
    pub fn model(&self) -> Fingerprint {
        self.model
    }

    /// Float type of its values, `f32` or `f64`.
    pub fn precision(&self) -> &'static str {
        self.width.name()
    }

    /// Steps that the session had completed.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Writes it to a file: aside first, then renamed, so that a failure leaves the checkpoint that was there before.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be written.
    #[cfg(feature = "files")]
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        write_aside(path, &self.to_bytes())
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, [`Error::Checkpoint`] if it is no whole checkpoint.
    #[cfg(feature = "files")]
    pub fn read(path: &Path) -> Result<Self, Error> {
        Ok(Self::from_bytes(&read_file(path)?)?)
    }

    /// The bytes [`save`](Self::save) writes; equal checkpoints give equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let number = |bytes: &mut Vec<u8>, number: usize| bytes.extend((number as u64).to_le_bytes());
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend((8 * self.width.bytes() as u32).to_le_bytes());
        bytes.extend(self.model.as_bytes());
        bytes.extend(self.steps.to_le_bytes());
        number(&mut bytes, self.values.len() / self.width.bytes());
        bytes.extend(&self.values);
        number(&mut bytes, self.sections.len());
        for (name, section) in &self.sections {
            number(&mut bytes, name.len());
            bytes.extend(name.as_bytes());
            number(&mut bytes, section.len());
            bytes.extend(section);
        }
        let checksum = blake3::hash(&bytes);
        bytes.extend(checksum.as_bytes());
        bytes
    }

    /// Reads the bytes of a checkpoint; memory is taken in proportion to their number.
    ///
    /// # Errors
    /// [`CheckpointError`] for anything but the bytes that [`to_bytes`](Self::to_bytes) gives.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let mut reader = Reader { bytes, at: 0 };
        let start = &bytes[..bytes.len().min(MAGIC.len())];
        if start != MAGIC {
            return Err(CheckpointError::Magic { found: start.to_vec() });
        }
        reader.at = MAGIC.len();
        let version = reader.short("version")?;
        if version != VERSION {
            return Err(CheckpointError::Version { found: version, known: VERSION });
        }
        let end = bytes.len() - CHECKSUM_BYTES.min(bytes.len() - reader.at);
        let stored = Reader { bytes, at: end }.array("checksum")?;
        let computed = blake3::hash(&bytes[..end]);
        if computed != stored {
            let [stored, computed] = [stored, computed.into()].map(Fingerprint::from_bytes);
            return Err(CheckpointError::Checksum { stored, computed });
        }
        reader.bytes = &bytes[..end];
        let checkpoint = reader.checkpoint()?;
        match reader.bytes.len() - reader.at {
            0 => Ok(checkpoint),
            found => Err(CheckpointError::Length { what: "end", at: reader.at, needed: 0, found }),
        }
    }
}

/// Takes numbers and bytes off the front.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// What follows the version.
    fn checkpoint(&mut self) -> Result<Checkpoint, CheckpointError> {
        let width = match self.short("type of values")? {
            32 => Width::F32,
            64 => Width::F64,
            found => return Err(CheckpointError::Width { found }),
        };
        let model = Fingerprint::from_bytes(self.array("model's fingerprint")?);
        let steps = self.long("step count")?;
        if steps > MOST_STEPS {
            return Err(CheckpointError::Steps { found: steps, most: MOST_STEPS });
        }
        // A product beyond 64 bits is more than there is of anything.
        let needed = self.long("number of values")?.saturating_mul(width.bytes() as u64);
        let values = self.take("values", needed)?.to_vec();
        if let Some(index) = width.numbers(&values).position(|value| !value.is_finite()) {
            return Err(CheckpointError::NonFinite { index });
        }
        let mut sections = BTreeMap::new();
        for index in 0..self.long("number of sections")? {
            let length = self.long("length of a name")?;
            let name = std::str::from_utf8(self.take("name of a section", length)?)
                .map_err(|_| CheckpointError::Section { index, why: "is not UTF-8" })?;
            if sections.last_key_value().is_some_and(|(last, _): (&String, _)| name <= last.as_str()) {
                return Err(CheckpointError::Section { index, why: "is not above the one before it" });
            }
            let length = self.long("length of a section")?;
            sections.insert(name.to_owned(), self.take("section", length)?.to_vec());
        }
        Ok(Checkpoint { model, width, steps, values, sections })
    }

    fn take(&mut self, what: &'static str, needed: u64) -> Result<&'a [u8], CheckpointError> {
        let rest = &self.bytes[self.at..];
        match usize::try_from(needed).ok().and_then(|needed| rest.get(..needed)) {
            Some(taken) => {
                self.at += taken.len();
                Ok(taken)
            }
            None => Err(CheckpointError::Length { what, at: self.at, needed, found: rest.len() }),
        }
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], CheckpointError> {
        Ok(self.take(what, N as u64)?.try_into().expect("as many as were taken"))
    }

    fn short(&mut self, what: &'static str) -> Result<u32, CheckpointError> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    fn long(&mut self, what: &'static str) -> Result<u64, CheckpointError> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }
}
