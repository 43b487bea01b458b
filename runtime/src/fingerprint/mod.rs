//! Telling things apart by hashes: models, devices, and whether a device computes what it should.
//!
//! | what | question it answers |
//! |---|---|
//! | [`Fingerprint::of_weights`] | are these the same weights? |
//! | [`Fingerprint::of_model`] | does this model compute the same, bit for bit? |
//! | [`DeviceFingerprint`] | which device is this, and does it compute as the software twin does? |
//! | [`puf`] | do responses measured on several boards tell the boards apart? |
//!
//! None of them is a secret or a proof of origin. An int4 processor is deterministic: the same weights and inputs
//! give the same bits on every good device, so its outputs hold no entropy. See `specs/fingerprint.md`.
//!
//! Hashes are BLAKE3, which the crate uses for its random streams already, with a context of their own each, so that
//! a hash of one kind never equals one of another. Tested on silicon: no.

mod cases;
mod device;
mod identity;
mod model;
pub mod puf;

use std::fmt;

use serde::Serialize;

pub use device::{Case, DeviceFingerprint, Health, Latency};
pub use identity::{Identity, PciIds};

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
struct Hasher(blake3::Hasher);

impl Hasher {
    fn new(context: &str) -> Self {
        Self(blake3::Hasher::new_derive_key(context))
    }

    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
    }

    /// Bytes whose number follows from what was hashed before.
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> Fingerprint {
        Fingerprint(self.0.finalize().into())
    }
}
