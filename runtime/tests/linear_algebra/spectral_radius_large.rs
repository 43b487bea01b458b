//! Spectral radii of 700 to 3,000 units beside all eigenvalues by an independent library: minutes, `cargo xtask long spectral`.

use std::time::Instant;

use forebay::random::Seed;
use forebay::reservoir::{Distribution, Reservoir, Topology, spectral_radius};
use forebay::weights::{Csr, Weights};
use ndarray::Array2;

/// The largest modulus of all eigenvalues.
fn by_faer(matrix: &Array2<f64>) -> f64 {
    let matrix = faer::Mat::from_fn(matrix.nrows(), matrix.ncols(), |row, column| matrix[[row, column]]);
    matrix.eigenvalues().expect("eigenvalues").iter().map(|value| value.re.hypot(value.im)).fold(0.0, f64::max)
}

/// Bounds of the radius of a matrix that is nowhere negative and of which every unit reaches every other:
/// `min (A x)_i / x_i <= radius <= max (A x)_i / x_i` for every positive x (Collatz, Wielandt). `A + 1` has none of the
/// periods of `A`, so powers of it close in.
fn collatz(matrix: &Csr<f64>) -> (f64, f64) {
    let mut x = vec![1.0; matrix.rows()];
    let mut bounds = (0.0_f64, f64::INFINITY);
    for _ in 0..400_000 {
        let next: Vec<f64> =
            (0..x.len()).map(|row| x[row] + matrix.row(row).map(|(k, weight)| weight * x[k]).sum::<f64>()).collect();
        let ratios = || next.iter().zip(&x).map(|(next, x)| next / x - 1.0);
        bounds.0 = bounds.0.max(ratios().fold(f64::INFINITY, f64::min));
        bounds.1 = bounds.1.min(ratios().fold(0.0, f64::max));
        if bounds.1 - bounds.0 < 1e-8 * bounds.0 {
            break;
        }
        let largest = next.iter().copied().fold(0.0, f64::max);
        x = next.into_iter().map(|value| value / largest).collect();
    }
    bounds
}

/// A ring with weights of about one and, for a positive share, connections across it.
fn ring(units: usize, memory: f64, chords: usize, seed: u64) -> Csr<f64> {
    let mut stream = Seed(seed).stream("ring");
    let mut matrix = Array2::zeros((units, units));
    for unit in 0..units {
        matrix[[unit, (unit + 1) % units]] = stream.uniform_in(0.7, 1.3);
        matrix[[unit, unit]] = memory;
    }
    for _ in 0..chords {
        let (from, to) = (stream.below(units as u64) as usize, stream.below(units as u64) as usize);
        matrix[[from, to]] += stream.uniform_in(0.1, 0.5);
    }
    Csr::from_dense(&matrix).expect("few columns")
}

#[test]
#[ignore = "minutes: cargo xtask long spectral"]
fn large_matrices_agree_with_all_eigenvalues_or_are_refused() {
    let mut refused = 0;
    let mut judge = |name: String, matrix: Weights<f64>, bounds: (f64, f64)| {
        let start = Instant::now();
        let found = spectral_radius(&matrix, &mut Seed(7).stream("start"));
        let took = start.elapsed().as_secs_f64();
        println!("{name:38} {took:6.2} s  {found:?}, {} to {}", bounds.0, bounds.1);
        match found {
            Ok(found) => {
                let (low, high) = (bounds.0 * (1.0 - 1e-6), bounds.1 * (1.0 + 1e-6));
                assert!(found.value >= low && found.value <= high, "{name}: {found:?}");
            }
            Err(_) => refused += 1,
        }
    };
    for units in [700, 1000, 1500, 2000, 3000] {
        let recipes = [
            ("density 0.01", Reservoir::new(units).density(0.01)),
            ("density 0.1", Reservoir::new(units).density(0.1)),
            ("normal", Reservoir::new(units).density(1.0).weight_distribution(Distribution::Normal)),
            ("two a row", Reservoir::new(units).topology(Topology::FixedDegree { per_row: 2 })),
        ];
        for (name, recipe) in recipes {
            let drawn = recipe.unscaled().generate(1, 0, &Seed(units as u64)).expect("a recipe").w_res;
            let radius = by_faer(&drawn.to_dense());
            judge(format!("{name}, {units}"), drawn, (radius, radius));
        }
        for (name, memory, chords) in
            [("leaky ring", 0.7, 0), ("ring with two chords", 0.0, 2), ("ring with many chords", 0.0, units / 10)]
        {
            let matrix = ring(units, memory, chords, units as u64);
            let bounds = collatz(&matrix);
            judge(format!("{name}, {units}"), Weights::Sparse(matrix), bounds);
        }
    }
    println!("{refused} refused");
}
