//! The stencil of a grid as a small program that runs over blocks of it.

use forebay_substrate::{Precision, Substrate};

use super::operator::{Boundary, Grid};
use super::tiles::{Cost, Tiles};
use crate::error::Error;

/// Points of a block along a line, and along each side of a square.
const LINE: usize = 128;
const SQUARE: usize = 16;

/// `K q` for integers `q` on a grid and all coarser ones.
///
/// The weights -1, 2 and 4 are exact in 4 bits and the same on every grid, so one program serves all: a block of points
/// with the points around it goes in, the block's products come out, and a grid is a batch of blocks.
#[derive(Debug)]
pub(super) struct Stencil {
    tiles: Tiles,
    block: usize,
    samples: Vec<i32>,
    sums: Vec<i64>,
}

impl Stencil {
    /// For this grid and those with fewer points.
    pub(super) fn new(substrate: &dyn Substrate, grid: &Grid, precision: Precision) -> Result<Self, Error> {
        let flat = grid.dimensions() == 1;
        let block = grid.points().min(if flat { LINE } else { SQUARE });
        let width = block + 2;
        let (rows, columns) = if flat { (block, width) } else { (block * block, width * width) };
        let mut integers = vec![0; rows * columns];
        for (unit, weights) in integers.chunks_exact_mut(columns).enumerate() {
            let centre = if flat { unit + 1 } else { (unit / block + 1) * width + unit % block + 1 };
            let strides: &[usize] = if flat { &[1] } else { &[1, width] };
            for stride in strides {
                weights[centre] += 2;
                weights[centre - stride] -= 1;
                weights[centre + stride] -= 1;
            }
        }
        // One weight digit, whatever the precision of an inverse would be.
        let precision = Precision::new(precision.state_digits() as u8, 1).unwrap_or(precision);
        let tiles = Tiles::load(substrate, "stencil", &integers, rows, precision)?;
        Ok(Self { tiles, block, samples: Vec::new(), sums: Vec::new() })
    }

    /// `product = K q`; both `[unknowns]` of `grid`.
    pub(super) fn multiply(&mut self, grid: &Grid, q: &[i32], product: &mut [f64]) -> Result<(), Error> {
        let (points, block) = (grid.points(), self.block);
        let flat = grid.dimensions() == 1;
        // Blocks per side, and lines of a block with and without those around it.
        let blocks = points.div_ceil(block);
        let (block_rows, lines, lines_around) = if flat { (1, 1, 1) } else { (blocks, block, block + 2) };
        self.samples.clear();
        for row_block in 0..block_rows {
            for column_block in 0..blocks {
                for line in 0..lines_around {
                    let row = if flat { Some(0) } else { place(grid, row_block * block + line) };
                    let columns = (0..block + 2).map(|c| place(grid, column_block * block + c));
                    self.samples.extend(columns.map(|column| match (row, column) {
                        (Some(row), Some(column)) => q[row * points + column],
                        _ => 0,
                    }));
                }
            }
        }
        self.sums.resize(block_rows * blocks * lines * block, 0);
        self.tiles.multiply(&self.samples, &mut self.sums)?;
        for (row, product) in product.chunks_exact_mut(points).enumerate() {
            for (column, product) in product.iter_mut().enumerate() {
                let sample = row / lines * blocks + column / block;
                *product = self.sums[(sample * lines + row % lines) * block + column % block] as f64;
            }
        }
        Ok(())
    }

    pub(super) fn cost(&self) -> Cost {
        self.tiles.cost
    }
}

/// Which point of a side is at `shifted - 1`; none beyond an edge.
fn place(grid: &Grid, shifted: usize) -> Option<usize> {
    match grid.boundary() {
        Boundary::Dirichlet => shifted.checked_sub(1).filter(|&place| place < grid.points()),
        Boundary::Periodic => Some((shifted + grid.points() - 1) % grid.points()),
    }
}

#[cfg(test)]
mod tests {
    use forebay_akida::Device;
    use forebay_software::Software;

    use super::super::operator::Operator;
    use super::*;

    /// The substrate's integers are those of the operator in f64, on grids of less than one block, one, and several.
    #[test]
    fn blocks_cover_every_grid() {
        let substrate = Software::new(Device::Akd1000).expect("a kernel form");
        let precision = Precision::new(2, 1).expect("allowed");
        for boundary in [Boundary::Dirichlet, Boundary::Periodic] {
            for (dimensions, largest) in [(1, 130), (1, 300), (2, 17), (2, 40)] {
                let grid = Grid::new(dimensions, largest, boundary).expect("a grid");
                let mut stencil = Stencil::new(&substrate, &grid, precision).expect("it fits");
                for points in [3, 7, largest / 2, largest] {
                    let grid = grid.with_points(points);
                    let q: Vec<i32> = (0..grid.unknowns()).map(|i| (i * 37 % 255) as i32 - 127).collect();
                    let real: Vec<f64> = q.iter().map(|&q| f64::from(q)).collect();
                    let (mut found, mut expected) = (vec![f64::NAN; q.len()], vec![0.0; q.len()]);
                    stencil.multiply(&grid, &q, &mut found).expect("it runs");
                    Operator::poisson(grid).product(&real, &mut expected);
                    assert_eq!(found, expected, "{grid:?}");
                }
            }
        }
    }
}
