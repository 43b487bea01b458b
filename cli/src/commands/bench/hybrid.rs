//! `forebay bench hybrid`: integer products and hybrid steps of the software substrate, beside the limits and f32 steps.

use std::hint::black_box;
use std::sync::Arc;

use anyhow::{Context, Result};
use forebay::model::Model;
use forebay::{Compiler, Form, Precision};
use forebay_kernels::integer::{ByteMatrix, IntegerScratch, PackedMatrix, WeightBits};
use forebay_kernels::limits::Limits;
use forebay_zoo::stats;
use serde::Serialize;
use serde_json::json;

use super::shared::{LIMITS_BUDGET, ROUNDS, machine, median_seconds, model};
use crate::output::{self, align};

/// One size in integers.
#[derive(Clone, Serialize)]
struct HybridFigure {
    units: usize,
    /// Product of packed 4-bit weights with 4-bit inputs, as one sample of a 1 x 1 program takes.
    packed_us: f64,
    packed_floor_us: f64,
    packed_ratio: f64,
    /// Product of bytes, as 2 x 2 digits take when they are joined.
    bytes_us: f64,
    bytes_floor_us: f64,
    bytes_ratio: f64,
    /// Whole steps: 3 inputs, 1 output, checks and tanh included.
    f32_step_us: f64,
    step_1x1_us: f64,
    gain_1x1: f64,
    step_2x2_us: f64,
    gain_2x2: f64,
}

pub(super) fn hybrid(as_json: bool) -> Result<()> {
    let form = Form::from_env()?;
    let machine = machine(form);
    let sizes = [100, 200, 500, 1000, 2000];
    let bar = output::progress((ROUNDS * sizes.len()) as u64, "measuring");
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let limits = Limits::measure(form, LIMITS_BUDGET);
        let mut figures = Vec::new();
        for units in sizes {
            figures.push(hybrid_figure(form, &limits, units)?);
            bar.inc(1);
        }
        rounds.push(figures);
    }
    bar.finish_and_clear();
    let figures: Vec<HybridFigure> = (0..sizes.len())
        .map(|k| {
            let median = |of: fn(&HybridFigure) -> f64| {
                stats::median(&rounds.iter().map(|figures| of(&figures[k])).collect::<Vec<f64>>())
            };
            let (packed_us, packed_floor_us) = (median(|f| f.packed_us), median(|f| f.packed_floor_us));
            let (bytes_us, bytes_floor_us) = (median(|f| f.bytes_us), median(|f| f.bytes_floor_us));
            let (f32_step_us, step_1x1_us) = (median(|f| f.f32_step_us), median(|f| f.step_1x1_us));
            let step_2x2_us = median(|f| f.step_2x2_us);
            HybridFigure {
                units: sizes[k],
                packed_us,
                packed_floor_us,
                packed_ratio: packed_us / packed_floor_us,
                bytes_us,
                bytes_floor_us,
                bytes_ratio: bytes_us / bytes_floor_us,
                f32_step_us,
                step_1x1_us,
                gain_1x1: f32_step_us / step_1x1_us,
                step_2x2_us,
                gain_2x2: f32_step_us / step_2x2_us,
            }
        })
        .collect();
    if as_json {
        let note = "software substrate on the host; not a device";
        return output::print_json(
            &json!({"machine": machine, "hybrid": figures, "note": note, "tested_on_silicon": false}),
        );
    }
    let titles = [
        "units", "4 bit us", "floor", "ratio", "bytes us", "floor", "ratio", "f32 step", "1x1 step", "gain",
        "2x2 step", "gain",
    ];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    for f in &figures {
        let us = |v: f64| format!("{v:.2}");
        let mut row = vec![f.units.to_string()];
        row.extend(
            [f.packed_us, f.packed_floor_us, f.packed_ratio, f.bytes_us, f.bytes_floor_us, f.bytes_ratio].map(us),
        );
        row.extend([f.f32_step_us, f.step_1x1_us, f.gain_1x1, f.step_2x2_us, f.gain_2x2].map(us));
        rows.push(row);
    }
    let note = "\nfloor: the slower of reading the packed weights and issuing the 8-bit multiply-adds\n\
                software substrate on this machine, dense reservoirs; not a device. Tested on silicon: no\n";
    output::print(&(machine.line() + &align(&rows) + note))
}

fn hybrid_figure(form: Form, limits: &Limits, units: usize) -> Result<HybridFigure> {
    let weights: Vec<i8> = (0..units * units).map(|i| (i * 7919 % 15) as i8 - 7).collect();
    let mut scratch = IntegerScratch::default();
    let mut sums = vec![0; units];
    let packed = PackedMatrix::new(WeightBits::Four, units, units, &weights)?;
    let levels: Vec<u8> = (0..units).map(|i| (i % 16) as u8).collect();
    let packed_s = median_seconds(|| packed.multiply(form, 1, black_box(&levels), black_box(&mut sums), &mut scratch));
    let wide: Vec<i8> = weights.iter().map(|w| 15 * w).collect();
    let bytes = ByteMatrix::new(units, units, &wide)?;
    let states: Vec<i8> = (0..units).map(|i| (i % 256) as u8 as i8).collect();
    let bytes_s = median_seconds(|| bytes.multiply(form, 1, black_box(&states), black_box(&mut sums), &mut scratch));
    let float = model::<f32>(units, 1.0, 1)?;
    let step = |model: &Model<f32>| {
        let mut session = model.session();
        let input = [0.1, -0.2, 0.3];
        median_seconds(|| {
            let _ = black_box(session.step(black_box(&input)));
        })
    };
    let substrate = forebay::open("software:akd1000")?;
    let on = |digits: u8| -> Result<f64> {
        let precision = Precision::new(digits, digits).context("1 to 3 digits")?;
        Ok(step(&Compiler::new(Arc::clone(&substrate)).precision(precision).compile(&float)?))
    };
    let (f32_step, one, two) = (step(&float), on(1)?, on(2)?);
    let (packed_floor, bytes_floor) =
        (limits.integer_floor_seconds(units, units, 4), limits.integer_floor_seconds(units, units, 8));
    Ok(HybridFigure {
        units,
        packed_us: packed_s * 1e6,
        packed_floor_us: packed_floor * 1e6,
        packed_ratio: packed_s / packed_floor,
        bytes_us: bytes_s * 1e6,
        bytes_floor_us: bytes_floor * 1e6,
        bytes_ratio: bytes_s / bytes_floor,
        f32_step_us: f32_step * 1e6,
        step_1x1_us: one * 1e6,
        gain_1x1: f32_step / one,
        step_2x2_us: two * 1e6,
        gain_2x2: f32_step / two,
    })
}
