//! The layout that packed and byte matrices share, and the loop over panels and samples.

use crate::aligned::Aligned;
use crate::form::{Form, Kind};

/// Units of a panel.
pub(super) const UNITS: usize = 16;
/// Bytes of a block.
pub(super) const BLOCK: usize = 64;
/// Panels whose blocks alternate; the last group may have fewer.
pub(super) const GROUP: usize = 8;

/// Unsigned fields in panels, `F` per byte: 1, 2, 4 or 8.
#[derive(Clone, Debug)]
pub(super) struct Panels<const F: usize> {
    units: usize,
    inputs: usize,
    blocks: usize,
    bytes: Aligned<u8>,
}

/// Buffers of a caller, grown at the first use.
#[derive(Clone, Debug, Default)]
pub struct IntegerScratch {
    /// Samples padded to whole blocks.
    samples: Vec<i8>,
    sums: Vec<i32>,
}

/// Samples as the kernels read them: rows of `stride` values, zero behind the last input.
#[derive(Clone, Copy)]
pub(super) struct Samples<'a> {
    pub(super) values: &'a [i8],
    pub(super) stride: usize,
}

impl<const F: usize> Panels<F> {
    const FIELD_BITS: usize = 8 / F;
    const MASK: u8 = (0xFF_u16 >> (8 - Self::FIELD_BITS)) as u8;
    /// Inputs of a block.
    const INPUTS: usize = 4 * F;

    /// All fields zero.
    pub(super) fn new(units: usize, inputs: usize) -> Self {
        let blocks = inputs.div_ceil(Self::INPUTS);
        Self { units, inputs, blocks, bytes: Aligned::zeros(units.div_ceil(UNITS) * blocks * BLOCK) }
    }

    pub(super) fn units(&self) -> usize {
        self.units
    }

    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Byte and shift of a field.
    fn place(&self, unit: usize, input: usize) -> (usize, usize) {
        let (block, within) = (input / Self::INPUTS, input % Self::INPUTS);
        let (field, byte) = (within / 4, within % 4);
        let (start, stride) = self.view().panel(unit / UNITS);
        (start + block * stride + 4 * (unit % UNITS) + byte, field * Self::FIELD_BITS)
    }

    pub(super) fn get(&self, unit: usize, input: usize) -> u8 {
        let (at, shift) = self.place(unit, input);
        self.bytes[at] >> shift & Self::MASK
    }

    pub(super) fn set(&mut self, unit: usize, input: usize, field: u8) {
        let (at, shift) = self.place(unit, input);
        self.bytes[at] = self.bytes[at] & !(Self::MASK << shift) | field << shift;
    }

    /// `y[s][u] = sum over i of x[s][i] * (field[u][i] - offset)`; `fill` writes the inputs of a sample, and `y` is
    /// `[samples, units]`.
    pub(super) fn multiply(
        &self,
        form: Form,
        offset: i32,
        samples: usize,
        fill: impl Fn(usize, &mut [i8]),
        y: &mut [i32],
        scratch: &mut IntegerScratch,
    ) {
        let stride = self.blocks * Self::INPUTS;
        let IntegerScratch { samples: values, sums } = scratch;
        values.resize(samples * stride, 0);
        for (sample, row) in values.chunks_exact_mut(stride).enumerate() {
            let (inputs, padding) = row.split_at_mut(self.inputs);
            fill(sample, inputs);
            padding.fill(0);
        }
        sums.clear();
        sums.extend(values.chunks_exact(stride).map(|row| offset * sum_of_bytes(row)));
        let samples = Samples { values, stride };
        match form.kind() {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 if is_x86_feature_detected!("avx512vnni") => {
                // SAFETY: the form proves AVX-512 F and BW, and VNNI was just found.
                unsafe { super::x86::vnni::<F>(self.view(), samples, y) }
            }
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 | Kind::Avx512 => {
                // SAFETY: a form of either kind exists only where the processor was found to have AVX2.
                unsafe { super::x86::avx2::<F>(self.view(), samples, y) }
            }
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => {
                // SAFETY: a form of this kind exists only where the processor was found to have NEON.
                unsafe { super::neon::neon::<F>(self.view(), samples, y) }
            }
            _ => self.scalar(samples, y),
        }
        for (y, &sum) in y.chunks_exact_mut(self.units).zip(&*sums) {
            for y in y {
                *y -= sum;
            }
        }
    }

    fn view(&self) -> View<'_> {
        View { units: self.units, blocks: self.blocks, bytes: &self.bytes }
    }

    /// The definition: every field of every block, one after the other.
    fn scalar(&self, samples: Samples<'_>, y: &mut [i32]) {
        for (x, y) in samples.values.chunks_exact(samples.stride).zip(y.chunks_exact_mut(self.units)) {
            for (panel, y) in y.chunks_mut(UNITS).enumerate() {
                y.fill(0);
                let (start, stride) = self.view().panel(panel);
                for (block, x) in x.chunks_exact(Self::INPUTS).enumerate() {
                    let block = &self.bytes[start + block * stride..][..BLOCK];
                    for (y, bytes) in y.iter_mut().zip(block.chunks_exact(4)) {
                        for (f, x) in x.chunks_exact(4).enumerate() {
                            for (byte, &x) in bytes.iter().zip(x) {
                                let field = byte >> (f * Self::FIELD_BITS) & Self::MASK;
                                *y += i32::from(field) * i32::from(x);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The sum of bytes, in steps that compilers turn into vectors.
fn sum_of_bytes(bytes: &[i8]) -> i32 {
    // 128 bytes of at most 128 each stay within 16 bits.
    let block = |block: &[i8]| i32::from(block.iter().map(|&x| i16::from(x)).sum::<i16>());
    bytes.chunks(128).map(block).sum()
}

/// Panels as the kernels read them: `ceil(units / 16)` times `blocks` blocks.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) units: usize,
    pub(super) blocks: usize,
    pub(super) bytes: &'a [u8],
}

impl View<'_> {
    /// Where a panel begins, and how far its blocks are apart: the panels of a group take turns, block by block, so that
    /// a product reads one stream of memory.
    pub(super) fn panel(&self, panel: usize) -> (usize, usize) {
        let first = panel / GROUP * GROUP;
        let width = GROUP.min(self.panels() - first);
        (first * self.blocks * BLOCK + (panel - first) * BLOCK, width * BLOCK)
    }

    pub(super) fn panels(&self) -> usize {
        self.units.div_ceil(UNITS)
    }

    /// Writes the lanes of a panel for one sample, as many as there are units.
    pub(super) fn store(&self, panel: usize, sample: usize, lanes: &[i32; UNITS], y: &mut [i32]) {
        let first = panel * UNITS;
        let count = UNITS.min(self.units - first);
        let at = sample * self.units + first;
        y[at..at + count].copy_from_slice(&lanes[..count]);
    }
}
