//! `forebay bench step`: matrix part and whole step of reservoirs, beside the limits.

use std::hint::black_box;

use anyhow::Result;
use forebay::random::Seed;
use forebay::weights::Weights;
use forebay::{Form, Real};
use forebay_kernels::limits::Limits;
use forebay_kernels::{PanelMatrix, SlicedMatrix};
use forebay_zoo::stats;
use serde::Serialize;
use serde_json::json;

use super::shared::{LIMITS_BUDGET, ROUNDS, machine, median_seconds, model};
use crate::output::{self, align};

/// One size, density and precision.
#[derive(Clone, Serialize)]
struct StepFigure {
    units: usize,
    density: f64,
    precision: &'static str,
    /// The recurrent product alone.
    matrix_us: f64,
    /// What the machine's limits allow for it.
    floor_us: f64,
    /// matrix / floor.
    ratio: f64,
    /// 3 inputs, 1 output, checks and tanh included.
    step_us: f64,
}

pub(super) fn step(as_json: bool) -> Result<()> {
    let form = Form::from_env()?;
    let machine = machine(form);
    let mut cases: Vec<(usize, f64)> = [100, 200, 500, 1000, 2000].map(|n| (n, 1.0)).to_vec();
    cases.extend([100, 200, 500, 1000, 2000, 5000].map(|n| (n, 0.1)));
    cases.extend([500, 1000, 2000, 5000].map(|n| (n, 0.01)));
    let bar = output::progress((2 * ROUNDS * cases.len()) as u64, "measuring");
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let limits = Limits::measure(form, LIMITS_BUDGET);
        let mut figures = Vec::new();
        for &(units, density) in &cases {
            figures.push(step_figure::<f32>(form, &limits, units, density)?);
            figures.push(step_figure::<f64>(form, &limits, units, density)?);
            bar.inc(2);
        }
        rounds.push((limits, figures));
    }
    bar.finish_and_clear();
    let figures: Vec<StepFigure> = (0..2 * cases.len())
        .map(|k| {
            let median = |of: fn(&StepFigure) -> f64| {
                stats::median(&rounds.iter().map(|(_, figures)| of(&figures[k])).collect::<Vec<f64>>())
            };
            let (matrix_us, floor_us) = (median(|f| f.matrix_us), median(|f| f.floor_us));
            let ratio = matrix_us / floor_us;
            StepFigure { matrix_us, floor_us, ratio, step_us: median(|f| f.step_us), ..rounds[0].1[k].clone() }
        })
        .collect();
    if as_json {
        let limits: Vec<&Limits> = rounds.iter().map(|(limits, _)| limits).collect();
        return output::print_json(&json!({"machine": machine, "limits_per_round": limits, "steps": figures}));
    }
    let titles = ["units", "density", "", "matrix us", "floor us", "ratio", "step us"].map(str::to_owned);
    let mut rows = vec![titles.to_vec()];
    for f in &figures {
        let us = |v: f64| format!("{v:.2}");
        rows.push(vec![
            f.units.to_string(),
            f.density.to_string(),
            f.precision.to_owned(),
            us(f.matrix_us),
            us(f.floor_us),
            us(f.ratio),
            us(f.step_us),
        ]);
    }
    let note = "\nfloor: the slower of reading the weights and issuing the multiply-adds (dense) or gathers (sparse)\n";
    output::print(&(machine.line() + &align(&rows) + note))
}

fn step_figure<T: Real>(form: Form, limits: &Limits, units: usize, density: f64) -> Result<StepFigure> {
    let model = model::<T>(units, density, 1)?;
    let mut stream = Seed(1).stream("state");
    let x: Vec<T> = (0..units).map(|_| T::from_f64(stream.uniform_in(-1.0, 1.0))).collect();
    let mut y = vec![T::ZERO; units];
    let (matrix, floor) = match model.reservoir("reservoir")?.w_res.to_weights() {
        Weights::Dense(w) => {
            let packed = PanelMatrix::new(units, units, &w.iter().copied().collect::<Vec<T>>())?;
            let time = median_seconds(|| packed.accumulate(form, black_box(&x), black_box(&mut y)));
            (time, limits.dense_floor_seconds::<T>(units, units))
        }
        Weights::Sparse(w) => {
            let packed = SlicedMatrix::from_csr(units, units, w.row_starts(), w.columns(), w.values())?;
            let time = median_seconds(|| packed.accumulate(form, black_box(&x), black_box(&mut y)));
            (time, limits.sparse_floor_seconds::<T>(units, w.nnz()))
        }
    };
    let mut session = model.session();
    let input = [T::from_f64(0.1), T::from_f64(-0.2), T::from_f64(0.3)];
    let step = median_seconds(|| {
        let _ = black_box(session.step(black_box(&input)));
    });
    Ok(StepFigure {
        units,
        density,
        precision: T::NAME,
        matrix_us: matrix * 1e6,
        floor_us: floor * 1e6,
        ratio: matrix / floor,
        step_us: step * 1e6,
    })
}
