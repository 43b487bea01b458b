//! Networks from settings to forecasts: what is trained, where it stands, how it goes on, and what it refuses.

mod fitting;
mod forecasting;
mod learning;
mod refusals;

use forebay::Error;
use forebay::random::Seed;
use ndarray::Array2;

/// Smooth numbers of a seed, `[steps, columns]`.
fn series(seed: u64, steps: usize, columns: usize) -> Array2<f64> {
    let mut numbers = Seed(seed).stream("series");
    let waves: Vec<[f64; 3]> = (0..columns)
        .map(|_| [numbers.uniform_in(0.05, 0.6), numbers.uniform_in(0.05, 0.6), numbers.uniform_in(0.0, 6.0)])
        .collect();
    Array2::from_shape_fn((steps, columns), |(t, c)| {
        let [slow, fast, phase] = waves[c];
        0.6 * (slow * t as f64 + phase).sin() + 0.3 * (fast * t as f64).cos()
    })
}

/// The text of an error.
fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    result.expect_err("refused").to_string()
}

fn bits(values: impl IntoIterator<Item = f64>) -> Vec<u64> {
    values.into_iter().map(f64::to_bits).collect()
}

/// Bindings of other languages hold these, and hosts move them between threads.
#[test]
fn any_thread_may_hold_them() {
    use forebay::train::online::{Lms, OnlineTrainer, Rls};
    fn held<T: Send + Sync>() {}
    // A ladder holds a closure of the caller's, which one thread at a time calls.
    fn moved<T: Send>() {}
    held::<forebay::Esn>();
    held::<forebay::HybridEsn<f32>>();
    held::<forebay::model::Model<f64>>();
    held::<forebay::execute::Session<f64>>();
    held::<forebay::execute::Batch<f32>>();
    held::<forebay::Conductor<f64>>();
    held::<forebay::DriftMonitor>();
    held::<OnlineTrainer<f64, Rls>>();
    held::<OnlineTrainer<f32, Lms>>();
    held::<forebay::train::classify::Classifier<f64>>();
    held::<forebay::ParallelReservoirs>();
    held::<Error>();
    moved::<forebay::drift::Ladder<f64>>();
}
