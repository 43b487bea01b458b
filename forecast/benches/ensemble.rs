//! Time of a fit and of a row after it, as medians of five: `cargo bench -p forebay-forecast`.

use std::hint::black_box;
use std::time::Instant;

use forebay::random::Seed;
use forebay_forecast::ensemble::Ensemble;

fn main() {
    // Run as a test, there is nothing to measure.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    println!("{:>7}  {:>10}  {:>10}", "rows", "fit, s", "row, us");
    for rows in [300, 3_000, 30_000, 300_000] {
        let series = series(rows + 500);
        let (mut fits, mut steps) = (Vec::new(), Vec::new());
        for _ in 0..5 {
            let start = Instant::now();
            let mut forecaster = Ensemble::new(1).season(24).fit(&series[..rows]).expect("a fit");
            fits.push(start.elapsed().as_secs_f64());
            for value in &series[rows..] {
                let start = Instant::now();
                black_box(forecaster.step(*value).expect("a row"));
                steps.push(start.elapsed().as_secs_f64());
            }
        }
        println!("{rows:>7}  {:>10.3}  {:>10.1}", median(&mut fits), 1e6 * median(&mut steps));
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A day of 24 rows, noise, and a level that wanders.
fn series(rows: usize) -> Vec<f64> {
    let mut stream = Seed(1).stream("series");
    let mut level = 0.0;
    let row = |t: usize| {
        level += 0.02 * stream.normal();
        (t % 24 / 8) as f64 + level + 0.3 * stream.normal()
    };
    (0..rows).map(row).collect()
}
