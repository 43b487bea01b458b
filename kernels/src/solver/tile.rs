//! The register tile that all products are made of: `V` vectors of rows by `S` columns.

use crate::lanes::Lanes;

/// The most rows of a tile in any form.
pub(super) const MAX_ROWS: usize = 24;

/// Sums of a tile, by column.
pub(super) type Sums<L, const V: usize, const S: usize> = [[<L as Lanes>::Vector; V]; S];

/// Calls `$self.$method::<L, V, S, ..>(..)` with the vectors of rows V and columns S that fit the registers of the form:
/// 24 rows by 8 columns of AVX-512, 8 by 6 of AVX2 and NEON (with one more column, compilers spill a sum in the loop).
macro_rules! in_tiles {
    ($this:ident.$method:ident::<$lanes:ty $(, $constant:literal)*>($($argument:expr),*)) => {
        match <$lanes>::LANES {
            8 => $this.$method::<$lanes, 3, 8 $(, $constant)*>($($argument),*),
            4 => $this.$method::<$lanes, 2, 6 $(, $constant)*>($($argument),*),
            _ => $this.$method::<$lanes, 4, 6 $(, $constant)*>($($argument),*),
        }
    };
}
pub(super) use in_tiles;

/// Where the factors of a tile lie: element `(k, i)` at `k * stride + i`.
#[derive(Clone, Copy)]
pub(super) struct Factor {
    pub(super) from: *const f64,
    pub(super) stride: usize,
}

/// Takes up each entry's chain: `sum = fma(a[k][i], b[k][j], sum)` for k ascending, or with `-a` if `SUBTRACT`.
///
/// # Safety
/// For every k below `depth`, `V * LANES` elements of `a` and `S` elements of `b` can be read.
#[inline(always)]
pub(super) unsafe fn chain<L: Lanes<Real = f64>, const V: usize, const S: usize, const SUBTRACT: bool>(
    lanes: L,
    a: Factor,
    b: Factor,
    depth: usize,
    sums: &mut Sums<L, V, S>,
) {
    let (mut from_a, mut from_b) = (a.from, b.from);
    for _ in 0..depth {
        let mut rows = [lanes.splat(0.0); V];
        for v in 0..V {
            // SAFETY: the caller promises `V` vectors at every k.
            rows[v] = unsafe { lanes.load(from_a.add(v * L::LANES)) };
        }
        for s in 0..S {
            // SAFETY: the caller promises `S` elements at every k.
            let column = lanes.splat(unsafe { *from_b.add(s) });
            for v in 0..V {
                sums[s][v] = if SUBTRACT {
                    lanes.fnma(rows[v], column, sums[s][v])
                } else {
                    lanes.fma(rows[v], column, sums[s][v])
                };
            }
        }
        // After the last k these may point beyond what there is, and are not read.
        (from_a, from_b) = (from_a.wrapping_add(a.stride), from_b.wrapping_add(b.stride));
    }
}

/// Asks for a cache line before it is needed; where there is no instruction for that, nothing.
#[inline(always)]
pub(super) fn prefetch(from: *const f64) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which faults for no address; every x86-64 processor has it.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(from.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = from;
}
