//! What to do about drift: hold, refit, retrain, give back control, or go back.

mod install;
#[cfg(feature = "files")]
mod keep;
mod log;

#[cfg(feature = "files")]
pub use keep::Watched;

use std::time::{Duration, Instant};

use forebay_kernels::Real;
use ndarray::ArrayView2;

use super::kept::Kept;
use super::policy::{Action, Entry, Policy, Refit};
use super::{DriftMonitor, Event, positive, range};
use crate::error::Error;
use crate::esn::HybridEsn;
use crate::model::Model;
use crate::train::{Ridge, Series, Training};
use install::installed;

/// Retrains from a model and the steps since the alarm: inputs `[steps, inputs]`, targets `[steps, outputs]`. The graph has
/// to stay.
///
/// Reservoir weights may change. The old state is then none of the new model's: before it is tried, the network begins at rest and
/// is taught these steps, from the first of which its steps count.
pub type Retrain<T> = Box<dyn FnMut(&Model<T>, ArrayView2<'_, T>, ArrayView2<'_, T>) -> Result<Model<T>, Error> + Send>;

/// Watches a running network and repairs it.
///
/// ```text
/// watch --alarm--> hold --refit_after--> refit --trial--> good: give back, recalibrate, watch
///                    ^                     | worse: roll back; if the one that the monitor knows is good: give back, watch
///                    +---- retrain_after --+ retrain --trial--> give back, whatever came of it
/// ```
///
/// The monitor's channels are the residuals `prediction - truth`, one per output. While the ladder holds, refits and tries,
/// [`is_trusted`](Self::is_trusted) is false. While it recalibrates, drift is told by the old measure, and nothing is done
/// about it. The substrate of a compiled model is used for training as well; on the same substrate the same steps give the
/// same model. `Watched` keeps a ladder on disk, with its network.
///
/// ```
/// use forebay::HybridEsn;
/// use forebay::drift::{DriftMonitor, Ladder, Policy, DriftSettings};
/// use ndarray::Array2;
///
/// let mut esn = HybridEsn::from_weights(&[0.5_f64, -0.3], &[0.0, 0.4, -0.4, 0.0], &[1.0, -1.0], 0.7)?;
/// let mut noise = forebay::random::Seed(1).stream("errors");
/// let errors = Array2::from_shape_simple_fn((2000, 1), || 0.1 * noise.normal());
/// let monitor = DriftMonitor::calibrate(DriftSettings::default(), errors.view())?;
/// let mut ladder = Ladder::new(monitor, Policy::default(), 0.1)?;
/// for t in 0..200 {
///     let input = [(0.1 * f64::from(t)).sin()];
///     let truth = esn.step(&input)?[0] + 0.1 * noise.normal();
///     ladder.observe(&mut esn, &input, &[truth])?;
/// }
/// assert!(ladder.is_trusted() && ladder.log().is_empty());
/// # Ok::<(), forebay::Error>(())
/// ```
pub struct Ladder<T: Real> {
    monitor: DriftMonitor,
    policy: Policy,
    retrain: Retrain<T>,
    origin_of_retrain: Origin,
    /// Error before the alarm.
    before: f64,
    stage: Stage<T>,
    kept: Kept<T>,
    residuals: Vec<f64>,
    log: Vec<Entry>,
    steps: u64,
}

/// Where the full retraining comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Own,
    /// The caller's, by [`Ladder::with_retrain`].
    Given,
    /// The caller's, and no file had it.
    Missing,
}

/// Where on the ladder.
enum Stage<T: Real> {
    Watching,
    /// Gathers steps for a refit (rung 0) or a retraining (rung 1).
    Holding {
        rung: usize,
    },
    /// A new model is judged; the old one runs beside it.
    Trying {
        rung: usize,
        old: Box<HybridEsn<T>>,
        new_error: f64,
        old_error: f64,
        left: usize,
    },
    /// Gathers residuals, `[steps, outputs]`.
    Recalibrating {
        residuals: Vec<f64>,
        /// Whether an alarm was told.
        is_told: bool,
    },
}

impl<T: Real> Ladder<T> {
    /// Starts watching; `before` is the root mean square of the residuals when all is well.
    ///
    /// Full retraining is ridge regression with a penalty from 1e-9 to 1 by generalised cross-validation, unless
    /// [`with_retrain`](Self::with_retrain) says otherwise.
    ///
    /// # Errors
    /// [`Error::Range`] for lengths that leave nothing to train on, judge by or learn from, or a `before` that is not above
    /// 0; [`Error::Misuse`] for a monitor that would relearn by itself, from a network that is not to be trusted;
    /// [`Error::Train`] for a penalty out of range.
    pub fn new(monitor: DriftMonitor, policy: Policy, before: f64) -> Result<Self, Error> {
        positive("the error before the alarm", before)?;
        positive("good_enough", policy.good_enough)?;
        if monitor.settings().relearn.is_some() {
            return Err(Error::Misuse {
                what: "a ladder decides itself when its monitor learns what is normal",
                instead: "calibrate the monitor with `relearn: None`".to_owned(),
            });
        }
        if policy.refit_after < policy.washout.saturating_add(2) || policy.retrain_after < policy.refit_after {
            let expected = "above washout, and retrain_after no less";
            return Err(range("refit_after", expected, policy.refit_after));
        }
        if policy.trial == 0 || policy.recalibrate < 200 {
            let found = format!("{} and {}", policy.trial, policy.recalibrate);
            return Err(range("trial and recalibrate", "at least 1 and 200 steps", found));
        }
        if let Refit::Ridge(ridge) = &policy.refit {
            ridge.check()?;
        }
        let training = Training::new().washout(policy.washout).ridge(Ridge::decades(-9, 0));
        let retrain = move |model: &Model<T>, inputs: ArrayView2<'_, T>, targets: ArrayView2<'_, T>| {
            Ok(training.fit(model, &[Series::new(inputs, targets)])?.0)
        };
        Ok(Self {
            residuals: Vec::with_capacity(monitor.channels()),
            kept: Kept::new(policy.retrain_after),
            retrain: Box::new(retrain),
            origin_of_retrain: Origin::Own,
            stage: Stage::Watching,
            log: Vec::new(),
            steps: 0,
            monitor,
            policy,
            before,
        })
    }

    /// Replaces the full retraining.
    #[must_use]
    pub fn with_retrain(mut self, retrain: Retrain<T>) -> Self {
        (self.retrain, self.origin_of_retrain) = (retrain, Origin::Given);
        self
    }

    /// Looks at the step that the network has just made, once its truth is known; acts if it is time to. The network may
    /// have another model afterwards. Its state stays, unless other [reservoir weights](Retrain) ask for another, and after a trial
    /// that the old model wins it is that of the old one, which has made the same steps.
    ///
    /// While watching, nothing is allocated. A truth that is not finite is reported and not learnt from: its step is left out of
    /// what is learnt, as if the one after had followed the one before. An alarm is acted on whatever else is missing in its step;
    /// one while the ladder holds or tries says that the change lasts, and is only given back as the event. Its `since` is a step of
    /// the ladder, and 0 where the monitor had seen the change begin before the ladder's first.
    ///
    /// # Shapes
    /// `input`: `[inputs]`, as given to [`HybridEsn::step`]; `truth`: `[outputs]`.
    ///
    /// # Errors
    /// [`Error::Shape`] for lengths that disagree with the network or the monitor, and what stepping the old model beside the
    /// new one may give; nothing has changed then. [`Error::Misuse`] for a ladder that was loaded and lacks the
    /// [retraining](Self::with_retrain) that it had, or after [`partial_fit`](HybridEsn::partial_fit), whose outputs have seen their
    /// truth. A training that fails is no error: it is logged.
    pub fn observe(&mut self, esn: &mut HybridEsn<T>, input: &[T], truth: &[T]) -> Result<Event, Error> {
        if self.origin_of_retrain == Origin::Missing {
            return Err(Error::Misuse {
                what: "this ladder retrained by code of the caller's, which no file holds",
                instead: "give it again by `with_retrain`".to_owned(),
            });
        }
        if esn.is_corrected() {
            return Err(Error::Misuse {
                what: "a ladder judges outputs that have not seen their truth",
                instead: "let it observe after `step`; `partial_fit` has learnt from this truth already".to_owned(),
            });
        }
        for (what, found, expected) in [
            ("the ladder's input", input.len(), esn.inputs()),
            ("the ladder's truth", truth.len(), esn.outputs()),
            ("the monitor's channels", self.monitor.channels(), esn.outputs()),
        ] {
            if found != expected {
                return Err(Error::shape(what, expected, found));
            }
        }
        // First, because it may fail.
        if let Stage::Trying { old, .. } = &mut self.stage {
            old.step(input)?;
        }
        self.residuals.clear();
        let outputs = esn.session().outputs();
        self.residuals.extend(outputs.iter().zip(truth).map(|(y, t)| y.to_f64() - t.to_f64()));
        self.steps += 1;
        let mut event = self.monitor.observe(&self.residuals)?;
        if let Event::Alarm { since, .. } = &mut event {
            // Both count this step; the monitor may have begun before the ladder, or after it.
            *since = (*since + self.steps).saturating_sub(self.monitor.steps());
        }
        if let Event::Alarm { channel, detector, since } = event {
            match &mut self.stage {
                Stage::Watching => {
                    self.note(Action::Hold { channel, detector, since });
                    self.kept.clear();
                    self.stage = Stage::Holding { rung: 0 };
                    return Ok(event);
                }
                Stage::Recalibrating { is_told, .. } if !*is_told => {
                    *is_told = true;
                    self.note(Action::Again { channel, detector, since });
                }
                _ => {}
            }
        }
        // What is not finite can neither be learnt from nor judged by.
        if self.residuals.iter().all(|e| Real::is_finite(*e)) {
            self.advance(esn, input, truth);
        }
        Ok(event)
    }

    /// Takes a step whose truth is known.
    fn advance(&mut self, esn: &mut HybridEsn<T>, input: &[T], truth: &[T]) {
        match &mut self.stage {
            Stage::Watching => {}
            &mut Stage::Holding { rung } => {
                self.kept.push(input, truth);
                let wanted = [self.policy.refit_after, self.policy.retrain_after][rung];
                if self.kept.steps() >= wanted {
                    self.train(esn, rung);
                }
            }
            Stage::Trying { rung, old, new_error, old_error, left } => {
                let rung = *rung;
                self.kept.push(input, truth);
                let outputs = old.session().outputs();
                *old_error += outputs.iter().zip(truth).map(|(y, t)| square(y.to_f64() - t.to_f64())).sum::<f64>();
                *new_error += self.residuals.iter().map(|e| square(*e)).sum::<f64>();
                *left -= 1;
                if *left == 0 {
                    self.judge(esn, rung);
                }
            }
            Stage::Recalibrating { residuals, .. } => {
                residuals.extend_from_slice(&self.residuals);
                if residuals.len() >= self.policy.recalibrate.saturating_mul(self.residuals.len()) {
                    self.recalibrate();
                }
            }
        }
    }

    /// Installs a new model on trial, or goes on without.
    fn train(&mut self, esn: &mut HybridEsn<T>, rung: usize) {
        let start = Instant::now();
        let (inputs, targets) = self.kept.views(esn.inputs(), esn.outputs());
        let steps = inputs.nrows();
        let trained = if rung == 0 {
            self.policy.fit(esn.model(), inputs, targets)
        } else {
            (self.retrain)(esn.model(), inputs, targets)
        };
        match trained.and_then(|model| installed(model, esn, &Series::new(inputs, targets))) {
            Ok(new) => {
                let old = Box::new(std::mem::replace(esn, new));
                let action = if rung == 0 { Action::Refit { steps } } else { Action::Retrain { steps } };
                self.log.push(Entry { step: self.steps - 1, action, took: start.elapsed() });
                let left = self.policy.trial;
                self.stage = Stage::Trying { rung, old, new_error: 0.0, old_error: 0.0, left };
            }
            Err(error) => {
                self.note(Action::Failed { reason: error.to_string() });
                self.climb(rung);
            }
        }
    }

    /// Keeps the new model or takes back the old one, at the end of a trial.
    fn judge(&mut self, esn: &mut HybridEsn<T>, rung: usize) {
        let Stage::Trying { mut old, new_error, old_error, .. } = std::mem::replace(&mut self.stage, Stage::Watching)
        else {
            return;
        };
        let count = self.policy.trial as f64 * self.residuals.len() as f64;
        let (new, old_error) = ((new_error / count).sqrt(), (old_error / count).sqrt());
        let limit = self.policy.good_enough * self.before;
        // A new model whose error is not a number is not better.
        if new.is_nan() || new >= old_error {
            // With its state, which the other one's need not be.
            std::mem::swap(esn.session(), old.session());
            self.note(Action::RollBack { old: old_error, new });
            if old_error > limit {
                self.climb(rung);
            } else if log::is_known(&self.log) {
                // Nothing is wrong with the model that the monitor knows, so what was normal still is.
                self.note(Action::GiveBack { error: old_error, before: self.before, is_good: true });
                self.monitor.restart();
            } else {
                self.give_back(old_error);
            }
        } else if new <= limit {
            self.give_back(new);
        } else {
            self.note(Action::Escalate { new, limit });
            self.climb(rung);
        }
    }

    fn climb(&mut self, rung: usize) {
        if rung == 0 {
            self.stage = Stage::Holding { rung: 1 };
        } else {
            self.give_back(log::error_in_control(&self.log));
        }
    }

    fn give_back(&mut self, error: f64) {
        let is_good = error <= self.policy.good_enough * self.before;
        self.note(Action::GiveBack { error, before: self.before, is_good });
        self.stage = Stage::Recalibrating { residuals: Vec::new(), is_told: false };
    }

    fn recalibrate(&mut self) {
        let start = Instant::now();
        let Stage::Recalibrating { residuals, .. } = std::mem::replace(&mut self.stage, Stage::Watching) else {
            return;
        };
        let width = self.residuals.len();
        let stretch = ArrayView2::from_shape((residuals.len() / width, width), &residuals).expect("whole steps");
        let action = match DriftMonitor::calibrate(self.monitor.settings().clone(), stretch) {
            Ok(monitor) => {
                self.before = (residuals.iter().map(|e| square(*e)).sum::<f64>() / residuals.len() as f64).sqrt();
                self.monitor = monitor;
                Action::Watch
            }
            Err(error) => {
                self.monitor.restart();
                Action::Unwatched { reason: error.to_string() }
            }
        };
        self.log.push(Entry { step: self.steps - 1, action, took: start.elapsed() });
    }

    fn note(&mut self, action: Action) {
        self.log.push(Entry { step: self.steps - 1, action, took: Duration::ZERO });
    }

    /// Whether the network is in control: false from an alarm until control is given back.
    pub fn is_trusted(&self) -> bool {
        matches!(self.stage, Stage::Watching | Stage::Recalibrating { .. })
    }

    /// All that was done so far, in order.
    pub fn log(&self) -> &[Entry] {
        &self.log
    }

    /// The monitor, which is a new one after each recalibration.
    pub fn monitor(&self) -> &DriftMonitor {
        &self.monitor
    }

    /// Steps observed.
    pub fn steps(&self) -> u64 {
        self.steps
    }
}

impl<T: Real> std::fmt::Debug for Ladder<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ladder").field("policy", &self.policy).field("log", &self.log).finish_non_exhaustive()
    }
}

fn square(x: f64) -> f64 {
    x * x
}
