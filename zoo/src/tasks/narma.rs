//! NARMA-10: recall and multiply inputs of the last ten steps.

use forebay::Real;
use forebay::metrics;
use forebay::random::Seed;
use forebay::reservoir::{Activation, Topology};
use forebay::train::{Series, Training};
use ndarray::s;

use super::{Arithmetic, Measurement, Metric, Part, Settings, Space, Span, Task, TaskError};
use crate::scalers::Scaler;
use crate::systems::narma10;

/// One-step NARMA-10 with 200 units.
pub struct Narma;

const WASHOUT: usize = 200;
const TRAIN: usize = 4000;
const TEST: usize = 2000;

const NRMSE: Metric = Metric::error("NRMSE");
const ON_TRAINING: Metric = Metric::error("NRMSE on training steps");

impl Task for Narma {
    fn name(&self) -> &'static str {
        "narma10"
    }

    fn protocol(&self) -> &'static str {
        "NARMA-10 (Atiya, Parlos 2000), input uniform in 0..0.5, target y(t+1) from the input up to t. 200 units, \
         washout 200, 4,000 steps for training, the next 2,000 for the score. Each seed draws its own series and \
         reservoir. Input standardised on the training steps. Score: NRMSE, divided by the target's standard deviation \
         on the scored steps."
    }

    fn metric(&self) -> Metric {
        NRMSE
    }

    fn settings(&self) -> Settings {
        Settings {
            units: 200,
            topology: Topology::Orthogonal,
            spectral_radius: 0.931,
            leak_rate: 0.937,
            input_scaling: 0.0104,
            bias_scaling: 0.291,
            ridge: 3.2e-12,
            squares: true,
            activation: Activation::Tanh,
        }
    }

    /// Larger inputs: the products of inputs then stand out from the rounding of the states.
    fn digit_settings(&self) -> Settings {
        Settings {
            spectral_radius: 0.938,
            leak_rate: 0.934,
            input_scaling: 0.0803,
            bias_scaling: 0.185,
            ridge: 2.71e-8,
            ..self.settings()
        }
    }

    fn space(&self) -> Space {
        Space {
            spectral_radius: Span::linear(0.7, 1.0),
            leak_rate: Span::linear(0.9, 1.6),
            input_scaling: Span::logarithmic(0.003, 1.0),
            bias_scaling: Span::logarithmic(0.1, 0.7),
            ridge: Span::logarithmic(1e-12, 1e-3),
            topologies: &[Topology::Orthogonal],
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
    let steps = WASHOUT + TRAIN + TEST;
    let (input, target) = narma10(steps, Seed(seed).child(part.stream()))?;
    let split = WASHOUT + TRAIN;
    let scaler = Scaler::standardise(input.slice(s![..split, ..]))?;
    let input = scaler.transform(input.view())?.mapv(T::from_f64);
    let target = target.mapv(T::from_f64);
    let model = arithmetic.network(settings, (1, 1), seed, input.slice(s![..split, ..]))?;
    let series = Series::new(input.slice(s![..split, ..]), target.slice(s![..split, ..]));
    let (trained, report) = Training::new().washout(WASHOUT).ridge(settings.ridge).fit(&model, &[series])?;
    let trained = arithmetic.deploy(trained, input.slice(s![..split, ..]))?;
    let forecast = trained.session().run(input.view())?;
    let error = metrics::nrmse(target.slice(s![split.., ..]), forecast.slice(s![split.., ..]))?;
    let train = report.heads[0].train_nrmse[0].unwrap_or(f64::NAN);
    Ok(Measurement::default().with(NRMSE, error).with(ON_TRAINING, train))
}
