//! Streaming sums of products, all that ridge regression needs of a series.

mod parts;

use forebay_kernels::Form;
use forebay_kernels::solver::{Panels, add_cross_products, add_products};

use super::TrainError;
use super::spread::Threads;

/// Rows of a chunk: the products of a chunk are one chain of fused multiply-adds per entry.
pub(super) const CHUNK: usize = 128;

/// Chunks of a stretch of 8,192 rows. A part of a long series that starts and ends with a stretch can be summed apart.
const STRETCH: usize = 64;

/// A feature whose standard deviation is below this many units of rounding of its mean is constant.
const CONSTANT: f64 = 4.0 * f64::EPSILON;

/// Sums over steps of features x (F per step) and targets y (O per step), in f64.
///
/// Holds `X'X` (lower triangle), `X'Y`, `Y'Y` (diagonal), sums and the count, of values shifted by the means of the first
/// 128 rows, which keeps the digits that large means would cost. Memory: `F^2` values and one chunk, whatever the number of
/// steps.
///
/// Every entry is summed in one fixed order: a chain inside each chunk of 128 rows, the chunks of a stretch of 64 one after
/// the other, then the stretches. Rows count in the order in which they are pushed. The sums are the same bits on every processor, whatever the
/// number of threads.
///
/// Steps may have [weights](Self::push_weighted): then the sums are those of `w x x'`, `w x y` and so on, means are `sum w x / sum w`,
/// and a step of weight w stands for w steps of weight 1.
#[derive(Clone, Debug)]
pub struct Gram {
    form: Form,
    features: usize,
    outputs: usize,
    count: usize,
    /// Sum of the weights of the rows that are multiplied out: their count if all are 1.
    weight: f64,
    shift: Option<Shift>,
    /// Column-major `[F, F]`. Below and on the diagonal: the current stretch, or the whole after `flush`. Above it, mirrored:
    /// the finished stretches.
    pub(super) products: Vec<f64>,
    /// Diagonal of the finished stretches.
    diagonal: Vec<f64>,
    pub(super) sums: Sums,
    finished: Option<Sums>,
    /// Chunks in the current stretch.
    chunks: usize,
    /// `[CHUNK, F]` and `[CHUNK, O]`; the first `filled` rows wait for their product.
    chunk: Panels,
    chunk_targets: Panels,
    filled: usize,
    /// Weights of the rows of the chunk.
    weights: Vec<f64>,
    row: Vec<f64>,
    row_targets: Vec<f64>,
}

/// What is summed beside the products of features.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    /// `X'Y`, column-major `[F, O]`.
    pub(super) cross: Vec<f64>,
    /// `Y'Y`, per output.
    pub(super) squares: Vec<f64>,
    pub(super) features: Vec<f64>,
    pub(super) targets: Vec<f64>,
}

/// What is subtracted from every row.
#[derive(Clone, Debug, PartialEq)]
struct Shift {
    features: Vec<f64>,
    targets: Vec<f64>,
}

impl Sums {
    fn zeros(features: usize, outputs: usize) -> Self {
        Self {
            cross: vec![0.0; features * outputs],
            squares: vec![0.0; outputs],
            features: vec![0.0; features],
            targets: vec![0.0; outputs],
        }
    }

    fn each(&mut self, other: &Self, change: impl Fn(&mut f64, f64)) {
        for (to, from) in [
            (&mut self.cross, &other.cross),
            (&mut self.squares, &other.squares),
            (&mut self.features, &other.features),
            (&mut self.targets, &other.targets),
        ] {
            to.iter_mut().zip(from).for_each(|(to, from)| change(to, *from));
        }
    }
}

impl Gram {
    /// Empty sums.
    pub fn new(features: usize, outputs: usize) -> Self {
        Self {
            // Which form computes is a matter of speed alone; a name that does not exist is refused where models are made.
            form: Form::from_env().unwrap_or_else(|_| Form::best()),
            features,
            outputs,
            count: 0,
            weight: 0.0,
            shift: None,
            products: vec![0.0; features * features],
            diagonal: vec![0.0; features],
            sums: Sums::zeros(features, outputs),
            finished: None,
            chunks: 0,
            chunk: Panels::zeros(CHUNK, features),
            chunk_targets: Panels::zeros(CHUNK, outputs),
            filled: 0,
            weights: Vec::with_capacity(CHUNK),
            row: vec![0.0; features],
            row_targets: vec![0.0; outputs],
        }
    }

    /// Which kernel form computes; that changes no bit.
    #[must_use]
    pub fn with_form(mut self, form: Form) -> Self {
        self.form = form;
        self
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

    /// Sum of the weights of all steps: their number, unless some were given [weights](Self::push_weighted).
    pub fn weight(&self) -> f64 {
        self.weight + self.weights.iter().sum::<f64>()
    }

    /// Adds one step; `fill` writes its features `[F]` and targets `[O]`.
    pub fn push(&mut self, fill: impl FnOnce(&mut [f64], &mut [f64])) {
        self.add(1.0, fill);
    }

    /// Adds one step of a weight: w steps of weight 1 with the same values, to within rounding; with weight 0 nothing is added,
    /// and `fill` is not called.
    ///
    /// # Errors
    /// [`TrainError::Weight`] unless the weight is 0 or from 1e-100 to 1e100.
    ///
    /// ```
    /// use forebay::train::{Gram, ridge};
    ///
    /// let mut gram = Gram::new(1, 1);
    /// for (x, y, weight) in [(0.0, 1.0, 2.0), (1.0, 3.0, 1.0), (2.0, 100.0, 0.0), (2.0, 5.0, 0.5)] {
    ///     gram.push_weighted(weight, |features, targets| (features[0], targets[0]) = (x, y))?;
    /// }
    /// let solution = ridge::solve(gram, 0.0)?;
    /// assert!((solution.weights[[0, 0]] - 2.0).abs() < 1e-12 && (solution.bias[0] - 1.0).abs() < 1e-12);
    /// # Ok::<(), forebay::train::TrainError>(())
    /// ```
    pub fn push_weighted(&mut self, weight: f64, fill: impl FnOnce(&mut [f64], &mut [f64])) -> Result<(), TrainError> {
        check_weight(weight)?;
        if weight > 0.0 {
            self.add(weight, fill);
        }
        Ok(())
    }

    fn add(&mut self, weight: f64, fill: impl FnOnce(&mut [f64], &mut [f64])) {
        fill(&mut self.row, &mut self.row_targets);
        if let Some(shift) = &self.shift {
            self.chunk.set_row_less(self.filled, &self.row, &shift.features);
            self.chunk_targets.set_row_less(self.filled, &self.row_targets, &shift.targets);
        } else {
            self.chunk.set_row(self.filled, &self.row);
            self.chunk_targets.set_row(self.filled, &self.row_targets);
        }
        self.weights.push(weight);
        self.filled += 1;
        if self.filled == CHUNK {
            self.close_chunk();
        }
    }

    /// Multiplies out the rows that wait, and adds up all stretches.
    pub fn flush(&mut self) {
        self.close_chunk();
        let Some(finished) = self.finished.take() else { return };
        let n = self.features;
        mirrored(&mut self.products, n, |current, finished| (finished + current, 0.0));
        for (j, finished) in self.diagonal.iter_mut().enumerate() {
            self.products[j * n + j] += *finished;
            *finished = 0.0;
        }
        self.sums.each(&finished, |current, finished| *current += finished);
    }

    fn close_chunk(&mut self) {
        let rows = self.filled;
        if rows == 0 {
            return;
        }
        if self.shift.is_none() {
            let means = |panels: &Panels| means(panels, &self.weights);
            let shift = Shift { features: means(&self.chunk), targets: means(&self.chunk_targets) };
            for (panels, shift) in [(&mut self.chunk, &shift.features), (&mut self.chunk_targets, &shift.targets)] {
                for t in 0..rows {
                    let mut left = &shift[..];
                    for part in panels.row_mut(t) {
                        let (now, later) = left.split_at(part.len());
                        subtract(part, now);
                        left = later;
                    }
                }
            }
            self.shift = Some(shift);
        }
        self.weight += self.weights.iter().sum::<f64>();
        // A row times the root of its weight: products of two such rows have the weight, sums need the root once more.
        let roots = &mut self.weights;
        for weight in roots.iter_mut() {
            *weight = weight.sqrt();
        }
        for panels in [&mut self.chunk, &mut self.chunk_targets] {
            for (t, &root) in roots.iter().enumerate().filter(|(_, root)| **root != 1.0) {
                panels.row_mut(t).flatten().for_each(|value| *value *= root);
            }
        }
        add_sums(&self.chunk, roots, &mut self.sums.features, |root, x| root * x);
        add_sums(&self.chunk_targets, roots, &mut self.sums.targets, |root, y| root * y);
        add_sums(&self.chunk_targets, roots, &mut self.sums.squares, |_, y| y * y);
        roots.clear();
        add_cross_products(self.form, &Threads, rows, &self.chunk, &self.chunk_targets, &mut self.sums.cross);
        add_products(self.form, &Threads, rows, &self.chunk, &mut self.products);
        self.count += rows;
        self.filled = 0;
        self.chunks += 1;
        if self.chunks == STRETCH {
            self.close_stretch();
        }
    }

    fn close_stretch(&mut self) {
        let n = self.features;
        mirrored(&mut self.products, n, |current, finished| (0.0, finished + current));
        for (j, finished) in self.diagonal.iter_mut().enumerate() {
            *finished += std::mem::take(&mut self.products[j * n + j]);
        }
        let current = std::mem::replace(&mut self.sums, Sums::zeros(n, self.outputs));
        match &mut self.finished {
            Some(finished) => finished.each(&current, |finished, current| *finished += current),
            none => *none = Some(current),
        }
        self.chunks = 0;
    }

    /// Turns the sums into those of values minus their means; gives the means of features and targets.
    ///
    /// What differs from its mean by rounding alone is constant: its sums become zero.
    pub(super) fn center(&mut self) -> (Vec<f64>, Vec<f64>) {
        self.flush();
        let (features, n) = (self.features, self.weight);
        let shift =
            self.shift.take().unwrap_or(Shift { features: vec![0.0; features], targets: vec![0.0; self.outputs] });
        let means =
            |shift: &[f64], sums: &[f64]| shift.iter().zip(sums).map(|(s, sum)| s + sum / n).collect::<Vec<_>>();
        let (feature_means, target_means) =
            (means(&shift.features, &self.sums.features), means(&shift.targets, &self.sums.targets));
        let rounding = |mean: f64| n * (CONSTANT * mean) * (CONSTANT * mean);
        for (j, column) in self.products.chunks_exact_mut(features.max(1)).enumerate() {
            let factor = self.sums.features[j] / n;
            for (value, sum) in column[j..].iter_mut().zip(&self.sums.features[j..]) {
                *value -= factor * sum;
            }
        }
        let varies: Vec<bool> =
            (0..features).map(|j| self.products[j * features + j] > rounding(feature_means[j])).collect();
        for (j, column) in self.products.chunks_exact_mut(features.max(1)).enumerate() {
            for (value, row_varies) in column[j..].iter_mut().zip(&varies[j..]) {
                if !(varies[j] && *row_varies) {
                    *value = 0.0;
                }
            }
        }
        for (o, column) in self.sums.cross.chunks_exact_mut(features.max(1)).enumerate() {
            let factor = self.sums.targets[o] / n;
            let squares = self.sums.squares[o] - factor * self.sums.targets[o];
            let constant = squares <= rounding(target_means[o]);
            self.sums.squares[o] = if constant { 0.0 } else { squares };
            for ((value, sum), varies) in column.iter_mut().zip(&self.sums.features).zip(&varies) {
                *value = if constant || !varies { 0.0 } else { *value - factor * sum };
            }
        }
        (feature_means, target_means)
    }

    /// Whether no sum has left the range of numbers; of flushed ones.
    pub(super) fn is_finite(&self) -> bool {
        let Sums { cross, squares, features, targets } = &self.sums;
        // By Cauchy and Schwarz no other product is larger than the largest on the diagonal.
        let diagonal = self.products.iter().step_by(self.features + 1);
        diagonal.chain(cross).chain(squares).chain(features).chain(targets).all(|sum| sum.is_finite())
    }

    /// Frees the chunk: what is left of a finished Gram matrix is the matrix.
    pub(super) fn finish(&mut self) {
        self.flush();
        self.chunk = Panels::default();
        self.chunk_targets = Panels::default();
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }
}

fn subtract(values: &mut [f64], shift: &[f64]) {
    values.iter_mut().zip(shift).for_each(|(value, shift)| *value -= shift);
}

/// That a weight is one that sums can have: squares of small features keep their digits, and no sum of weights overflows.
pub(super) fn check_weight(weight: f64) -> Result<(), TrainError> {
    if weight == 0.0 || (1e-100..=1e100).contains(&weight) { Ok(()) } else { Err(TrainError::Weight { weight }) }
}

/// Weighted column means of as many rows as there are weights, as the first row plus the mean difference to it: exact for what
/// is constant.
fn means(panels: &Panels, weights: &[f64]) -> Vec<f64> {
    let first: Vec<f64> = panels.row(0).flatten().copied().collect();
    let mut differences = vec![0.0; first.len()];
    for (t, weight) in weights.iter().enumerate().skip(1) {
        let values = panels.row(t).flatten();
        differences
            .iter_mut()
            .zip(values)
            .zip(&first)
            .for_each(|((sum, value), first)| *sum += weight * (value - first));
    }
    let weight: f64 = weights.iter().sum();
    first.iter().zip(&differences).map(|(first, sum)| first + sum / weight).collect()
}

/// Adds the column sums of a function of the roots of weights and of the rows they belong to, each summed on its own first.
fn add_sums(panels: &Panels, roots: &[f64], sums: &mut [f64], of: impl Fn(f64, f64) -> f64) {
    let mut chunk = vec![0.0; sums.len()];
    for (t, &root) in roots.iter().enumerate() {
        let mut left = &mut chunk[..];
        for part in panels.row(t) {
            let (now, later) = left.split_at_mut(part.len());
            now.iter_mut().zip(part).for_each(|(sum, &value)| *sum += of(root, value));
            left = later;
        }
    }
    sums.iter_mut().zip(&chunk).for_each(|(sum, chunk)| *sum += chunk);
}

/// Replaces every entry `(i, j)` below the diagonal and its mirror image `(j, i)` by what `change` makes of the two.
pub(super) fn mirrored(matrix: &mut [f64], n: usize, change: impl Fn(f64, f64) -> (f64, f64)) {
    // In squares that stay in the cache, since one of the two is read across the columns.
    const SIDE: usize = 32;
    for columns in (0..n).step_by(SIDE) {
        for rows in (columns..n).step_by(SIDE) {
            for j in columns..n.min(columns + SIDE) {
                for i in rows.max(j + 1)..n.min(rows + SIDE) {
                    let (lower, upper) = change(matrix[j * n + i], matrix[i * n + j]);
                    matrix[j * n + i] = lower;
                    matrix[i * n + j] = upper;
                }
            }
        }
    }
}
