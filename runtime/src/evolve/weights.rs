//! The weights that evolve, and the smallest patches between two states of them.

use std::sync::Arc;

use forebay_kernels::Real;
use forebay_substrate::{Loaded, Precision, Substrate, WeightPatch};

use crate::compile::device_of;
use crate::error::Error;
use crate::model::Model;
use crate::placement::product_program;

/// `LiveWeights` of a one-layer program on a substrate, as a genome of integers.
///
/// A gene is one weight `-7..=7`, or `-112..=112`, `-1687..=1687` where weights have 2 or 3 digits. Digit `d` of row `j`
/// is unit `d * rows + j` of the program; only digits that change are patched.
#[derive(Debug)]
pub struct LiveWeights {
    loaded: Arc<dyn Loaded>,
    precision: Precision,
    rows: usize,
    /// Row and input of every gene.
    places: Vec<(usize, usize)>,
    /// The genome on the substrate.
    held: Vec<i32>,
    patches: Vec<WeightPatch>,
}

impl LiveWeights {
    /// Loads a product of `rows` rows; every weight is a gene, row slow.
    ///
    /// # Shapes
    /// `start`: `[rows, inputs]`, each within [`Precision::weight_max`].
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Range`]; [`Error::Refused`] if the substrate does not take the program;
    /// [`Error::Misuse`] on a substrate of no known device.
    pub fn load(substrate: &dyn Substrate, start: &[i32], rows: usize, precision: Precision) -> Result<Self, Error> {
        if rows == 0 || start.is_empty() || !start.len().is_multiple_of(rows) {
            return Err(Error::shape("a genome", format!("{rows} rows of one length, at least one"), start.len()));
        }
        check_range(start, precision)?;
        let program = product_program(device_of(substrate)?, "evolved", start, rows, precision)?;
        let loaded = substrate.load(program.bytes())?;
        let inputs = start.len() / rows;
        let places = (0..start.len()).map(|gene| (gene / inputs, gene % inputs)).collect();
        Ok(Self { loaded, precision, rows, places, held: start.to_vec(), patches: Vec::new() })
    }

    /// The weights of one product of a compiled model that are not zero; those of the region are patched in place, so
    /// all sessions of the model see every candidate.
    ///
    /// The model's program must be as it was compiled; what the host keeps of it is not changed.
    ///
    /// # Errors
    /// [`Error::Misuse`] unless the region is there, is a product of one layer, and has a weight that is not zero.
    pub fn of_region<T: Real>(model: &Model<T>, region: usize) -> Result<Self, Error> {
        let misuse = |what| Error::Misuse { what, instead: "give a region of the model's plan".to_owned() };
        let (Some(plan), Some(loaded), Some(program)) =
            (model.plan(), model.loaded(region), model.programs().get(region))
        else {
            return Err(misuse("there is no such region"));
        };
        let precision = Precision::new(plan.state_digits as u8, plan.weight_digits as u8).unwrap_or_default();
        let layer = match program.layers() {
            [only] if !only.has_activation => program.layer(0),
            _ => None,
        };
        let layer = layer.ok_or_else(|| misuse("only the weights of a product evolve, not those of a chain"))?;
        let rows = layer.units / precision.weight_digits();
        let weight = |row: usize, input: usize| -> i32 {
            let digit = |d: usize| i32::from(layer.weights[(d * rows + row) * layer.inputs + input]);
            (0..precision.weight_digits()).map(|d| 15_i32.pow(d as u32) * digit(d)).sum()
        };
        let places = (0..rows).flat_map(|row| (0..layer.inputs).map(move |input| (row, input)));
        let places: Vec<(usize, usize)> = places.filter(|&(row, input)| weight(row, input) != 0).collect();
        if places.is_empty() {
            return Err(misuse("all weights of this region are zero"));
        }
        let held = places.iter().map(|&(row, input)| weight(row, input)).collect();
        Ok(Self { loaded: Arc::clone(loaded), precision, rows, places, held, patches: Vec::new() })
    }

    /// The genome that is on the substrate now.
    pub fn genome(&self) -> &[i32] {
        &self.held
    }

    /// Digits of the weights, and of the states they are multiplied with.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The program, to run, verify or read back.
    pub fn loaded(&self) -> &Arc<dyn Loaded> {
        &self.loaded
    }

    /// Brings a genome onto the substrate by patching the digits that differ; gives their number.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Range`]; [`Error::Substrate`] if the patch fails: what was there stays.
    pub fn write(&mut self, genome: &[i32]) -> Result<usize, Error> {
        if genome.len() != self.held.len() {
            return Err(Error::shape("a genome", self.held.len(), genome.len()));
        }
        check_range(genome, self.precision)?;
        let Self { loaded, precision, rows, places, held, patches } = self;
        patches.clear();
        for ((&new, &old), &(row, input)) in genome.iter().zip(&*held).zip(&*places) {
            if new == old {
                continue;
            }
            for d in 0..precision.weight_digits() {
                let value = precision.weight_digit(new, d);
                if value != precision.weight_digit(old, d) {
                    patches.push(WeightPatch { layer: 0, input, unit: d * *rows + row, value: value as i8 });
                }
            }
        }
        if !patches.is_empty() {
            loaded.patch(patches)?;
            held.copy_from_slice(genome);
        }
        Ok(patches.len())
    }
}

fn check_range(genome: &[i32], precision: Precision) -> Result<(), Error> {
    let most = precision.weight_max();
    match genome.iter().find(|gene| !(-most..=most).contains(gene)) {
        None => Ok(()),
        Some(gene) => {
            let (expected, found) = (format!("-{most} to {most}"), gene.to_string());
            Err(Error::Range { what: "a gene", expected, found })
        }
    }
}
