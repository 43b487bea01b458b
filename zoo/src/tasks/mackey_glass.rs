//! Mackey-Glass, tau 17: one step ahead, and 84 steps in closed loop.

use forebay::Real;
use forebay::metrics::{self, ValidTime};
use forebay::random::Seed;
use forebay::reservoir::{Activation, Topology};
use forebay::train::{Series, Training};
use ndarray::{Array2, s};

use super::closed_loop::Starts;
use super::{Arithmetic, Measurement, Metric, Part, Settings, Space, Span, Task, TaskError};
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
/// For the valid time, in steps.
const LONG: Starts = Starts { from: WASHOUT + TRAIN, count: 20, spacing: 100, horizon: 2000 };
/// Stands for a value of a closed loop that left the floats; its square is still one.
const OVERFLOWN: f64 = 1e18;

const AT_84: Metric = Metric::error("NRMSE at 84 steps, closed loop");
const ONE_STEP: Metric = Metric::error("NRMSE, one step");
const VALID_TIME: Metric = Metric::gain("valid time, median of starts", "steps");

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

    fn metric(&self) -> Metric {
        AT_84
    }

    /// The time that a closed loop holds: an error at one time says little of what a digit buys.
    fn digit_metric(&self) -> Metric {
        VALID_TIME
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
    let steps = LONG.steps().max(split + STARTS * SPACING + HORIZON + 1);
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
    let valid = ValidTime { threshold: 0.4, dt: 1.0, lyapunov_exponent: 1.0, spread: Some(spread) };
    let valid = LONG.valid_times(&trained, series.view(), &valid)?;
    let free = metrics::rmse(truths.view(), ends.view())? / spread;
    let one = metrics::nrmse(series.slice(s![split + 1..=split + STARTS * SPACING, ..]), one_step.view())?;
    Ok(Measurement::default().with(AT_84, free).with(ONE_STEP, one).with(VALID_TIME, stats::median(&valid)))
}
