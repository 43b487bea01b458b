//! The spectral radius of a recurrent matrix.

use super::arnoldi::{self, Estimate, LinearMap};
use super::blocks;
use super::cyclic::Cyclic;
use super::scaling::Scaled;
use crate::random::Stream;
use crate::weights::{Csr, Weights, WeightsError};

/// A spectral radius and how it was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpectralRadius {
    /// Largest modulus of an eigenvalue.
    pub value: f64,
    /// How it was found.
    pub method: RadiusMethod,
}

impl SpectralRadius {
    pub(super) const EXACTLY_ONE: Self = Self { value: 1.0, method: RadiusMethod::ByConstruction };
}

/// How a spectral radius was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RadiusMethod {
    /// It follows from the way the matrix is built.
    ByConstruction,
    /// The units that decide are one ring: the geometric mean of its weights.
    Ring,
    /// From all eigenvalues of the irreducible block that decides.
    AllEigenvalues,
    /// By a restarted Krylov subspace method, converged for the matrix and for its transpose.
    Krylov {
        /// Restarts it took.
        restarts: usize,
    },
}

/// Measures the spectral radius of a square matrix, the largest modulus of an eigenvalue.
///
/// The relative error is below 1e-6, usually far below; where that cannot be vouched for, an error is returned.
///
/// The matrix is split into its irreducible blocks. A ring's radius is the geometric mean of its weights. If all cycles of a
/// block have lengths that are multiples of p, its p-th power is taken on the smallest of the p classes of units. All
/// eigenvalues are computed for up to 320 units (700 if it has to be), only the outermost ones for more. A number is returned
/// if the condition of its eigenvalue, from left and right eigenvectors, bounds the error; if not, it is looked for once more
/// with the units brought to scales at which long chains of unequal weights do no harm. The bits are the same on every
/// machine: the arithmetic is a fixed order of exactly rounded operations on one thread. `start` supplies the start vectors.
///
/// # Errors
/// [`SpectralError::Nilpotent`] if no unit can reach itself, so that every eigenvalue is 0;
/// [`SpectralError::NotConverged`] and [`SpectralError::IllConditioned`] rather than a number that may be wrong;
/// [`SpectralError::NotFinite`] and [`SpectralError::NotSquare`] for matrices without eigenvalues.
///
/// # Examples
/// ```
/// use forebay::{random::Seed, reservoir::spectral_radius, weights::Weights};
///
/// let rotation = Weights::Dense(ndarray::array![[0.6, -0.8], [0.8, 0.6]]);
/// let radius = spectral_radius(&rotation, &mut Seed(1).stream("start"))?;
/// assert!((radius.value - 1.0).abs() < 1e-12);
/// # Ok::<(), forebay::reservoir::SpectralError>(())
/// ```
pub fn spectral_radius(matrix: &Weights<f64>, start: &mut Stream) -> Result<SpectralRadius, SpectralError> {
    if matrix.rows() != matrix.cols() {
        return Err(SpectralError::NotSquare { rows: matrix.rows(), columns: matrix.cols() });
    }
    matrix.check_finite().map_err(|_| SpectralError::NotFinite)?;
    let structure = match matrix {
        Weights::Sparse(sparse) => blocks::recurrent_blocks(sparse)?,
        Weights::Dense(dense) if dense.iter().all(|&value| value != 0.0) && !dense.is_empty() => {
            return of_block(matrix, start);
        }
        Weights::Dense(dense) => blocks::recurrent_blocks(&Csr::from_dense(dense)?)?,
    };
    let mut largest: Option<SpectralRadius> = None;
    let mut failed: Vec<(f64, SpectralError)> = Vec::new();
    for block in structure {
        let bound = norm(&block);
        match of_block(&Weights::Sparse(block), start) {
            Ok(found) if largest.is_none_or(|largest| found.value > largest.value) => largest = Some(found),
            Ok(_) => {}
            Err(error) => failed.push((bound, error)),
        }
    }
    // A block that cannot be measured does no harm where it cannot be the one that decides.
    let reached = largest.map_or(0.0, |largest| largest.value);
    match failed.into_iter().find(|(bound, _)| *bound > reached) {
        Some((_, error)) => Err(error),
        None => largest.ok_or(SpectralError::Nilpotent),
    }
}

/// Estimated relative error that is accepted: what is promised, with a margin.
const ACCEPTED: f64 = 3e-7;

/// Largest entries with which squares and sums of them stay far inside the range of numbers.
const SAFE: std::ops::Range<f64> = 1e-100..1e100;

/// Most units of which all eigenvalues are computed where the outermost ones alone are not to be trusted.
const ALL_OF_AT_MOST: usize = 700;

/// The radius of an irreducible block.
fn of_block(matrix: &Weights<f64>, start: &mut Stream) -> Result<SpectralRadius, SpectralError> {
    let size = matrix.rows();
    if size == 1 {
        return Ok(SpectralRadius { value: matrix.largest_entry(), method: RadiusMethod::AllEigenvalues });
    }
    if matrix.nnz() == size {
        return Ok(SpectralRadius { value: geometric_mean(matrix), method: RadiusMethod::Ring });
    }
    let is_aperiodic = match matrix {
        Weights::Dense(_) => true,
        Weights::Sparse(sparse) => Cyclic::new(sparse).period() == 1,
    };
    // Long lines of units with few branches: as they are, their outermost eigenvalues lie too densely or rounding moves them.
    let is_line = size > arnoldi::DIMENSION && 2 * matrix.nnz() < 3 * size;
    if is_aperiodic && !is_line && SAFE.contains(&matrix.largest_entry()) {
        let found = if size <= arnoldi::DIMENSION {
            arnoldi::from_all(matrix, start)
        } else {
            arnoldi::from_outermost(matrix, start)
        };
        if let Ok(Estimate { modulus, restarts, doubt }) = found
            && doubt <= ACCEPTED
        {
            return Ok(SpectralRadius { value: modulus, method: method(restarts) });
        }
    }
    let scaled = match matrix {
        Weights::Dense(dense) => Scaled::new(&Csr::from_dense(dense)?)?,
        Weights::Sparse(sparse) => Scaled::new(sparse)?,
    };
    let cyclic = Cyclic::new(&scaled.matrix);
    let Estimate { modulus, restarts, doubt } = if cyclic.size() <= ALL_OF_AT_MOST {
        arnoldi::from_all(&cyclic, start)?
    } else {
        arnoldi::from_outermost(&cyclic, start)?
    };
    let period = cyclic.period() as f64;
    let doubt = doubt / period;
    if doubt > ACCEPTED {
        return Err(SpectralError::IllConditioned { size, doubt });
    }
    let value = scaled.undo(if period == 1.0 { modulus } else { libm::pow(modulus, 1.0 / period) });
    Ok(SpectralRadius { value, method: method(restarts) })
}

fn method(restarts: Option<usize>) -> RadiusMethod {
    restarts.map_or(RadiusMethod::AllEigenvalues, |restarts| RadiusMethod::Krylov { restarts })
}

/// The geometric mean of the moduli of all entries, for any exponents.
fn geometric_mean(matrix: &Weights<f64>) -> f64 {
    let (mut product, mut exponent, mut count) = (1.0_f64, 0_i64, 0_i64);
    let mut take = |value: f64| {
        let (share, shift) = libm::frexp(product * libm::frexp(value).0);
        product = share;
        exponent += i64::from(shift) + i64::from(libm::frexp(value).1);
        count += 1;
    };
    match matrix {
        Weights::Dense(dense) => dense.iter().for_each(|value| take(value.abs())),
        Weights::Sparse(sparse) => sparse.values().iter().for_each(|value| take(value.abs())),
    }
    let whole = exponent.div_euclid(count);
    let rest = exponent.rem_euclid(count) as f64;
    let root = libm::exp((libm::log(product) + rest * std::f64::consts::LN_2) / count as f64);
    libm::scalbn(root, whole as i32)
}

/// The smaller one of the largest sums of moduli along a row and along a column: no eigenvalue is larger.
fn norm(matrix: &Csr<f64>) -> f64 {
    let (mut largest_row, mut columns) = (0.0_f64, vec![0.0; matrix.cols()]);
    for row in 0..matrix.rows() {
        let mut sum = 0.0;
        for (column, value) in matrix.row(row) {
            sum += value.abs();
            columns[column] += value.abs();
        }
        largest_row = largest_row.max(sum);
    }
    largest_row.min(columns.into_iter().fold(0.0, f64::max)) * (1.0 + 1e-9)
}

/// Why a spectral radius cannot be given.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpectralError {
    /// Every eigenvalue is 0.
    #[error("no unit can reach itself, so every eigenvalue is 0: raise the density or leave the weights unscaled")]
    Nilpotent,
    /// The iteration did not converge.
    #[error(
        "spectral radius of {size} units not found within {restarts} restarts: change the seed or the topology, or leave \
         the weights unscaled"
    )]
    NotConverged {
        /// Units of the block.
        size: usize,
        /// Restarts made.
        restarts: usize,
    },
    /// The outermost eigenvalue moves so far for a rounding of the weights that it cannot be told.
    #[error(
        "spectral radius of {size} units may be off by {doubt:.0e} of itself, because rounding moves the outermost \
         eigenvalue: change the seed or the topology, or leave the weights unscaled"
    )]
    IllConditioned {
        /// Units of the block.
        size: usize,
        /// Estimated relative error.
        doubt: f64,
    },
    /// The QR algorithm on the projected matrix did not converge.
    #[error("eigenvalues of a projection with {dimension} dimensions did not converge: change the seed")]
    InnerIteration {
        /// Size of the projection.
        dimension: usize,
    },
    /// An entry is NaN or infinite.
    #[error("the matrix has an entry that is not finite")]
    NotFinite,
    /// Only square matrices have eigenvalues.
    #[error("a matrix of {rows} rows and {columns} columns has no eigenvalues")]
    NotSquare {
        /// Rows found.
        rows: usize,
        /// Columns found.
        columns: usize,
    },
    /// The matrix cannot be split into blocks.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use ndarray::Array2;

    use super::*;
    use crate::random::Seed;
    use crate::reservoir::{Distribution, Reservoir, Topology};

    fn measure(matrix: &Weights<f64>) -> SpectralRadius {
        spectral_radius(matrix, &mut Seed(0).stream("start")).unwrap()
    }

    fn assert_close(found: f64, expected: f64, tolerance: f64) {
        assert!((found / expected - 1.0).abs() < tolerance, "found {found}, expected {expected}");
    }

    fn normal_matrix(units: usize, seed: u64) -> Array2<f64> {
        let mut stream = Seed(seed).stream("matrix");
        Array2::from_shape_simple_fn((units, units), || stream.normal())
    }

    /// The judge: all eigenvalues by an independent library.
    fn by_faer(matrix: &Array2<f64>) -> f64 {
        let matrix = faer::Mat::from_fn(matrix.nrows(), matrix.ncols(), |row, column| matrix[[row, column]]);
        matrix.eigenvalues().unwrap().iter().map(|value| value.re.hypot(value.im)).fold(0.0, f64::max)
    }

    #[test]
    fn blocks_with_complex_pairs() {
        let mut dense = Array2::zeros((8, 8));
        for (block, (modulus, angle)) in [(0.5, 0.3), (1.7, 2.0), (1.6, 1.0), (0.1, 3.0)].into_iter().enumerate() {
            let (sine, cosine) = f64::sin_cos(angle);
            let place = 2 * block;
            dense[[place, place]] = modulus * cosine;
            dense[[place + 1, place + 1]] = modulus * cosine;
            dense[[place, place + 1]] = -modulus * sine;
            dense[[place + 1, place]] = modulus * sine;
        }
        assert_close(measure(&Weights::Dense(dense.clone())).value, 1.7, 1e-13);
        // The same spectrum behind a full change of basis.
        let basis = Reservoir::new(8).topology(Topology::Orthogonal).spectral_radius(1.0);
        let basis = basis.generate(0, 1, &Seed(3)).unwrap().w_res.to_dense();
        assert_close(measure(&Weights::Dense(basis.dot(&dense).dot(&basis.t()))).value, 1.7, 1e-13);
    }

    #[test]
    fn companion_matrix_of_known_roots() {
        // (z - 3)(z + 2)(z^2 - 2z + 10) = z^4 - 3z^3 + 6z^2 + 2z - 60, roots 3, -2 and 1 +- 3i.
        let companion =
            ndarray::array![[3.0, -6.0, -2.0, 60.0], [1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];
        assert_close(measure(&Weights::Dense(companion)).value, 10_f64.sqrt(), 1e-13);
    }

    /// Eigenvalues of a circulant matrix are the discrete Fourier transform of its row.
    #[test]
    fn circulant_below_and_above_the_subspace_dimension() {
        for units in [50, 700] {
            let row = [(0, 0.3), (1, -1.0), (5, 0.7), (17, 0.4)];
            let mut dense = Array2::zeros((units, units));
            for unit in 0..units {
                for (shift, value) in row {
                    dense[[unit, (unit + shift) % units]] = value;
                }
            }
            let modulus = |k: usize| {
                let angle = |shift: usize| TAU * (k * shift) as f64 / units as f64;
                let re: f64 = row.iter().map(|&(shift, value)| value * angle(shift).cos()).sum();
                let im: f64 = row.iter().map(|&(shift, value)| value * angle(shift).sin()).sum();
                re.hypot(im)
            };
            let expected = (0..units).map(modulus).fold(0.0, f64::max);
            assert_close(measure(&Weights::Dense(dense)).value, expected, 1e-7);
        }
    }

    #[test]
    fn symmetric_and_rank_one_matrices() {
        let normal = normal_matrix(500, 8);
        let symmetric = &normal + &normal.t();
        assert_close(measure(&Weights::Dense(symmetric.clone())).value, by_faer(&symmetric), 1e-7);
        let ones = measure(&Weights::Dense(Array2::ones((600, 600))));
        assert_close(ones.value, 600.0, 1e-12);
        let identity = Weights::Sparse(Csr::from_dense(&Array2::eye(400)).unwrap());
        assert_eq!(measure(&identity).value, 1.0);
    }

    #[test]
    fn all_eigenvalues_agree_with_the_library() {
        for (units, seed) in [(1, 1), (2, 2), (3, 3), (10, 4), (100, 5), (320, 6)] {
            let matrix = normal_matrix(units, seed);
            let found = measure(&Weights::Dense(matrix.clone()));
            assert_eq!(found.method, RadiusMethod::AllEigenvalues);
            assert_close(found.value, by_faer(&matrix), 1e-10);
        }
    }

    #[test]
    fn circular_law_agrees_with_the_library() {
        for (units, seed) in [(321, 1), (400, 2), (400, 3), (640, 4), (1000, 5)] {
            let matrix = normal_matrix(units, seed);
            let found = measure(&Weights::Dense(matrix.clone()));
            assert!(matches!(found.method, RadiusMethod::Krylov { .. }));
            assert_close(found.value, by_faer(&matrix), 1e-6);
        }
    }

    #[test]
    fn every_random_topology_agrees_with_the_library() {
        let recipes = [
            Reservoir::new(600).density(0.01),
            Reservoir::new(600).density(0.05).weight_distribution(Distribution::Bernoulli),
            Reservoir::new(500).density(0.4).weight_distribution(Distribution::Normal),
            Reservoir::new(700).topology(Topology::FixedDegree { per_row: 3 }),
            Reservoir::new(700).topology(Topology::FixedDegree { per_row: 2 }),
        ];
        for (seed, recipe) in recipes.into_iter().enumerate() {
            let drawn = recipe.unscaled().generate(1, 0, &Seed(seed as u64)).unwrap().w_res;
            assert_close(measure(&drawn).value, by_faer(&drawn.to_dense()), 1e-6);
        }
    }

    /// A solver on the whole matrix reports about 1e-16^(1/50) = 0.5 here.
    #[test]
    fn a_chain_is_nilpotent_and_a_long_tail_does_not_disturb() {
        let mut chain = Array2::zeros((50, 50));
        (1..50).for_each(|unit| chain[[unit, unit - 1]] = 1.0);
        let error = spectral_radius(&Weights::Dense(chain.clone()), &mut Seed(0).stream("start"));
        assert_eq!(error, Err(SpectralError::Nilpotent));
        chain[[0, 0]] = 1e-3;
        assert_close(measure(&Weights::Dense(chain)).value, 1e-3, 1e-15);
    }

    #[test]
    fn extreme_scales_neither_overflow_nor_vanish() {
        let matrix = normal_matrix(20, 9);
        let expected = measure(&Weights::Dense(matrix.clone())).value;
        for factor in [1e-250, 1e250] {
            assert_close(measure(&Weights::Dense(&matrix * factor)).value / factor, expected, 1e-12);
        }
    }

    #[test]
    fn matrices_without_eigenvalues_are_refused() {
        let refuse = |matrix| spectral_radius(&Weights::Dense(matrix), &mut Seed(0).stream("start")).unwrap_err();
        assert_eq!(refuse(Array2::ones((2, 3))), SpectralError::NotSquare { rows: 2, columns: 3 });
        assert_eq!(refuse(Array2::from_elem((2, 2), f64::NAN)), SpectralError::NotFinite);
        assert_eq!(refuse(Array2::zeros((2, 2))), SpectralError::Nilpotent);
        assert_eq!(refuse(Array2::zeros((0, 0))), SpectralError::Nilpotent);
    }
}
