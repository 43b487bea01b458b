//! The spectral radius of three hundred matrices, easy and hard: right to 1e-6, or refused.
//!
//! The judges are closed forms, bisection, and all eigenvalues by an independent library of a matrix that is well
//! conditioned and similar to the one that is measured, or has its blocks.

use forebay::random::{Seed, Stream};
use forebay::reservoir::{
    Distribution, RadiusMethod, Reservoir, SpectralError, SpectralRadius, Topology, spectral_radius,
};
use forebay::weights::{Csr, Weights};
use ndarray::Array2;

fn measure(matrix: &Array2<f64>) -> Result<SpectralRadius, SpectralError> {
    spectral_radius(&Weights::Sparse(Csr::from_dense(matrix).expect("few columns")), &mut Seed(7).stream("start"))
}

fn assert_right(name: &str, found: &Result<SpectralRadius, SpectralError>, expected: f64) {
    match found {
        Ok(found) => assert!((found.value / expected - 1.0).abs() < 1e-6, "{name}: {found:?}, expected {expected}"),
        Err(error) => panic!("{name}: {error}, expected {expected}"),
    }
}

fn by_faer(matrix: &Array2<f64>) -> f64 {
    let matrix = faer::Mat::from_fn(matrix.nrows(), matrix.ncols(), |row, column| matrix[[row, column]]);
    matrix.eigenvalues().expect("eigenvalues").iter().map(|value| value.re.hypot(value.im)).fold(0.0, f64::max)
}

/// The same matrix with its units in another order.
fn shuffled(matrix: &Array2<f64>, stream: &mut Stream) -> Array2<f64> {
    let units = matrix.nrows();
    let mut order: Vec<usize> = (0..units).collect();
    for last in (1..units).rev() {
        order.swap(last, stream.below(last as u64 + 1) as usize);
    }
    Array2::from_shape_fn((units, units), |(row, column)| matrix[[order[row], order[column]]])
}

/// `D^-1 A D` with D over `decades` orders of magnitude: the same eigenvalues.
fn rescaled(matrix: &Array2<f64>, decades: f64, stream: &mut Stream) -> Array2<f64> {
    let scale: Vec<f64> = (0..matrix.nrows())
        .map(|_| libm::exp2((decades * std::f64::consts::LOG2_10 * (stream.uniform() - 0.5)).round()))
        .collect();
    Array2::from_shape_fn(matrix.dim(), |(row, column)| matrix[[row, column]] * scale[column] / scale[row])
}

fn orthogonal(units: usize, seed: u64) -> Array2<f64> {
    let recipe = Reservoir::new(units).topology(Topology::Orthogonal).unscaled();
    recipe.generate(1, 0, &Seed(seed)).expect("a recipe").w_res.to_dense()
}

fn normal(units: usize, stream: &mut Stream) -> Array2<f64> {
    Array2::from_shape_simple_fn((units, units), || stream.normal())
}

/// Weights of a ring, unit i listening to unit i + 1.
fn ring(weights: &[f64]) -> Array2<f64> {
    let units = weights.len();
    let mut matrix = Array2::zeros((units, units));
    weights.iter().enumerate().for_each(|(unit, weight)| matrix[[unit, (unit + 1) % units]] = *weight);
    matrix
}

fn geometric_mean(weights: &[f64]) -> f64 {
    libm::exp(weights.iter().map(|weight| libm::log(weight.abs())).sum::<f64>() / weights.len() as f64)
}

/// The root z of `1 = sum over cycles of weight z^-length`, weights given as logarithms, by bisection: the radius of a matrix
/// of positive weights whose cycles all pass one unit.
fn perron_root(cycles: &[(f64, usize)]) -> f64 {
    let excess = |log_z: f64| {
        cycles.iter().map(|&(log_weight, length)| libm::exp(log_weight - length as f64 * log_z)).sum::<f64>() - 1.0
    };
    let (mut low, mut high) = (-800.0, 800.0);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if excess(middle) > 0.0 { low = middle } else { high = middle }
    }
    libm::exp(low)
}

/// A size between the two, small ones more often.
fn size(low: usize, high: usize, stream: &mut Stream) -> usize {
    (low as f64 * libm::pow(high as f64 / low as f64, stream.uniform())) as usize
}

#[test]
fn rings_and_delay_lines_are_exact() {
    for seed in 0..40 {
        let mut stream = Seed(seed).stream("ring");
        let units = size(5, 1500, &mut stream);
        let mut weights: Vec<f64> = (0..units).map(|_| stream.uniform_in(-1.0, 1.0)).collect();
        if seed % 2 == 1 {
            // A delay line with a weak return.
            weights = vec![1.0; units];
            weights[0] = libm::exp(-300.0 * stream.uniform());
        }
        let found = measure(&shuffled(&ring(&weights), &mut stream));
        assert_right(&format!("ring {seed} of {units}"), &found, geometric_mean(&weights));
        assert_eq!(found.expect("a radius").method, RadiusMethod::Ring);
    }
}

/// A ring of 2,000 random weights once gave .3917, without a word: every entry is in the geometric mean.
#[test]
fn a_large_ring_of_random_weights() {
    for (units, seed) in [(2000, 1), (3000, 2)] {
        let mut stream = Seed(seed).stream("ring");
        let weights: Vec<f64> = (0..units).map(|_| stream.uniform_in(-1.0, 1.0)).collect();
        let columns = (0..units as u32).map(|unit| (unit + 1) % units as u32).collect();
        let ring = Csr::new(units, units, (0..=units).collect(), columns, weights.clone()).expect("a ring");
        let found = spectral_radius(&Weights::Sparse(ring), &mut Seed(1).stream("start"));
        let found = found.expect("a radius").value;
        assert!((found / geometric_mean(&weights) - 1.0).abs() < 1e-13, "{found}");
    }
}

#[test]
fn weights_of_any_exponent() {
    let mut weights = vec![1e250; 400];
    (0..400).step_by(2).for_each(|unit| weights[unit] = 1e-250);
    assert_right("ring", &measure(&ring(&weights)), 1.0);
    weights[1] = f64::MIN_POSITIVE / 1024.0;
    assert_right("ring", &measure(&ring(&weights)), geometric_mean(&weights));
    // Two cycles through one unit, of lengths 3 and 5; products 1e-300 and 2.
    let mut two = Array2::zeros((7, 7));
    for (row, column, weight) in [
        (0, 1, 1e-200),
        (1, 2, 1e-100),
        (2, 0, 1.0),
        (0, 3, 1e300),
        (3, 4, 1e-300),
        (4, 5, 1.0),
        (5, 6, 2.0),
        (6, 0, 1.0),
    ] {
        two[[row, column]] = weight;
    }
    assert_right("two cycles", &measure(&two), perron_root(&[(libm::log(2.0), 5)]));
}

/// Delay lines whose end returns to two places, so that no period helps.
#[test]
fn delay_lines_with_two_returns() {
    for seed in 0..40 {
        let mut stream = Seed(seed).stream("delay line");
        let units = size(6, 300, &mut stream);
        let short = 1 + stream.below(units as u64 - 2) as usize;
        let (far, near) = (-60.0 * stream.uniform(), -60.0 * stream.uniform());
        let mut line = ring(&vec![1.0; units]);
        line[[units - 1, 0]] = libm::exp(far);
        line[[units - 1, units - short]] = libm::exp(near);
        let found = measure(&shuffled(&line, &mut stream));
        let expected = perron_root(&[(far, units), (near, short)]);
        assert_right(&format!("delay line {seed} of {units}, {short}"), &found, expected);
    }
}

#[test]
fn random_matrices_agree_with_the_library() {
    for seed in 0..40 {
        let mut stream = Seed(seed).stream("random");
        let units = size(5, 500, &mut stream);
        let recipe = match seed % 4 {
            0 => Reservoir::new(units).density(1.0).weight_distribution(Distribution::Normal),
            1 => Reservoir::new(units).density((6.0 / units as f64).min(1.0)),
            2 => Reservoir::new(units).topology(Topology::FixedDegree { per_row: 4 }),
            _ => Reservoir::new(units).topology(Topology::FixedDegree { per_row: 2 }),
        };
        let drawn = recipe.unscaled().generate(1, 0, &Seed(seed)).expect("a recipe").w_res.to_dense();
        let drawn = if seed % 8 == 7 { drawn.mapv(f64::abs) } else { drawn };
        assert_right(&format!("random {seed} of {units}"), &measure(&drawn), by_faer(&drawn));
    }
}

/// Units in units of very different sizes: the same eigenvalues, hidden from a solver that takes entries as they come.
#[test]
fn scales_of_units_do_no_harm() {
    for seed in 0..40 {
        let mut stream = Seed(seed).stream("scales");
        let units = size(5, if seed < 36 { 150 } else { 400 }, &mut stream);
        let matrix = normal(units, &mut stream);
        let decades = 40.0 * stream.uniform();
        let found = measure(&rescaled(&matrix, decades, &mut stream));
        assert_right(&format!("scales {seed} of {units}, {decades} decades"), &found, by_faer(&matrix));
    }
}

#[test]
fn periodic_matrices_agree_with_the_library() {
    for seed in 0..30 {
        let mut stream = Seed(seed).stream("periodic");
        let (period, width) = (2 + stream.below(5) as usize, 1 + stream.below(20) as usize);
        let units = period * width;
        let mut matrix = Array2::zeros((units, units));
        let mut product = Array2::eye(width);
        for class in 0..period {
            let block = normal(width, &mut stream);
            for ((row, column), value) in block.indexed_iter() {
                matrix[[class * width + row, (class + 1) % period * width + column]] = *value;
            }
            product = product.dot(&block);
        }
        let expected = libm::pow(by_faer(&product), 1.0 / period as f64);
        let hidden = shuffled(&rescaled(&matrix, 10.0, &mut stream), &mut stream);
        assert_right(&format!("period {period}, width {width}"), &measure(&hidden), expected);
    }
}

#[test]
fn block_triangular_matrices_have_the_radius_of_their_blocks() {
    for seed in 0..30 {
        let mut stream = Seed(seed).stream("blocks");
        let blocks: Vec<Array2<f64>> = (0..2 + stream.below(5))
            .map(|_| {
                let units = 1 + stream.below(30) as usize;
                normal(units, &mut stream) / (units as f64).sqrt()
            })
            .collect();
        let units = blocks.iter().map(Array2::nrows).sum();
        // Couplings far above the weights inside, one way only.
        let mut matrix = Array2::from_shape_fn(
            (units, units),
            |(row, column)| {
                if row < column { 1e6 * stream.normal() } else { 0.0 }
            },
        );
        let (mut first, mut expected) = (0, 0.0_f64);
        for block in &blocks {
            let place = first..first + block.nrows();
            matrix.slice_mut(ndarray::s![place.clone(), place]).assign(block);
            first += block.nrows();
            expected = expected.max(by_faer(block));
        }
        assert_right(&format!("blocks {seed}"), &measure(&shuffled(&matrix, &mut stream)), expected);
    }
}

#[test]
fn triangular_matrices_are_read_off() {
    for seed in 0..30 {
        let mut stream = Seed(seed).stream("Jordan");
        let units = size(5, 400, &mut stream);
        let is_nilpotent = seed % 3 == 0;
        let is_jordan = seed % 3 == 1;
        let matrix = Array2::from_shape_fn((units, units), |(row, column)| match column.cmp(&row) {
            std::cmp::Ordering::Less => 0.0,
            std::cmp::Ordering::Equal if is_nilpotent => 0.0,
            std::cmp::Ordering::Equal => {
                if is_jordan {
                    0.5
                } else {
                    stream.uniform_in(-1.0, 1.0)
                }
            }
            std::cmp::Ordering::Greater if is_jordan => {
                if column == row + 1 {
                    1.0
                } else {
                    0.0
                }
            }
            std::cmp::Ordering::Greater => stream.normal(),
        });
        let found = measure(&shuffled(&matrix, &mut stream));
        if is_nilpotent {
            assert_eq!(found, Err(SpectralError::Nilpotent));
        } else {
            let expected = matrix.diag().iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
            assert_eq!(found.expect("a radius").value, expected);
        }
    }
}

/// Jordan blocks behind a change of basis: rounding alone moves their eigenvalues by `1e-16^(1/k)`. Refused from 1e-6 on;
/// whatever is returned is right.
#[test]
fn what_rounding_decides_is_refused() {
    let mut refused = 0;
    for seed in 0..40 {
        let mut stream = Seed(seed).stream("defective");
        let value = if seed < 24 { 0.5 } else { 0.0 };
        let block = if value > 0.0 { 1 + seed as usize % 8 } else { 2 + seed as usize % 7 };
        let units = block + 1 + stream.below(12) as usize;
        let mut matrix = Array2::zeros((units, units));
        for unit in 0..block {
            matrix[[unit, unit]] = value;
            if unit + 1 < block {
                matrix[[unit, unit + 1]] = 1.0;
            }
        }
        (block..units).for_each(|unit| matrix[[unit, unit]] = value * (0.9 * stream.uniform()));
        let basis = orthogonal(units, seed);
        let hidden = basis.dot(&matrix).dot(&basis.t());
        match measure(&hidden) {
            Ok(found) => assert!((found.value - value).abs() < 1e-6 * value, "block {block} of {units}: {found:?}"),
            Err(SpectralError::IllConditioned { doubt, .. }) => {
                assert!(doubt > 1e-9, "{doubt}");
                refused += 1;
            }
            Err(error) => panic!("block {block} of {units}: {error}"),
        }
        if block == 1 && value > 0.0 {
            assert_right("no block", &measure(&hidden), value);
        }
    }
    assert!(refused >= 15, "{refused}");
}

/// Cycles that cancel: every eigenvalue is 0 though every unit reaches itself.
#[test]
fn cycles_that_cancel_are_refused() {
    for matrix in [
        ndarray::array![[1.0, 1.0], [-1.0, -1.0]],
        ndarray::array![[2.0, -1.0, -1.0], [2.0, -1.0, -1.0], [2.0, -1.0, -1.0]],
        ndarray::array![[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0], [1.0, -1.0, 0.0, 0.0], [-1.0, 1.0, 0.0, 0.0]],
    ] {
        let found = measure(&matrix);
        assert!(matches!(found, Err(SpectralError::IllConditioned { .. })), "{found:?}");
    }
}

/// A line of neighbours, `a` from one side and `b` from the other: `2 sqrt(a b) cos(pi / (n + 1))`.
#[test]
fn lines_of_neighbours() {
    for (units, a, b) in [(20, 1.0, 1e-6), (200, 1e-3, 1.0), (600, 1.0, 1e-2)] {
        let matrix = Array2::from_shape_fn((units, units), |(row, column)| {
            if column + 1 == row {
                a
            } else if row + 1 == column {
                b
            } else {
                0.0
            }
        });
        let expected = 2.0 * f64::sqrt(a * b) * libm::cos(std::f64::consts::PI / (units as f64 + 1.0));
        assert_right(&format!("{units} neighbours"), &measure(&matrix), expected);
    }
}

/// Neighbours of uneven strength that also listen to themselves: eigenvalues far below the norm, at which the QR iteration
/// once gave up.
#[test]
fn lines_of_neighbours_with_memory() {
    for units in [50, 300, 400] {
        let mut stream = Seed(units as u64).stream("line");
        let (mut matrix, mut symmetric) = (Array2::zeros((units, units)), Array2::zeros((units, units)));
        for unit in 0..units {
            let memory = 0.1 * stream.uniform();
            (matrix[[unit, unit]], symmetric[[unit, unit]]) = (memory, memory);
            if unit > 0 {
                (matrix[[unit, unit - 1]], matrix[[unit - 1, unit]]) = (1.0, 1e-3);
                (symmetric[[unit, unit - 1]], symmetric[[unit - 1, unit]]) = (1e-3_f64.sqrt(), 1e-3_f64.sqrt());
            }
        }
        assert_right(&format!("{units} neighbours"), &measure(&matrix), by_faer(&symmetric));
    }
}

/// Sizes at which only the outermost eigenvalues are computed, of matrices whose radius is known otherwise.
#[test]
fn large_matrices_of_known_radius() {
    // Rows of non-negative weights that all sum to the same: that sum, whatever the scales of the units.
    for (units, per_row, decades) in [(1000, 20, 0.0), (2000, 10, 6.0)] {
        let mut stream = Seed(units as u64).stream("rows");
        let recipe = Reservoir::new(units).topology(Topology::FixedDegree { per_row }).unscaled();
        let mut matrix = recipe.generate(1, 0, &Seed(3)).expect("a recipe").w_res.to_dense().mapv(f64::abs);
        for mut row in matrix.rows_mut() {
            let sum = row.sum();
            row.mapv_inplace(|value| 1.7 * value / sum);
        }
        assert_right(&format!("rows of {units}"), &measure(&rescaled(&matrix, decades, &mut stream)), 1.7);
    }
}

#[test]
fn a_block_that_cannot_decide_may_stay_unmeasured() {
    let basis = orthogonal(6, 1);
    let jordan = Array2::from_shape_fn((6, 6), |(row, column)| match column.wrapping_sub(row) {
        0 => 0.5,
        1 => 1.0,
        _ => 0.0,
    });
    let mut matrix = Array2::zeros((7, 7));
    matrix.slice_mut(ndarray::s![..6, ..6]).assign(&basis.dot(&jordan).dot(&basis.t()));
    matrix[[6, 6]] = 10.0;
    assert_eq!(measure(&matrix).expect("a radius").value, 10.0);
    matrix[[6, 6]] = 0.1;
    assert!(matches!(measure(&matrix), Err(SpectralError::IllConditioned { .. })));
}

/// The radius is the matrix's, not the start vector's.
#[test]
fn every_start_gives_the_same_radius() {
    for seed in 0..10 {
        let mut stream = Seed(seed).stream("start test");
        let units = size(330, 600, &mut stream);
        let recipe = Reservoir::new(units).topology(Topology::FixedDegree { per_row: 5 }).unscaled();
        let drawn = recipe.generate(1, 0, &Seed(seed)).expect("a recipe").w_res;
        let radius = |name: &str| {
            let found = spectral_radius(&drawn, &mut Seed(seed).stream(name)).expect("a radius");
            assert!(matches!(found.method, RadiusMethod::Krylov { .. }), "{found:?}");
            found.value
        };
        let (one, other) = (radius("one"), radius("other"));
        assert!((one / other - 1.0).abs() < 1e-7, "seed {seed}: {one}, {other}");
    }
}
