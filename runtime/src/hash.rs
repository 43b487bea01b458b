//! Hashes of 32 bytes, and what they are made from.

use std::fmt;

use serde::Serialize;

/// A BLAKE3 hash of 32 bytes; `Display` is 64 hexadecimal digits.
///
/// ```
/// use forebay::fingerprint::Fingerprint;
/// # use forebay::{graph::Graph, model::Model, reservoir::Reservoir};
/// # let mut g = Graph::builder();
/// # let u = g.input("u", 1);
/// # let x = g.reservoir("x", u, Reservoir::new(50));
/// # g.readout("y", [x], 1);
/// # let graph = g.build()?;
///
/// let model = Model::<f32>::generate(graph.clone(), 7)?;
/// let again = Model::<f32>::from_bytes(&model.to_bytes()?)?;
/// assert_eq!(Fingerprint::of_weights(&model), Fingerprint::of_weights(&again));
/// let other = Model::<f32>::generate(graph, 8)?;
/// assert_ne!(Fingerprint::of_weights(&model), Fingerprint::of_weights(&other));
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// From bytes that were kept.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Fingerprint {
    /// As hexadecimal text.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Hashes a list of values so that no two lists give the same bytes: text comes with its length.
pub(crate) struct Hasher(blake3::Hasher);

impl Hasher {
    pub(crate) fn new(context: &str) -> Self {
        Self(blake3::Hasher::new_derive_key(context))
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
    }

    /// Bytes whose number follows from what was hashed before.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(&self) -> Fingerprint {
        Fingerprint(self.0.finalize().into())
    }
}
