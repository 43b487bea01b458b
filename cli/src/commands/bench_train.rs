//! `forebay bench train`: sums of products, Cholesky factors and whole trainings, beside the machine's limits and faer.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use clap::Args;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, MatMut, MatRef, Par};
use forebay::Form;
use forebay::random::Seed;
use forebay::threads::Pool;
use forebay::train::ridge::Penalties;
use forebay::train::{Gram, Ridge, Series, Training};
use forebay_kernels::limits::Limits;
use forebay_kernels::solver::{Alone, factor};
use forebay_zoo::stats;
use ndarray::{Array2, ArrayView2};
use serde::Serialize;
use serde_json::json;

use super::bench::shared::{machine, model};
use crate::output::{self, align};

/// Ridge training: sums of products, factors, grids and whole trainings
#[derive(Args, Debug)]
pub(super) struct BenchTrain {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const FEATURES: [usize; 4] = [200, 500, 1000, 2000];
/// Rows of the sums of products.
const ROWS: usize = 4096;
/// Steps of a whole training.
const STEPS: usize = 10_000;
const TURNS: usize = 5;
const LIMITS_BUDGET: Duration = Duration::from_secs(3);

/// Medians in seconds for one size.
#[derive(Serialize)]
struct Figures {
    features: usize,
    gram_s: f64,
    gram_all_threads_s: f64,
    gram_faer_s: f64,
    gram_share_of_peak: f64,
    factor_s: f64,
    factor_faer_s: f64,
    factor_share_of_peak: f64,
    grid_of_ten_s: f64,
    grid_of_ten_all_threads_s: f64,
    training_s: f64,
    training_all_threads_s: f64,
}

impl BenchTrain {
    pub(super) fn run(self) -> Result<()> {
        let form = Form::from_env()?;
        let machine = machine(form);
        let peak = Limits::measure(form, LIMITS_BUDGET).f64_macs_per_second;
        let (one, all) = (Pool::new(1)?, Pool::of_all_cores()?);
        let mut figures = Vec::new();
        for features in FEATURES {
            eprintln!("{features} features");
            figures.push(measure(form, peak, features, &one, &all)?);
        }
        if self.json {
            return output::print_json(&json!({
                "machine": machine, "rows": ROWS, "steps": STEPS, "f64_macs_per_second": peak, "training": figures
            }));
        }
        output::print(&(machine.line() + &table(&figures)))
    }
}

fn table(figures: &[Figures]) -> String {
    let head = [
        "features",
        "X'X",
        "of peak",
        "all threads",
        "faer",
        "factor",
        "of peak",
        "faer",
        "grid",
        "all threads",
        "training",
        "all threads",
    ];
    let ms = |seconds: f64| format!("{:.1}", 1e3 * seconds);
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(figures.iter().map(|f| {
        vec![
            f.features.to_string(),
            ms(f.gram_s),
            percent(f.gram_share_of_peak),
            ms(f.gram_all_threads_s),
            ms(f.gram_faer_s),
            ms(f.factor_s),
            percent(f.factor_share_of_peak),
            ms(f.factor_faer_s),
            ms(f.grid_of_ten_s),
            ms(f.grid_of_ten_all_threads_s),
            ms(f.training_s),
            ms(f.training_all_threads_s),
        ]
    }));
    format!(
        "{}\nmilliseconds; one thread where nothing is said. X'X: {ROWS} rows. factor: Cholesky. grid: ten penalties by generalised \
         cross-validation. training: {STEPS} steps, f64, 10 % density, one penalty, with the score of the returned \
         model.\nfaer: one thread, this crate's build of it (the triangle alone, in place). peak: fused multiply-adds of \
         one thread, measured in this run.\n",
        align(&rows)
    )
}

fn measure(form: Form, peak: f64, n: usize, one: &Pool, all: &Pool) -> Result<Figures> {
    let mut stream = Seed(1).stream("rows");
    let rows = Array2::from_shape_simple_fn((ROWS, n), || stream.uniform_in(-1.0, 1.0));
    let target = Array2::from_shape_simple_fn((ROWS, 1), || stream.uniform_in(-1.0, 1.0));
    let summed = summed(rows.view(), target.view());

    let ours = || drop(black_box(self::summed(rows.view(), target.view())));
    let mut theirs = vec![0.0; n * n];
    let mut faer = || {
        theirs.fill(0.0);
        let x = MatRef::from_row_major_slice(rows.as_slice().expect("one piece"), ROWS, n);
        let to = MatMut::from_column_major_slice_mut(&mut theirs, n, n);
        let (lower, full) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
        triangular::matmul(to, lower, Accum::Add, x.transpose(), full, x, full, 1.0, Par::Seq);
    };
    let (gram_s, gram_faer_s) = in_turn(|| timed(|| one.install(ours)).0, || timed(&mut faer).0);
    let gram_all_threads_s = median(|| all.install(ours));

    let mut matrix = theirs.clone();
    (0..n).for_each(|i| matrix[i * n + i] += 1.0);
    let (mut own, mut their) = (matrix.clone(), matrix.clone());
    let least = vec![0.0; n];
    let mut memory =
        MemBuffer::new(llt::factor::cholesky_in_place_scratch::<f64>(n, Par::Seq, faer::prelude::default()));
    let (factor_s, factor_faer_s) = in_turn(
        || {
            own.copy_from_slice(&matrix);
            timed(|| factor(form, &Alone, &mut own, &least)).0
        },
        || {
            their.copy_from_slice(&matrix);
            let to = MatMut::from_column_major_slice_mut(&mut their, n, n);
            let stack = MemStack::new(&mut memory);
            let (regularization, params) = (faer::prelude::default(), faer::prelude::default());
            timed(|| llt::factor::cholesky_in_place(to, regularization, Par::Seq, stack, params).is_ok()).0
        },
    );

    let Ridge::Grid { values, .. } = Ridge::decades(-6, 3) else { return Err(anyhow!("decades are a grid")) };
    let grid = || -> Result<()> {
        let mut penalties = Penalties::new(summed.clone())?;
        values.iter().try_for_each(|&ridge| penalties.gcv(ridge).map(drop))?;
        Ok(())
    };
    one.install(grid)?;
    let grid_of_ten_s = median(|| drop(one.install(grid)));
    let grid_of_ten_all_threads_s = median(|| drop(all.install(grid)));

    let model = model::<f64>(n, 0.1, 1)?;
    let inputs = Array2::from_shape_simple_fn((STEPS, 3), || stream.uniform_in(-1.0, 1.0));
    let targets = Array2::from_shape_simple_fn((STEPS, 1), || stream.uniform_in(-1.0, 1.0));
    let training = Training::new().washout(100).ridge(1e-6);
    let fit = || training.fit(&model, &[Series::new(inputs.view(), targets.view())]).map(drop);
    one.install(fit)?;
    let training_s = median(|| drop(one.install(fit)));
    let training_all_threads_s = median(|| drop(all.install(fit)));

    let size = n as f64;
    Ok(Figures {
        features: n,
        gram_s,
        gram_all_threads_s,
        gram_faer_s,
        gram_share_of_peak: ROWS as f64 * size * (size + 1.0) / 2.0 / peak / gram_s,
        factor_s,
        factor_faer_s,
        factor_share_of_peak: size * size * size / 6.0 / peak / factor_s,
        grid_of_ten_s,
        grid_of_ten_all_threads_s,
        training_s,
        training_all_threads_s,
    })
}

fn summed(rows: ArrayView2<'_, f64>, target: ArrayView2<'_, f64>) -> Gram {
    let mut gram = Gram::new(rows.ncols(), target.ncols());
    for (row, target) in rows.rows().into_iter().zip(target.rows()) {
        gram.push(|x, y| {
            x.copy_from_slice(row.as_slice().expect("one piece"));
            y.copy_from_slice(target.as_slice().expect("one piece"));
        });
    }
    gram.flush();
    gram
}

fn timed<R>(call: impl FnOnce() -> R) -> (f64, R) {
    let start = Instant::now();
    let result = black_box(call());
    (start.elapsed().as_secs_f64(), result)
}

fn median(mut call: impl FnMut()) -> f64 {
    let times: Vec<f64> = (0..TURNS).map(|_| timed(&mut call).0).collect();
    stats::median(&times)
}

/// Medians of two calls that measure themselves, in turn, after a warm-up.
fn in_turn(mut a: impl FnMut() -> f64, mut b: impl FnMut() -> f64) -> (f64, f64) {
    let times: Vec<(f64, f64)> = (0..=TURNS).map(|_| (a(), b())).skip(1).collect();
    let of = |which: fn(&(f64, f64)) -> f64| stats::median(&times.iter().map(which).collect::<Vec<_>>());
    (of(|t| t.0), of(|t| t.1))
}
