//! The cyclic structure of an irreducible matrix.
//!
//! If all cycles of units have lengths that are multiples of p, the units fall into p classes, each listening to the next
//! only, and eigenvalues come p at a time, turned by `2 pi / p`: all of one modulus, so that no iteration separates them. The
//! p-th power leaves every class to itself, and its eigenvalues there are the p-th powers.

use super::arnoldi::LinearMap;
use crate::weights::Csr;

/// The p-th power of a matrix of period p, on its smallest class of units.
pub(super) struct Cyclic<'a> {
    matrix: &'a Csr<f64>,
    period: usize,
    /// The units from the last class to the first, which is the smallest.
    order: Vec<usize>,
    /// How many units the smallest class has, at the end of the order.
    smallest: usize,
}

impl<'a> Cyclic<'a> {
    /// Finds the classes of an irreducible matrix.
    pub(super) fn new(matrix: &'a Csr<f64>) -> Self {
        let levels = levels(matrix);
        let period = period(matrix, &levels);
        let mut counts = vec![0_usize; period];
        for level in &levels {
            counts[level % period] += 1;
        }
        let base = (0..period).min_by_key(|&class| counts[class]).unwrap_or(0);
        // The class of a unit, counted from the smallest one.
        let class = |unit: &usize| (levels[*unit] + period - base) % period;
        let mut order: Vec<usize> = (0..matrix.rows()).collect();
        order.sort_by_key(|unit| std::cmp::Reverse(class(unit)));
        Self { matrix, period, order, smallest: counts[base] }
    }

    pub(super) fn period(&self) -> usize {
        self.period
    }

    fn split(&self) -> (&[usize], &[usize]) {
        self.order.split_at(self.order.len() - self.smallest)
    }
}

impl LinearMap for Cyclic<'_> {
    fn size(&self) -> usize {
        self.smallest
    }

    fn apply(&self, x: &[f64], out: &mut [f64]) {
        let (others, base) = self.split();
        let mut values = vec![0.0; self.order.len()];
        base.iter().zip(x).for_each(|(&unit, x)| values[unit] = *x);
        let sum = |unit: usize, values: &[f64]| self.matrix.row(unit).map(|(from, w)| w * values[from]).sum::<f64>();
        for &unit in others {
            values[unit] = sum(unit, &values);
        }
        base.iter().zip(out).for_each(|(&unit, out)| *out = sum(unit, &values));
    }

    fn apply_transposed(&self, x: &[f64], out: &mut [f64]) {
        let (others, base) = self.split();
        let mut values = vec![0.0; self.order.len()];
        let scatter = |unit: usize, x: f64, values: &mut [f64]| {
            self.matrix.row(unit).for_each(|(from, weight)| values[from] += weight * x);
        };
        base.iter().zip(x).for_each(|(&unit, x)| scatter(unit, *x, &mut values));
        // From the smallest class's neighbour on; the last class leads back to the smallest.
        for &unit in others.iter().rev() {
            let x = values[unit];
            scatter(unit, x, &mut values);
        }
        base.iter().zip(out).for_each(|(&unit, out)| *out = values[unit]);
    }
}

/// The distance of every unit from unit 0, along the entries of the rows.
fn levels(matrix: &Csr<f64>) -> Vec<usize> {
    const UNSEEN: usize = usize::MAX;
    let mut levels = vec![UNSEEN; matrix.rows()];
    levels[0] = 0;
    let mut queue = vec![0];
    let mut next = 0;
    while next < queue.len() {
        let unit = queue[next];
        next += 1;
        for (from, _) in matrix.row(unit) {
            if levels[from] == UNSEEN {
                levels[from] = levels[unit] + 1;
                queue.push(from);
            }
        }
    }
    levels
}

/// The greatest common divisor of the lengths of all cycles.
///
/// # Source
/// E. V. Denardo, "Periods of connected networks and powers of nonnegative matrices", 1977.
fn period(matrix: &Csr<f64>, levels: &[usize]) -> usize {
    let mut divisor = 0;
    for unit in 0..matrix.rows() {
        for (from, _) in matrix.row(unit) {
            divisor = greatest_common_divisor(divisor, (levels[unit] + 1).abs_diff(levels[from]));
        }
    }
    divisor
}

fn greatest_common_divisor(mut a: usize, mut b: usize) -> usize {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::random::Seed;

    /// Blocks of sizes 4, 2 and 3 that listen to each other in turn, in mixed order: products by hand.
    #[test]
    fn a_period_of_three_is_its_third_power_on_two_units() {
        let classes = [0, 1, 2, 0, 2, 0, 1, 0, 2];
        let mut stream = Seed(1).stream("matrix");
        let dense = Array2::from_shape_fn((9, 9), |(row, column)| {
            if (classes[row] + 1) % 3 == classes[column] { stream.normal() } else { 0.0 }
        });
        let sparse = Csr::from_dense(&dense).unwrap();
        let cyclic = Cyclic::new(&sparse);
        assert_eq!((cyclic.period(), cyclic.size()), (3, 2));
        let cube = dense.dot(&dense).dot(&dense);
        let units: Vec<usize> = (0..9).filter(|&unit| classes[unit] == 1).collect();
        let x = [0.3, -0.7];
        let (mut plain, mut transposed) = ([0.0; 2], [0.0; 2]);
        cyclic.apply(&x, &mut plain);
        cyclic.apply_transposed(&x, &mut transposed);
        for (place, &unit) in units.iter().enumerate() {
            let expected: f64 = units.iter().zip(x).map(|(&from, x)| cube[[unit, from]] * x).sum();
            assert!((plain[place] - expected).abs() < 1e-12);
            let expected: f64 = units.iter().zip(x).map(|(&from, x)| cube[[from, unit]] * x).sum();
            assert!((transposed[place] - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn periods_are_the_common_divisors_of_cycles() {
        // A ring of 12 with shortcuts: a shortcut over k units leaves a cycle of 12 - k.
        for (shortcut, expected) in [(0, 12), (4, 4), (6, 6), (3, 3), (5, 1)] {
            let mut ring = Array2::zeros((12, 12));
            (0..12).for_each(|unit| ring[[unit, (unit + 1) % 12]] = 1.0);
            ring[[0, (shortcut + 1) % 12]] = 1.0;
            let sparse = Csr::from_dense(&ring).unwrap();
            let cyclic = Cyclic::new(&sparse);
            assert_eq!((cyclic.period(), cyclic.period() * cyclic.size()), (expected, 12));
            let mut out = vec![0.0; cyclic.size()];
            cyclic.apply(&vec![1.0; cyclic.size()], &mut out);
            assert!(out.iter().sum::<f64>() >= cyclic.size() as f64);
        }
    }
}
