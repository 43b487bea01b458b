//! Santa Fe laser intensities, one step ahead, from the user's own file.

use forebay::reservoir::{Activation, Topology};
use ndarray::{Array2, ArrayView2};

use super::one_step::{NMSE, Split, Transform};
use super::{Arithmetic, Measurement, Metric, Part, Settings, Space, Span, Task, TaskError};

/// The laser series with 200 units. The data set has no clear licence, so the numbers come from the user.
pub struct Laser {
    series: Array2<f64>,
}

const SPLIT: Split = Split { train: 2000, validation: 3000, test: 4000, washout: 200, transform: Transform::None };

impl Laser {
    /// Takes the series `[steps, 1]`, as [`data::santa_fe_laser`](crate::data::santa_fe_laser) reads it.
    ///
    /// # Errors
    /// [`TaskError::Settings`] for fewer than 9,000 steps.
    pub fn new(series: ArrayView2<'_, f64>) -> Result<Self, TaskError> {
        if series.nrows() < 9000 || series.ncols() != 1 {
            let found = series.nrows() as f64;
            return Err(TaskError::Settings { what: "the laser series", expected: "at least 9000 values", found });
        }
        Ok(Self { series: series.to_owned() })
    }
}

impl Task for Laser {
    fn name(&self) -> &'static str {
        "laser"
    }

    fn protocol(&self) -> &'static str {
        "Santa Fe laser (Weigend, Gershenfeld 1993), one step ahead: 2,000 steps for training, 3,000 for choosing \
         settings (at three rolling origins), 4,000 for the score (Rodan, Tino 2011). 200 units, washout 200, standardised on the training steps. \
         Score: NMSE, divided by the variance on the scored steps."
    }

    fn metric(&self) -> Metric {
        NMSE
    }

    fn data(&self) -> Option<String> {
        let mut hash = blake3::Hasher::new();
        self.series.iter().for_each(|value| {
            hash.update(&value.to_le_bytes());
        });
        Some(hash.finalize().to_hex().to_string())
    }

    fn settings(&self) -> Settings {
        Settings {
            units: 200,
            topology: Topology::Cycle,
            spectral_radius: 0.535,
            leak_rate: 0.72,
            input_scaling: 0.24,
            bias_scaling: 0.0926,
            ridge: 4.24e-7,
            squares: true,
            activation: Activation::Tanh,
        }
    }

    fn space(&self) -> Space {
        Space {
            spectral_radius: Span::linear(0.3, 1.3),
            leak_rate: Span::linear(0.4, 1.4),
            input_scaling: Span::logarithmic(0.05, 3.0),
            bias_scaling: Span::logarithmic(0.03, 2.0),
            ridge: Span::logarithmic(1e-7, 1.0),
            topologies: &[Topology::Random { density: 0.1 }, Topology::Orthogonal, Topology::Cycle],
        }
    }

    fn measure_in(
        &self,
        settings: &Settings,
        arithmetic: &Arithmetic,
        seed: u64,
        part: Part,
    ) -> Result<Measurement, TaskError> {
        SPLIT.measure(self.series.view(), settings, arithmetic, seed, part)
    }

    fn baselines(&self) -> Result<Vec<(String, f64)>, TaskError> {
        SPLIT.baselines(self.series.view())
    }
}
