//! What watching costs: an iteration is 4,096 steps, `Kitem/s` and `Mitem/s` are steps per second.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use forebay::drift::{Detector, DetectorKind, DriftMonitor, DriftSettings};
use forebay::random::Seed;
use ndarray::Array2;

fn main() {
    divan::main();
}

const ROWS: usize = 4096;

/// Whitened noise of 11 channels, step by step.
fn stretch() -> Array2<f64> {
    let mut noise = Seed(1).stream("errors");
    let mut series = Array2::from_shape_simple_fn((ROWS, 11), || noise.normal());
    for t in 1..ROWS {
        for c in 0..11 {
            series[[t, c]] += 0.9 * series[[t - 1, c]];
        }
    }
    series
}

fn monitor(bencher: Bencher<'_, '_>, second: Option<DetectorKind>) {
    let series = stretch();
    let settings = DriftSettings { second, ..DriftSettings::default() };
    let mut monitor = DriftMonitor::calibrate(settings, series.view()).expect("it can be calibrated");
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        for row in series.rows() {
            let _ = black_box(monitor.observe(black_box(row.to_slice().expect("rows lie together"))));
        }
    });
}

#[divan::bench]
fn observe_11_channels_cusum_and_adwin(bencher: Bencher<'_, '_>) {
    monitor(bencher, Some(DetectorKind::Adwin));
}

#[divan::bench]
fn observe_11_channels_cusum(bencher: Bencher<'_, '_>) {
    monitor(bencher, None);
}

#[divan::bench(args = [DetectorKind::Cusum, DetectorKind::PageHinkley, DetectorKind::Adwin, DetectorKind::Kswin])]
fn update(bencher: Bencher<'_, '_>, kind: DetectorKind) {
    let mut detector = kind.with_threshold(1e9).expect("the threshold is positive");
    let mut noise = Seed(1).stream("samples");
    let samples: Vec<f64> = (0..ROWS).map(|_| noise.normal()).collect();
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        for &sample in &samples {
            black_box(detector.update(black_box(sample)));
        }
    });
}
