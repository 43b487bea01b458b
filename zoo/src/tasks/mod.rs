//! Benchmark tasks: a fixed protocol, stored settings, and a score on data that no choice has seen.
//!
//! Settings were chosen by [`search`](crate::search) on [`Part::Validation`] data; published scores are those on
//! [`Part::Test`]. For generated data the two are different realisations, for real data different stretches.

mod arithmetic;
mod closed_loop;
mod laser;
mod lorenz;
mod mackey_glass;
mod memory;
mod metric;
mod narma;
mod one_step;
mod settings;
mod sunspots;
mod vowels;

pub use arithmetic::Arithmetic;
pub use laser::Laser;
pub use lorenz::Lorenz;
pub use mackey_glass::MackeyGlass;
pub use memory::MemoryCapacity;
pub use metric::{Better, Metric};
pub use narma::Narma;
pub use settings::{Scale, Settings, Space, Span};
pub use sunspots::Sunspots;
pub use vowels::Vowels;

use serde::Serialize;

use crate::data::DataError;
use crate::systems::SystemError;

/// Which data a measurement uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// For choosing settings.
    Validation,
    /// For the published score.
    Test,
}

impl Part {
    /// Name of the random stream that draws this part's data.
    fn stream(self) -> &'static str {
        match self {
            Self::Validation => "validation data",
            Self::Test => "test data",
        }
    }
}

/// One number of a measurement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Score {
    /// What it is.
    pub metric: Metric,
    /// The value for one seed.
    pub value: f64,
}

/// What one seed gave.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Measurement {
    /// The scores; the first is the task's main one, [`Task::metric`].
    pub scores: Vec<Score>,
    /// Single values behind a main score that is a median (valid times of all start points), if any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub singles: Vec<f64>,
}

impl Measurement {
    fn with(mut self, metric: Metric, value: f64) -> Self {
        self.scores.push(Score { metric, value });
        self
    }

    /// The main score; NaN of nothing.
    pub fn main(&self) -> f64 {
        self.scores.first().map_or(f64::NAN, |score| score.value)
    }

    /// The score of this kind; none if it was not measured.
    pub fn of(&self, metric: Metric) -> Option<f64> {
        self.scores.iter().find(|score| score.metric == metric).map(|score| score.value)
    }
}

/// A benchmark task.
pub trait Task: Sync {
    /// Name on the command line.
    fn name(&self) -> &'static str;

    /// The protocol: data, splits, sizes, what is scored; and published figures with their source.
    fn protocol(&self) -> &'static str;

    /// What the main score is: the first of every measurement, by which a search ranks.
    fn metric(&self) -> Metric;

    /// The score by which digits are judged, one of those of a measurement; by default the main one.
    fn digit_metric(&self) -> Metric {
        self.metric()
    }

    /// Whether a readout that was trained in floats can be kept for a hybrid network (`refit: false`). If not, such a
    /// measurement is refused with [`TaskError::KeptReadout`].
    fn can_keep_readout(&self) -> bool {
        true
    }

    /// A hash of the user's data that the task runs on; none if all of it is shipped or generated.
    fn data(&self) -> Option<String> {
        None
    }

    /// The stored settings, chosen on validation data.
    fn settings(&self) -> Settings;

    /// The stored settings for networks in few digits, chosen on validation data with 2 x 2 digits; by default those for
    /// floats, where digits make no difference to the choice.
    fn digit_settings(&self) -> Settings {
        self.settings()
    }

    /// Where a search looks.
    fn space(&self) -> Space;

    /// Runs the protocol once, with the network in 64-bit floats.
    ///
    /// # Errors
    /// [`TaskError`] if the settings cannot be built or trained, or data cannot be had.
    fn measure(&self, settings: &Settings, seed: u64, part: Part) -> Result<Measurement, TaskError> {
        self.measure_in(settings, &Arithmetic::F64, seed, part)
    }

    /// Runs the protocol once, with the network in this arithmetic.
    ///
    /// # Errors
    /// As [`measure`](Self::measure).
    fn measure_in(
        &self,
        settings: &Settings,
        arithmetic: &Arithmetic,
        seed: u64,
        part: Part,
    ) -> Result<Measurement, TaskError>;

    /// Trivial baselines on the test part, by name, in the unit of the main score.
    ///
    /// # Errors
    /// As [`measure`](Self::measure).
    fn baselines(&self) -> Result<Vec<(String, f64)>, TaskError> {
        Ok(Vec::new())
    }
}

/// Why a task cannot be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// The network.
    #[error(transparent)]
    Network(#[from] forebay::Error),
    /// The score.
    #[error(transparent)]
    Metric(#[from] forebay::metrics::MetricError),
    /// Generated data.
    #[error(transparent)]
    System(#[from] SystemError),
    /// Real data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A baseline.
    #[error(transparent)]
    Baseline(#[from] crate::baselines::BaselineError),
    /// A scaler.
    #[error(transparent)]
    Scaler(#[from] crate::scalers::ScalerError),
    /// A task of this name does not exist.
    #[error("no task named {name:?}; there is {available}")]
    Unknown {
        /// The name given.
        name: String,
        /// The names that exist.
        available: String,
    },
    /// A readout of floats was to be kept where it cannot be.
    #[error("the task {task} cannot keep a readout that was trained in floats: train it on the hybrid's states")]
    KeptReadout {
        /// The task.
        task: &'static str,
    },
    /// A measurement without the score that the task is judged by.
    #[error("the task {task} did not measure its {metric}")]
    Unmeasured {
        /// The task.
        task: &'static str,
        /// The score's name.
        metric: &'static str,
    },
    /// Settings outside the task.
    #[error("{what} must be {expected}, found {found}")]
    Settings {
        /// The parameter.
        what: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// What was given.
        found: f64,
    },
}

/// The tasks that need no file of the user.
pub fn all() -> Vec<Box<dyn Task>> {
    vec![
        Box::new(Narma),
        Box::new(MackeyGlass),
        Box::new(Lorenz),
        Box::new(Vowels { votes: 1 }),
        Box::new(Vowels { votes: 10 }),
        Box::new(Sunspots),
        Box::new(MemoryCapacity),
    ]
}

/// Finds a task by name.
///
/// # Errors
/// [`TaskError::Unknown`] lists the names.
pub fn by_name(name: &str) -> Result<Box<dyn Task>, TaskError> {
    let tasks = all();
    let available = tasks.iter().map(|task| task.name()).collect::<Vec<_>>().join(", ") + ", laser (with --file)";
    let found = tasks.into_iter().find(|task| task.name() == name);
    found.ok_or_else(|| TaskError::Unknown { name: name.to_owned(), available })
}
