//! Streaming sums of products, all that ridge regression needs of a series.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

/// Rows gathered before they are multiplied: tall enough for the matrix product to run at full speed.
const CHUNK: usize = 512;

/// Columns of the Gram matrix that one task computes; fixed, so that results do not depend on the number of threads.
const BLOCK: usize = 256;

/// Sums over steps of features x (F per step) and targets y (O per step), in f64.
///
/// Holds `X'X` (lower triangle), `X'Y`, `Y'Y` (diagonal), sums and the count, of values shifted by the means of the
/// first 512 rows, which keeps the digits that large means would cost. Memory: `F^2` values and one chunk,
/// whatever the number of steps.
///
/// The matrix products come from the `faer` library, on one thread per fixed block: the sums do not depend on the
/// number of threads, but their last bits may differ between processors with different vector instructions.
#[derive(Clone, Debug)]
pub struct Gram {
    features: usize,
    outputs: usize,
    count: usize,
    shift: Option<Shift>,
    /// Column-major `[F, F]`, lower triangle.
    pub(super) products: Vec<f64>,
    /// Column-major `[F, O]`.
    pub(super) cross: Vec<f64>,
    /// Per output.
    pub(super) squares: Vec<f64>,
    pub(super) feature_sums: Vec<f64>,
    pub(super) target_sums: Vec<f64>,
    /// Row-major `[CHUNK, F]` and `[CHUNK, O]`; the first `filled` rows wait for their product.
    chunk: Vec<f64>,
    chunk_targets: Vec<f64>,
    filled: usize,
}

/// What is subtracted from every row.
#[derive(Clone, Debug, PartialEq)]
struct Shift {
    features: Vec<f64>,
    targets: Vec<f64>,
}

impl Gram {
    /// Empty sums.
    pub fn new(features: usize, outputs: usize) -> Self {
        Self {
            features,
            outputs,
            count: 0,
            shift: None,
            products: vec![0.0; features * features],
            cross: vec![0.0; features * outputs],
            squares: vec![0.0; outputs],
            feature_sums: vec![0.0; features],
            target_sums: vec![0.0; outputs],
            chunk: vec![0.0; CHUNK * features],
            chunk_targets: vec![0.0; CHUNK * outputs],
            filled: 0,
        }
    }

    /// Number of features F.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Number of outputs O.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Number of steps.
    pub fn count(&self) -> usize {
        self.count + self.filled
    }

    /// Adds one step; `fill` writes its features `[F]` and targets `[O]`.
    pub fn push(&mut self, fill: impl FnOnce(&mut [f64], &mut [f64])) {
        let (row, features, outputs) = (self.filled, self.features, self.outputs);
        fill(
            &mut self.chunk[row * features..(row + 1) * features],
            &mut self.chunk_targets[row * outputs..(row + 1) * outputs],
        );
        self.filled += 1;
        if self.filled == CHUNK {
            self.flush();
        }
    }

    /// Multiplies out the rows that wait.
    pub fn flush(&mut self) {
        let (rows, features, outputs) = (self.filled, self.features, self.outputs);
        if rows == 0 {
            return;
        }
        let chunk = &mut self.chunk[..rows * features];
        let targets = &mut self.chunk_targets[..rows * outputs];
        let shift = self.shift.get_or_insert_with(|| Shift {
            features: column_means(chunk, features),
            targets: column_means(targets, outputs),
        });
        for (values, shift, sums) in [
            (&mut *chunk, &shift.features, &mut self.feature_sums),
            (&mut *targets, &shift.targets, &mut self.target_sums),
        ] {
            for row in values.chunks_exact_mut(shift.len().max(1)) {
                for ((value, shift), sum) in row.iter_mut().zip(shift).zip(&mut *sums) {
                    *value -= shift;
                    *sum += *value;
                }
            }
        }
        for row in targets.chunks_exact(outputs.max(1)) {
            self.squares.iter_mut().zip(row).for_each(|(sum, y)| *sum += y * y);
        }
        let x = MatRef::from_row_major_slice(chunk, rows, features);
        let y = MatRef::from_row_major_slice(targets, rows, outputs);
        let cross = MatMut::from_column_major_slice_mut(&mut self.cross, features, outputs);
        matmul(cross, Accum::Add, x.transpose(), y, 1.0, Par::Seq);
        self.products.par_chunks_mut(BLOCK * features.max(1)).enumerate().for_each(|(block, columns)| {
            let (first, width) = (block * BLOCK, columns.len() / features);
            let columns = MatMut::from_column_major_slice_mut(columns, features, width);
            let below = columns.submatrix_mut(first, 0, features - first, width);
            let rows_of = x.submatrix(0, first, rows, features - first);
            matmul(below, Accum::Add, rows_of.transpose(), x.submatrix(0, first, rows, width), 1.0, Par::Seq);
        });
        self.count += rows;
        self.filled = 0;
    }

    /// Turns the sums into those of values minus their means; gives the means of features and targets.
    pub(super) fn center(&mut self) -> (Vec<f64>, Vec<f64>) {
        self.flush();
        let (features, n) = (self.features, self.count as f64);
        for (j, column) in self.products.chunks_exact_mut(features.max(1)).enumerate() {
            let factor = self.feature_sums[j] / n;
            for (value, sum) in column[j..].iter_mut().zip(&self.feature_sums[j..]) {
                *value -= factor * sum;
            }
        }
        for (o, column) in self.cross.chunks_exact_mut(features.max(1)).enumerate() {
            let factor = self.target_sums[o] / n;
            column.iter_mut().zip(&self.feature_sums).for_each(|(value, sum)| *value -= factor * sum);
            // Rounding must not make a sum of squares negative.
            self.squares[o] = (self.squares[o] - factor * self.target_sums[o]).max(0.0);
        }
        let shift = self.shift.take().unwrap_or(Shift { features: vec![], targets: vec![] });
        let means = |shift: Vec<f64>, sums: &[f64]| shift.iter().zip(sums).map(|(s, sum)| s + sum / n).collect();
        (means(shift.features, &self.feature_sums), means(shift.targets, &self.target_sums))
    }

    /// Frees the chunk: what is left of a finished Gram matrix is the matrix.
    pub(super) fn finish(&mut self) {
        self.flush();
        self.chunk = Vec::new();
        self.chunk_targets = Vec::new();
    }
}

fn column_means(rows: &[f64], columns: usize) -> Vec<f64> {
    let mut means = vec![0.0; columns];
    if columns > 0 {
        for row in rows.chunks_exact(columns) {
            means.iter_mut().zip(row).for_each(|(mean, value)| *mean += value);
        }
        let count = (rows.len() / columns) as f64;
        for mean in &mut means {
            *mean /= count;
        }
    }
    means
}

impl Gram {
    /// The sums over the steps of all parts, shifted by the means over all of them.
    ///
    /// Sums are only added: what is left when one part is taken from a whole has lost digits to the part. Each part
    /// keeps the shift by its own means until here, so that a part far from the others costs them none:
    /// `sum (x - s)(x - s)' = sum x'x'' + d (sum x')' + (sum x') d' + n d d'` with `x' = x - s_part`, `d = s_part - s`.
    pub(super) fn sum<'a>(features: usize, outputs: usize, parts: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let mut whole = Self::new(features, outputs);
        whole.finish();
        let parts = parts.filter_map(|part| part.shift.as_ref().map(|shift| (part, shift)));
        whole.count = parts.clone().map(|(part, _)| part.count).sum();
        let Some((_, first)) = parts.clone().next() else { return whole };
        let mut means = first.clone();
        for (part, shift) in parts.clone() {
            let n = whole.count as f64;
            for (means, first, shift, sums) in [
                (&mut means.features, &first.features, &shift.features, &part.feature_sums),
                (&mut means.targets, &first.targets, &shift.targets, &part.target_sums),
            ] {
                for (((mean, first), shift), sum) in means.iter_mut().zip(first).zip(shift).zip(sums) {
                    *mean += (part.count as f64 * (shift - first) + sum) / n;
                }
            }
        }
        for (part, shift) in parts {
            let n = part.count as f64;
            let apart = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<f64>>();
            let (dx, dy) = (apart(&shift.features, &means.features), apart(&shift.targets, &means.targets));
            for (j, &d) in dx.iter().enumerate() {
                let column = j * features + j..(j + 1) * features;
                let rows = part.products[column.clone()].iter().zip(&part.feature_sums[j..]).zip(&dx[j..]);
                for (to, ((product, sum), d_row)) in whole.products[column].iter_mut().zip(rows) {
                    *to += product + d_row * part.feature_sums[j] + d * sum + n * d_row * d;
                }
                whole.feature_sums[j] += part.feature_sums[j] + n * d;
            }
            for (o, &d) in dy.iter().enumerate() {
                let column = o * features..(o + 1) * features;
                let rows = part.cross[column.clone()].iter().zip(&part.feature_sums).zip(&dx);
                for (to, ((product, sum), d_row)) in whole.cross[column].iter_mut().zip(rows) {
                    *to += product + d_row * part.target_sums[o] + d * sum + n * d_row * d;
                }
                whole.squares[o] += part.squares[o] + d * (2.0 * part.target_sums[o] + n * d);
                whole.target_sums[o] += part.target_sums[o] + n * d;
            }
        }
        whole.shift = Some(means);
        whole
    }
}
