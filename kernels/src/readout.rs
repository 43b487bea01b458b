//! Matrices of few rows and many columns: what a readout multiplies its features with.
//!
//! Where a vector lane is a row, one row is one chain of additions that waits for itself. So a readout's sum is defined as
//! eight chains over interleaved columns and a fixed tree over their ends:
//!
//! ```text
//! for k in 0..8
//!     p[k] = 0
//!     for j ascending over the columns with j mod 8 = k
//!         p[k] = fma(w[i][j], x[j], p[k])      one rounding
//! y[i] = y[i] + (((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7])))
//! y[i] = y[i] + 0                              -0 becomes +0; any NaN becomes the one quiet NaN
//! ```
//!
//! A vector lane is a chain here. The tree is that of halving a vector again and again. Missing columns of the last eight
//! count as zeros times zeros, which can change nothing but the sign of a zero, and the result has no negative one.

use crate::{
    aligned::Aligned,
    error::ShapeError,
    form::Form,
    lanes::{self, Kernel, Lanes},
    real::Real,
};

/// Chains of a row's sum.
const CHAINS: usize = 8;

/// A dense matrix stored by rows, whose products sum each row in eight interleaved chains.
///
/// `y[i] += tree(p)`, `p[k] = sum over j mod 8 = k of w[i][j] x[j]`; the [crate's documentation](crate) has it to the bit.
///
/// # Examples
/// ```
/// use forebay_kernels::{Form, RowMatrix};
///
/// let w = RowMatrix::new(1, 3, &[1.0_f32, 2.0, 3.0])?;
/// let mut y = [10.0, 20.0];
/// w.accumulate(Form::best(), 2, &[1.0, 0.0, -1.0, 0.5, 0.5, 0.5], &mut y);
/// assert_eq!(y, [8.0, 23.0]);
/// # Ok::<(), forebay_kernels::ShapeError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RowMatrix<T: Real> {
    rows: usize,
    cols: usize,
    /// `[rows, stride]`, zeros behind each row.
    values: Aligned<T>,
    /// The columns and those that fill up the last eight.
    stride: usize,
}

impl<T: Real> RowMatrix<T> {
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
        let stride = if rows == 0 { 0 } else { cols.next_multiple_of(CHAINS) };
        let mut values = Aligned::zeros(rows * stride);
        if !row_major.is_empty() {
            let to = values.chunks_exact_mut(stride);
            to.zip(row_major.chunks_exact(cols)).for_each(|(to, from)| to[..cols].copy_from_slice(from));
        }
        Ok(Self { rows, cols, values, stride })
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

    /// The matrix as it was given to [`RowMatrix::new`].
    pub fn to_row_major(&self) -> Vec<T> {
        (0..self.rows).flat_map(|i| &self.values[i * self.stride..][..self.cols]).copied().collect()
    }

    /// Adds the product with each of several vectors: `y += W x`.
    ///
    /// # Shapes
    /// `x`: `[streams, cols]`. `y`: `[streams, rows]`.
    /// # Panics
    /// If a length disagrees.
    pub fn accumulate(&self, form: Form, streams: usize, x: &[T], y: &mut [T]) {
        assert_eq!(x.len(), streams * self.cols, "x has as many elements as the matrix has columns, for each stream");
        assert_eq!(y.len(), streams * self.rows, "y has as many elements as the matrix has rows, for each stream");
        lanes::run(form, Product { matrix: self, streams, x, y });
    }
}

/// The sum of `a[j] b[j]` as a [`RowMatrix`] of one row would form it, so that it is the same in every form.
///
/// # Shapes
/// `a`, `b`: `[n]`.
/// # Panics
/// If the lengths disagree.
/// # Examples
/// ```
/// use forebay_kernels::{Form, dot};
///
/// assert_eq!(dot(Form::best(), &[1.0, 2.0, 3.0], &[4.0, 5.0, -6.0]), -4.0);
/// ```
pub fn dot<T: Real>(form: Form, a: &[T], b: &[T]) -> T {
    assert_eq!(a.len(), b.len(), "both factors have as many elements");
    lanes::run(form, Dot { a, b })
}

/// The sum of the chains' ends.
#[inline(always)]
fn tree<T: Real>(p: [T; CHAINS]) -> T {
    ((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7]))
}

/// The definition of the chains.
fn chains<T: Real>(w: &[T], x: &[T]) -> [T; CHAINS] {
    let mut p = [T::ZERO; CHAINS];
    for (w, x) in w.chunks(CHAINS).zip(x.chunks(CHAINS)) {
        for (p, (w, &x)) in p.iter_mut().zip(w.iter().zip(x)) {
            *p = w.mul_add(x, *p);
        }
    }
    p
}

struct Dot<'a, T> {
    a: &'a [T],
    b: &'a [T],
}

impl<T: Real> Kernel<T> for Dot<'_, T> {
    type Output = T;

    fn scalar(self) -> T {
        tree(chains(self.a, self.b)).canonical()
    }

    #[inline(always)]
    fn vector<L: Lanes<Real = T>>(self, lanes: L) -> T {
        let lanes = lanes.narrow();
        match CHAINS / L::Narrow::LANES {
            1 => self.by::<L::Narrow, 1>(lanes),
            2 => self.by::<L::Narrow, 2>(lanes),
            _ => self.by::<L::Narrow, 4>(lanes),
        }
    }
}

impl<T: Real> Dot<'_, T> {
    /// With `V` vectors for the eight chains.
    #[inline(always)]
    fn by<L: Lanes<Real = T>, const V: usize>(self, lanes: L) -> T {
        let (a, a_tail) = blocks(self.a);
        let (b, b_tail) = blocks(self.b);
        let mut sums = [[[lanes.splat(T::ZERO); V]; 1]; 1];
        let tail = usize::from(self.a.len() > a.len());
        // SAFETY: both hold as many whole blocks, and the tails are one block each.
        unsafe {
            add_blocks(lanes, a.as_ptr(), 0, b.as_ptr(), 0, a.len() / CHAINS, &mut sums);
            add_blocks(lanes, a_tail.as_ptr(), 0, b_tail.as_ptr(), 0, tail, &mut sums);
        }
        tree(ends(lanes, sums[0][0])).canonical()
    }
}

/// The whole blocks of eight, and the rest filled up with zeros.
#[inline(always)]
fn blocks<T: Real>(x: &[T]) -> (&[T], [T; CHAINS]) {
    let (whole, rest) = x.split_at(x.len() / CHAINS * CHAINS);
    let mut tail = [T::ZERO; CHAINS];
    tail[..rest.len()].copy_from_slice(rest);
    (whole, tail)
}

/// Continues the chains of `R` rows and `S` streams by `count` blocks of eight columns.
///
/// # Safety
/// `8 count` elements can be read at `w + r w_stride` for each row and at `x + s x_stride` for each stream, and
/// `V * LANES = 8`.
#[inline(always)]
unsafe fn add_blocks<L: Lanes, const V: usize, const R: usize, const S: usize>(
    lanes: L,
    w: *const L::Real,
    w_stride: usize,
    x: *const L::Real,
    x_stride: usize,
    count: usize,
    sums: &mut [[[L::Vector; V]; S]; R],
) {
    debug_assert!(V * L::LANES == CHAINS);
    let mut chains = *sums;
    for block in 0..count {
        for v in 0..V {
            let at = block * CHAINS + v * L::LANES;
            let mut xs = [lanes.splat(L::Real::ZERO); S];
            for s in 0..S {
                // SAFETY: block `block` of stream `s`, which the caller promises.
                xs[s] = unsafe { lanes.load(x.add(s * x_stride + at)) };
            }
            for r in 0..R {
                // SAFETY: block `block` of row `r`, which the caller promises.
                let w = unsafe { lanes.load(w.add(r * w_stride + at)) };
                for s in 0..S {
                    chains[r][s][v] = lanes.fma(w, xs[s], chains[r][s][v]);
                }
            }
        }
    }
    *sums = chains;
}

/// The eight chains' ends, in order.
#[inline(always)]
fn ends<L: Lanes, const V: usize>(lanes: L, chains: [L::Vector; V]) -> [L::Real; CHAINS] {
    let mut ends = [L::Real::ZERO; CHAINS];
    for (to, chain) in ends.chunks_exact_mut(L::LANES).zip(chains) {
        // SAFETY: the chunk holds one vector.
        unsafe { lanes.store(to.as_mut_ptr(), chain) };
    }
    ends
}

struct Product<'a, T: Real> {
    matrix: &'a RowMatrix<T>,
    streams: usize,
    x: &'a [T],
    y: &'a mut [T],
}

impl<T: Real> Kernel<T> for Product<'_, T> {
    type Output = ();

    fn scalar(self) {
        let RowMatrix { rows, cols, stride, values } = self.matrix;
        for stream in 0..self.streams {
            let x = &self.x[stream * cols..][..*cols];
            for (i, y) in self.y[stream * rows..][..*rows].iter_mut().enumerate() {
                *y = (*y + tree(chains(&values[i * stride..][..*cols], x))).canonical();
            }
        }
    }

    #[inline(always)]
    fn vector<L: Lanes<Real = T>>(self, lanes: L) {
        let lanes = lanes.narrow();
        match CHAINS / L::Narrow::LANES {
            1 => self.by::<L::Narrow, 1>(lanes),
            2 => self.by::<L::Narrow, 2>(lanes),
            _ => self.by::<L::Narrow, 4>(lanes),
        }
    }
}

impl<T: Real> Product<'_, T> {
    /// With `V` vectors for the eight chains. Eight vectors in flight hide the latency of fused multiply-add: those of
    /// several rows, or those of one row and several streams.
    #[inline(always)]
    fn by<L: Lanes<Real = T>, const V: usize>(mut self, lanes: L) {
        let rows = self.matrix.rows;
        let mut row = 0;
        while row < rows {
            let left = rows - row;
            let height = match V {
                1 if left >= 8 => self.rows::<L, V, 8>(lanes, row),
                1 | 2 if left >= 4 => self.rows::<L, V, 4>(lanes, row),
                _ if left >= 2 => self.rows::<L, V, 2>(lanes, row),
                _ => self.last_row::<L, V>(lanes, row),
            };
            row += height;
        }
    }

    /// `R` rows of every stream.
    #[inline(always)]
    fn rows<L: Lanes<Real = T>, const V: usize, const R: usize>(&mut self, lanes: L, row: usize) -> usize {
        for stream in 0..self.streams {
            self.tile::<L, V, R, 1>(lanes, row, stream);
        }
        R
    }

    /// One row of every stream.
    #[inline(always)]
    fn last_row<L: Lanes<Real = T>, const V: usize>(&mut self, lanes: L, row: usize) -> usize {
        let mut stream = 0;
        while stream < self.streams {
            stream += match self.streams - stream {
                4.. => self.tile::<L, V, 1, 4>(lanes, row, stream),
                2 | 3 => self.tile::<L, V, 1, 2>(lanes, row, stream),
                _ => self.tile::<L, V, 1, 1>(lanes, row, stream),
            };
        }
        1
    }

    /// `R` rows from `row` on and `S` streams from `stream` on; returns `S`.
    #[inline(always)]
    fn tile<L: Lanes<Real = T>, const V: usize, const R: usize, const S: usize>(
        &mut self,
        lanes: L,
        row: usize,
        stream: usize,
    ) -> usize {
        let &RowMatrix { rows, cols, stride, ref values } = self.matrix;
        let w = &values[row * stride..(row + R) * stride];
        let x = &self.x[stream * cols..(stream + S) * cols];
        let whole = cols / CHAINS;
        let mut tails = [[T::ZERO; CHAINS]; S];
        for s in 0..S {
            let rest = &x[s * cols + whole * CHAINS..(s + 1) * cols];
            tails[s][..rest.len()].copy_from_slice(rest);
        }
        let mut sums = [[[lanes.splat(T::ZERO); V]; S]; R];
        // SAFETY: `whole` blocks lie inside each row of `w` and each stream of `x`; where there is a rest, the stride has
        // a block more, and the tails are one block per stream.
        unsafe {
            add_blocks(lanes, w.as_ptr(), stride, x.as_ptr(), cols, whole, &mut sums);
            let (w, rest) = (w.as_ptr().wrapping_add(whole * CHAINS), stride / CHAINS - whole);
            add_blocks(lanes, w, stride, tails.as_ptr().cast(), CHAINS, rest, &mut sums);
        }
        for s in 0..S {
            for r in 0..R {
                let y = &mut self.y[(stream + s) * rows + row + r];
                *y = (*y + tree(ends(lanes, sums[r][s]))).canonical();
            }
        }
        S
    }
}
