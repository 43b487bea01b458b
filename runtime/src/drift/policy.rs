//! How a ladder goes about repairs, and what it tells of them.

use std::time::Duration;

use forebay_kernels::Real;
use ndarray::ArrayView2;

use super::DetectorKind;
use crate::error::Error;
use crate::keep::{KeepError, MOST_STEPS, Reader, Writer};
use crate::model::Model;
use crate::train::online::{OnlineFeedback, OnlineTrainer, Rls};
use crate::train::{Ridge, Series, Training};

/// How the readout is refitted; the reservoir stays as it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Refit {
    /// Ridge regression over the steps since the alarm, exact.
    Ridge(Ridge),
    /// Recursive least squares with exponential forgetting over the same steps.
    RecursiveLeastSquares {
        /// Weight of a step relative to the one after, in (0, 1].
        forgetting: f64,
        /// Start of the inverse, see [`Rls`].
        ridge: f64,
    },
}

/// Lengths and limits of a [`Ladder`](super::Ladder).
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Steps to gather after an alarm before the readout is refitted; 1,000.
    pub refit_after: usize,
    /// Steps to gather before a full retraining; 3,000.
    pub retrain_after: usize,
    /// Steps after a new model was installed on which it is judged, beside the old one; it has not seen them; 300.
    pub trial: usize,
    /// Steps of each training series while the state forgets that it began at rest; 100.
    pub washout: usize,
    /// A new model is kept if its error is below the old one's, and is good enough (no next rung) if it is below this
    /// multiple of the error before the alarm; 1.5.
    pub good_enough: f64,
    /// Steps after control was given back on which a new monitor learns what is normal now; 2,000.
    pub recalibrate: usize,
    /// How the readout is refitted; ridge regression with 1e-6.
    pub refit: Refit,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            refit_after: 1000,
            retrain_after: 3000,
            trial: 300,
            washout: 100,
            good_enough: 1.5,
            recalibrate: 2000,
            refit: Refit::Ridge(Ridge::Fixed(1e-6)),
        }
    }
}

/// What was done, and why. Errors are root mean squares over steps and outputs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// Outputs are not to be trusted; steps are gathered.
    Hold {
        /// The channel that drifted.
        channel: usize,
        /// The detector that said so.
        detector: DetectorKind,
        /// The step of the ladder in which the change began, by its estimate.
        since: u64,
    },
    /// A new readout runs on trial.
    Refit {
        /// Steps that it was fitted to.
        steps: usize,
    },
    /// A retrained model runs on trial.
    Retrain {
        /// Steps that it was trained on.
        steps: usize,
    },
    /// Training failed; the model is the old one.
    Failed {
        /// Why.
        reason: String,
    },
    /// The new model was worse on the trial: the old one is back.
    RollBack {
        /// Error of the old model.
        old: f64,
        /// Error of the new one.
        new: f64,
    },
    /// The new model was better but not good enough: the next rung follows.
    Escalate {
        /// Error of the new model.
        new: f64,
        /// The limit.
        limit: f64,
    },
    /// Outputs may be trusted as far as `error` goes. What is normal is learnt anew, unless the model that the monitor knows is back
    /// and good.
    GiveBack {
        /// Error of the model in control on its last trial; not a number if every training failed, so that there was none.
        error: f64,
        /// Error before the alarm.
        before: f64,
        /// Whether it is as small as was asked for.
        is_good: bool,
    },
    /// An alarm while what is normal is learnt anew: what is being learnt may hold another change, or only be worse than before.
    /// Nothing else is done about it, and of several in one such stretch the first is told.
    Again {
        /// The channel that drifted.
        channel: usize,
        /// The detector that said so.
        detector: DetectorKind,
        /// The step of the ladder in which the change began, by its estimate.
        since: u64,
    },
    /// The monitor watches again.
    Watch,
    /// The monitor could not learn what is normal; it goes on with what it knew.
    Unwatched {
        /// Why.
        reason: String,
    },
}

/// An action with its step, and the time that the computation took.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The step, counted from 0, after which it was done.
    pub step: u64,
    /// What was done.
    pub action: Action,
    /// Wall-clock time of training or calibration; zero for the rest.
    pub took: Duration,
}

impl Policy {
    pub(super) fn fit<T: Real>(
        &self,
        model: &Model<T>,
        inputs: ArrayView2<'_, T>,
        targets: ArrayView2<'_, T>,
    ) -> Result<Model<T>, Error> {
        match &self.refit {
            Refit::Ridge(ridge) => {
                let training = Training::new().washout(self.washout).ridge(ridge.clone());
                Ok(training.fit(model, &[Series::new(inputs, targets)])?.0)
            }
            &Refit::RecursiveLeastSquares { forgetting, ridge } => {
                // All heads at once, in the order of the outputs: what is fed back is the truth of every one.
                let mut trainer: Option<OnlineTrainer<T, Rls>> = None;
                for head in model.graph().heads() {
                    let features = model.readout(head.name)?.0.ncols();
                    let rls = Rls::new(1 + features, head.width, forgetting, ridge)?;
                    trainer = Some(match trainer {
                        None => OnlineTrainer::new(model, head.name, rls, OnlineFeedback::Teacher)?,
                        Some(trainer) => trainer.with_head(head.name, rls)?,
                    });
                }
                let mut trainer = trainer.expect("a graph has a readout");
                for (step, (input, target)) in inputs.rows().into_iter().zip(targets.rows()).enumerate() {
                    let (input, target) = (input.to_vec(), target.to_vec());
                    if step < self.washout {
                        trainer.warm_up(&input, &target)?;
                    } else {
                        trainer.step(&input, &target)?;
                    }
                }
                trainer.into_model()
            }
        }
    }
}

impl Policy {
    pub(super) fn write(&self, to: &mut Writer) {
        let Self { refit_after, retrain_after, trial, washout, good_enough, recalibrate, refit } = self;
        for steps in [refit_after, retrain_after, trial, washout, recalibrate] {
            to.count(*steps);
        }
        to.float(*good_enough);
        match refit {
            Refit::Ridge(ridge) => {
                to.tag(0);
                ridge.write(to);
            }
            Refit::RecursiveLeastSquares { forgetting, ridge } => {
                to.tag(1);
                to.floats([forgetting, ridge]);
            }
        }
    }

    /// Not checked but for what the types allow: a ladder does that.
    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, KeepError> {
        let mut steps = || from.count("steps of the policy", 0, usize::MAX);
        let [refit_after, retrain_after, trial, washout, recalibrate] =
            [steps()?, steps()?, steps()?, steps()?, steps()?];
        let good_enough = from.float("good_enough")?;
        let refit = if from.tag("kind of refit", 2)? == 0 {
            Refit::Ridge(Ridge::read(from)?)
        } else {
            Refit::RecursiveLeastSquares { forgetting: from.float("forgetting")?, ridge: from.float("ridge")? }
        };
        Ok(Self { refit_after, retrain_after, trial, washout, good_enough, recalibrate, refit })
    }
}

impl Entry {
    /// Step, two parts of a time, and the action's number.
    pub(super) const LEAST_BYTES: usize = 8 + 8 + 8 + 1;

    pub(super) fn write(&self, to: &mut Writer) {
        to.number(self.step);
        to.number(self.took.as_secs());
        to.number(u64::from(self.took.subsec_nanos()));
        match &self.action {
            Action::Hold { channel, detector, since } => write_alarm(0, *channel, *detector, *since, to),
            Action::Again { channel, detector, since } => write_alarm(1, *channel, *detector, *since, to),
            Action::Refit { steps } => {
                to.tag(2);
                to.count(*steps);
            }
            Action::Retrain { steps } => {
                to.tag(3);
                to.count(*steps);
            }
            Action::Failed { reason } => {
                to.tag(4);
                to.text(reason);
            }
            Action::RollBack { old, new } => {
                to.tag(5);
                to.floats([old, new]);
            }
            Action::Escalate { new, limit } => {
                to.tag(6);
                to.floats([new, limit]);
            }
            Action::GiveBack { error, before, is_good } => {
                to.tag(7);
                to.floats([error, before]);
                to.flag(*is_good);
            }
            Action::Watch => to.tag(8),
            Action::Unwatched { reason } => {
                to.tag(9);
                to.text(reason);
            }
        }
    }

    /// Of a ladder with so many channels. Errors of trials may be no numbers, and are only told.
    pub(super) fn read(channels: usize, from: &mut Reader<'_>) -> Result<Self, KeepError> {
        let step = from.number("step of an entry", MOST_STEPS)?;
        let seconds = from.number("time of an entry", MOST_STEPS)?;
        let nanoseconds = from.number("time of an entry", 999_999_999)? as u32;
        let pair = |from: &mut Reader<'_>| Ok::<_, KeepError>((from.any_float("error")?, from.any_float("error")?));
        let action = match from.tag("action of an entry", 10)? {
            0 => {
                let (channel, detector, since) = read_alarm(channels, from)?;
                Action::Hold { channel, detector, since }
            }
            1 => {
                let (channel, detector, since) = read_alarm(channels, from)?;
                Action::Again { channel, detector, since }
            }
            2 => Action::Refit { steps: from.count("steps of a refit", 0, usize::MAX)? },
            3 => Action::Retrain { steps: from.count("steps of a retraining", 0, usize::MAX)? },
            4 => Action::Failed { reason: from.text("reason of an entry")?.to_owned() },
            5 => {
                let (old, new) = pair(from)?;
                Action::RollBack { old, new }
            }
            6 => {
                let (new, limit) = pair(from)?;
                Action::Escalate { new, limit }
            }
            7 => {
                let (error, before) = pair(from)?;
                Action::GiveBack { error, before, is_good: from.flag("mark of a good model")? }
            }
            8 => Action::Watch,
            _ => Action::Unwatched { reason: from.text("reason of an entry")?.to_owned() },
        };
        Ok(Self { step, action, took: Duration::new(seconds, nanoseconds) })
    }
}

fn write_alarm(tag: u8, channel: usize, detector: DetectorKind, since: u64, to: &mut Writer) {
    to.tag(tag);
    to.count(channel);
    detector.write(to);
    to.number(since);
}

fn read_alarm(channels: usize, from: &mut Reader<'_>) -> Result<(usize, DetectorKind, u64), KeepError> {
    let channel = from.count("channel of an alarm", 0, channels - 1)?;
    Ok((channel, DetectorKind::read(from)?, from.number("step of an alarm", MOST_STEPS)?))
}

#[cfg(test)]
mod tests {
    use super::{read_alarm, write_alarm};
    use crate::drift::DetectorKind;
    use crate::keep::{Reader, Writer};

    #[test]
    fn the_channel_of_a_kept_alarm_is_one_there_is() {
        for (channel, channels, is_taken) in [(0, 1, true), (1, 1, false), (2, 3, true), (3, 3, false)] {
            let mut content = Writer::default();
            write_alarm(0, channel, DetectorKind::Adwin, 7, &mut content);
            let (bytes, _) = content.into_parts();
            let mut from = Reader::new(&bytes, None);
            from.tag("action of an entry", 1).expect("a tag");
            assert_eq!(read_alarm(channels, &mut from).is_ok(), is_taken, "{channel} of {channels}");
        }
    }
}
