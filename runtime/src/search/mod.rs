//! Search of settings: ranges, trials at random or after what earlier ones scored, on as many threads, machines and days as it
//! takes, with one and the same result.
//!
//! ```
//! use forebay::search::{Better, Sampler, Space, Study, Subject, Tpe, TrialError};
//!
//! let space: Space = "spectral_radius=0.1..1.5 ridge=1e-8..1,log topology=random|cycle".parse()?;
//! let subject = Subject::new("a bowl", "distance", Better::Smaller);
//! let study = Study::new(subject, space, 60).seed(7).sampler(Sampler::Tpe(Tpe::default()));
//! let found = study.run(|values, _budget| {
//!     // Here a network would be trained, and scored on validation data.
//!     let radius = values.number("spectral_radius")?;
//!     let penalty = if values.label("topology")? == "cycle" { 0.0 } else { 0.1 };
//!     if radius > 1.4 { Err(TrialError::Settings("the states overflow".into())) } else { Ok((radius - 0.9).abs() + penalty) }
//! })?;
//! let best = found.best().expect("some trial has a score");
//! assert!(best.score().is_some_and(|score| score < 0.1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `range`, `space` | [`Range`], [`Space`]: settings with ranges, as text too; [`Candidate`]: a value of each |
//! | `sampler`, `tpe` | [`Sampler`]: random, or a Parzen estimator; [`Budgets`]: one, or successive halving |
//! | `trial` | [`Subject`]: what scores are of; [`Trial`], [`Found`] |
//! | `study` | [`Study`]: trials in order, from the log or from the objective |
//! | `log`, `merge` | a line of JSON per trial with a checksum; [`merge()`]: one log from those of shards |
//! | `ordered` | work on several threads, results in order |
//!
//! What a trial is depends on the search's seed, the trial's number, and, with [`Sampler::Tpe`] or [`Budgets::halving`], on scores of
//! a fixed set of earlier trials. So trials may run anywhere and end in any order. Threads are those of the pool that
//! calls; memory grows by a trial's values and score per trial.

mod error;
mod log;
mod merge;
mod ordered;
mod range;
mod sampler;
mod space;
mod study;
mod tpe;
mod trial;

pub use self::error::{LineError, MergeError, SearchError, TrialError};
pub use self::log::{Header, parse};
pub use self::merge::{merge, read};
pub use self::range::{Range, RangeError, Value};
pub use self::sampler::{Budgets, Sampler, Tpe};
pub use self::space::{Candidate, CandidateError, Space, SpaceError};
pub use self::study::Study;
pub use self::trial::{Better, Found, Shard, Subject, Trial};

use ndarray::ArrayView2;

/// A hash of data `[rows, columns]`, in hexadecimal digits: BLAKE3 of both lengths and of all values in row-major order, 64 bits
/// each, little-endian. For [`Subject::data`].
///
/// ```
/// use forebay::search::data_hash;
/// use ndarray::array;
///
/// assert_ne!(data_hash(array![[1.0, 2.0]].view()), data_hash(array![[1.0], [2.0]].view()));
/// ```
pub fn data_hash(values: ArrayView2<'_, f64>) -> String {
    let mut hasher = blake3::Hasher::new();
    for length in values.shape() {
        hasher.update(&(*length as u64).to_le_bytes());
    }
    for value in &values {
        hasher.update(&value.to_le_bytes());
    }
    hasher.finalize().to_hex().to_string()
}
