//! Sparse matrices as sliced ELL.
//!
//! Rows are sorted by their number of entries, longest first, and cut into slices of 16. A slice stores step by step
//! the next entry of each of its rows, so one vector of weights meets one vector of gathered inputs. Thanks to the
//! order, the rows of a slice have nearly the same length and little is padded; padded entries are never added.

use crate::{
    aligned::Aligned,
    error::ShapeError,
    form::Form,
    lanes::{self, Index, Kernel, Lanes, MAX_LANES, canonical, load_part, store_part},
    real::Real,
};

/// A sparse matrix in the layout of the kernels.
///
/// # Examples
/// ```
/// use forebay_kernels::{Form, SlicedMatrix};
///
/// // [[0, 2, 0],
/// //  [1, 0, 3]]
/// let w = SlicedMatrix::from_csr(2, 3, &[0, 1, 3], &[1, 0, 2], &[2.0_f64, 1.0, 3.0])?;
/// let mut y = [0.5, 0.5];
/// w.accumulate(Form::best(), &[1.0, 10.0, 100.0], &mut y);
/// assert_eq!(y, [20.5, 301.5]);
/// # Ok::<(), forebay_kernels::ShapeError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SlicedMatrix<T: Real> {
    rows: usize,
    cols: usize,
    entries: usize,
    slices: Vec<Slice>,
    /// Row of each place, `[slices, SLICE]`; places without a row repeat row 0 with length 0.
    order: Vec<u32>,
    /// Entries of the row at each place, as numbers of the lanes' type.
    lengths: Aligned<T>,
    /// `[steps, SLICE]` over all slices.
    values: Aligned<T>,
    columns: Columns,
}

/// Steps `first..first + full` have an entry in each row, those up to `first + steps` in some.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Slice {
    first: usize,
    full: usize,
    steps: usize,
}

/// Column numbers, `[steps, SLICE]`, as narrow as the matrix allows; padding names column 0.
#[derive(Clone, Debug, PartialEq)]
enum Columns {
    Narrow(Vec<u16>),
    Wide(Vec<u32>),
}

/// Rows of a slice.
const SLICE: usize = 16;

/// The most rows or columns: lengths are compared as `f32`, which counts to here.
const LIMIT: usize = 1 << 24;

impl<T: Real> SlicedMatrix<T> {
    /// Packs a matrix given by compressed rows.
    ///
    /// # Shapes
    /// `row_starts`: `[rows + 1]`, row `i` owns entries `row_starts[i]..row_starts[i + 1]`. `columns` and `values`:
    /// `[entries]`, columns strictly ascending within a row.
    /// # Errors
    /// [`ShapeError`] if a length disagrees, a column number does not exist or does not ascend, or the matrix has more
    /// than 2^24 rows or columns.
    pub fn from_csr(
        rows: usize,
        cols: usize,
        row_starts: &[usize],
        columns: &[u32],
        values: &[T],
    ) -> Result<Self, ShapeError> {
        check_csr(rows, cols, row_starts, columns, values.len())?;
        let length = |row: usize| row_starts[row + 1] - row_starts[row];
        let mut order: Vec<usize> = (0..rows).collect();
        order.sort_by_key(|&row| std::cmp::Reverse(length(row)));

        let mut slices = Vec::with_capacity(rows.div_ceil(SLICE));
        let mut first = 0;
        for members in order.chunks(SLICE) {
            let steps = length(members[0]);
            let full = if members.len() == SLICE { length(members[SLICE - 1]) } else { 0 };
            slices.push(Slice { first, full, steps });
            first += steps;
        }

        let mut packed_values = Aligned::zeros(first * SLICE);
        let mut packed_columns = vec![0; first * SLICE];
        let mut lengths = Aligned::zeros(slices.len() * SLICE);
        for (place, &row) in order.iter().enumerate() {
            lengths[place] = T::from_f64(length(row) as f64);
            let start = slices[place / SLICE].first * SLICE + place % SLICE;
            for (step, entry) in (row_starts[row]..row_starts[row + 1]).enumerate() {
                packed_values[start + step * SLICE] = values[entry];
                packed_columns[start + step * SLICE] = columns[entry];
            }
        }
        let columns = if cols <= 1 << 16 {
            Columns::Narrow(packed_columns.iter().map(|&column| column as u16).collect())
        } else {
            Columns::Wide(packed_columns)
        };
        let mut order: Vec<u32> = order.into_iter().map(|row| row as u32).collect();
        order.resize(slices.len() * SLICE, 0);
        Ok(Self { rows, cols, entries: values.len(), slices, order, lengths, values: packed_values, columns })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Number of stored entries, padding not counted.
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// Size of the packed weights and column numbers in bytes, padding included.
    pub fn bytes(&self) -> usize {
        let column = match self.columns {
            Columns::Narrow(_) => size_of::<u16>(),
            Columns::Wide(_) => size_of::<u32>(),
        };
        self.values.len() * (size_of::<T>() + column)
    }

    /// The weight of row `i` and column `j`, 0 if it is not stored.
    ///
    /// # Panics
    /// If the matrix has no such row or column.
    pub fn get(&self, i: usize, j: usize) -> T {
        assert!(i < self.rows && j < self.cols, "no element ({i}, {j}) in a {} x {} matrix", self.rows, self.cols);
        let place = self.order[..self.rows].iter().position(|&row| row as usize == i).expect("each row has a place");
        self.place(place).find(|&(column, _)| column == j).map_or(T::ZERO, |(_, value)| value)
    }

    /// The matrix with its zeros.
    ///
    /// # Shapes
    /// Result: `[rows, cols]`.
    pub fn to_row_major(&self) -> Vec<T> {
        let mut dense = vec![T::ZERO; self.rows * self.cols];
        for (place, &row) in self.order[..self.rows].iter().enumerate() {
            for (column, value) in self.place(place) {
                dense[row as usize * self.cols + column] = value;
            }
        }
        dense
    }

    /// The matrix in compressed rows, as [`SlicedMatrix::from_csr`] takes it: row starts, columns, values.
    pub fn to_csr(&self) -> (Vec<usize>, Vec<u32>, Vec<T>) {
        let mut place_of_row = vec![0; self.rows];
        for (place, &row) in self.order[..self.rows].iter().enumerate() {
            place_of_row[row as usize] = place;
        }
        let (mut row_starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        for place in place_of_row {
            for (column, value) in self.place(place) {
                columns.push(column as u32);
                values.push(value);
            }
            row_starts.push(values.len());
        }
        (row_starts, columns, values)
    }

    /// Adds the product with one vector: `y += W x`, each `y[i]` in one chain of fused multiply-adds over the stored
    /// columns.
    ///
    /// # Shapes
    /// `x`: `[cols]`. `y`: `[rows]`.
    /// # Panics
    /// If a length disagrees.
    pub fn accumulate(&self, form: Form, x: &[T], y: &mut [T]) {
        assert_eq!(x.len(), self.cols, "x has as many elements as the matrix has columns");
        assert_eq!(y.len(), self.rows, "y has as many elements as the matrix has rows");
        match &self.columns {
            Columns::Narrow(columns) => lanes::run(form, Product { matrix: self, columns, x, y }),
            Columns::Wide(columns) => lanes::run(form, Product { matrix: self, columns, x, y }),
        }
    }

    /// Adds the product with each of several vectors, with the bits that [`SlicedMatrix::accumulate`] would give each.
    ///
    /// `scratch` keeps its memory between calls.
    ///
    /// # Shapes
    /// `x`: `[streams, cols]`. `y`: `[streams, rows]`.
    /// # Panics
    /// If a length disagrees.
    pub fn accumulate_batch(&self, form: Form, streams: usize, x: &[T], y: &mut [T], scratch: &mut BatchScratch<T>) {
        assert_eq!(x.len(), streams * self.cols, "x has as many elements as the matrix has columns, for each stream");
        assert_eq!(y.len(), streams * self.rows, "y has as many elements as the matrix has rows, for each stream");
        match &self.columns {
            Columns::Narrow(columns) => {
                lanes::run(form, BatchProduct { matrix: self, columns, streams, x, y, scratch });
            }
            Columns::Wide(columns) => {
                lanes::run(form, BatchProduct { matrix: self, columns, streams, x, y, scratch });
            }
        }
    }

    /// Columns and values of the row at a place.
    fn place(&self, place: usize) -> impl Iterator<Item = (usize, T)> {
        let start = self.slices[place / SLICE].first * SLICE + place % SLICE;
        (0..self.length(place)).map(move |step| {
            let entry = start + step * SLICE;
            let column = match &self.columns {
                Columns::Narrow(columns) => columns[entry].widen(),
                Columns::Wide(columns) => columns[entry].widen(),
            };
            (column, self.values[entry])
        })
    }

    #[inline(always)]
    fn length(&self, place: usize) -> usize {
        self.lengths[place].to_f64() as usize
    }
}

/// Memory that a batch of products works in.
#[derive(Clone, Debug)]
pub struct BatchScratch<T: Real> {
    /// Inputs of a block of streams, `[cols, vectors, lanes]`.
    inputs: Aligned<T>,
}

impl<T: Real> BatchScratch<T> {
    /// Empty; grows at the first use.
    pub fn new() -> Self {
        Self { inputs: Aligned::zeros(0) }
    }
}

impl<T: Real> Default for BatchScratch<T> {
    fn default() -> Self {
        Self::new()
    }
}

fn check_csr(rows: usize, cols: usize, row_starts: &[usize], columns: &[u32], values: usize) -> Result<(), ShapeError> {
    if rows > LIMIT || cols > LIMIT {
        return Err(ShapeError::TooLarge { rows, columns: cols, limit: LIMIT });
    }
    if columns.len() != values {
        return Err(ShapeError::Entries { columns: columns.len(), values });
    }
    if row_starts.len() != rows + 1 {
        return Err(ShapeError::RowStarts { rows, found: row_starts.len() });
    }
    let mut expected = 0;
    for row in 0..rows {
        let (start, end) = (row_starts[row], row_starts[row + 1]);
        if start != expected || start > end || end > values || (row + 1 == rows && end != values) {
            return Err(ShapeError::RowRange { row, start, end, entries: values });
        }
        expected = end;
        for entry in start..end {
            let column = columns[entry] as usize;
            if column >= cols {
                return Err(ShapeError::Column { row, column, columns: cols });
            }
            if entry > start && columns[entry - 1] as usize >= column {
                return Err(ShapeError::Order { row, column, previous: columns[entry - 1] as usize });
            }
        }
    }
    if rows == 0 && (row_starts[0] != 0 || values != 0) {
        return Err(ShapeError::RowRange { row: 0, start: row_starts[0], end: row_starts[0], entries: values });
    }
    Ok(())
}

struct Product<'a, T: Real, I> {
    matrix: &'a SlicedMatrix<T>,
    columns: &'a [I],
    x: &'a [T],
    y: &'a mut [T],
}

impl<T: Real, I: Index> Kernel<T> for Product<'_, T, I> {
    type Output = ();

    fn scalar(self) {
        for (place, &row) in self.matrix.order[..self.matrix.rows].iter().enumerate() {
            let y = &mut self.y[row as usize];
            for (column, w) in self.matrix.place(place) {
                *y = w.mul_add(self.x[column], *y);
            }
            *y = y.canonical();
        }
    }

    #[inline(always)]
    fn vector<L: Lanes<Real = T>>(self, lanes: L) {
        for (s, &slice) in self.matrix.slices.iter().enumerate() {
            let first = s * SLICE;
            let places = SLICE.min(self.matrix.rows - first);
            let mut sums = [T::ZERO; SLICE];
            for v in 0..SLICE / L::LANES {
                let lane = v * L::LANES;
                // SAFETY: `slices`, `order`, `lengths`, `values` and `columns` were built together: the slice has
                // `SLICE` places, and `SLICE` entries in each of its steps; each entry of `order` is a row (rows exist,
                // since there is a slice), and each column number is below `cols`, also those of padding, as a slice
                // with steps has entries, whose columns are below `cols`.
                unsafe {
                    let order = self.matrix.order.as_ptr().add(first + lane);
                    let lengths = lanes.load(self.matrix.lengths.as_ptr().add(first + lane));
                    let mut sum = lanes.gather(self.y.as_ptr(), order);
                    for step in 0..slice.full {
                        let entry = (slice.first + step) * SLICE + lane;
                        let x = lanes.gather(self.x.as_ptr(), self.columns.as_ptr().add(entry));
                        sum = lanes.fma(lanes.load(self.matrix.values.as_ptr().add(entry)), x, sum);
                    }
                    for step in slice.full..slice.steps {
                        let entry = (slice.first + step) * SLICE + lane;
                        let x = lanes.gather(self.x.as_ptr(), self.columns.as_ptr().add(entry));
                        let next = lanes.fma(lanes.load(self.matrix.values.as_ptr().add(entry)), x, sum);
                        let stored = lanes.less(lanes.splat(T::from_f64(step as f64)), lengths);
                        sum = lanes.select(stored, next, sum);
                    }
                    lanes.store(sums.as_mut_ptr().add(lane), canonical(lanes, sum));
                }
            }
            for (&row, sum) in self.matrix.order[first..][..places].iter().zip(sums) {
                self.y[row as usize] = sum;
            }
        }
    }
}

struct BatchProduct<'a, T: Real, I> {
    matrix: &'a SlicedMatrix<T>,
    columns: &'a [I],
    streams: usize,
    x: &'a [T],
    y: &'a mut [T],
    scratch: &'a mut BatchScratch<T>,
}

/// With fewer streams than this in a block, single products are faster than transposing.
const FEW_STREAMS: usize = 3;

impl<T: Real, I: Index> Kernel<T> for BatchProduct<'_, T, I> {
    type Output = ();

    fn scalar(self) {
        let SlicedMatrix { rows, cols, .. } = *self.matrix;
        for stream in 0..self.streams {
            let x = &self.x[stream * cols..][..cols];
            let y = &mut self.y[stream * rows..][..rows];
            Product { matrix: self.matrix, columns: self.columns, x, y }.scalar();
        }
    }

    #[inline(always)]
    fn vector<L: Lanes<Real = T>>(self, lanes: L) {
        let SlicedMatrix { rows, cols, .. } = *self.matrix;
        let mut stream = 0;
        while stream < self.streams {
            let left = self.streams - stream;
            let vectors = if left > L::LANES { 2 } else { 1 };
            let block = left.min(vectors * L::LANES);
            let x = &self.x[stream * cols..][..block * cols];
            let y = &mut self.y[stream * rows..][..block * rows];
            if block < FEW_STREAMS {
                for s in 0..block {
                    let (x, y) = (&x[s * cols..][..cols], &mut y[s * rows..][..rows]);
                    Product { matrix: self.matrix, columns: self.columns, x, y }.vector(lanes);
                }
            } else {
                self.scratch.inputs.resize(cols * vectors * L::LANES);
                let inputs = &mut self.scratch.inputs[..];
                for (j, column) in inputs.chunks_exact_mut(vectors * L::LANES).enumerate() {
                    for (input, &x) in column.iter_mut().zip(x[j..].iter().step_by(cols)) {
                        *input = x;
                    }
                }
                let block = Block { matrix: self.matrix, columns: self.columns, inputs, streams: block, y };
                match (vectors, L::TILE_VECTORS) {
                    (1, _) => block.accumulate::<L, 8, 1>(lanes),
                    (_, 4) => block.accumulate::<L, 8, 2>(lanes),
                    _ => block.accumulate::<L, 4, 2>(lanes),
                }
            }
            stream += block;
        }
    }
}

/// As many streams as one or two vectors have lanes, or fewer.
struct Block<'a, T: Real, I> {
    matrix: &'a SlicedMatrix<T>,
    columns: &'a [I],
    /// `[cols, vectors, lanes]`.
    inputs: &'a [T],
    streams: usize,
    /// `[streams, rows]`.
    y: &'a mut [T],
}

impl<T: Real, I: Index> Block<'_, T, I> {
    /// Works on `R` rows of a slice at a time, which divides [`SLICE`], and on `V` vectors of streams.
    #[inline(always)]
    fn accumulate<L: Lanes<Real = T>, const R: usize, const V: usize>(self, lanes: L) {
        let matrix = self.matrix;
        for (s, slice) in matrix.slices.iter().enumerate() {
            for part in (0..SLICE).step_by(R) {
                let first = s * SLICE + part;
                if first >= matrix.rows {
                    break;
                }
                let places = R.min(matrix.rows - first);
                let mut sums = [[lanes.splat(T::ZERO); V]; R];
                for r in 0..places {
                    let row = matrix.order[first + r] as usize;
                    let mut streams = [T::ZERO; 2 * MAX_LANES];
                    for stream in 0..self.streams {
                        streams[stream] = self.y[stream * matrix.rows + row];
                    }
                    for v in 0..V {
                        sums[r][v] = load_part(lanes, &streams[v * L::LANES..]);
                    }
                }
                for step in 0..slice.full {
                    let entry = (slice.first + step) * SLICE + part;
                    for r in 0..R {
                        self.add_entry(lanes, entry + r, &mut sums[r]);
                    }
                }
                for r in 0..places {
                    for step in slice.full..matrix.length(first + r) {
                        let entry = (slice.first + step) * SLICE + part;
                        self.add_entry(lanes, entry + r, &mut sums[r]);
                    }
                }
                for r in 0..places {
                    let row = matrix.order[first + r] as usize;
                    let mut streams = [T::ZERO; 2 * MAX_LANES];
                    for v in 0..V {
                        store_part(lanes, &mut streams[v * L::LANES..], canonical(lanes, sums[r][v]));
                    }
                    for stream in 0..self.streams {
                        self.y[stream * matrix.rows + row] = streams[stream];
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn add_entry<L: Lanes<Real = T>, const V: usize>(&self, lanes: L, entry: usize, sums: &mut [L::Vector; V]) {
        // SAFETY: the caller's entries lie inside the slices that the matrix was built with, and so do their values
        // and columns; columns are below `cols`, for each of which `inputs` holds `V` vectors.
        unsafe {
            let column = self.columns.get_unchecked(entry).widen();
            let w = lanes.splat(*self.matrix.values.as_ptr().add(entry));
            for v in 0..V {
                let x = lanes.load(self.inputs.as_ptr().add((column * V + v) * L::LANES));
                sums[v] = lanes.fma(w, x, sums[v]);
            }
        }
    }
}
