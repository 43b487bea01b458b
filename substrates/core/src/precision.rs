//! Signed integers as digits that a 4-bit processor can multiply, and their exact recombination.
//!
//! A state number `x` of `p` digits is offset to `x + 8 * 16^(p-1)` and written in base 16: each digit is 0..=15, and
//! each plane of digits is one sample. A weight `w` of `q` digits is written in balanced base 15,
//! `w = sum over d of 15^d w_d` with digits -7..=7: each digit is a unit of its own, unit `d * units + j` for digit
//! `d` of row `j`. With potentials `P[k][d][j]` of plane `k` and digit `d`,
//!
//! ```text
//! y[j] = sum over k, d of 16^k 15^d P[k][d][j]  -  8 * 16^(p-1) * sum over i of w[j][i]
//! ```
//!
//! is the exact product as long as no potential saturates, which cannot happen up to 4993 inputs.

use crate::WEIGHT_MAX;
use crate::error::SubstrateError;
use crate::substrate::{Multiplier, OutputKind, ProgramShape, Runner};

/// How many 4-bit digits states and weights have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Precision {
    state: u8,
    weight: u8,
}

impl Default for Precision {
    /// Two digits each: about 8 bits by 8 bits.
    fn default() -> Self {
        Self { state: 2, weight: 2 }
    }
}

impl Precision {
    /// Digits of states (1 to 4) and of weights (1 to 3); `None` outside these.
    pub fn new(state: u8, weight: u8) -> Option<Self> {
        ((1..=4).contains(&state) && (1..=3).contains(&weight)).then_some(Self { state, weight })
    }

    /// Digits of a state number: samples per product.
    pub fn state_digits(self) -> usize {
        usize::from(self.state)
    }

    /// Digits of a weight: stored units per row.
    pub fn weight_digits(self) -> usize {
        usize::from(self.weight)
    }

    /// What is added to a state number before it is written in base 16: `8 * 16^(p-1)`.
    pub fn state_offset(self) -> i32 {
        8 << (4 * (self.state - 1))
    }

    /// Smallest and largest state number: `-8 * 16^(p-1)` and `8 * 16^(p-1) - 1`.
    pub fn state_range(self) -> (i32, i32) {
        (-self.state_offset(), self.state_offset() - 1)
    }

    /// Largest magnitude of a weight: `(15^q - 1) / 2`, which is 7, 112 or 1687.
    pub fn weight_max(self) -> i32 {
        (15_i32.pow(u32::from(self.weight)) - 1) / 2
    }

    /// Digit `d` of a weight, lowest first, each -7..=7.
    ///
    /// ```
    /// use forebay_substrate::Precision;
    ///
    /// let precision = Precision::new(1, 2).expect("allowed");
    /// assert_eq!((precision.weight_digit(-112, 0), precision.weight_digit(-112, 1)), (-7, -7));
    /// assert_eq!(precision.weight_digit(8, 0) + 15 * precision.weight_digit(8, 1), 8);
    /// ```
    pub fn weight_digit(self, weight: i32, d: usize) -> i32 {
        let mut rest = weight;
        for _ in 0..d {
            rest = (rest - balanced(rest)) / 15;
        }
        balanced(rest)
    }
}

/// The balanced remainder of division by 15, -7..=7.
fn balanced(value: i32) -> i32 {
    (value + i32::from(WEIGHT_MAX)).rem_euclid(15) - i32::from(WEIGHT_MAX)
}

/// [`Multiplier`] on any [`Runner`]: one sample per plane, recombined on the host.
#[derive(Debug)]
pub struct PlaneMultiplier {
    runner: Box<dyn Runner>,
    precision: Precision,
    inputs: usize,
    /// Stored units: rows times weight digits.
    units: usize,
    planes: Vec<u8>,
    potentials: Vec<i32>,
    /// Sums of the weights of every stored unit, which repair the offset: the potentials of inputs of ones.
    sums: Vec<i32>,
    /// The state of the weights that `sums` belongs to.
    generation: Option<u64>,
}

impl PlaneMultiplier {
    /// A multiplier on `runner`, which runs a program of this shape.
    ///
    /// # Errors
    /// [`SubstrateError::Misuse`] unless the program is one layer with 4-bit inputs and potentials whose units are a
    /// multiple of the weight digits.
    pub fn new(runner: Box<dyn Runner>, shape: &ProgramShape, precision: Precision) -> Result<Self, SubstrateError> {
        check_shape(shape, precision)?;
        let units = shape.units;
        Ok(Self {
            runner,
            precision,
            inputs: shape.inputs,
            units,
            planes: Vec::new(),
            potentials: Vec::new(),
            sums: vec![0; units],
            generation: None,
        })
    }
}

impl PlaneMultiplier {
    /// Runs the planes, again if somebody patches the weights meanwhile: the sums would be those of other weights than the potentials.
    fn run_planes(&mut self) -> Result<(), SubstrateError> {
        /// Patches that come one after the other, each during a product, are no accident.
        const TRIES: usize = 100;
        for _ in 0..TRIES {
            let generation = self.runner.generation();
            if self.generation != Some(generation) {
                self.sum_weights()?;
                self.generation = Some(generation);
            }
            self.runner.run(&self.planes, &mut self.potentials)?;
            if self.runner.generation() == generation {
                return Ok(());
            }
        }
        let instead = "let products end between patches".to_owned();
        Err(SubstrateError::Misuse { what: "the weights were patched during each of 100 products", instead })
    }

    /// Runs ones through the program: the potentials are sums of weights. In two halves, which cannot saturate.
    fn sum_weights(&mut self) -> Result<(), SubstrateError> {
        let half = self.inputs / 2;
        let mut halves = vec![0; 2 * self.inputs];
        halves[..half].fill(1);
        halves[self.inputs + half..].fill(1);
        let mut potentials = vec![0; 2 * self.units];
        self.runner.run(&halves, &mut potentials)?;
        let (first, second) = potentials.split_at(self.units);
        self.sums.iter_mut().zip(first.iter().zip(second)).for_each(|(sum, (a, b))| *sum = a + b);
        Ok(())
    }
}

/// Whether a program can be read as a product of this many digits.
///
/// # Errors
/// [`SubstrateError::Misuse`] with what the program is.
pub fn check_shape(shape: &ProgramShape, precision: Precision) -> Result<(), SubstrateError> {
    let fits = shape.layers == 1 && shape.input_bits == 4 && shape.output == OutputKind::Potentials;
    if !fits || !shape.units.is_multiple_of(precision.weight_digits()) {
        let what = "a product of digits needs one layer with 4-bit inputs and potentials";
        let instead = format!(
            "this program has {} layers, {}-bit inputs, {} units for {} weight digits, and gives {:?}",
            shape.layers,
            shape.input_bits,
            shape.units,
            precision.weight_digits(),
            shape.output
        );
        return Err(SubstrateError::Misuse { what, instead });
    }
    Ok(())
}

/// Checks the slices of a [`Multiplier::multiply`] call and gives the number of samples.
///
/// # Errors
/// [`SubstrateError::Shape`] or [`SubstrateError::Range`].
pub fn check_product(
    x: &[i32],
    y: &[i64],
    inputs: usize,
    rows: usize,
    precision: Precision,
) -> Result<usize, SubstrateError> {
    let samples = x.len() / inputs;
    if samples * inputs != x.len() {
        return Err(SubstrateError::Shape { what: "x", expected: format!("samples x {inputs}"), found: x.len() });
    }
    if y.len() != samples * rows {
        return Err(SubstrateError::Shape { what: "y", expected: format!("{samples} x {rows}"), found: y.len() });
    }
    let (min, max) = precision.state_range();
    // The offset makes legal numbers those below a power of two, so one `or` of all tells; unlike a minimum, every
    // processor has it for vectors. The place is looked for only when there is something to find.
    let bits = x.iter().fold(0, |bits, &x| bits | x.wrapping_sub(min) as u32);
    if bits > max.wrapping_sub(min) as u32 {
        let index = x.iter().position(|x| !(min..=max).contains(x)).unwrap_or(0);
        let (min, max, found) = (i64::from(min), i64::from(max), i64::from(x[index]));
        return Err(SubstrateError::Range { what: "state number", min, max, found, index });
    }
    Ok(samples)
}

impl Multiplier for PlaneMultiplier {
    fn multiply(&mut self, x: &[i32], y: &mut [i64]) -> Result<(), SubstrateError> {
        let rows = self.units / self.precision.weight_digits();
        let samples = check_product(x, y, self.inputs, rows, self.precision)?;
        let planes = self.precision.state_digits();
        self.planes.resize(samples * planes * self.inputs, 0);
        self.potentials.resize(samples * planes * self.units, 0);
        let offset = self.precision.state_offset();
        let per_sample = x.chunks_exact(self.inputs).zip(self.planes.chunks_exact_mut(planes * self.inputs));
        for (x, sample) in per_sample {
            for (k, plane) in sample.chunks_exact_mut(self.inputs).enumerate() {
                plane.iter_mut().zip(x).for_each(|(digit, &x)| *digit = (((x + offset) >> (4 * k)) & 15) as u8);
            }
        }
        self.run_planes()?;
        let per_sample = self.potentials.chunks_exact(planes * self.units).zip(y.chunks_exact_mut(rows));
        for (potentials, y) in per_sample {
            y.fill(0);
            for d in 0..self.precision.weight_digits() {
                let scale = 15_i64.pow(d as u32);
                let digit = d * rows..(d + 1) * rows;
                for (k, plane) in potentials.chunks_exact(self.units).enumerate() {
                    let factor = scale << (4 * k);
                    y.iter_mut().zip(&plane[digit.clone()]).for_each(|(y, &p)| *y += factor * i64::from(p));
                }
                let factor = scale * i64::from(offset);
                y.iter_mut().zip(&self.sums[digit]).for_each(|(y, &sum)| *y -= factor * i64::from(sum));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{PlaneMultiplier, Precision};
    use crate::error::SubstrateError;
    use crate::substrate::{Multiplier, OutputKind, ProgramShape, Runner};

    /// One weight, which another thread patches from -7 to 7 just before a run.
    #[derive(Debug)]
    struct Patched {
        runs: usize,
        before: usize,
        /// And before every run that follows.
        without_end: bool,
    }

    impl Runner for Patched {
        fn run(&mut self, inputs: &[u8], outputs: &mut [i32]) -> Result<(), SubstrateError> {
            self.runs += 1;
            let weight = if self.runs < self.before { -7 } else { 7 };
            outputs.iter_mut().zip(inputs).for_each(|(y, x)| *y = weight * i32::from(*x));
            Ok(())
        }

        fn generation(&self) -> u64 {
            if self.without_end { self.runs as u64 } else { u64::from(self.runs >= self.before) }
        }
    }

    /// A patch between the sums of the weights and the product gave 128 times the change of the weight, whatever the input.
    #[test]
    fn a_product_is_of_the_weights_before_a_patch_or_after_it() -> Result<(), SubstrateError> {
        let shape = ProgramShape { inputs: 1, input_bits: 4, units: 1, output: OutputKind::Potentials, layers: 1 };
        let precision = Precision::new(2, 1).expect("allowed");
        for before in 1..6 {
            let runner = Patched { runs: 0, before, without_end: false };
            let mut product = PlaneMultiplier::new(Box::new(runner), &shape, precision)?;
            for x in [0, 1, -128, 127] {
                let mut y = [0];
                product.multiply(&[x], &mut y)?;
                assert_eq!(y[0].abs(), 7 * i64::from(x.abs()), "{before}, {x}");
            }
        }
        let runner = Patched { runs: 0, before: 1, without_end: true };
        let mut product = PlaneMultiplier::new(Box::new(runner), &shape, precision)?;
        assert!(matches!(product.multiply(&[1], &mut [0]), Err(SubstrateError::Misuse { .. })));
        Ok(())
    }
}
