//! What can be wrong with checkpoints.

use std::fmt;

use crate::hash::Fingerprint;

/// Which patches of which grid a run has states of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patches {
    /// Points of the whole grid.
    pub points: u64,
    /// Patches of the whole grid.
    pub patches: u64,
    /// Points that a patch sees on either side.
    pub overlap: u64,
    /// The first patch that is here.
    pub first: u64,
    /// Patches that are here, as many on every rank.
    pub count: u64,
}

impl fmt::Display for Patches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { points, patches, overlap, first, count } = self;
        let last = first.saturating_add(*count).saturating_sub(1);
        write!(f, "patches {first} to {last} of {patches} on {points} points with an overlap of {overlap}")
    }
}

/// Why bytes are no checkpoint, or a checkpoint does not continue on a session.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Other first bytes than a checkpoint's.
    #[error("not a checkpoint: it begins with {}", found.escape_ascii())]
    Magic {
        /// The first bytes, at most 8.
        found: Vec<u8>,
    },
    /// A version this program does not read.
    #[error("the checkpoint has version {found}, this program reads version {known}: use a newer forebay")]
    Version {
        /// The checkpoint's version.
        found: u32,
        /// The version read.
        known: u32,
    },
    /// Bytes that were changed, or are missing.
    #[error("the checkpoint is damaged or cut off: its checksum is {stored}, its bytes give {computed}")]
    Checksum {
        /// The last 32 bytes.
        stored: Fingerprint,
        /// What the bytes before them give.
        computed: Fingerprint,
    },
    /// Fewer bytes than the lengths in them need, or more.
    #[error("the {what} at byte {at} of the checkpoint needs {needed} bytes, there are {found}")]
    Length {
        /// What is too long or too short.
        what: &'static str,
        /// Where it begins.
        at: usize,
        /// Bytes it needs, as the file says.
        needed: u64,
        /// Bytes there are.
        found: usize,
    },
    /// Values of a type that is neither f32 nor f64.
    #[error("the checkpoint has values of {found} bits, not 32 or 64")]
    Width {
        /// Bits of a value.
        found: u32,
    },
    /// A step count that no run reaches.
    #[error("the checkpoint counts {found} steps, at most {most} are possible")]
    Steps {
        /// The count.
        found: u64,
        /// The largest one.
        most: u64,
    },
    /// NaN or infinity in a state.
    #[error("value {index} of the checkpoint is not finite")]
    NonFinite {
        /// Which value.
        index: usize,
    },
    /// A section's name that is not UTF-8, or not above the one before it.
    #[error("section {index} of the checkpoint has a name that {why}")]
    Section {
        /// Which section, counted from 0.
        index: u64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A session in another float type.
    #[error("the checkpoint is in {checkpoint}, the session in {session}: resume it in {checkpoint}")]
    Precision {
        /// The checkpoint's float type.
        checkpoint: &'static str,
        /// The session's.
        session: &'static str,
    },
    /// A session of another model, or of the same in another compilation.
    #[error("the checkpoint is of model {checkpoint}, the session runs {session}: load and compile that model again")]
    Model {
        /// Fingerprint of the model the checkpoint was made with.
        checkpoint: Fingerprint,
        /// Fingerprint of the session's model.
        session: Fingerprint,
    },
    /// States of other patches than a parallel run's, or of none.
    #[error(
        "the checkpoint is of {}, the run has {run}: resume the checkpoint of this rank, on as many ranks as there were",
        checkpoint.map_or("no parallel run".to_owned(), |patches| patches.to_string())
    )]
    Patches {
        /// The checkpoint's; none if it is not of a parallel run.
        checkpoint: Option<Patches>,
        /// The run's.
        run: Patches,
    },
    /// Checkpoints of ranks that do not belong together.
    #[error(
        "rank {rank} {}: resume all ranks from checkpoints of one step",
        found.map_or("cannot use its checkpoint".to_owned(), |steps| format!("is after {steps} steps, this one after {own}"))
    )]
    Ranks {
        /// Steps of this rank's checkpoint.
        own: u64,
        /// The first rank that differs.
        rank: usize,
        /// Steps of its checkpoint; none if it was refused there.
        found: Option<u64>,
    },
    /// Another number of values than the session remembers.
    #[error("the checkpoint has {found} values, the session remembers {expected}")]
    Values {
        /// Values of the session.
        expected: usize,
        /// Values of the checkpoint.
        found: usize,
    },
}
