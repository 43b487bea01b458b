//! Monthly sunspot numbers, one month ahead.

use forebay::reservoir::{Activation, Topology};

use super::one_step::{NMSE, Split, Transform};
use super::{Arithmetic, Measurement, Metric, Part, Settings, Space, Span, Task, TaskError};
use crate::data;

/// Monthly sunspots with 200 units.
pub struct Sunspots;

const SPLIT: Split = Split { train: 1600, validation: 500, test: 1000, washout: 100, transform: Transform::SquareRoot };

impl Task for Sunspots {
    fn name(&self) -> &'static str {
        "sunspots"
    }

    fn protocol(&self) -> &'static str {
        "Monthly sunspot numbers from 1749 on, one month ahead: 1,600 months for training, 500 for choosing (settings at \
         three rolling origins), 1,000 for the score. 200 units, washout 100. Square roots, which make the noise of counts \
         even, standardised on the training months; forecasts are squared before they are scored. Score: NMSE, divided by \
         the variance on the scored months."
    }

    fn metric(&self) -> Metric {
        NMSE
    }

    fn settings(&self) -> Settings {
        Settings {
            units: 200,
            topology: Topology::Orthogonal,
            spectral_radius: 1.04,
            leak_rate: 0.255,
            input_scaling: 0.475,
            bias_scaling: 0.0782,
            ridge: 1.7,
            squares: false,
            activation: Activation::Tanh,
        }
    }

    fn space(&self) -> Space {
        Space {
            spectral_radius: Span::linear(0.2, 1.3),
            leak_rate: Span::linear(0.05, 1.1),
            input_scaling: Span::logarithmic(0.005, 1.0),
            bias_scaling: Span::logarithmic(0.01, 1.0),
            ridge: Span::logarithmic(1e-6, 30.0),
            topologies: &[Topology::Random { density: 0.1 }, Topology::Orthogonal],
        }
    }

    fn measure_in(
        &self,
        settings: &Settings,
        arithmetic: &Arithmetic,
        seed: u64,
        part: Part,
    ) -> Result<Measurement, TaskError> {
        SPLIT.measure(data::load("sunspots")?.values.view(), settings, arithmetic, seed, part)
    }

    fn baselines(&self) -> Result<Vec<(String, f64)>, TaskError> {
        SPLIT.baselines(data::load("sunspots")?.values.view())
    }
}
