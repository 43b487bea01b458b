//! The lattice beside a library's matrices: `cargo bench -p forebay-zoo --bench lattice`.
//!
//! A force takes about 13 products per link; `products` are as many with nalgebra's 3 x 3 matrices as one force of a 4^4 lattice
//! takes, without the staples' other work.

use divan::{Bencher, black_box};
use forebay::random::Seed;
use forebay_zoo::lattice::{Hmc, Instructions, Integrator, Lattice, Settings};
use nalgebra::{Complex, Matrix3};

fn main() {
    divan::main();
}

fn chain(extent: usize, instructions: Instructions) -> Hmc {
    let settings = Settings { beta: 6.0, integrator: Integrator::Omelyan, steps: 8, length: 1.0 };
    let lattice = Lattice::hot([extent; 4], Seed(1)).expect("a lattice").with_instructions(instructions);
    Hmc::new(lattice, settings, Seed(1)).expect("good settings")
}

#[divan::bench(args = [4, 8])]
fn trajectory(bencher: Bencher<'_, '_>, extent: usize) {
    let mut chain = chain(extent, Instructions::Best);
    bencher.bench_local(|| chain.trajectory());
}

#[divan::bench]
fn force_4(bencher: Bencher<'_, '_>) {
    let chain = chain(4, Instructions::Best);
    // Two forces; the momenta of the check cost about as much as a tenth of one.
    bencher.bench_local(|| chain.force_check(1e-3));
}

#[divan::bench]
fn products_nalgebra(bencher: Bencher<'_, '_>) {
    let matrix = |k: usize| Matrix3::from_fn(|i, j| Complex::new((i + k) as f64 * 0.1, (j + 1) as f64 * 0.2));
    let links: Vec<Matrix3<Complex<f64>>> = (0..256 * 4).map(matrix).collect();
    bencher.bench_local(|| {
        let mut sum = Matrix3::zeros();
        for (i, link) in links.iter().enumerate() {
            for k in 0..13 {
                sum += black_box(link) * links[(i + 7 * k) % links.len()];
            }
        }
        sum
    });
}
