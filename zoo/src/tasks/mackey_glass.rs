//! Mackey-Glass, tau 17: one step ahead, and 84 steps in closed loop.

use forebay::Real;
use forebay::metrics::{self, ValidTime};
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::{Activation, Topology};
use forebay::train::{Series, Training};
use ndarray::{Array2, ArrayView2, s};

use super::{Arithmetic, Better, Measurement, Part, Settings, Space, Span, Task, TaskError};
use crate::scalers::Scaler;
use crate::stats;
use crate::systems::MackeyGlass as System;

/// Mackey-Glass with 500 units.
pub struct MackeyGlass;

const WASHOUT: usize = 200;
const TRAIN: usize = 6000;
const STARTS: usize = 50;
const SPACING: usize = 50;
const HORIZON: usize = 84;
const LONG_STARTS: usize = 20;
const LONG_SPACING: usize = 100;
const LONG_HORIZON: usize = 2000;
/// Stands for a value of a closed loop that left the floats; its square is still one.
const OVERFLOWN: f64 = 1e18;

impl Task for MackeyGlass {
    fn name(&self) -> &'static str {
        "mackey-glass"
    }

    fn protocol(&self) -> &'static str {
        "Mackey-Glass, tau 17, dt 1 sampled from a Runge-Kutta solver of step 0.1. 500 units, f64, washout 200, 6,000 \
         steps for training. Then 50 start points, 50 steps apart, on the steps that follow: each closed loop starts \
         from the state driven by the true series. Each seed draws its own history and reservoir. Standardised on the \
         training steps. Scores: NRMSE of the value 84 steps into the closed loop over all starts, divided by the \
         series' standard deviation (Jaeger, Haas 2004); one-step NRMSE on the driven steps after training; \
         valid prediction time, steps until the error passes 0.4 standard deviations, median of 20 starts, 100 steps apart, \
         followed for at most 2,000 steps."
    }

    fn better(&self) -> Better {
        Better::Smaller
    }

    fn settings(&self) -> Settings {
        Settings {
            units: 500,
            topology: Topology::Random { density: 0.1 },
            spectral_radius: 1.14,
            leak_rate: 0.859,
            input_scaling: 0.262,
            bias_scaling: 0.629,
            ridge: 9.97e-13,
            squares: false,
            activation: Activation::Tanh,
        }
    }

    fn space(&self) -> Space {
        Space {
            spectral_radius: Span::linear(0.7, 1.4),
            leak_rate: Span::linear(0.3, 1.2),
            input_scaling: Span::logarithmic(0.05, 1.0),
            bias_scaling: Span::logarithmic(0.05, 1.0),
            ridge: Span::logarithmic(1e-13, 1e-8),
            topologies: &[Topology::Random { density: 0.1 }],
        }
    }

    fn measure_in(
        &self,
        settings: &Settings,
        arithmetic: &Arithmetic,
        seed: u64,
        part: Part,
    ) -> Result<Measurement, TaskError> {
        match arithmetic {
            Arithmetic::F64 => run::<f64>(settings, arithmetic, seed, part),
            Arithmetic::F32 | Arithmetic::Hybrid { .. } => run::<f32>(settings, arithmetic, seed, part),
        }
    }
}

fn run<T: Real>(settings: &Settings, arithmetic: &Arithmetic, seed: u64, part: Part) -> Result<Measurement, TaskError> {
    let split = WASHOUT + TRAIN;
    let steps = split + (STARTS * SPACING + HORIZON + 1).max(LONG_STARTS * LONG_SPACING + LONG_HORIZON);
    let raw = System::default().generate(steps, Seed(seed).child(part.stream()))?;
    let scaler = Scaler::standardise(raw.slice(s![..split, ..]))?;
    let series = scaler.transform(raw.view())?.mapv(T::from_f64);
    let model = arithmetic.network(settings, (1, 1), seed, series.slice(s![..split, ..]))?;
    let pair = Series::new(series.slice(s![..split, ..]), series.slice(s![1..=split, ..]));
    let (trained, _) = Training::new().washout(WASHOUT).ridge(settings.ridge).fit(&model, &[pair])?;
    let trained = arithmetic.deploy(trained, series.slice(s![..split, ..]))?;

    let mut session = trained.session();
    session.run(series.slice(s![..split, ..]))?;
    let mut one_step = Array2::from_elem((STARTS * SPACING, 1), T::ZERO);
    let (mut ends, mut truths) = (Array2::from_elem((STARTS, 1), T::ZERO), Array2::from_elem((STARTS, 1), T::ZERO));
    for start in 0..STARTS {
        let from = split + start * SPACING;
        let driven = session.run(series.slice(s![from..from + SPACING, ..]))?;
        one_step.slice_mut(s![start * SPACING..(start + 1) * SPACING, ..]).assign(&driven);
        // The last output is the first value of the closed loop.
        let last = from + SPACING - 1 + HORIZON;
        truths[[start, 0]] = series[[last, 0]];
        ends[[start, 0]] = match session.clone().predict_free(HORIZON - 1) {
            Ok(free) => free[[HORIZON - 2, 0]],
            Err(forebay::Error::Overflow { .. }) => T::from_f64(OVERFLOWN),
            Err(other) => return Err(other.into()),
        };
    }
    let spread = metrics::spread(series.slice(s![split.., ..]));
    let valid = valid_times(&trained, series.view(), spread)?;
    let free = metrics::rmse(truths.view(), ends.view())? / spread;
    let one = metrics::nrmse(series.slice(s![split + 1..=split + STARTS * SPACING, ..]), one_step.view())?;
    Ok(Measurement::default()
        .with("NRMSE at 84 steps, closed loop", free)
        .with("NRMSE, one step", one)
        .with("valid prediction time, steps, median of starts", stats::median(&valid)))
}

/// For how many steps closed loops from some of the start points stay within 0.4 standard deviations of the truth.
fn valid_times<T: Real>(trained: &Model<T>, series: ArrayView2<'_, T>, spread: f64) -> Result<Vec<f64>, TaskError> {
    let valid = ValidTime { threshold: 0.4, dt: 1.0, lyapunov_exponent: 1.0, spread: Some(spread) };
    let split = WASHOUT + TRAIN;
    let mut session = trained.session();
    session.run(series.slice(s![..split, ..]))?;
    let mut times = Vec::with_capacity(LONG_STARTS);
    for start in 0..LONG_STARTS {
        let from = split + start * LONG_SPACING;
        session.run(series.slice(s![from..from + LONG_SPACING, ..]))?;
        let first = from + LONG_SPACING;
        let mut free = session.clone();
        let mut forecast = Array2::from_elem((LONG_HORIZON, 1), T::NAN);
        forecast[[0, 0]] = session.outputs()[0];
        for t in 1..LONG_HORIZON {
            match free.predict_free(1) {
                Ok(next) => forecast[[t, 0]] = next[[0, 0]],
                Err(forebay::Error::Overflow { .. }) => break,
                Err(other) => return Err(other.into()),
            }
        }
        times.push(valid.of(series.slice(s![first..first + LONG_HORIZON, ..]), forecast.view())?);
    }
    Ok(times)
}
