//! Everything that was learnt, on disk: online learners, monitors, classifiers, conductors, each in a file that is enough.
//!
//! ```text
//! 0        8   "FBKEPT" and two zeros
//! 8        u32 version of this layout, 1
//! 12       u32 version of the content, counted for each kind by itself
//! 16       u64 length of the kind's name, and the name (UTF-8), such as "recursive least squares"
//!          u64 length of the content, and the content
//! end - 32 32  BLAKE3 of everything before
//! ```
//!
//! All numbers are little-endian; floats are their bits. [`Keep`] is the same for every kind:
//!
//! | kind | type | what is in it |
//! |---|---|---|
//! | `recursive least squares` | [`Rls`](crate::train::online::Rls) | weights, factors of the covariance, powers, what was held |
//! | `least mean squares` | [`Lms`](crate::train::online::Lms) | weights, rate |
//! | `network` | [`HybridEsn`](crate::HybridEsn) | model, session, digits, what it learns online |
//! | `online trainer` | [`OnlineTrainer`](crate::train::online::OnlineTrainer) | model, session, feedback, learners |
//! | `drift monitor` | [`DriftMonitor`](crate::drift::DriftMonitor) | settings, what is normal, thresholds, detectors, counts |
//! | `classifier` | [`Classifier`](crate::train::classify::Classifier) | model, pooling, weights |
//! | `sequence regression` | [`SequenceRegression`](crate::train::sequence::SequenceRegression) | model, pooling, weights |
//! | `conductor` | [`Conductor`](crate::conductor::Conductor) | model, session, heads, predictions that wait, trust |
//! | `drift ladder` | [`Watched`](crate::drift::Watched) | a network with the ladder that watches it |
//! | `parallel reservoirs` | [`ParallelReservoirs`](crate::parallel::ParallelReservoirs) | grid, model |
//!
//! A kind that needs a model holds it, so that one file is enough. What no file holds is a substrate: a compiled model is kept as
//! floats with the fingerprint of what ran. [`Keep::load`] refuses such a file, since the floats compute other numbers;
//! [`KeepWithModel::load_with`] takes the model that was compiled again.
//!
//! Nothing in a file is trusted, whether or not the checksum is right: sizes are compared with the bytes that are there before
//! memory is taken, and what is read holds all that the constructors check. What is written is read once before it is handed out,
//! so that a file that was saved can be loaded. The checksum finds damage, not forgery: anybody can compute it.
//!
//! # Beside a session
//! The bytes of a learner or a monitor can be a section of a [`Checkpoint`](crate::checkpoint::Checkpoint), so that all of a run is
//! in one file:
//!
//! ```
//! use forebay::checkpoint::Checkpoint;
//! use forebay::drift::{DriftMonitor, DriftSettings};
//! use forebay::keep::Keep;
//! use forebay::train::online::{OnlineLearner, Rls};
//! # use forebay::{graph::Graph, model::Model, reservoir::Reservoir};
//! # let mut g = Graph::builder();
//! # let u = g.input("u", 1);
//! # let x = g.reservoir("x", u, Reservoir::new(50));
//! # g.readout("y", [x], 1);
//! # let model = Model::<f64>::generate(g.build()?, 7)?;
//! # let folder = tempfile::tempdir().expect("a temporary folder");
//! # let path = folder.path().join("run.state");
//! # let mut noise = forebay::random::Seed(1).stream("errors");
//! # let quiet = ndarray::Array2::from_shape_simple_fn((1000, 1), || noise.normal());
//! let mut session = model.session();
//! let mut rls = Rls::new(50, 1, 0.999, 1e-3)?;
//! let mut monitor = DriftMonitor::calibrate(DriftSettings::default(), quiet.view())?;
//! for t in 0..100 {
//!     session.step(&[(0.1 * f64::from(t)).sin()])?;
//!     let target = [(0.1 * f64::from(t + 1)).sin()];
//!     let mut output = [0.0];
//!     rls.predict(session.node("x")?, &mut output)?;
//!     rls.update(session.node("x")?, &target)?;
//!     monitor.observe(&[output[0] - target[0]])?;
//! }
//! let run = session.checkpoint().with_section("readout", rls.to_bytes()?).with_section("monitor", monitor.to_bytes()?);
//! run.save(&path)?;
//!
//! let kept = Checkpoint::read(&path)?;
//! let mut session = model.session();
//! session.resume(&kept)?;
//! let rls = Rls::from_bytes(kept.section("readout").expect("written above"))?;
//! let monitor = DriftMonitor::from_bytes(kept.section("monitor").expect("written above"))?;
//! assert_eq!((session.steps(), monitor.steps(), rls.features()), (100, 100, 50));
//! # Ok::<(), forebay::Error>(())
//! ```
//!
//! # Kinds of your own
//! [`seal`] and [`open`] put the same envelope around any bytes, under a name of yours.
//!
//! The layout of each kind is told in `specs/kept-files.md`.

mod content;
mod envelope;

mod reader;
mod writer;

use std::any::Any;
#[cfg(feature = "files")]
use std::path::Path;

#[cfg(feature = "files")]
use forebay_kernels::Real;

pub use crate::error::KeepError;
pub(crate) use content::{CLASSIFIER, CONDUCTOR, Content, LADDER, NETWORK, OfModel, PARALLEL, SEQUENCES, TRAINER};
pub use envelope::{kind, open, seal};
pub(crate) use reader::{MOST_STEPS, Reader, must};
pub(crate) use writer::Writer;

#[cfg(feature = "files")]
use crate::disk::{read_file, write_aside};
use crate::error::Error;
#[cfg(feature = "files")]
use crate::model::Model;

/// Things that were learnt, to bytes and files and back; the [module](self) lists which.
///
/// What is loaded goes on with the same bits as what was saved, on every machine and in every kernel form. Equal things give
/// equal bytes.
///
/// The trait is for this crate's types: learners of your own ([`OnlineLearner`](crate::train::online::OnlineLearner)) train as all others
/// do, and are not kept.
///
/// ```
/// use forebay::keep::Keep;
/// use forebay::train::online::{OnlineLearner, Rls};
/// # let folder = tempfile::tempdir().expect("a temporary folder");
/// # let path = folder.path().join("readout.kept");
///
/// let mut rls = Rls::new(2, 1, 0.99, 1e-3)?;
/// for t in 0..50 {
///     rls.update(&[1.0, f64::from(t).sin()], &[f64::from(t).cos()])?;
/// }
/// rls.save(&path)?;
///
/// let mut loaded = Rls::load(&path)?;
/// rls.update(&[1.0, 0.5], &[0.25])?;
/// loaded.update(&[1.0, 0.5], &[0.25])?;
/// assert_eq!(loaded.weights(), rls.weights());
/// # Ok::<(), forebay::Error>(())
/// ```
pub trait Keep: Content {
    /// The bytes that [`save`](Self::save) writes.
    ///
    /// # Errors
    /// [`Error::Keep`] for what no file holds (a head that is placed on a substrate, code of the caller's), or for numbers that
    /// are beyond what could be read again; [`Error::File`] for a model that cannot be written.
    fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut content = Writer::default();
        self.write(&mut content)?;
        let (content, model) = content.into_parts();
        // A file that cannot be read is noticed now, while what was learnt is still there.
        read::<Self>(&content, model.as_deref())?;
        Ok(seal(Self::KIND, Self::VERSION, &content)?)
    }

    /// Reads the bytes that [`to_bytes`](Self::to_bytes) gives; memory is taken in proportion to their number.
    ///
    /// # Errors
    /// [`Error::Keep`] for other bytes, another kind or float type, content that cannot be, or a model that was compiled; what a
    /// model and a session in it may give.
    fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        read(open(Self::KIND, Self::VERSION, bytes)?, None)
    }

    /// Writes a file: aside first, then renamed, so that a failure leaves what was there before.
    ///
    /// # Errors
    /// As [`to_bytes`](Self::to_bytes); [`Error::File`] if the file cannot be written.
    #[cfg(feature = "files")]
    fn save(&self, path: &Path) -> Result<(), Error> {
        write_aside(path, &self.to_bytes()?)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`from_bytes`](Self::from_bytes); [`Error::File`] if the file cannot be read.
    #[cfg(feature = "files")]
    fn load(path: &Path) -> Result<Self, Error> {
        Self::from_bytes(&read_file(path)?)
    }
}

impl<C: Content> Keep for C {}

/// Kinds that hold a model, and how to give them one that was compiled.
///
/// ```
/// use forebay::keep::{Keep, KeepWithModel, model};
/// use forebay::train::online::{OnlineFeedback, OnlineTrainer, Rls};
/// use forebay::{Compiler, Error};
/// # use forebay::{graph::Graph, model::Model, reservoir::Reservoir};
/// # let mut g = Graph::builder();
/// # let u = g.input("u", 1);
/// # let x = g.reservoir("x", u, Reservoir::new(50));
/// # g.readout("y", [x], 1);
/// # let float = Model::<f64>::generate(g.build()?, 7)?;
///
/// let on_chip = || Ok::<_, Error>(Compiler::new(forebay::open("software:akd1000")?));
/// let compiled = on_chip()?.compile(&float)?;
/// let rls = Rls::new(51, 1, 1.0, 1e-3)?;
/// let mut trainer = OnlineTrainer::new(&compiled, "y", rls, OnlineFeedback::Teacher)?;
/// trainer.step(&[0.5], &[0.25])?;
/// let bytes = trainer.to_bytes()?;
///
/// // No file holds the chip, and the floats would go on with other numbers.
/// assert!(OnlineTrainer::<f64, Rls>::from_bytes(&bytes).is_err());
/// let compiled = on_chip()?.compile(&model::<f64>(&bytes)?)?;
/// let mut loaded = OnlineTrainer::<f64, Rls>::from_bytes_with(&bytes, &compiled)?;
/// assert_eq!(loaded.step(&[0.5], &[0.25])?, trainer.step(&[0.5], &[0.25])?);
/// # Ok::<(), forebay::Error>(())
/// ```
#[cfg(feature = "files")]
pub trait KeepWithModel<T: Real>: Keep + OfModel<T> {
    /// Reads bytes and runs them on this model, which computes what the one did that they were made with.
    ///
    /// # Errors
    /// As [`Keep::from_bytes`]; [`KeepError::Model`] if the fingerprint
    /// ([`Fingerprint::of_model`](crate::fingerprint::Fingerprint::of_model)) is another.
    fn from_bytes_with(bytes: &[u8], model: &Model<T>) -> Result<Self, Error> {
        read(open(Self::KIND, Self::VERSION, bytes)?, Some(model))
    }

    /// Reads a file and runs it on this model, which computes what the one did that it was made with.
    ///
    /// # Errors
    /// As [`from_bytes_with`](Self::from_bytes_with); [`Error::File`] if the file cannot be read.
    fn load_with(path: &Path, model: &Model<T>) -> Result<Self, Error> {
        Self::from_bytes_with(&read_file(path)?, model)
    }
}

#[cfg(feature = "files")]
impl<T: Real, C: OfModel<T>> KeepWithModel<T> for C {}

/// The model in the bytes of a kind that holds one, in floats: to be compiled again, or looked at.
///
/// # Errors
/// [`Error::Keep`] for bytes that are not kept ones, of another float type, or of a kind without a model; what the model may give.
#[cfg(feature = "files")]
pub fn model<T: Real>(bytes: &[u8]) -> Result<Model<T>, Error> {
    let (kind, content) = envelope::open_any(bytes)?;
    if !content::WITH_MODEL.contains(&kind) {
        return Err(KeepError::NoModel { kind: kind.to_owned() }.into());
    }
    Reader::new(content, None).float_model()
}

/// All of the content as one thing.
fn read<C: Content>(content: &[u8], given: Option<&dyn Any>) -> Result<C, Error> {
    let mut reader = Reader::new(content, given);
    let found = C::read(&mut reader)?;
    reader.finish()?;
    Ok(found)
}
