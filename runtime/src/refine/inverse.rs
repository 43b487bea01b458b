//! A rounded inverse on a substrate.

use forebay_substrate::{Precision, Substrate};

use super::approximation::Approximation;
use super::green::Green;
use super::operator::{Operator, range};
use super::tiles::{Cost, Tiles, quantise};
use crate::error::Error;

/// Most unknowns of a dense inverse.
pub(super) const MOST_DENSE: usize = 4096;

/// `B ~ A^-1` in slices of 4-bit weights, one scale per row.
///
/// ```text
/// B[j][i] = scale[j] * integers[j][i],   integers = sum over d of 15^d W_d,   W_d in -7..=7
/// z[j]    = s * scale[j] * sum over i of integers[j][i] q[i],   q = round(r / s)
/// ```
#[derive(Debug)]
pub(super) struct Inverse {
    tiles: Tiles,
    precision: Precision,
    scale: Vec<f64>,
    integers: Vec<i32>,
    sums: Vec<i64>,
}

impl Inverse {
    pub(super) fn new(substrate: &dyn Substrate, operator: &Operator, precision: Precision) -> Result<Self, Error> {
        let unknowns = operator.grid().unknowns();
        if unknowns > MOST_DENSE {
            return Err(range("unknowns of a rounded inverse", format!("at most {MOST_DENSE}"), unknowns));
        }
        let green = Green::new(operator);
        let largest = f64::from(precision.weight_max());
        let mut row = vec![0.0; unknowns];
        let mut matrix = Vec::with_capacity(unknowns * unknowns);
        let mut scale = Vec::with_capacity(unknowns);
        for j in 0..unknowns {
            green.row(j, &mut row);
            let step = row.iter().fold(0.0_f64, |peak, entry| peak.max(entry.abs())) / largest;
            // No row of an inverse is zero.
            matrix.extend(row.iter().map(|entry| (entry / step).round_ties_even() as i32));
            scale.push(step);
        }
        let tiles = Tiles::load(substrate, "inverse", &matrix, unknowns, precision)?;
        Ok(Self { tiles, precision, scale, integers: vec![0; unknowns], sums: vec![0; unknowns] })
    }
}

impl Approximation for Inverse {
    fn apply(&mut self, r: &[f64], z: &mut [f64]) -> Result<(), Error> {
        let step = quantise(r, self.precision, &mut self.integers);
        self.tiles.multiply(&self.integers, &mut self.sums)?;
        let sums = self.sums.iter().zip(&self.scale);
        z.iter_mut().zip(sums).for_each(|(z, (&sum, scale))| *z = step * (scale * sum as f64));
        Ok(())
    }

    fn cost(&self) -> Cost {
        self.tiles.cost
    }
}
