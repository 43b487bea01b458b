//! An integer matrix in programs of a substrate.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forebay_akida::{Bits, Device, InputShape, Layer, ProgramBuilder};
use forebay_substrate::{Loaded, Multiplier, Precision, Substrate};

use crate::error::Error;

/// Columns up to which no potential can saturate: `15 * 7 * 4993` is below 2^19.
const MOST_COLUMNS: usize = 4993;

/// What was run on a substrate so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// Samples: one per state digit, program and vector.
    pub(super) passes: u64,
    pub(super) time: Duration,
}

/// A matrix `[rows, columns]` of integers, side by side in as few programs as the substrate takes.
#[derive(Debug)]
pub(super) struct Tiles {
    parts: Vec<Part>,
    precision: Precision,
    rows: usize,
    columns: usize,
    gathered: Vec<i32>,
    partial: Vec<i64>,
    pub(super) cost: Cost,
}

#[derive(Debug)]
struct Part {
    columns: Range<usize>,
    multiplier: Box<dyn Multiplier>,
    /// Dropping it would unload the program.
    _loaded: Arc<dyn Loaded>,
}

impl Tiles {
    /// Loads a matrix; columns that are refused together are halved until they are taken.
    ///
    /// # Errors
    /// [`Error::Refused`] if not even a single column is taken; [`Error::Misuse`] on a substrate of no known device;
    /// otherwise what loading gives.
    pub(super) fn load(
        substrate: &dyn Substrate,
        name: &str,
        integers: &[i32],
        rows: usize,
        precision: Precision,
    ) -> Result<Self, Error> {
        let device = &substrate.capabilities().device;
        let device: Device = device.parse().map_err(|_| Error::Misuse {
            what: "the solver needs to know the device",
            instead: format!("this substrate stands for {device:?}"),
        })?;
        let columns = integers.len() / rows;
        // The next piece to load is on top.
        let mut open: Vec<Range<usize>> =
            (0..columns).step_by(MOST_COLUMNS).map(|c| c..columns.min(c + MOST_COLUMNS)).rev().collect();
        let mut parts = Vec::new();
        while let Some(piece) = open.pop() {
            let digits = digits(integers, columns, piece.clone(), precision);
            let units = rows * precision.weight_digits();
            let part = Layer::potentials(name, piece.len(), units, Bits::Four, digits)
                .map_err(Error::from)
                .and_then(|layer| {
                    let builder = ProgramBuilder::new(device, InputShape::flat(piece.len() as u32), Bits::Four);
                    Ok(builder.layer(layer).build()?)
                })
                .and_then(|program| {
                    let loaded = substrate.load(program.bytes())?;
                    Ok(Part { columns: piece.clone(), multiplier: loaded.multiplier(precision)?, _loaded: loaded })
                });
            match part {
                Ok(part) => parts.push(part),
                Err(Error::Refused(_)) if piece.len() > 1 => {
                    let middle = piece.start + piece.len() / 2;
                    open.extend([middle..piece.end, piece.start..middle]);
                }
                Err(error) => return Err(error),
            }
        }
        let (gathered, partial) = (Vec::new(), Vec::new());
        Ok(Self { parts, precision, rows, columns, gathered, partial, cost: Cost::default() })
    }

    /// `y[s][j] = sum over i of x[s][i] integers[j][i]`, exactly.
    ///
    /// # Shapes
    /// `x`: `[samples, columns]`, each in [`Precision::state_range`]. `y`: `[samples, rows]`.
    pub(super) fn multiply(&mut self, x: &[i32], y: &mut [i64]) -> Result<(), Error> {
        let samples = x.len() / self.columns;
        let begin = Instant::now();
        if let [part] = &mut self.parts[..] {
            part.multiplier.multiply(x, y)?;
        } else {
            y.fill(0);
            self.partial.resize(samples * self.rows, 0);
            for part in &mut self.parts {
                self.gathered.clear();
                x.chunks_exact(self.columns).for_each(|x| self.gathered.extend_from_slice(&x[part.columns.clone()]));
                part.multiplier.multiply(&self.gathered, &mut self.partial)?;
                y.iter_mut().zip(&self.partial).for_each(|(y, partial)| *y += partial);
            }
        }
        self.cost.time += begin.elapsed();
        self.cost.passes += (samples * self.precision.state_digits() * self.parts.len()) as u64;
        Ok(())
    }
}

/// The stored units of some columns: all rows of the lowest digit, then those of the next.
fn digits(integers: &[i32], columns: usize, piece: Range<usize>, precision: Precision) -> Vec<i8> {
    let mut digits = Vec::with_capacity(integers.len() / columns * piece.len() * precision.weight_digits());
    for d in 0..precision.weight_digits() {
        for row in integers.chunks_exact(columns) {
            digits.extend(row[piece.clone()].iter().map(|&w| precision.weight_digit(w, d) as i8));
        }
    }
    digits
}

/// Writes `values` as the integers nearest to `values / scale`, symmetric about zero, and gives the scale: the largest
/// value becomes the largest integer. A scale of 0 stands for zeros.
pub(super) fn quantise(values: &[f64], precision: Precision, integers: &mut [i32]) -> f64 {
    let peak = values.iter().fold(0.0_f64, |peak, value| peak.max(value.abs()));
    let largest = f64::from(precision.state_range().1);
    let scale = peak / largest;
    if scale == 0.0 {
        integers.fill(0);
        return 0.0;
    }
    for (integer, value) in integers.iter_mut().zip(values) {
        *integer = (value / scale).round_ties_even().clamp(-largest, largest) as i32;
    }
    scale
}
