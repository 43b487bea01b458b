//! Dense matrices, packed so that a product is one stream of aligned loads.
//!
//! Rows are cut into panels of up to 8 cache lines of rows (128 rows of `f32`, 64 of `f64`) of nearly equal width; inside a
//! panel the matrix is column-major. A product walks down a panel's columns with one accumulator per vector of rows, so
//! that the panel's bytes are read once, in order, and enough independent chains hide the latency of fused multiply-add.

use std::ops::Range;

use crate::{
    aligned::{Aligned, LINE_BYTES},
    error::ShapeError,
    form::Form,
    lanes::{self, Kernel, Lanes, canonical, load_part, store_part},
    real::Real,
};

/// A dense matrix in the layout of the kernels.
///
/// # Examples
/// ```
/// use forebay_kernels::{Form, PanelMatrix};
///
/// let w = PanelMatrix::new(2, 3, &[1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// let mut y = [10.0, 20.0];
/// w.accumulate(Form::best(), &[1.0, 0.0, -1.0], &mut y);
/// assert_eq!(y, [8.0, 18.0]);
/// # Ok::<(), forebay_kernels::ShapeError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PanelMatrix<T: Real> {
    rows: usize,
    cols: usize,
    panels: Vec<Panel>,
    values: Aligned<T>,
}

/// Rows `rows` at `offset`, `width` elements per column.
#[derive(Clone, Debug, PartialEq)]
struct Panel {
    rows: Range<usize>,
    width: usize,
    offset: usize,
}

/// Cache lines of rows in the widest panel: as many accumulators as cover the latency of two FMA units.
const PANEL_LINES: usize = 8;

/// Accumulators of one pass down a panel.
const PASS_VECTORS: usize = 8;

/// Columns that a batch works through before it takes the next streams, so that their weights stay in the L2 cache.
const BLOCK_COLUMNS: usize = 512;

impl<T: Real> PanelMatrix<T> {
    /// Packs a row-major matrix.
    ///
    /// # Shapes
    /// `row_major`: `[rows, cols]`.
    /// # Errors
    /// [`ShapeError::Values`] if the number of values is not `rows * cols`.
    pub fn new(rows: usize, cols: usize, row_major: &[T]) -> Result<Self, ShapeError> {
        if rows.checked_mul(cols) != Some(row_major.len()) {
            return Err(ShapeError::Values { rows, columns: cols, found: row_major.len() });
        }
        let panels = panels(rows, cols, LINE_BYTES / size_of::<T>());
        let len = panels.last().map_or(0, |panel| panel.offset + panel.width * cols);
        let mut values = Aligned::zeros(len);
        for panel in &panels {
            for (lane, row) in panel.rows.clone().enumerate() {
                let from = &row_major[row * cols..][..cols];
                let to = values[panel.offset..][..panel.width * cols].chunks_exact_mut(panel.width);
                to.zip(from).for_each(|(column, &w)| column[lane] = w);
            }
        }
        Ok(Self { rows, cols, panels, values })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Size of the packed weights in bytes, padding included.
    pub fn bytes(&self) -> usize {
        self.values.len() * size_of::<T>()
    }

    /// The weight of row `i` and column `j`.
    ///
    /// # Panics
    /// If the matrix has no such row or column.
    pub fn get(&self, i: usize, j: usize) -> T {
        assert!(i < self.rows && j < self.cols, "no element ({i}, {j}) in a {} x {} matrix", self.rows, self.cols);
        let panel = &self.panels[self.panels.partition_point(|panel| panel.rows.end <= i)];
        self.values[panel.offset + j * panel.width + i - panel.rows.start]
    }

    /// The matrix as it was given to [`PanelMatrix::new`].
    pub fn to_row_major(&self) -> Vec<T> {
        (0..self.rows).flat_map(|i| self.row(i)).collect()
    }

    /// The weights of row `i`.
    fn row(&self, i: usize) -> impl Iterator<Item = T> {
        let panel = &self.panels[self.panels.partition_point(|panel| panel.rows.end <= i)];
        let first = panel.offset + i - panel.rows.start;
        self.values.iter().skip(first).step_by(panel.width).take(self.cols).copied()
    }

    /// Adds the product with one vector: `y += W x`, each `y[i]` in one chain of fused multiply-adds over the columns.
    ///
    /// # Shapes
    /// `x`: `[cols]`. `y`: `[rows]`.
    /// # Panics
    /// If a length disagrees.
    pub fn accumulate(&self, form: Form, x: &[T], y: &mut [T]) {
        assert_eq!(x.len(), self.cols, "x has as many elements as the matrix has columns");
        assert_eq!(y.len(), self.rows, "y has as many elements as the matrix has rows");
        lanes::run(form, Product { matrix: self, x, y });
    }

    /// Adds the product with each of several vectors, with the bits that [`PanelMatrix::accumulate`] would give each.
    ///
    /// # Shapes
    /// `x`: `[streams, cols]`. `y`: `[streams, rows]`.
    /// # Panics
    /// If a length disagrees.
    pub fn accumulate_batch(&self, form: Form, streams: usize, x: &[T], y: &mut [T]) {
        assert_eq!(x.len(), streams * self.cols, "x has as many elements as the matrix has columns, for each stream");
        assert_eq!(y.len(), streams * self.rows, "y has as many elements as the matrix has rows, for each stream");
        lanes::run(form, BatchProduct { matrix: self, streams, x, y });
    }
}

/// Cuts `rows` into the fewest panels, as evenly as whole cache lines allow.
fn panels(rows: usize, cols: usize, line: usize) -> Vec<Panel> {
    let lines = rows.div_ceil(line);
    let count = lines.div_ceil(PANEL_LINES);
    let mut panels = Vec::with_capacity(count);
    let (mut row, mut offset) = (0, 0);
    for panel in 0..count {
        let width = line * (lines / count + usize::from(panel < lines % count));
        let end = rows.min(row + width);
        panels.push(Panel { rows: row..end, width, offset });
        row = end;
        offset += width * cols;
    }
    panels
}

struct Product<'a, T: Real> {
    matrix: &'a PanelMatrix<T>,
    x: &'a [T],
    y: &'a mut [T],
}

impl<T: Real> Kernel<T> for Product<'_, T> {
    type Output = ();

    fn scalar(self) {
        for (i, y) in self.y.iter_mut().enumerate() {
            for (w, &x) in self.matrix.row(i).zip(self.x) {
                *y = w.mul_add(x, *y);
            }
            *y = y.canonical();
        }
    }

    #[inline(always)]
    fn vector<L: Lanes<Real = T>>(self, lanes: L) {
        for panel in &self.matrix.panels {
            let weights = &self.matrix.values[panel.offset..][..panel.width * self.x.len()];
            let y = &mut self.y[panel.rows.clone()];
            for (pass, y) in y.chunks_mut(PASS_VECTORS * L::LANES).enumerate() {
                let first = pass * PASS_VECTORS * L::LANES;
                // SAFETY: each column of `weights` holds `panel.width` rows, whole cache lines, so that the vectors
                // that cover `y` from row `first` on stay inside it.
                unsafe {
                    match y.len().div_ceil(L::LANES) {
                        1 => accumulate_pass::<L, 1>(lanes, weights, panel.width, first, self.x, y),
                        2 => accumulate_pass::<L, 2>(lanes, weights, panel.width, first, self.x, y),
                        3 => accumulate_pass::<L, 3>(lanes, weights, panel.width, first, self.x, y),
                        4 => accumulate_pass::<L, 4>(lanes, weights, panel.width, first, self.x, y),
                        5 => accumulate_pass::<L, 5>(lanes, weights, panel.width, first, self.x, y),
                        6 => accumulate_pass::<L, 6>(lanes, weights, panel.width, first, self.x, y),
                        7 => accumulate_pass::<L, 7>(lanes, weights, panel.width, first, self.x, y),
                        _ => accumulate_pass::<L, 8>(lanes, weights, panel.width, first, self.x, y),
                    }
                }
            }
        }
    }
}

/// Adds to the `V` vectors of rows from `first` on in a panel.
///
/// # Safety
/// `weights` holds `x.len()` columns of `width` rows, and `first + V * LANES <= width`.
#[inline(always)]
unsafe fn accumulate_pass<L: Lanes, const V: usize>(
    lanes: L,
    weights: &[L::Real],
    width: usize,
    first: usize,
    x: &[L::Real],
    y: &mut [L::Real],
) {
    debug_assert!(weights.len() == width * x.len() && first + V * L::LANES <= width);
    let mut sums = [lanes.splat(L::Real::ZERO); V];
    for v in 0..V {
        sums[v] = load_part(lanes, &y[y.len().min(v * L::LANES)..]);
    }
    let weights = weights.as_ptr().wrapping_add(first);
    for (j, &x) in x.iter().enumerate() {
        let x = lanes.splat(x);
        for v in 0..V {
            // SAFETY: column `j` starts at `j * width`, and the caller promises that the vector lies within it.
            let w = unsafe { lanes.load(weights.add(j * width + v * L::LANES)) };
            sums[v] = lanes.fma(w, x, sums[v]);
        }
    }
    for v in 0..V {
        let start = y.len().min(v * L::LANES);
        store_part(lanes, &mut y[start..], canonical(lanes, sums[v]));
    }
}

struct BatchProduct<'a, T: Real> {
    matrix: &'a PanelMatrix<T>,
    streams: usize,
    x: &'a [T],
    y: &'a mut [T],
}

impl<T: Real> Kernel<T> for BatchProduct<'_, T> {
    type Output = ();

    fn scalar(self) {
        let PanelMatrix { rows, cols, .. } = *self.matrix;
        for stream in 0..self.streams {
            let x = &self.x[stream * cols..][..cols];
            let y = &mut self.y[stream * rows..][..rows];
            Product { matrix: self.matrix, x, y }.scalar();
        }
    }

    #[inline(always)]
    fn vector<L: Lanes<Real = T>>(self, lanes: L) {
        let PanelMatrix { rows, cols, .. } = *self.matrix;
        if cols == 0 {
            let y = &mut self.y[..];
            for y in y.chunks_mut(L::LANES) {
                let sum = load_part(lanes, y);
                store_part(lanes, y, canonical(lanes, sum));
            }
            return;
        }
        for panel in &self.matrix.panels {
            let height = L::TILE_VECTORS * L::LANES;
            for first in panel.rows.clone().step_by(height) {
                let height = height.min(panel.rows.end - first);
                let vectors = height.div_ceil(L::LANES);
                for columns in (0..cols).step_by(BLOCK_COLUMNS) {
                    let block = BLOCK_COLUMNS.min(cols - columns);
                    let weights = &self.matrix.values[panel.offset + columns * panel.width..][..block * panel.width];
                    let mut stream = 0;
                    while stream < self.streams {
                        let left = self.streams - stream;
                        let tile = Tile {
                            weights: &weights[first - panel.rows.start..],
                            width: panel.width,
                            x: &self.x[stream * cols + columns..],
                            cols,
                            block,
                            y: &mut self.y[stream * rows + first..],
                            rows,
                            height,
                        };
                        // SAFETY: `vectors` vectors of rows lie inside the panel, because its width is whole cache
                        // lines, and as many streams are left.
                        stream += unsafe {
                            match vectors {
                                1 => tile.streams::<L, 1>(lanes, left),
                                2 => tile.streams::<L, 2>(lanes, left),
                                3 => tile.streams::<L, 3>(lanes, left),
                                _ => tile.streams::<L, 4>(lanes, left),
                            }
                        };
                    }
                }
            }
        }
    }
}

/// A block of weights with the first of the streams that it is multiplied with.
struct Tile<'a, T> {
    /// `[block, width]`, from the tile's first row on.
    weights: &'a [T],
    width: usize,
    /// `[streams, cols]`, from the block's first column on.
    x: &'a [T],
    cols: usize,
    block: usize,
    /// `[streams, rows]`, from the tile's first row on.
    y: &'a mut [T],
    rows: usize,
    height: usize,
}

impl<T: Real> Tile<'_, T> {
    /// Works on as many streams as registers allow, at most `left`, and returns how many.
    ///
    /// # Safety
    /// See [`Tile::accumulate`].
    #[inline(always)]
    unsafe fn streams<L: Lanes<Real = T>, const V: usize>(self, lanes: L, left: usize) -> usize {
        // SAFETY: the caller's promise.
        unsafe {
            match left {
                0 => 0,
                1 => self.accumulate::<L, V, 1>(lanes),
                2 | 3 => self.accumulate::<L, V, 2>(lanes),
                4 | 5 => self.accumulate::<L, V, 4>(lanes),
                _ => self.accumulate::<L, V, 6>(lanes),
            }
        }
    }

    /// Adds to `V` vectors of rows of `S` streams.
    ///
    /// # Safety
    /// Each of the `block` columns of `weights` can be read for `V` vectors, and `x` and `y` hold `S` streams.
    #[inline(always)]
    unsafe fn accumulate<L: Lanes<Real = T>, const V: usize, const S: usize>(self, lanes: L) -> usize {
        debug_assert!(self.weights.len() >= (self.block - 1) * self.width + V * L::LANES);
        debug_assert!(self.x.len() >= (S - 1) * self.cols + self.block);
        let mut sums = [[lanes.splat(T::ZERO); V]; S];
        for s in 0..S {
            let y = &self.y[s * self.rows..][..self.height];
            for v in 0..V {
                sums[s][v] = load_part(lanes, &y[v * L::LANES..]);
            }
        }
        for j in 0..self.block {
            let mut w = [lanes.splat(T::ZERO); V];
            for v in 0..V {
                // SAFETY: the caller promises `V` vectors in each column.
                w[v] = unsafe { lanes.load(self.weights.as_ptr().add(j * self.width + v * L::LANES)) };
            }
            for s in 0..S {
                // SAFETY: the caller promises `S` streams of at least `block` columns.
                let x = lanes.splat(unsafe { *self.x.get_unchecked(s * self.cols + j) });
                for v in 0..V {
                    sums[s][v] = lanes.fma(w[v], x, sums[s][v]);
                }
            }
        }
        for s in 0..S {
            let y = &mut self.y[s * self.rows..][..self.height];
            for v in 0..V {
                store_part(lanes, &mut y[v * L::LANES..], canonical(lanes, sums[s][v]));
            }
        }
        S
    }
}
