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

#[cfg(feature = "driver")]
mod cases;
#[cfg(feature = "driver")]
mod device;
#[cfg(feature = "driver")]
mod identity;
pub mod puf;

pub use crate::hash::Fingerprint;
#[cfg(feature = "driver")]
pub use device::{Case, DeviceFingerprint, Health, Latency};
#[cfg(feature = "driver")]
pub use identity::{Identity, PciIds};
