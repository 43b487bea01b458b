//! A ladder with its network, kept.

use forebay_kernels::Real;

use super::{Ladder, Origin, Stage};
use crate::drift::kept::Kept;
use crate::drift::{DriftMonitor, Entry, Policy};
use crate::error::Error;
use crate::esn::HybridEsn;
use crate::keep::{self, Content, KeepError, MOST_STEPS, OfModel, Reader, Writer, must};

/// A running network with the ladder that watches it: what is [kept](crate::keep::Keep) of the two, in one file.
///
/// The model, the state, the monitor, what was gathered and tried so far, and the log go on with the same bits. As after
/// [`Session::resume`](crate::execute::Session::resume), the values of nodes other than reservoirs and readouts are not known until the
/// next step. A [retraining](Ladder::with_retrain) of the caller's is code, which no file holds: a ladder that had one refuses to
/// [observe](Ladder::observe) until it is given again. The trial of a compiled model is not kept.
///
/// ```
/// use forebay::HybridEsn;
/// use forebay::drift::{DriftMonitor, Ladder, Policy, DriftSettings, Watched};
/// use forebay::keep::Keep;
/// # use ndarray::Array2;
/// # let folder = tempfile::tempdir().expect("a temporary folder");
/// # let path = folder.path().join("watched.kept");
/// # let mut noise = forebay::random::Seed(1).stream("errors");
/// # let errors = Array2::from_shape_simple_fn((2000, 1), || 0.1 * noise.normal());
///
/// let esn = HybridEsn::from_weights(&[0.5_f64, -0.3], &[0.0, 0.4, -0.4, 0.0], &[1.0, -1.0], 0.7)?;
/// let monitor = DriftMonitor::calibrate(DriftSettings::default(), errors.view())?;
/// let mut watched = Watched { ladder: Ladder::new(monitor, Policy::default(), 0.1)?, esn };
/// let truth = watched.esn.step(&[0.5])?[0] + 0.1;
/// watched.ladder.observe(&mut watched.esn, &[0.5], &[truth])?;
/// watched.save(&path)?;
///
/// let Watched { mut esn, ladder } = Watched::load(&path)?;
/// assert_eq!((ladder.steps(), esn.step(&[0.25])?), (1, watched.esn.step(&[0.25])?));
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Debug)]
pub struct Watched<T: Real> {
    /// The network.
    pub esn: HybridEsn<T>,
    /// What watches and repairs it.
    pub ladder: Ladder<T>,
}

impl<T: Real> Content for Watched<T> {
    const KIND: &'static str = keep::LADDER;

    fn write(&self, to: &mut Writer) -> Result<(), Error> {
        let Self { esn, ladder } = self;
        to.model(esn.model())?;
        esn.write_state(to)?;
        ladder.monitor.write(to)?;
        ladder.policy.write(to);
        to.flag(ladder.origin_of_retrain != Origin::Own);
        to.float(ladder.before);
        to.number(ladder.steps);
        to.number(ladder.first_watched());
        ladder.kept.write(to);
        match &ladder.stage {
            Stage::Watching => to.tag(0),
            Stage::Holding { rung } => {
                to.tag(1);
                to.count(*rung);
            }
            Stage::Trying { rung, old, new_error, old_error, left } => {
                if old.model().plan().is_some() {
                    return Err(KeepError::NotKept {
                        what: "the trial of a compiled model",
                        instead: "save when it has ended, see `Ladder::log`",
                    }
                    .into());
                }
                to.tag(2);
                to.count(*rung);
                to.floats(&[*new_error, *old_error]);
                to.count(*left);
                to.second_model(old.model())?;
                old.write_state(to)?;
            }
            Stage::Recalibrating { residuals, is_told } => {
                to.tag(3);
                to.flag(*is_told);
                to.count(residuals.len());
                to.floats(residuals);
            }
        }
        to.count(ladder.log.len());
        ladder.log.iter().for_each(|entry| entry.write(to));
        Ok(())
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let model = from.model::<T>()?;
        let esn = HybridEsn::read_state(model, from)?;
        let (inputs, outputs) = (esn.inputs(), esn.outputs());
        let monitor = DriftMonitor::read(from)?;
        must(monitor.channels() == outputs, "monitor", || "has other channels than the network has outputs")?;
        let policy = Policy::read(from)?;
        let is_given = from.flag("mark of a retraining")?;
        let before = from.float("error before the alarm")?;
        let mut ladder = Ladder::new(monitor, policy, before)
            .map_err(|why| KeepError::content("policy", format!("is out of range: {why}")))?;
        if is_given {
            ladder.origin_of_retrain = Origin::Missing;
        }
        ladder.steps = from.number("step count of the ladder", MOST_STEPS)?;
        let first = from.number("first step of the monitor", ladder.steps)?;
        must(first == ladder.first_watched(), "first step of the monitor", || "does not fit the step counts")?;
        ladder.kept = Kept::read(ladder.policy.retrain_after, inputs, outputs, from)?;
        ladder.stage = match from.tag("stage of the ladder", 4)? {
            0 => Stage::Watching,
            1 => Stage::Holding { rung: from.count("rung of the ladder", 0, 1)? },
            2 => {
                let rung = from.count("rung of the ladder", 0, 1)?;
                let mut error = || from.raw_float("error of a trial", "at least 0", |error| error >= 0.0);
                let (new_error, old_error) = (error()?, error()?);
                let left = from.count("steps left of a trial", 1, ladder.policy.trial)?;
                let model = from.second_model::<T>()?;
                must(model.graph() == esn.model().graph(), "old model", || "is of another graph than the new one")?;
                let old = Box::new(HybridEsn::read_state(model, from)?);
                Stage::Trying { rung, old, new_error, old_error, left }
            }
            _ => {
                let is_told = from.flag("mark of a told alarm")?;
                let wanted = ladder.policy.recalibrate.saturating_mul(outputs);
                let count = from.count("number of residuals", 0, wanted - 1)?;
                must(count.is_multiple_of(outputs), "number of residuals", || "is not of whole steps")?;
                Stage::Recalibrating { residuals: from.floats("residuals", count)?, is_told }
            }
        };
        let entries = from.count("length of the log", 0, usize::MAX)?;
        from.must_have("entries of the log", entries, Entry::LEAST_BYTES)?;
        let mut least = 0;
        for _ in 0..entries {
            let entry = Entry::read(outputs, from)?;
            must((least..ladder.steps).contains(&entry.step), "step of an entry", || "does not ascend")?;
            least = entry.step;
            ladder.log.push(entry);
        }
        Ok(Self { esn, ladder })
    }
}

impl<T: Real> OfModel<T> for Watched<T> {}

impl<T: Real> Ladder<T> {
    /// The step in which the monitor began: the first, if it had begun before.
    fn first_watched(&self) -> u64 {
        self.steps.saturating_sub(self.monitor.steps())
    }
}
