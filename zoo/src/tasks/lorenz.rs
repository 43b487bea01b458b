//! Lorenz-63 in closed loop: for how many Lyapunov times does the forecast hold?

use forebay::Real;
use forebay::metrics::{self, ValidTime};
use forebay::random::Seed;
use forebay::reservoir::{Activation, Topology};
use forebay::train::{Series, Training};
use ndarray::s;

use super::closed_loop::Starts;
use super::{Arithmetic, Measurement, Metric, Part, Settings, Space, Span, Task, TaskError};
use crate::scalers::Scaler;
use crate::stats;
use crate::systems::Lorenz63;

/// Closed-loop Lorenz-63 with 500 units.
pub struct Lorenz;

const WASHOUT: usize = 200;
const TRAIN: usize = 5000;
const STARTS: Starts = Starts { from: WASHOUT + TRAIN, count: 25, spacing: 200, horizon: 1200 };
const DT: f64 = 0.02;
const LYAPUNOV: f64 = 0.9056;

const VALID_TIME: Metric = Metric::gain("valid time, median of starts", "Lyapunov times");
const SHORTEST: Metric = Metric::gain("valid time, shortest of the starts", "Lyapunov times");
const BELOW_ONE: Metric = Metric::error("share of starts below 1 Lyapunov time");

impl Task for Lorenz {
    fn name(&self) -> &'static str {
        "lorenz"
    }

    fn protocol(&self) -> &'static str {
        "Lorenz-63, dt 0.02, all three coordinates. 500 units, f64, washout 200, 5,000 steps for training. Then 25 start \
         points, 200 steps apart, on the steps that follow: each closed loop starts from the state driven by the true \
         series. Each seed draws its own trajectory and reservoir. Standardised on the training steps. Score: valid \
         prediction time, the time until the Euclidean error divided by the attractor's root mean squared distance from \
         its mean passes 0.4, in Lyapunov times (exponent 0.9056); the median over start points is the seed's score."
    }

    fn metric(&self) -> Metric {
        VALID_TIME
    }

    fn settings(&self) -> Settings {
        Settings {
            units: 500,
            topology: Topology::Random { density: 0.1 },
            spectral_radius: 0.414,
            leak_rate: 1.0,
            input_scaling: 0.284,
            bias_scaling: 1.83,
            ridge: 5.02e-12,
            squares: false,
            activation: Activation::Tanh,
        }
    }

    fn space(&self) -> Space {
        Space {
            spectral_radius: Span::linear(0.02, 1.1),
            leak_rate: Span::linear(0.5, 1.5),
            input_scaling: Span::logarithmic(0.05, 1.0),
            bias_scaling: Span::logarithmic(0.1, 2.0),
            ridge: Span::logarithmic(1e-13, 1e-6),
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
    let raw = Lorenz63::default().generate(STARTS.steps(), Seed(seed).child(part.stream()))?;
    let scaler = Scaler::standardise(raw.slice(s![..split, ..]))?;
    let series = scaler.transform(raw.view())?.mapv(T::from_f64);
    let model = arithmetic.network(settings, (3, 3), seed, series.slice(s![..split, ..]))?;
    let pair = Series::new(series.slice(s![..split, ..]), series.slice(s![1..=split, ..]));
    let (trained, _) = Training::new().washout(WASHOUT).ridge(settings.ridge).fit(&model, &[pair])?;
    let trained = arithmetic.deploy(trained, series.slice(s![..split, ..]))?;

    let spread = Some(metrics::spread(series.view()));
    let valid = ValidTime { threshold: 0.4, dt: DT, lyapunov_exponent: LYAPUNOV, spread };
    let times = STARTS.valid_times(&trained, series.view(), &valid)?;
    let share_below = times.iter().filter(|t| **t < 1.0).count() as f64 / times.len() as f64;
    let scores = Measurement::default()
        .with(VALID_TIME, stats::median(&times))
        .with(SHORTEST, times.iter().copied().fold(f64::INFINITY, f64::min))
        .with(BELOW_ONE, share_below);
    Ok(Measurement { singles: times, ..scores })
}
