//! The register tile that all products are made of: `V` vectors of rows by six columns.

use crate::lanes::Lanes;

/// Columns of a tile.
pub(super) const COLUMNS: usize = 6;

/// The most rows of a tile in any form.
pub(super) const MAX_ROWS: usize = 32;

/// Sums of a tile, by column.
pub(super) type Sums<L, const V: usize> = [[<L as Lanes>::Vector; V]; COLUMNS];

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
    sums: &mut Sums<L, V>,
) {
    for k in 0..depth {
        let mut rows = [lanes.splat(0.0); V];
        for v in 0..V {
            // SAFETY: the caller promises `V` vectors at every k.
            rows[v] = unsafe { lanes.load(a.from.add(k * a.stride + v * L::LANES)) };
        }
        for s in 0..S {
            // SAFETY: the caller promises `S` elements at every k.
            let column = lanes.splat(unsafe { *b.from.add(k * b.stride + s) });
            for v in 0..V {
                sums[s][v] = if SUBTRACT {
                    lanes.fnma(rows[v], column, sums[s][v])
                } else {
                    lanes.fma(rows[v], column, sums[s][v])
                };
            }
        }
    }
}
