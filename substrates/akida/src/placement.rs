//! Which processor takes which layer, in which pass.

use forebay_substrate::Refusal;

use crate::device::{Device, FNP3_WORDS, Np};

/// Where a layer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The processor.
    pub np: Np,
    /// The pass, counted from 0.
    pub pass: usize,
}

/// Processors at the front of the two lists that a program leaves alone, so that another may have them.
///
/// Only programs of a single pass can start later: further passes need the first processor, where they loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// FNP3s to skip.
    pub fnp3: usize,
    /// FNP2s to skip.
    pub fnp2: usize,
}

/// Places layers in order: each takes the first free FNP3 if it fits one, else the first free FNP2; when all are taken,
/// an AKD1500 begins a new pass with all its FNP3s.
///
/// # Source
/// specs/device-program.md, "placement" \[T\].
#[derive(Clone, Debug)]
pub struct Placer {
    device: Device,
    start: Start,
    /// Taken in this pass.
    fnp3: usize,
    /// Taken in the whole program: their memory registers can be set only once.
    fnp2: usize,
    pass: usize,
}

impl Placer {
    /// Nothing placed yet.
    pub fn new(device: Device, start: Start) -> Self {
        Self { device, start, fnp3: start.fnp3, fnp2: start.fnp2, pass: 0 }
    }

    /// The place of the next layer, which takes so many words of neuron memory.
    ///
    /// # Errors
    /// [`Refusal::Components`] naming the kind that is missing.
    pub fn place(&mut self, layer: &str, words: usize) -> Result<Place, Refusal> {
        let fits = words <= FNP3_WORDS;
        if fits && let Some(&np) = self.device.fnp3().get(self.fnp3) {
            self.fnp3 += 1;
            return Ok(Place { np, pass: self.pass });
        }
        if let Some(&np) = self.device.fnp2().get(self.fnp2) {
            self.fnp2 += 1;
            return Ok(Place { np, pass: self.pass });
        }
        if fits && self.device.has_passes() && self.start == Start::default() {
            self.pass += 1;
            self.fnp3 = 1;
            return Ok(Place { np: self.device.fnp3()[0], pass: self.pass });
        }
        let component = if fits { "FNP3" } else { "FNP2" };
        Err(Refusal::Components { layer: layer.to_owned(), component })
    }
}
