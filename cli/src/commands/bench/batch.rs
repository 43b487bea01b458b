//! `forebay bench batch`: many streams through matrix-matrix products, beside single steps.

use std::hint::black_box;

use anyhow::Result;
use forebay::Form;
use serde::Serialize;
use serde_json::json;

use super::shared::{machine, median_seconds, model};
use crate::output::{self, align};

/// Streams beside single steps.
#[derive(Serialize)]
struct BatchFigure {
    units: usize,
    density: f64,
    streams: usize,
    /// 64 sessions stepped one after the other, per stream and step.
    single_us: f64,
    /// One batch on one thread, per stream and step.
    batch_us: f64,
    /// Whole series on all threads of the machine, per stream and step.
    threads_us: f64,
    gain_one_thread: f64,
    gain_all_threads: f64,
}

pub(super) fn batch(as_json: bool) -> Result<()> {
    const STREAMS: usize = 64;
    const STEPS: usize = 50;
    let form = Form::from_env()?;
    let machine = machine(form);
    let mut figures = Vec::new();
    for (units, density) in [(200, 1.0), (500, 1.0), (1000, 1.0), (500, 0.1), (1000, 0.1)] {
        let model = model::<f32>(units, density, 1)?;
        let input: Vec<f32> = (0..STREAMS * 3).map(|k| (k % 7) as f32 * 0.1).collect();
        let mut sessions: Vec<_> = (0..STREAMS).map(|_| model.session()).collect();
        let single = median_seconds(|| {
            for (session, row) in sessions.iter_mut().zip(input.chunks_exact(3)) {
                let _ = black_box(session.step(row));
            }
        });
        let mut batch = model.batch(STREAMS)?;
        let together = median_seconds(|| {
            let _ = black_box(batch.step(black_box(&input)));
        });
        let series = ndarray::Array3::from_shape_fn((STREAMS, STEPS, 3), |(s, _, j)| input[3 * s + j]);
        let threads = median_seconds(|| {
            let _ = black_box(batch.run(black_box(series.view())));
        });
        let (single, together) = (single / STREAMS as f64, together / STREAMS as f64);
        let threads = threads / (STREAMS * STEPS) as f64;
        figures.push(BatchFigure {
            units,
            density,
            streams: STREAMS,
            single_us: single * 1e6,
            batch_us: together * 1e6,
            threads_us: threads * 1e6,
            gain_one_thread: single / together,
            gain_all_threads: single / threads,
        });
    }
    if as_json {
        return output::print_json(&json!({"machine": machine, "batches": figures}));
    }
    let titles = ["units", "density", "single us", "batch us", "gain", "all threads us", "gain"].map(str::to_owned);
    let mut rows = vec![titles.to_vec()];
    for f in &figures {
        let us = |v: f64| format!("{v:.2}");
        rows.push(vec![
            f.units.to_string(),
            f.density.to_string(),
            us(f.single_us),
            us(f.batch_us),
            us(f.gain_one_thread),
            us(f.threads_us),
            us(f.gain_all_threads),
        ]);
    }
    let note = "\n64 streams, f32; microseconds per stream and step, readout and tanh included\n";
    output::print(&(machine.line() + &align(&rows) + note))
}
