//! Numbers to feed the kernels with, and comparison of bits.

use forebay_kernels::Real;
use proptest::{collection::vec, prelude::*};

/// Numbers of every kind: ordinary, huge, denormal, zeros of both signs.
pub(crate) fn finite<T: Real>() -> impl Strategy<Value = T> {
    let (huge, tiny) = if T::NAME == "f32" { (3e38, 1e-45) } else { (1.7e308, 5e-324) };
    prop_oneof![
        12 => -1.0..1.0_f64,
        2 => -1e3..1e3_f64,
        1 => Just(0.0),
        1 => Just(-0.0),
        1 => prop_oneof![Just(huge), Just(-huge)],
        1 => (-1000.0..1000.0_f64).prop_map(move |x| x * tiny),
    ]
    .prop_map(T::from_f64)
}

/// As [`finite`], with infinities and NaN.
pub(crate) fn any_number<T: Real>() -> impl Strategy<Value = T> {
    prop_oneof![
        30 => finite::<f64>(),
        1 => prop_oneof![Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(f64::NAN)],
    ]
    .prop_map(T::from_f64)
}

/// A weight: as [`finite`] half of the time, else zero, so that sparse rows have different lengths.
pub(crate) fn weight<T: Real>() -> impl Strategy<Value = T> {
    prop_oneof![Just(T::ZERO), finite::<T>()]
}

pub(crate) fn numbers<T: Real>(len: usize) -> impl Strategy<Value = Vec<T>> {
    vec(finite(), len)
}

/// Bits of each number, for comparisons that tell -0 from 0 and see NaN.
pub(crate) fn bits<T: Real>(x: &[T]) -> Vec<u64> {
    x.iter().map(|x| x.bits()).collect()
}

/// Numbers in [-1, 1) that depend on the seed alone.
pub(crate) fn noise<T: Real>(seed: u64, len: usize) -> Vec<T> {
    let mut state = seed;
    (0..len)
        .map(|_| {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            T::from_f64((z ^ (z >> 31)) as i64 as f64 / 2.0_f64.powi(63))
        })
        .collect()
}
