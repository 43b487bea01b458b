//! Japanese vowels: which of nine speakers said it?

use forebay::Real;
use forebay::metrics;
use forebay::random::Seed;
use forebay::reservoir::{Activation, Topology};
use forebay::train::Ridge;
use forebay::train::classify::{Classifier, Pooling};
use ndarray::{Array2, ArrayView2, Axis, concatenate};

use super::{Arithmetic, Measurement, Metric, Part, Settings, Space, Span, Task, TaskError};
use crate::data::{self, Sequence};
use crate::scalers::Scaler;

/// Japanese vowels with a single 100-unit reservoir, or a vote of several.
pub struct Vowels {
    /// Number of reservoirs whose scores are added.
    pub votes: u64,
}

const CLASSES: usize = 9;
const MISCLASSIFIED: Metric = Metric::error("sequences misclassified");
const POOLING: [Pooling; 2] = [Pooling::Samples(3), Pooling::Mean];

impl Task for Vowels {
    fn name(&self) -> &'static str {
        if self.votes == 1 { "vowels" } else { "vowels-vote" }
    }

    fn protocol(&self) -> &'static str {
        if self.votes == 1 {
            "Japanese vowels (Kudo, Toyama, Shimbo 1999), official split of 270 training and 370 test sequences, 9 \
             speakers, 12 channels standardised on the training sequences. One 100-unit reservoir; input and state at \
             three evenly spaced steps and their mean are classified by one-hot ridge regression. Settings chosen by \
             ten-fold cross-validation of the training sequences. Score: test sequences misclassified, of 370."
        } else {
            "Japanese vowels (Kudo, Toyama, Shimbo 1999) as in the task vowels, with the class scores of ten 100-unit \
             reservoirs of different seeds added. Score: test sequences misclassified, of 370."
        }
    }

    fn metric(&self) -> Metric {
        MISCLASSIFIED
    }

    fn can_keep_readout(&self) -> bool {
        false
    }

    fn settings(&self) -> Settings {
        Settings {
            units: 100,
            topology: Topology::Orthogonal,
            spectral_radius: 0.615,
            leak_rate: 0.283,
            input_scaling: 0.158,
            bias_scaling: 0.699,
            ridge: 6.75,
            squares: false,
            activation: Activation::Tanh,
        }
    }

    fn space(&self) -> Space {
        Space {
            spectral_radius: Span::linear(0.05, 1.3),
            leak_rate: Span::linear(0.05, 1.1),
            input_scaling: Span::logarithmic(0.02, 2.0),
            bias_scaling: Span::logarithmic(0.02, 2.0),
            ridge: Span::logarithmic(1e-3, 30.0),
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
        if matches!(arithmetic, Arithmetic::Hybrid { refit: false, .. }) {
            // A classifier owns its readout, which cannot be moved to other states.
            return Err(TaskError::KeptReadout { task: self.name() });
        }
        match arithmetic {
            Arithmetic::F64 => self.run::<f64>(settings, arithmetic, seed, part),
            Arithmetic::F32 | Arithmetic::Hybrid { .. } => self.run::<f32>(settings, arithmetic, seed, part),
        }
    }
}

impl Vowels {
    fn run<T: Real>(
        &self,
        settings: &Settings,
        arithmetic: &Arithmetic,
        seed: u64,
        part: Part,
    ) -> Result<Measurement, TaskError> {
        let vowels = data::japanese_vowels()?;
        let train: Vec<&Sequence> = vowels.train.iter().collect();
        let errors = match part {
            Part::Test => {
                self.errors::<T>(settings, arithmetic, seed, &train, &vowels.test.iter().collect::<Vec<_>>())?
            }
            Part::Validation => {
                const FOLDS: usize = 10;
                let mut errors = 0.0;
                for fold in 0..FOLDS {
                    let pick = |held: bool| -> Vec<&Sequence> {
                        let chosen = train.iter().enumerate().filter(|(i, _)| (i % FOLDS == fold) == held);
                        chosen.map(|(_, sequence)| *sequence).collect()
                    };
                    errors += self.errors::<T>(settings, arithmetic, seed, &pick(false), &pick(true))?;
                }
                errors
            }
        };
        Ok(Measurement::default().with(MISCLASSIFIED, errors))
    }

    /// Number of `test` sequences that classifiers trained on `train` get wrong.
    fn errors<T: Real>(
        &self,
        settings: &Settings,
        arithmetic: &Arithmetic,
        seed: u64,
        train: &[&Sequence],
        test: &[&Sequence],
    ) -> Result<f64, TaskError> {
        let steps: Vec<ArrayView2<'_, f64>> = train.iter().map(|s| s.values.view()).collect();
        let all = concatenate(Axis(0), &steps).map_err(|_| TaskError::Settings {
            what: "channels of the vowels",
            expected: "the same in every sequence",
            found: f64::NAN,
        })?;
        let scaler = Scaler::standardise(all.view())?;
        let all = scaler.transform(all.view())?.mapv(T::from_f64);
        let scale = |sequences: &[&Sequence]| -> Result<Vec<Array2<T>>, TaskError> {
            sequences.iter().map(|s| Ok(scaler.transform(s.values.view())?.mapv(T::from_f64))).collect()
        };
        let (scaled, held) = (scale(train)?, scale(test)?);
        let views: Vec<ArrayView2<'_, T>> = scaled.iter().map(|s| s.view()).collect();
        let labels: Vec<usize> = train.iter().map(|s| s.class).collect();
        let classifiers = (0..self.votes)
            .map(|vote| {
                let seed = if vote == 0 { seed } else { Seed(seed).child(&format!("vote {vote}")).0 };
                let model = arithmetic.network(settings, (12, CLASSES), seed, all.view())?;
                let ridge = Ridge::Fixed(settings.ridge);
                Classifier::fit(&model, "output", &POOLING, &ridge, &views, &labels, CLASSES)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let truth: Vec<usize> = test.iter().map(|s| s.class).collect();
        let found: Vec<usize> =
            held.iter().map(|s| Classifier::vote(&classifiers, s.view())).collect::<Result<_, _>>()?;
        Ok(metrics::label_errors(&truth, &found)? as f64)
    }
}
