//! 3 x 3 complex matrices, one site per vector lane.
//!
//! Products of complex numbers are chains of fused multiply-adds in a fixed order, so that every instruction set, and every
//! width of its vectors, gives the same bits.

#![expect(
    clippy::inline_always,
    reason = "vector code must be inlined into the function that enables the instructions"
)]

use pulp::Simd;

use super::geometry::LANES;

/// One number of each lane.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub(super) struct Lane(pub(super) [f64; LANES]);

impl Lane {
    pub(super) const ZERO: Self = Self([0.0; LANES]);
}

/// A link matrix of each lane: `[row][column][real, imaginary]`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub(super) struct Link(pub(super) [[[Lane; 2]; 3]; 3]);

/// An anti-Hermitian traceless matrix of each lane: the imaginary parts of the diagonal, then real and imaginary part of the
/// entries (0,1), (0,2), (1,2).
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub(super) struct Algebra(pub(super) [Lane; 9]);

impl Link {
    pub(super) const ZERO: Self = Self([[[Lane::ZERO; 2]; 3]; 3]);
}

impl Algebra {
    pub(super) const ZERO: Self = Self([Lane::ZERO; 9]);
}

/// A complex number in registers.
type Complex<S> = (<S as Simd>::f64s, <S as Simd>::f64s);

/// A matrix in registers.
type Matrix<S> = [[Complex<S>; 3]; 3];

/// Vectors of a lane: `LANES` over the vector's width.
#[inline(always)]
pub(super) fn parts<S: Simd>() -> usize {
    LANES / S::F64_LANES
}

#[inline(always)]
pub(super) fn part<S: Simd>(lane: &Lane, p: usize) -> S::f64s {
    S::as_simd_f64s(&lane.0).0[p]
}

#[inline(always)]
pub(super) fn set_part<S: Simd>(lane: &mut Lane, p: usize, value: S::f64s) {
    S::as_mut_simd_f64s(&mut lane.0).0[p] = value;
}

#[inline(always)]
pub(super) fn load<S: Simd>(link: &Link, p: usize) -> Matrix<S> {
    let first = part::<S>(&link.0[0][0][0], p);
    let mut matrix = [[(first, first); 3]; 3];
    for (row, values) in matrix.iter_mut().zip(&link.0) {
        for (entry, value) in row.iter_mut().zip(values) {
            *entry = (part::<S>(&value[0], p), part::<S>(&value[1], p));
        }
    }
    matrix
}

#[inline(always)]
pub(super) fn store<S: Simd>(link: &mut Link, p: usize, matrix: &Matrix<S>) {
    for (row, values) in link.0.iter_mut().zip(matrix) {
        for (entry, value) in row.iter_mut().zip(values) {
            set_part::<S>(&mut entry[0], p, value.0);
            set_part::<S>(&mut entry[1], p, value.1);
        }
    }
}

/// `a b`.
#[inline(always)]
pub(super) fn product<S: Simd>(simd: S, a: &Matrix<S>, b: &Matrix<S>) -> Matrix<S> {
    let mut c = *a;
    for i in 0..3 {
        for j in 0..3 {
            let (x, y) = (a[i][0], b[0][j]);
            let mut re = simd.negate_mul_add_f64s(x.1, y.1, simd.mul_f64s(x.0, y.0));
            let mut im = simd.mul_add_f64s(x.1, y.0, simd.mul_f64s(x.0, y.1));
            for k in 1..3 {
                let (x, y) = (a[i][k], b[k][j]);
                re = simd.negate_mul_add_f64s(x.1, y.1, simd.mul_add_f64s(x.0, y.0, re));
                im = simd.mul_add_f64s(x.1, y.0, simd.mul_add_f64s(x.0, y.1, im));
            }
            c[i][j] = (re, im);
        }
    }
    c
}

/// `a b^+`.
#[inline(always)]
pub(super) fn times_adjoint<S: Simd>(simd: S, a: &Matrix<S>, b: &Matrix<S>) -> Matrix<S> {
    let mut c = *a;
    for i in 0..3 {
        for j in 0..3 {
            let (x, y) = (a[i][0], b[j][0]);
            let mut re = simd.mul_add_f64s(x.1, y.1, simd.mul_f64s(x.0, y.0));
            let mut im = simd.negate_mul_add_f64s(x.0, y.1, simd.mul_f64s(x.1, y.0));
            for k in 1..3 {
                let (x, y) = (a[i][k], b[j][k]);
                re = simd.mul_add_f64s(x.1, y.1, simd.mul_add_f64s(x.0, y.0, re));
                im = simd.negate_mul_add_f64s(x.0, y.1, simd.mul_add_f64s(x.1, y.0, im));
            }
            c[i][j] = (re, im);
        }
    }
    c
}

/// `sum + a^+ b`.
#[inline(always)]
pub(super) fn add_adjoint_times<S: Simd>(simd: S, a: &Matrix<S>, b: &Matrix<S>, sum: &Matrix<S>) -> Matrix<S> {
    let mut c = *sum;
    for i in 0..3 {
        for j in 0..3 {
            let (mut re, mut im) = c[i][j];
            for k in 0..3 {
                let (x, y) = (a[k][i], b[k][j]);
                re = simd.mul_add_f64s(x.1, y.1, simd.mul_add_f64s(x.0, y.0, re));
                im = simd.negate_mul_add_f64s(x.1, y.0, simd.mul_add_f64s(x.0, y.1, im));
            }
            c[i][j] = (re, im);
        }
    }
    c
}

/// `a + b`.
#[inline(always)]
pub(super) fn sum<S: Simd>(simd: S, a: &Matrix<S>, b: &Matrix<S>) -> Matrix<S> {
    let mut c = *a;
    for (x, y) in c.iter_mut().flatten().zip(b.iter().flatten()) {
        *x = (simd.add_f64s(x.0, y.0), simd.add_f64s(x.1, y.1));
    }
    c
}

/// `Re tr a b^+`, added to `sum`.
#[inline(always)]
pub(super) fn add_overlap<S: Simd>(simd: S, a: &Matrix<S>, b: &Matrix<S>, sum: S::f64s) -> S::f64s {
    let mut total = sum;
    for (x, y) in a.iter().flatten().zip(b.iter().flatten()) {
        total = simd.mul_add_f64s(x.1, y.1, simd.mul_add_f64s(x.0, y.0, total));
    }
    total
}

/// The traceless anti-Hermitian part `(w - w^+)/2 - tr(w - w^+)/6`, and `Re tr w`.
#[inline(always)]
pub(super) fn project<S: Simd>(simd: S, w: &Matrix<S>) -> ([S::f64s; 9], S::f64s) {
    let half = simd.splat_f64s(0.5);
    let third =
        simd.mul_f64s(simd.splat_f64s(1.0 / 3.0), simd.add_f64s(simd.add_f64s(w[0][0].1, w[1][1].1), w[2][2].1));
    let diagonal = |i: usize| simd.sub_f64s(w[i][i].1, third);
    let re = |i: usize, j: usize| simd.mul_f64s(half, simd.sub_f64s(w[i][j].0, w[j][i].0));
    let im = |i: usize, j: usize| simd.mul_f64s(half, simd.add_f64s(w[i][j].1, w[j][i].1));
    let trace = simd.add_f64s(simd.add_f64s(w[0][0].0, w[1][1].0), w[2][2].0);
    let parts = [diagonal(0), diagonal(1), diagonal(2), re(0, 1), im(0, 1), re(0, 2), im(0, 2), re(1, 2), im(1, 2)];
    (parts, trace)
}

/// `1/n!` for n = 0..=22: the series' remainder is below 1e-15 for matrices of norm 2; steps of at most 0.5 keep to that.
const INVERSE_FACTORIALS: [f64; 23] = {
    let mut values = [1.0; 23];
    let mut n = 1;
    let mut factorial = 1.0;
    while n < 23 {
        factorial *= n as f64; // exact up to 22!
        values[n] = 1.0 / factorial;
        n += 1;
    }
    values
};

/// `exp(X)` for an anti-Hermitian traceless X, by Horner's rule in the ring of polynomials modulo X's characteristic one:
/// `X^3 = t X + d` with `t = tr X^2 / 2` (real) and `d = det X` (imaginary).
///
/// Source: M. Luescher's description of the exponential in the openQCD documentation, recalled; the recursion is derived
/// from the theorem of Cayley and Hamilton.
#[inline(always)]
pub(super) fn exponential<S: Simd>(simd: S, x: &[S::f64s; 9]) -> Matrix<S> {
    let [d0, d1, d2, ar, ai, br, bi, cr, ci] = *x;
    // Macros, because closures are not always inlined.
    macro_rules! mul {
        ($a:expr, $b:expr) => {
            simd.mul_f64s($a, $b)
        };
    }
    macro_rules! add {
        ($a:expr, $b:expr) => {
            simd.add_f64s($a, $b)
        };
    }
    macro_rules! neg {
        ($a:expr) => {
            simd.neg_f64s($a)
        };
    }
    macro_rules! fma {
        ($a:expr, $b:expr, $c:expr) => {
            simd.mul_add_f64s($a, $b, $c)
        };
    }
    macro_rules! fnma {
        ($a:expr, $b:expr, $c:expr) => {
            simd.negate_mul_add_f64s($a, $b, $c)
        };
    }
    let (aa, bb, cc) = (fma!(ai, ai, mul!(ar, ar)), fma!(bi, bi, mul!(br, br)), fma!(ci, ci, mul!(cr, cr)));
    // X^2: the real diagonal, then its entries (0,1), (0,2), (1,2).
    let s0 = neg!(fma!(d0, d0, add!(aa, bb)));
    let s1 = neg!(fma!(d1, d1, add!(aa, cc)));
    let s2 = neg!(fma!(d2, d2, add!(bb, cc)));
    let (d01, d02, d12) = (add!(d0, d1), add!(d0, d2), add!(d1, d2));
    // i (d0 + d1) a - b conj(c)
    let sa = (fnma!(bi, ci, fnma!(br, cr, neg!(mul!(d01, ai)))), fma!(br, ci, fnma!(bi, cr, mul!(d01, ar))));
    // i (d0 + d2) b + a c
    let sb = (fnma!(ai, ci, fma!(ar, cr, neg!(mul!(d02, bi)))), fma!(ai, cr, fma!(ar, ci, mul!(d02, br))));
    // i (d1 + d2) c - conj(a) b
    let sc = (fnma!(ai, bi, fnma!(ar, br, neg!(mul!(d12, ci)))), fma!(ai, br, fnma!(ar, bi, mul!(d12, cr))));
    let t = mul!(simd.splat_f64s(0.5), add!(add!(s0, s1), s2));
    // det X = i delta with delta = -d0 d1 d2 + d0 |c|^2 + d1 |b|^2 + d2 |a|^2 - 2 Im(a c conj(b))
    let ac = (fnma!(ai, ci, mul!(ar, cr)), fma!(ai, cr, mul!(ar, ci)));
    let im = fnma!(ac.0, bi, mul!(ac.1, br));
    let squares = fma!(d2, aa, fma!(d1, bb, mul!(d0, simd.sub_f64s(cc, mul!(d1, d2)))));
    let delta = fnma!(simd.splat_f64s(2.0), im, squares);

    let zero = simd.splat_f64s(0.0);
    let (mut q0, mut q1, mut q2) = ((simd.splat_f64s(INVERSE_FACTORIALS[22]), zero), (zero, zero), (zero, zero));
    for &factor in INVERSE_FACTORIALS[..22].iter().rev() {
        let next0 = (fnma!(delta, q2.1, simd.splat_f64s(factor)), mul!(delta, q2.0));
        let next1 = (fma!(t, q2.0, q0.0), fma!(t, q2.1, q0.1));
        (q2, q1, q0) = (q1, next1, next0);
    }
    macro_rules! diagonal {
        ($d:expr, $s:expr) => {
            (fma!(q2.0, $s, fnma!(q1.1, $d, q0.0)), fma!(q2.1, $s, fma!(q1.0, $d, q0.1)))
        };
    }
    // q1 x + q2 s above the diagonal, -q1 conj(x) + q2 conj(s) below it.
    macro_rules! upper {
        ($xr:expr, $xi:expr, $s:expr) => {
            (
                fnma!(q2.1, $s.1, fma!(q2.0, $s.0, fnma!(q1.1, $xi, mul!(q1.0, $xr)))),
                fma!(q2.1, $s.0, fma!(q2.0, $s.1, fma!(q1.1, $xr, mul!(q1.0, $xi)))),
            )
        };
    }
    macro_rules! lower {
        ($xr:expr, $xi:expr, $s:expr) => {
            (
                fma!(q2.1, $s.1, fma!(q2.0, $s.0, neg!(fma!(q1.1, $xi, mul!(q1.0, $xr))))),
                fma!(q2.1, $s.0, fnma!(q2.0, $s.1, fnma!(q1.1, $xr, mul!(q1.0, $xi)))),
            )
        };
    }
    [
        [diagonal!(d0, s0), upper!(ar, ai, sa), upper!(br, bi, sb)],
        [lower!(ar, ai, sa), diagonal!(d1, s1), upper!(cr, ci, sc)],
        [lower!(br, bi, sb), lower!(cr, ci, sc), diagonal!(d2, s2)],
    ]
}

/// The link that each lane sees through a hop with this flip: itself, or turned round in `buffer`.
#[inline(always)]
pub(super) fn seen<'a>(link: &'a Link, flip: u8, buffer: &'a mut Link) -> &'a Link {
    // A constant flip is a shuffle of registers; a variable one would be eight loads.
    match flip {
        0 => return link,
        1 => flip_by::<1>(link, buffer),
        2 => flip_by::<2>(link, buffer),
        3 => flip_by::<3>(link, buffer),
        4 => flip_by::<4>(link, buffer),
        5 => flip_by::<5>(link, buffer),
        6 => flip_by::<6>(link, buffer),
        _ => flip_by::<7>(link, buffer),
    }
    buffer
}

#[inline(always)]
fn flip_by<const F: usize>(link: &Link, buffer: &mut Link) {
    for (to, from) in buffer.0.iter_mut().flatten().flatten().zip(link.0.iter().flatten().flatten()) {
        for l in 0..LANES {
            to.0[l] = from.0[l ^ F];
        }
    }
}
