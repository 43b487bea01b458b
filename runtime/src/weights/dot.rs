//! Dot products with one order of their sums.

use forebay_kernels::Real;

/// Independent partial sums of a dot product. Their number and order are fixed, so the result is the same everywhere.
pub(super) const LANES: usize = 8;

/// The dot product over the common length of two vectors.
pub(crate) fn dot<T: Real>(a: &[T], b: &[f64]) -> f64 {
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let mut lanes = [0.0; LANES];
    for (lane, (&x, &y)) in lanes.iter_mut().zip(a.remainder().iter().zip(b.remainder())) {
        *lane = x.to_f64() * y;
    }
    for (a, b) in a.zip(b) {
        for lane in 0..LANES {
            lanes[lane] += a[lane].to_f64() * b[lane];
        }
    }
    sum_lanes(&lanes)
}

pub(super) fn sum_lanes(lanes: &[f64; LANES]) -> f64 {
    ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]))
}
