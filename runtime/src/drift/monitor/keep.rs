//! A monitor, kept: what is normal, what its detectors have seen, and what it has counted.

use super::{Bank, Channel, DriftMonitor, Lens, STRIDE};
use crate::drift::{AnyDetector, DriftSettings, View, Whitener};
use crate::error::Error;
use crate::keep::{Content, KeepError, MOST_STEPS, Reader, Writer, must};

/// Set beside the warning if statistics follow, as they do unless all are 0: the first files had none.
const SCORES: u8 = 2;

/// Which detectors there are, and which samples they see, follows from the settings.
impl Content for DriftMonitor {
    const KIND: &'static str = "drift monitor";

    fn write(&self, to: &mut Writer) -> Result<(), Error> {
        self.settings.write(to);
        to.count(self.channels.len());
        to.number(self.steps);
        to.number(self.alarms);
        to.number(self.quiet_until);
        to.number(self.skipped);
        to.float(self.score);
        let has_scores = self.has_scores();
        to.tag(u8::from(self.is_warning) | if has_scores { SCORES } else { 0 });
        for Channel { lens, whitener } in &self.channels {
            if let Lens::Magnitude { mean, floor } = lens {
                to.floats([mean, floor]);
            }
            whitener.write(to);
        }
        for Bank { detectors, stride, sums, scores, .. } in &self.banks {
            for ((detector, (sum, count)), score) in detectors.iter().zip(sums).zip(scores) {
                to.float(detector.threshold());
                detector.write(to);
                if *stride > 1 {
                    to.float(*sum);
                    to.count(*count);
                }
                if has_scores {
                    to.float(*score);
                }
            }
        }
        to.flag(self.gathered.is_some());
        if let Some(gathered) = &self.gathered {
            to.count(gathered.len());
            to.floats(gathered);
        }
        Ok(())
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let settings = DriftSettings::read(from)?;
        // Mean, spread, block, order, sum and samples of a whitener are the least that a channel has.
        let count = from.count("number of channels", 1, usize::MAX)?;
        from.must_have("channels", count, 48)?;
        settings.check(count).map_err(|why| KeepError::content("settings", format!("are out of range: {why}")))?;
        let steps = from.number("step count", MOST_STEPS)?;
        let alarms = from.number("alarm count", steps)?;
        let most = steps.saturating_add(settings.cool_down.max(settings.warm_up));
        let quiet_until = from.number("end of the quiet steps", most)?;
        let skipped = from.number("number of skipped samples", steps.saturating_mul(count as u64).min(MOST_STEPS))?;
        let score = from.raw_float("score", "at least 0", |score| score >= 0.0)?;
        let marks = from.tag("warning", 2 * SCORES)?;
        let (is_warning, has_scores) = (marks & 1 == 1, marks & SCORES != 0);
        let is_near = score >= settings.clear_at && score < 1.0;
        must(!is_warning || is_near, "warning", || "does not fit the score")?;

        let mut channels = Vec::with_capacity(count);
        for _ in 0..count {
            let lens = match settings.view {
                View::Value => Lens::Value,
                View::Magnitude => Lens::Magnitude {
                    mean: from.float("mean of a channel")?,
                    floor: from.float_that("floor of a channel", "above 0", |floor| floor >= f64::MIN_POSITIVE)?,
                },
            };
            channels.push(Channel { lens, whitener: Whitener::read(settings.whitening, from)? });
        }
        let block = channels[0].whitener.block();
        must(channels.iter().all(|channel| channel.whitener.block() == block), "blocks of the channels", || "differ")?;

        let mut banks = Vec::with_capacity(2);
        for (kind, stride) in [(Some(settings.detector), 1), (settings.second, STRIDE)] {
            let Some(kind) = kind else { continue };
            let (mut detectors, mut sums, mut scores): (Vec<AnyDetector>, _, _) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..count {
                let threshold = from.float("threshold")?;
                let detector = kind.with_threshold(threshold).map_err(|why| KeepError::content("threshold", why))?;
                detectors.push(detector.read(steps, from)?);
                sums.push(if stride > 1 { read_sum(stride, from)? } else { (0.0, 0) });
                scores.push(if has_scores { read_score(from)? } else { 0.0 });
            }
            banks.push(Bank { kind, detectors, stride, sums, scores });
        }
        let gathered =
            if from.flag("mark of gathered steps")? { Some(gathered(&settings, count, from)?) } else { None };
        let monitor =
            Self { settings, channels, banks, steps, alarms, quiet_until, is_warning, score, skipped, block, gathered };
        must(monitor.has_scores() == has_scores, "statistics of the detectors", || "are all 0")?;
        Ok(monitor)
    }
}

impl DriftMonitor {
    fn has_scores(&self) -> bool {
        self.banks.iter().flat_map(|bank| &bank.scores).any(|score| *score > 0.0)
    }
}

/// The statistic that a detector has computed last; an alarm would have left none.
fn read_score(from: &mut Reader<'_>) -> Result<f64, KeepError> {
    from.float_that("statistic of a detector", "at least 0 and below 1", |score| (0.0..1.0).contains(&score))
}

/// Whitened samples of an unfinished stride.
fn read_sum(stride: usize, from: &mut Reader<'_>) -> Result<(f64, usize), KeepError> {
    let (sum, count) = (from.float("sum of whitened samples")?, from.count("number of them", 0, stride - 1)?);
    must(count > 0 || sum == 0.0, "sum of whitened samples", || "is of no samples")?;
    Ok((sum, count))
}

/// Whole steps of what is to be normal, fewer than are wanted.
fn gathered(settings: &DriftSettings, channels: usize, from: &mut Reader<'_>) -> Result<Vec<f64>, KeepError> {
    let wanted = settings.relearn.map_or(0, |steps| steps.saturating_mul(channels));
    must(wanted > 0, "gathered steps", || "are there, and nothing is to be learnt")?;
    let count = from.count("number of gathered samples", 0, wanted - 1)?;
    must(count.is_multiple_of(channels), "number of gathered samples", || "is not of whole steps")?;
    from.floats("gathered samples", count)
}
