//! Why something cannot be kept, or what was kept cannot be used.

use std::fmt::Display;

use crate::hash::Fingerprint;

/// Why something cannot be kept, or kept bytes cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeepError {
    /// Other first bytes than a kept file's.
    #[error("not a kept file: it begins with \"{}\"; models and checkpoints have readers of their own", found.escape_ascii())]
    Magic {
        /// The first bytes, at most 8.
        found: Vec<u8>,
    },
    /// A version this program does not read.
    #[error("the {of} has version {found}, this program reads version {known}: use a newer forebay")]
    Version {
        /// The layout of every kept file, or a kind.
        of: &'static str,
        /// The version found.
        found: u32,
        /// The version read.
        known: u32,
    },
    /// Another kind than was asked for.
    #[error("this file holds: {found}, not: {expected}; load it as what it is")]
    Kind {
        /// The kind in the file.
        found: String,
        /// The kind asked for.
        expected: &'static str,
    },
    /// Bytes that were changed.
    #[error("the kept file is damaged: its checksum is {stored}, its bytes give {computed}; take another copy of it")]
    Checksum {
        /// The last 32 bytes.
        stored: Fingerprint,
        /// What the bytes before them give.
        computed: Fingerprint,
    },
    /// Fewer bytes than the lengths in them need.
    #[error(
        "the kept file is cut off: {needed} bytes are needed from byte {at} on, there are {found}; take another copy of it"
    )]
    Truncated {
        /// Where they begin.
        at: usize,
        /// Bytes needed.
        needed: u64,
        /// Bytes there are.
        found: usize,
    },
    /// Bytes after the end.
    #[error("{found} bytes follow the end of the kept file at byte {at}: take them off")]
    Surplus {
        /// Where the file should end.
        at: usize,
        /// Bytes beyond.
        found: usize,
    },
    /// Content that this library cannot have written, or numbers that it could not read again.
    #[error("what is kept cannot be used: its {field} {why}; go on from another copy")]
    Content {
        /// Which part.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Another float type than was asked for.
    #[error("this file is in {found}, it was asked for in {expected}: load it in {found}")]
    Precision {
        /// The file's float type.
        found: &'static str,
        /// The one asked for.
        expected: &'static str,
    },
    /// A model that was given and is not the one that ran, nor the same in another compilation.
    #[error("what is kept ran on model {kept}, the one given is {given}: compile the file's own model as it was")]
    Model {
        /// Fingerprint of the model that ran.
        kept: Fingerprint,
        /// Fingerprint of the one given.
        given: Fingerprint,
    },
    /// A model that ran compiled, whose floats compute other numbers.
    #[error(
        "what is kept ran on a compiled model ({kept}), and no file holds a substrate: compile the file's model \
         (`keep::model`) again and give it (`load_with`)"
    )]
    Compiled {
        /// Fingerprint of the model that ran.
        kept: Fingerprint,
    },
    /// A head of a conductor whose product is on a substrate.
    #[error(
        "head {head:?} is placed on a substrate, which no file holds: `unplace` it first, and place it again after loading"
    )]
    Placed {
        /// Its name.
        head: String,
    },
    /// Something that only lasts for a while, and is not kept.
    #[error("{what} is not kept: {instead}")]
    NotKept {
        /// What it is.
        what: &'static str,
        /// What to do.
        instead: &'static str,
    },
    /// A kind without a model.
    #[error("this file holds: {kind}, which has no model; load it as what it is")]
    NoModel {
        /// The kind in the file.
        kind: String,
    },
}

impl KeepError {
    /// [`Content`](Self::Content) in one short line, whatever the text: what a kind of your own says of content that it cannot use.
    pub fn content(field: &'static str, why: impl Display) -> Self {
        let text = why.to_string();
        let mut why: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect();
        if text.chars().nth(LONGEST).is_some() {
            why.push_str("..");
        }
        Self::Content { field, why }
    }
}

/// Characters of a reason.
const LONGEST: usize = 240;
