//! Which part of a target is drawn, and what there is to say about it.

use anyhow::{Result, ensure};

use super::calendar;
use super::content::{Axis, AxisKind, Future, Target, Tested};
use super::numbers;
use super::scale::{Scale, is_drawn};
use super::tick::Ticks;
use crate::output::count;

/// Test steps that are drawn: so many per step of the future, within bounds, so that both can be seen.
const PER_STEP: usize = 8;
const FEWEST: usize = 60;
const MOST: usize = 240;

/// A target with the part of it that is drawn.
pub(super) struct Shown<'v> {
    pub(super) axis: &'v Axis,
    pub(super) name: &'v str,
    pub(super) test: Part<'v>,
    pub(super) future: &'v Future,
}

/// The last test steps.
pub(super) struct Part<'v> {
    pub(super) all: &'v Tested,
    /// The first step that is drawn.
    pub(super) from: usize,
}

impl<'v> Part<'v> {
    pub(super) fn at(&self) -> &'v [f64] {
        &self.all.at[self.from..]
    }

    pub(super) fn truth(&self) -> &'v [f64] {
        &self.all.truth[self.from..]
    }

    pub(super) fn forecast(&self) -> &'v [f64] {
        &self.all.forecast[self.from..]
    }

    pub(super) fn lower(&self) -> &'v [f64] {
        &self.all.lower[self.from..]
    }

    pub(super) fn upper(&self) -> &'v [f64] {
        &self.all.upper[self.from..]
    }

    pub(super) fn baseline(&self) -> &'v [f64] {
        &self.all.baseline[self.from..]
    }
}

impl<'v> Shown<'v> {
    /// Chooses the part.
    ///
    /// # Errors
    ///
    /// Columns of one table that have different lengths.
    pub(super) fn of(target: &'v Target, axis: &'v Axis) -> Result<Self> {
        let (test, future) = (&target.test, &target.future);
        let steps = test.at.len();
        let columns = [&test.truth, &test.forecast, &test.lower, &test.upper, &test.baseline];
        ensure!(
            columns.iter().all(|column| column.len() == steps),
            "{}: the test's columns have {:?} values for {steps} times",
            target.name,
            columns.map(Vec::len)
        );
        let ends = future.bands.iter().flat_map(|band| [&band.lower, &band.upper]);
        let lengths: Vec<usize> = std::iter::once(&future.middle).chain(ends).map(Vec::len).collect();
        ensure!(
            lengths.iter().all(|length| *length == future.at.len()),
            "{}: the future's columns have {lengths:?} values for {} times",
            target.name,
            future.at.len()
        );
        let most = match future.at.len() {
            0 => MOST,
            ahead => ahead.saturating_mul(PER_STEP).clamp(FEWEST, MOST).max(ahead.saturating_mul(2)),
        };
        let test = Part { all: test, from: steps.saturating_sub(most) };
        Ok(Self { axis, name: &target.name, test, future })
    }

    /// The range of the time axis; none if there is no time.
    pub(super) fn times(&self) -> Option<Scale> {
        let times = || self.test.at().iter().chain(&self.future.at).copied().filter(|at| is_drawn(*at));
        let first = times().next()?;
        if times().any(|at| at != first) {
            // Bars and dots at the ends need room.
            return Scale::around(times(), (0.3 / times().count() as f64).max(0.01));
        }
        // A single time has no neighbours that would say how far apart times are.
        let half = if self.axis.kind == AxisKind::Dates { 43_200.0 } else { 0.5 };
        let alone = Scale { low: first - half, high: first + half };
        if alone.low < alone.high { Some(alone) } else { Scale::around(times(), 0.01) }
    }

    /// At most so many ticks of the time axis.
    pub(super) fn ticks(&self, scale: Scale, most: usize) -> Ticks {
        let by_calendar = || calendar::ticks(scale, most).map(|ticks| Ticks { ticks, base: None });
        match self.axis.kind {
            AxisKind::Dates => by_calendar().unwrap_or_else(|| numbers::ticks(scale, most)),
            AxisKind::Steps | AxisKind::Numbers => {
                let is_whole = self.test.at().iter().chain(&self.future.at).all(|at| at.fract() == 0.0);
                if is_whole { numbers::whole_ticks(scale, most) } else { numbers::ticks(scale, most) }
            }
        }
    }

    /// The name of the time axis, with the unit of dates that no calendar has.
    pub(super) fn time_label(&self) -> String {
        let is_beyond = |scale: Scale| calendar::ticks(scale, 2).is_none();
        if self.axis.kind == AxisKind::Dates && self.times().is_some_and(is_beyond) {
            return format!("{}, seconds since 1970", self.axis.label);
        }
        self.axis.label.clone()
    }

    /// From one time to another in words.
    fn period(&self, first: f64, last: f64) -> String {
        let by_calendar = || calendar::words([first, last]);
        let written = if self.axis.kind == AxisKind::Dates { by_calendar() } else { None };
        let what = if self.axis.kind == AxisKind::Steps { "step " } else { "" };
        let mut written = written.unwrap_or_else(|| [first, last].map(short).into());
        written.dedup();
        format!("{what}{}", written.join(" to "))
    }

    /// What is drawn, and what is not, in sentences.
    pub(super) fn sentences(&self) -> Vec<String> {
        let mut told = vec![self.told_test(), self.told_future()];
        told.extend(self.told_gaps());
        told.extend(self.told_crossings());
        told
    }

    fn told_test(&self) -> String {
        let (all, shown) = (self.test.all.at.len(), self.test.at().len());
        let (Some(first), Some(last)) = (self.test.at().first(), self.test.at().last()) else {
            return "There are no test steps to show.".to_owned();
        };
        let which = match all {
            1 => "The only test step".to_owned(),
            _ if all == shown => format!("All {all} test steps"),
            _ => format!("The last {shown} of {all} test steps"),
        };
        let ahead = count(self.test.all.horizon, "step");
        format!("{which} ({}), forecast {ahead} ahead.", self.period(*first, *last))
    }

    fn told_future(&self) -> String {
        let (Some(first), Some(last)) = (self.future.at.first(), self.future.at.last()) else {
            return "Nothing is forecast after the last row.".to_owned();
        };
        let steps = count(self.future.at.len(), "step");
        let bands: Vec<String> = self.future.bands.iter().map(|band| percent(band.coverage)).collect();
        let bands = if bands.is_empty() {
            "without intervals".to_owned()
        } else {
            format!("intervals of {}", bands.join(" and "))
        };
        format!("After the last row: {steps} ({}), {bands}.", self.period(*first, *last))
    }

    /// Intervals that end before they begin.
    fn told_crossings(&self) -> Option<String> {
        let crossed = |lower: &[f64], upper: &[f64]| lower.iter().zip(upper).filter(|(low, high)| low > high).count();
        let bands = self.future.bands.iter().map(|band| crossed(&band.lower, &band.upper)).sum::<usize>();
        let crossings = bands + crossed(self.test.lower(), self.test.upper());
        (crossings > 0).then(|| format!("The lower end is above the upper one in {}.", count(crossings, "interval")))
    }

    /// Values that have no place in the picture.
    fn told_gaps(&self) -> Vec<String> {
        let gaps = |values: &[f64]| values.iter().filter(|value| !is_drawn(**value)).count();
        let bands = self.future.bands.iter().map(|band| gaps(&band.lower) + gaps(&band.upper)).sum::<usize>();
        let intervals = gaps(self.test.lower()) + gaps(self.test.upper()) + bands;
        let forecasts = gaps(self.test.forecast()) + gaps(&self.future.middle);
        let found = [
            (gaps(self.test.truth()), "true value"),
            (forecasts, "forecast"),
            (intervals, "end of an interval"),
            (gaps(self.test.baseline()), "value of the baseline"),
            (gaps(self.test.at()) + gaps(&self.future.at), "time"),
        ];
        let plural = |number: usize, thing: &str| match (number, thing) {
            (1, _) => format!("1 {thing}"),
            (_, "end of an interval") => format!("{number} ends of intervals"),
            (_, "value of the baseline") => format!("{number} values of the baseline"),
            _ => count(number, thing),
        };
        let told: Vec<String> =
            found.iter().filter(|(gaps, _)| *gaps > 0).map(|(n, thing)| plural(*n, thing)).collect();
        if told.is_empty() {
            return Vec::new();
        }
        vec![format!("Not drawn, as missing or not finite: {}.", told.join(", "))]
    }
}

/// A number without a tail of noise: nine digits, or all of a whole number.
fn short(value: f64) -> String {
    let is_whole = value.fract() == 0.0 && value.abs() < 1e15;
    let rounded = if is_whole { value } else { format!("{value:.8e}").parse().unwrap_or(value) };
    let is_plain = is_whole || (1e-4..1e9).contains(&rounded.abs());
    if is_plain { format!("{rounded}") } else { format!("{rounded:e}") }
}

/// A share in per cent, without a tail of noise.
pub(super) fn percent(share: f64) -> String {
    let text = format!("{:.2}", 100.0 * share);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::{percent, short};

    #[test]
    fn numbers_are_told_without_noise() {
        let told = [1951.0 + 2.0 / 3.0, 0.1 + 0.2, 0.0, 1e-9, 1_500_000_069.0, f64::NAN].map(short);
        assert_eq!(told, ["1951.66667", "0.3", "0", "1e-9", "1500000069", "NaN"]);
    }

    #[test]
    fn shares_are_told_without_noise() {
        assert_eq!([0.9, 0.5, 0.999, 0.1 + 0.2, 1.0].map(percent), ["90 %", "50 %", "99.9 %", "30 %", "100 %"]);
    }
}
