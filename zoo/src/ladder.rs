//! What each digit of precision buys, and what it costs.
//!
//! A [`Ladder`] runs a task in floats and in every precision of the hybrid, with readouts trained on the hybrid's own
//! states and a ridge penalty chosen for each rung on validation data; scores are those on test data.

use std::sync::Arc;
use std::time::Instant;

use forebay::model::Model;
use forebay::{Compiler, Precision, Substrate, threads};
use ndarray::Array2;
use serde::Serialize;

use crate::stats;
use crate::tasks::{Arithmetic, Better, Metric, Part, Settings, Task, TaskError};

/// A climb over all precisions.
#[derive(Clone, Debug)]
pub struct Ladder {
    /// What forms the products.
    pub substrate: Arc<dyn Substrate>,
    /// Precisions to try.
    pub precisions: Vec<Precision>,
    /// Seeds whose scores are averaged; each draws its own network and, where a task generates it, data.
    pub seeds: u64,
    /// Reservoir units; those of the task's settings if absent.
    pub units: Option<usize>,
}

/// One precision of one task.
#[derive(Clone, Debug, Serialize)]
pub struct Rung {
    /// Whether its settings are those that were chosen for floats.
    pub float_settings: bool,
    /// Digits of state numbers; `None` for floats.
    pub state_digits: Option<usize>,
    /// Digits of weights; `None` for floats.
    pub weight_digits: Option<usize>,
    /// The ridge penalty chosen on validation data.
    pub ridge: f64,
    /// Score of each seed on test data.
    pub scores: Vec<f64>,
    /// Mean of the scores.
    pub mean: f64,
    /// Mean score with the readout that was trained in floats; none for floats, and where the task cannot keep it
    /// ([`Task::can_keep_readout`]).
    pub without_refit: Option<f64>,
    /// What the program takes; `None` for floats.
    pub program: Option<ProgramCost>,
    /// Median time of one step on this machine, in microseconds; not a device's.
    pub step_us: f64,
}

/// What a rung's program takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProgramCost {
    /// Stored units of the layer.
    pub units: usize,
    /// Kind of processor.
    pub processor: String,
    /// Number of processors.
    pub processors: usize,
    /// Words of neuron memory.
    pub memory_words: usize,
    /// Length of the program file.
    pub program_bytes: usize,
    /// Samples per step.
    pub inferences: usize,
}

/// All rungs of one task, floats first.
#[derive(Clone, Debug, Serialize)]
pub struct Climb {
    /// The task.
    pub task: &'static str,
    /// What its score is: the task's [`digit_metric`](Task::digit_metric).
    pub metric: Metric,
    /// Whether rungs have a score with the readout of floats.
    pub can_keep_readout: bool,
    /// Reservoir units.
    pub units: usize,
    /// The rungs: floats, digits, and floats with their own settings if those for digits are others.
    pub rungs: Vec<Rung>,
}

impl Climb {
    /// How good a rung is relative to floats, 1 for as good: the ratio of scores, turned so that larger is better.
    /// Infinite or NaN where a score of zero leaves no ratio.
    pub fn relative(&self, rung: &Rung) -> f64 {
        let float = self.rungs[0].mean;
        match self.metric.better {
            _ if rung.mean == float => 1.0,
            Better::Larger => rung.mean / float,
            Better::Smaller => float / rung.mean,
        }
    }
}

impl Ladder {
    /// Climbs one task; `progress` is told of every finished rung.
    ///
    /// # Errors
    /// [`TaskError`] if a network cannot be built, compiled or trained.
    pub fn climb(&self, task: &dyn Task, progress: impl Fn() + Sync) -> Result<Climb, TaskError> {
        let units = self.units.unwrap_or(task.digit_settings().units);
        let settings = Settings { units, ..task.digit_settings() };
        let float_settings = Settings { units, ..task.settings() };
        let digits = self.precisions.iter().copied().map(|precision| (&settings, Some(precision)));
        let mut climbed: Vec<(&Settings, Option<Precision>)> =
            std::iter::once((&settings, None)).chain(digits).collect();
        if settings != float_settings {
            climbed.push((&float_settings, None));
        }
        let rungs = threads::try_map(climbed, |(chosen, precision)| {
            let mut rung = self.rung(task, chosen, precision)?;
            rung.float_settings = *chosen == float_settings;
            progress();
            Ok::<_, TaskError>(rung)
        })?;
        let can_keep_readout = task.can_keep_readout();
        Ok(Climb { task: task.name(), metric: task.digit_metric(), can_keep_readout, units, rungs })
    }

    fn rung(&self, task: &dyn Task, settings: &Settings, precision: Option<Precision>) -> Result<Rung, TaskError> {
        let metric = task.digit_metric();
        let arithmetic = |refit| match precision {
            None => Arithmetic::F32,
            Some(precision) => Arithmetic::Hybrid { substrate: Arc::clone(&self.substrate), precision, refit },
        };
        let refitted = arithmetic(true);
        let on = |settings: &Settings, arithmetic: &Arithmetic, seed, part| {
            let measured = task.measure_in(settings, arithmetic, seed, part)?;
            measured.of(metric).ok_or(TaskError::Unmeasured { task: task.name(), metric: metric.name })
        };
        let loss = |ridge: f64| -> Result<f64, TaskError> {
            let tried = Settings { ridge, ..settings.clone() };
            let scores = (0..VALIDATION_SEEDS).map(|seed| on(&tried, &refitted, seed, Part::Validation));
            Ok(metric.better.loss(stats::mean(&scores.collect::<Result<Vec<_>, _>>()?)))
        };
        let ridge = descend(settings.ridge, loss)?;
        let chosen = Settings { ridge, ..settings.clone() };
        let scores =
            (0..self.seeds).map(|seed| on(&chosen, &refitted, seed, Part::Test)).collect::<Result<Vec<_>, _>>()?;
        let without_refit = if precision.is_some() && task.can_keep_readout() {
            let kept = (0..self.seeds).map(|seed| on(settings, &arithmetic(false), seed, Part::Test));
            Some(stats::mean(&kept.collect::<Result<Vec<_>, _>>()?))
        } else {
            None
        };
        let (program, step_us) = self.cost(settings, precision)?;
        Ok(Rung {
            float_settings: true,
            state_digits: precision.map(Precision::state_digits),
            weight_digits: precision.map(Precision::weight_digits),
            ridge,
            mean: stats::mean(&scores),
            scores,
            without_refit,
            program,
            step_us,
        })
    }

    /// What the program of such a network takes, and the median time of a step of it here.
    fn cost(
        &self,
        settings: &Settings,
        precision: Option<Precision>,
    ) -> Result<(Option<ProgramCost>, f64), forebay::Error> {
        let mut model = Model::<f32>::generate(settings.network(1, 1)?, 1)?;
        if let Some(precision) = precision {
            let noise = Array2::from_shape_fn((100, 1), |(t, _)| ((t * 37) % 101) as f32 / 50.0 - 1.0);
            let compiler = Compiler::new(Arc::clone(&self.substrate)).precision(precision);
            model = compiler.calibrate(noise.view()).compile(&model)?;
        }
        let program = model.plan().map(|plan| {
            let region = &plan.regions[0];
            ProgramCost {
                units: region.layers[0].units,
                processor: region.layers[0].processor.clone(),
                processors: region.layers.len(),
                memory_words: region.layers.iter().map(|layer| layer.memory_words).sum(),
                program_bytes: region.program_bytes,
                inferences: region.per_step.inferences,
            }
        });
        let mut session = model.session();
        let mut times = Vec::with_capacity(CHUNKS);
        for _ in 0..CHUNKS {
            let start = Instant::now();
            for t in 0..CHUNK_STEPS {
                session.step(&[(t % 17) as f32 / 8.0 - 1.0])?;
            }
            times.push(start.elapsed().as_secs_f64() * 1e6 / CHUNK_STEPS as f64);
        }
        Ok((program, stats::median(&times)))
    }
}

/// Seeds whose validation scores choose a ridge penalty.
const VALIDATION_SEEDS: u64 = 2;
/// Repeats of the time measurement, and steps in each.
const CHUNKS: usize = 9;
const CHUNK_STEPS: usize = 200;
/// Decades that a ridge penalty may move from where it starts.
const DECADES: usize = 10;

/// Moves a ridge penalty by decades as long as the loss falls, upwards first: rounding is noise, and noise wants more.
fn descend(start: f64, loss: impl Fn(f64) -> Result<f64, TaskError>) -> Result<f64, TaskError> {
    let (mut best, mut lowest) = (start, loss(start)?);
    for factor in [10.0, 0.1] {
        let mut misses = 0;
        let mut ridge = best;
        for _ in 0..DECADES {
            ridge *= factor;
            let found = loss(ridge)?;
            if found < lowest {
                (best, lowest) = (ridge, found);
                misses = 0;
            } else {
                misses += 1;
            }
            // One bad decade may be chance, two are a slope.
            if misses == 2 {
                break;
            }
        }
        if best != start {
            break;
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_descent_finds_the_decade_in_both_directions() {
        let decade = |target: f64| move |ridge: f64| Ok((libm::log10(ridge) - target).abs());
        for target in [-9.0, -6.0, -2.0] {
            let found = descend(1e-6, decade(target)).expect("the loss is known");
            assert!((libm::log10(found) - target).abs() < 0.1, "{target}: {found}");
        }
    }
}
