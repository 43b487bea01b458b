//! Search of a task's settings on validation data: what [`forebay::search`] needs to know of a task.
//!
//! ```
//! use forebay_zoo::search::TaskSearch;
//! use forebay_zoo::tasks::{self, Arithmetic};
//!
//! let task = tasks::by_name("memory")?;
//! let search = TaskSearch::new(task.as_ref(), Arithmetic::F64);
//! let found = search.study(search.space()?, 2, 1).run(|values, seeds| search.measure(values, seeds))?;
//! let best = found.best().expect("a score");
//! println!("{}: {:?}", best.score().expect("it has one"), search.settings(&best.values)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod values;

use forebay::search::{Budgets, Candidate, Space, SpaceError, Study, Subject, TrialError};

use crate::stats;
use crate::tasks::{Arithmetic, Part, Settings, Task, TaskError};

pub use values::{ValuesError, check, topology_label, with};

/// A task as the objective of a search. The budget of a trial is its number of seeds: reservoirs, and realisations where
/// data are generated, whose mean main score on [`Part::Validation`] counts.
pub struct TaskSearch<'t> {
    task: &'t dyn Task,
    arithmetic: Arithmetic,
    base: Settings,
}

impl<'t> TaskSearch<'t> {
    /// Settings that have no range stay as they are stored.
    pub fn new(task: &'t dyn Task, arithmetic: Arithmetic) -> Self {
        Self { task, arithmetic, base: task.settings() }
    }

    /// The ranges of the task itself.
    ///
    /// # Errors
    /// [`SpaceError`] for a task whose ranges are none.
    pub fn space(&self) -> Result<Space, SpaceError> {
        self.task.space().ranges()
    }

    /// Whether a task can be run with values of these ranges.
    ///
    /// # Errors
    /// [`ValuesError`] names the first setting that it cannot.
    pub fn check(&self, space: &Space) -> Result<(), ValuesError> {
        check(space, &self.base)
    }

    /// What the scores are of.
    pub fn subject(&self) -> Subject {
        let metric = self.task.metric();
        let subject = Subject::new(self.task.name(), metric.to_string(), metric.better)
            .arithmetic(self.arithmetic.to_string())
            .detail("stored settings", serde_json::to_string(&self.base).unwrap_or_default())
            .detail("protocol", self.task.protocol())
            .detail("budget", "seeds");
        if let Some(hash) = self.task.data() { subject.data(hash) } else { subject }
    }

    /// A random search with this number of seeds per trial.
    pub fn study(&self, space: Space, trials: u64, seeds: u64) -> Study {
        Study::new(self.subject(), space, trials).budgets(Budgets::fixed(seeds))
    }

    /// The settings of these values.
    ///
    /// # Errors
    /// [`ValuesError`] for a value that is no setting's.
    pub fn settings(&self, values: &Candidate) -> Result<Settings, ValuesError> {
        with(&self.base, values)
    }

    /// The mean main score over this many seeds.
    ///
    /// # Errors
    /// [`TrialError::Settings`] if these settings do not work, [`TrialError::Stop`] if nothing would: a device, a file.
    pub fn measure(&self, values: &Candidate, seeds: u64) -> Result<f64, TrialError> {
        let settings = self.settings(values).map_err(TrialError::stop)?;
        let main = |seed| Ok(self.task.measure_in(&settings, &self.arithmetic, seed, Part::Validation)?.main());
        let scores: Result<Vec<f64>, TaskError> = (0..seeds).map(main).collect();
        match scores {
            Ok(scores) => Ok(stats::mean(&scores)),
            Err(TaskError::Network(error)) => Err(error.into()),
            Err(TaskError::Metric(error)) => Err(error.into()),
            Err(error) => Err(TrialError::stop(error)),
        }
    }
}
