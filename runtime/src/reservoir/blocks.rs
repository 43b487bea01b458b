//! Strongly connected units of a sparse recurrent matrix.
//!
//! Ordered along its strongly connected components a matrix is block triangular, so its eigenvalues are those of the
//! diagonal blocks. Taking the blocks one by one is exact where an eigenvalue solver on the whole matrix is not: long
//! chains of units make it far from normal, and a matrix without any cycle is nilpotent.

use crate::weights::{Csr, WeightsError};

/// The diagonal blocks that contain a cycle, each irreducible. Zeros that are stored connect nothing.
pub(super) fn recurrent_blocks(matrix: &Csr<f64>) -> Result<Vec<Csr<f64>>, WeightsError> {
    let present: Csr<f64>;
    let matrix = if matrix.values().contains(&0.0) {
        present = without_zeros(matrix)?;
        &present
    } else {
        matrix
    };
    components(matrix)
        .into_iter()
        .filter(|units| units.len() > 1 || matrix.row(units[0]).any(|(column, _)| column == units[0]))
        .map(|units| submatrix(matrix, units))
        .collect()
}

/// The strongly connected components (R. Tarjan, "Depth-first search and linear graph algorithms", 1972).
fn components(matrix: &Csr<f64>) -> Vec<Vec<usize>> {
    const UNSEEN: usize = usize::MAX;
    let units = matrix.rows();
    let starts = matrix.row_starts();
    let mut order = vec![UNSEEN; units];
    let mut low = vec![0; units];
    let mut open = vec![false; units];
    let mut stack = Vec::new();
    let mut found = Vec::new();
    let mut seen = 0;
    // The path of the search: a unit and the next entry of its row to look at. A recursion would overflow the stack.
    let mut path: Vec<(usize, usize)> = Vec::new();
    for root in 0..units {
        if order[root] != UNSEEN {
            continue;
        }
        path.push((root, starts[root]));
        while let Some((unit, entry)) = path.last_mut() {
            let unit = *unit;
            if order[unit] == UNSEEN {
                order[unit] = seen;
                low[unit] = seen;
                seen += 1;
                open[unit] = true;
                stack.push(unit);
            }
            if *entry < starts[unit + 1] {
                let next = matrix.columns()[*entry] as usize;
                *entry += 1;
                if order[next] == UNSEEN {
                    path.push((next, starts[next]));
                } else if open[next] {
                    low[unit] = low[unit].min(order[next]);
                }
                continue;
            }
            path.pop();
            if let Some(&(parent, _)) = path.last() {
                low[parent] = low[parent].min(low[unit]);
            }
            if low[unit] == order[unit] {
                let first = stack.iter().rposition(|&member| member == unit).expect("an open unit is on the stack");
                let members = stack.split_off(first);
                for &member in &members {
                    open[member] = false;
                }
                found.push(members);
            }
        }
    }
    found
}

fn without_zeros(matrix: &Csr<f64>) -> Result<Csr<f64>, WeightsError> {
    let (mut row_starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in 0..matrix.rows() {
        for (column, value) in matrix.row(row).filter(|(_, value)| *value != 0.0) {
            columns.push(column as u32);
            values.push(value);
        }
        row_starts.push(columns.len());
    }
    Csr::new(matrix.rows(), matrix.cols(), row_starts, columns, values)
}

fn submatrix(matrix: &Csr<f64>, mut units: Vec<usize>) -> Result<Csr<f64>, WeightsError> {
    if units.len() == matrix.rows() {
        return Ok(matrix.clone());
    }
    units.sort_unstable();
    let (mut row_starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for &unit in &units {
        for (column, value) in matrix.row(unit) {
            if let Ok(place) = units.binary_search(&column) {
                columns.push(place as u32);
                values.push(value);
            }
        }
        row_starts.push(columns.len());
    }
    Csr::new(units.len(), units.len(), row_starts, columns, values)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn cycles_are_separated_from_chains() {
        // 0 -> 1 -> 2 -> 1 (a cycle of two), 3 with a loop, 4 -> 3, 5 alone.
        let mut dense = ndarray::Array2::zeros((6, 6));
        for (row, column, value) in [(0, 1, 1.0), (1, 2, 2.0), (2, 1, 3.0), (3, 3, 4.0), (4, 3, 5.0), (2, 3, 6.0)] {
            dense[[row, column]] = value;
        }
        let mut blocks: Vec<_> =
            recurrent_blocks(&Csr::from_dense(&dense).unwrap()).unwrap().iter().map(Csr::to_dense).collect();
        blocks.sort_by_key(ndarray::Array2::len);
        assert_eq!(blocks, [array![[4.0]], array![[0.0, 2.0], [3.0, 0.0]]]);
    }

    /// A chain whose return is a stored zero has no cycle.
    #[test]
    fn stored_zeros_connect_nothing() {
        let chain = Csr::new(3, 3, vec![0, 1, 2, 3], vec![2, 0, 1], vec![0.0, 1.0, 1.0]).unwrap();
        assert_eq!(recurrent_blocks(&chain).unwrap(), []);
    }

    /// The search keeps its path on the heap: a chain of a million units must not overflow the stack.
    #[test]
    fn a_long_cycle_is_one_block() {
        let units = 1_000_000;
        let columns = (0..units as u32).map(|unit| (unit + 1) % units as u32).collect();
        let ring = Csr::new(units, units, (0..=units).collect(), columns, vec![1.0; units]).unwrap();
        assert_eq!(recurrent_blocks(&ring).unwrap(), [ring]);
    }
}
