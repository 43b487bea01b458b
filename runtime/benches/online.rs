//! What an update costs: an iteration is one step of a learner with one output.

use divan::{Bencher, black_box};
use forebay::random::Seed;
use forebay::train::online::{Lms, OnlineLearner, Rls};

fn main() {
    divan::main();
}

/// Rows of normal features behind a constant 1.
fn rows(features: usize) -> Vec<Vec<f64>> {
    let mut noise = Seed(1).stream("features");
    (0..64).map(|_| std::iter::once(1.0).chain((1..features).map(|_| noise.normal())).collect()).collect()
}

fn update(bencher: Bencher<'_, '_>, mut learner: impl OnlineLearner) {
    let rows = rows(learner.features());
    let mut next = 0;
    bencher.bench_local(|| {
        let row = &rows[next];
        next = (next + 1) % rows.len();
        black_box(learner.update(black_box(row), &[row[1] - row[2]])).expect("the features are finite");
    });
}

#[divan::bench(args = [101, 301, 1001])]
fn rls(bencher: Bencher<'_, '_>, features: usize) {
    update(bencher, Rls::new(features, 1, 0.999, 1e-3).expect("the settings are allowed"));
}

#[divan::bench(args = [101, 1001])]
fn lms(bencher: Bencher<'_, '_>, features: usize) {
    update(bencher, Lms::new(features, 1, 0.5).expect("the settings are allowed"));
}
