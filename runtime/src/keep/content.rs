//! What each kind brings: its name, and how it is written and read.

use forebay_kernels::Real;

use super::{Reader, Writer};
use crate::error::Error;

/// A kind of thing that can be kept.
///
/// Reading gives a thing that holds every invariant of its type, or an error; it is told nothing but the bytes.
pub trait Content: Sized {
    /// Its name in files.
    const KIND: &'static str;
    /// Version of its content.
    const VERSION: u32 = 1;

    /// Writes all that later calls depend on.
    fn write(&self, to: &mut Writer) -> Result<(), Error>;

    /// Reads what [`write`](Self::write) wrote.
    fn read(from: &mut Reader<'_>) -> Result<Self, Error>;
}

/// A kind whose content begins with a model.
pub trait OfModel<T: Real>: Content {}

pub(crate) const NETWORK: &str = "network";
pub(crate) const TRAINER: &str = "online trainer";
pub(crate) const CLASSIFIER: &str = "classifier";
pub(crate) const SEQUENCES: &str = "sequence regression";
pub(crate) const CONDUCTOR: &str = "conductor";
pub(crate) const LADDER: &str = "drift ladder";
pub(crate) const PARALLEL: &str = "parallel reservoirs";

/// The kinds whose content begins with a model.
pub(super) const WITH_MODEL: [&str; 7] = [NETWORK, TRAINER, CLASSIFIER, SEQUENCES, CONDUCTOR, LADDER, PARALLEL];
