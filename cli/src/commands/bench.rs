//! `forebay bench`: this machine's limits, and a step beside them.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::{Reservoir, Topology};
use forebay::weights::Weights;
use forebay::{Compiler, Form, Precision, Real};
use forebay_kernels::integer::{ByteMatrix, IntegerScratch, PackedMatrix, WeightBits};
use forebay_kernels::limits::Limits;
use forebay_kernels::{PanelMatrix, SlicedMatrix};
use forebay_zoo::stats;
use serde::Serialize;
use serde_json::json;

use crate::output::{self, align};

/// Measure this machine's limits and the speed of a step: medians on one thread.
#[derive(Args, Debug)]
pub(crate) struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What this machine can do at most: reading, multiply-adds, gathers
    Limits {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Matrix part and whole step of reservoirs, beside the limits measured in the same run
    Step {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Integer products and hybrid steps of the software substrate, beside the limits and the f32 step of the same run
    Hybrid {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Accesses of an inference on a device, counted, beside a cost model
    Device(super::bench_device::BenchDevice),
    /// Many streams through matrix-matrix products beside single steps
    Batch {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Trajectories of the SU(3) lattice
    Lattice(super::bench_lattice::BenchLattice),
    Train(super::bench_train::BenchTrain),
}

/// For the rates of the machine.
const LIMITS_BUDGET: Duration = Duration::from_secs(4);
/// For one figure, each time it is measured.
const BUDGET: Duration = Duration::from_millis(60);
/// Times the whole list is measured, some ten seconds apart: what else runs on the machine comes and goes.
const ROUNDS: usize = 3;
/// Timings of one figure, of which the median counts.
const SAMPLES: usize = 15;

impl Bench {
    pub(super) fn run(self) -> Result<()> {
        match self.what {
            What::Limits { json } => limits(json),
            What::Step { json } => step(json),
            What::Hybrid { json } => hybrid(json),
            What::Device(command) => command.run(),
            What::Lattice(command) => command.run(),
            What::Batch { json } => batch(json),
            What::Train(command) => command.run(),
        }
    }
}

/// Median seconds per call, after a warm-up.
fn median_seconds(mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    call();
    let once = start.elapsed().max(Duration::from_nanos(20));
    let share = BUDGET / SAMPLES as u32;
    let calls = (share.as_nanos() / once.as_nanos()).clamp(1, 1_000_000) as usize;
    let times: Vec<f64> = (0..=SAMPLES)
        .map(|_| {
            let start = Instant::now();
            (0..calls).for_each(|_| call());
            start.elapsed().as_secs_f64() / calls as f64
        })
        .skip(1)
        .collect();
    stats::median(&times)
}

/// Processor and cores, for the reader of a figure.
#[derive(Serialize)]
pub(super) struct Machine {
    processor: String,
    cores: usize,
    kernel: &'static str,
}

pub(super) fn machine(form: Form) -> Machine {
    Machine {
        processor: output::processor(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        kernel: form.name(),
    }
}

impl Machine {
    pub(super) fn line(&self) -> String {
        format!("{}, {} core(s), kernel {}; medians, one thread\n\n", self.processor, self.cores, self.kernel)
    }
}

fn limits(as_json: bool) -> Result<()> {
    let form = Form::from_env()?;
    let (machine, limits) = (machine(form), Limits::measure(form, LIMITS_BUDGET));
    if as_json {
        return output::print_json(&json!({"machine": machine, "limits": limits}));
    }
    let mut rows = vec![["working set", "GB/s read"].map(str::to_owned).to_vec()];
    for rate in &limits.reading {
        rows.push(vec![format!("{} KiB", rate.bytes >> 10), format!("{:.0}", rate.bytes_per_second / 1e9)]);
    }
    rows.push(vec![]);
    rows.push(["multiply-adds", "G/s"].map(str::to_owned).to_vec());
    for (name, rate) in
        [("f32", limits.f32_macs_per_second), ("f64", limits.f64_macs_per_second), ("i8", limits.i8_macs_per_second)]
    {
        rows.push(vec![name.to_owned(), format!("{:.0}", rate / 1e9)]);
    }
    rows.push(vec![]);
    rows.push(["gathered from", "f32 G/s", "f64 G/s"].map(str::to_owned).to_vec());
    for rate in &limits.gathering {
        let g = |v: f64| format!("{:.1}", v / 1e9);
        rows.push(vec![format!("{} elements", rate.elements), g(rate.f32_per_second), g(rate.f64_per_second)]);
    }
    output::print(&(machine.line() + &align(&rows)))
}

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

fn step(as_json: bool) -> Result<()> {
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

/// A random reservoir without the cost of its spectral radius: speed does not depend on the values.
pub(super) fn model<T: Real>(units: usize, density: f64, outputs: usize) -> Result<Model<T>> {
    let mut g = Graph::builder();
    let u = g.input("input", 3);
    let recipe = Reservoir::new(units).topology(Topology::Random { density }).unscaled();
    let x = g.reservoir("reservoir", u, recipe);
    g.readout("output", [x], outputs);
    Ok(Model::generate(g.build()?, 1)?)
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

fn hybrid(as_json: bool) -> Result<()> {
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

fn batch(as_json: bool) -> Result<()> {
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
