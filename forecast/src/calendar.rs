//! What the calendar knows ahead of a row: where in the day, the week and the year it lies.
//!
//! ```
//! use forebay_forecast::calendar::features;
//! use forebay_forecast::table::{Reading, read};
//!
//! let line = |day: usize| format!("2024-01-{:02},{}\n", day + 1, [3, 1, 4, 1, 5, 9, 2][day % 7]);
//! let text = "date,sales\n".to_owned() + &(0..28).map(line).collect::<String>();
//! let clock = read(text.as_bytes(), &Reading::default())?.clock.expect("the days");
//! // 28 known rows and 7 to come: `Inputs::ahead` of a forecast 7 steps ahead.
//! let (names, values) = features(&clock, 0..35);
//! assert_eq!(names, ["day of week, sine", "day of week, cosine", "weekend"]);
//! assert_eq!((values.dim(), values[[5, 2]], values[[30, 2]]), ((35, 3), 1.0, 0.0)); // Saturday 6 January, Wednesday 31 January
//! # Ok::<(), forebay_forecast::table::TableError>(())
//! ```
//!
//! # What is taken
//! A cycle of period P at the share p of it gives `sin 2 pi p` and `cos 2 pi p`. It is taken where it varies from step to step and the clock
//! has seen two of it:
//!
//! | cycle | p | steps | rows of |
//! |---|---|---|---|
//! | hour of day | time of day / 24 h | shorter than half a day | 2 days |
//! | day of week | (days since Monday + time of day) / 7 | up to a day, business days | 2 weeks |
//! | weekend | 1 on Saturdays and Sundays, else 0 | up to a day | 2 weeks |
//! | day of year | (days since 1 January + time of day) / days of the year | shorter than half a year | 2 years |
//! | month of year | months since January / 12 | months, shorter than half a year | 2 years |
//!
//! Clocks of numbers, of years and without a step have none. Public holidays are no part of it. Times are those on the wall of the file.

use std::f64::consts::TAU;
use std::ops::Range;

use ndarray::Array2;

use crate::table::{Clock, ClockRule, Fields, Step};

/// Features of the calendar that vary for a clock; the same for all rows before and after its last one.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    kept: Vec<Feature>,
    /// Seconds of a step, on average.
    step: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Feature {
    Sine(Cycle),
    Cosine(Cycle),
    Weekend,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Cycle {
    Day,
    Week,
    Year,
    Months,
}

const DAY: f64 = 86_400.0;
const WEEK: f64 = 7.0 * DAY;
const YEAR: f64 = 365.25 * DAY;

/// Rows of a cycle that are looked at to tell whether a feature varies.
const SAMPLE: i64 = 400;

impl Cycle {
    fn period(self) -> f64 {
        match self {
            Self::Day => DAY,
            Self::Week => WEEK,
            Self::Year | Self::Months => YEAR,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Day => "hour of day",
            Self::Week => "day of week",
            Self::Year => "day of year",
            Self::Months => "month of year",
        }
    }

    /// The share of the cycle that has gone by, from 0 to less than 1.
    fn phase(self, time: &Fields) -> f64 {
        let day = (f64::from(time.hour) * 3600.0 + f64::from(time.minute) * 60.0 + time.second) / DAY;
        match self {
            Self::Day => day,
            Self::Week => (f64::from(time.weekday) + day) / 7.0,
            Self::Year => (f64::from(time.day_of_year - 1) + day) / f64::from(time.days_in_year),
            Self::Months => f64::from(time.month - 1) / 12.0,
        }
    }
}

impl Feature {
    fn cycle(self) -> Cycle {
        match self {
            Self::Sine(cycle) | Self::Cosine(cycle) => cycle,
            Self::Weekend => Cycle::Week,
        }
    }

    fn name(self) -> String {
        match self {
            Self::Sine(cycle) => format!("{}, sine", cycle.name()),
            Self::Cosine(cycle) => format!("{}, cosine", cycle.name()),
            Self::Weekend => "weekend".to_owned(),
        }
    }

    fn value(self, time: &Fields) -> f64 {
        match self {
            Self::Sine(cycle) => libm::sin(TAU * cycle.phase(time)),
            Self::Cosine(cycle) => libm::cos(TAU * cycle.phase(time)),
            Self::Weekend => f64::from(u8::from(time.weekday >= 5)),
        }
    }
}

impl Calendar {
    /// The features that vary for this clock, as the table of the [module](self) says; they may be none.
    pub fn of(rule: &ClockRule) -> Self {
        let step = rule.span().unwrap_or(0.0) / (rule.rows() - 1).max(1) as f64;
        let length = step * rule.rows() as f64;
        let cycles: &[Cycle] = match rule.step() {
            // Times of day alone have no days.
            Step::Seconds(_) if !rule.has_dates() => &[Cycle::Day],
            Step::Seconds(_) => &[Cycle::Day, Cycle::Week, Cycle::Year],
            Step::BusinessDays(_) => &[Cycle::Week, Cycle::Year],
            Step::Months(_) => &[Cycle::Months],
            Step::Numbers(_) | Step::Uneven => &[],
        };
        // Years may be of 365 days.
        let has_two = |cycle: &Cycle| length >= 1.98 * cycle.period();
        // Two rows in a cycle are no circle. Business days are some 1.4 days apart on average.
        let is_short = |cycle: &Cycle| match rule.step() {
            Step::BusinessDays(_) => step < 2.0 * DAY || *cycle == Cycle::Year,
            _ if *cycle == Cycle::Week => step <= DAY,
            _ => step * 2.0 < cycle.period() * 0.99,
        };
        let taken = cycles.iter().filter(|cycle| has_two(cycle) && is_short(cycle));
        let features = taken.flat_map(|&cycle| {
            let weekend = (cycle == Cycle::Week).then_some(Feature::Weekend);
            [Some(Feature::Sine(cycle)), Some(Feature::Cosine(cycle)), weekend].into_iter().flatten()
        });
        let kept = features.filter(|feature| varies(*feature, rule, step)).collect();
        Self { kept, step }
    }

    /// Leaves out what a season of so many steps brings already: a cycle that it is a whole number of, within a fiftieth of the cycle.
    #[must_use]
    pub fn beside_season(mut self, steps: usize) -> Self {
        let season = steps as f64 * self.step;
        self.kept.retain(|feature| {
            let cycles = season / feature.cycle().period();
            cycles.round() < 1.0 || (cycles - cycles.round()).abs() > 0.02
        });
        self
    }

    /// What each column is.
    pub fn names(&self) -> Vec<String> {
        self.kept.iter().map(|feature| feature.name()).collect()
    }

    /// `[rows, features]` of these rows of a clock, counted from its first; rows after its last one are those that its step gives. NaN after
    /// the year 9999.
    pub fn rows(&self, clock: &Clock, rows: Range<usize>) -> Array2<f64> {
        self.values(rows.map(|row| clock.fields(row)))
    }

    /// `[rows, features]` of rows that are counted from the last one of a clock, which is 0; the next one is 1.
    pub fn ahead(&self, rule: &ClockRule, rows: Range<i64>) -> Array2<f64> {
        self.values(rows.map(|row| rule.fields(row)))
    }

    fn values(&self, times: impl Iterator<Item = Option<Fields>>) -> Array2<f64> {
        let value = |time: Option<&Fields>, feature: &Feature| time.map_or(f64::NAN, |time| feature.value(time));
        let (mut values, mut rows) = (Vec::new(), 0);
        for time in times {
            values.extend(self.kept.iter().map(|feature| value(time.as_ref(), feature)));
            rows += 1;
        }
        Array2::from_shape_vec((rows, self.kept.len()), values).expect("a value for every feature of a row")
    }
}

/// Whether a feature takes different values within one cycle after the last row.
fn varies(feature: Feature, rule: &ClockRule, step: f64) -> bool {
    let steps = (feature.cycle().period() / step).ceil() as i64 + 1;
    let stride = (steps / SAMPLE).max(1);
    let rows = (0..=steps / stride).filter_map(|sample| Some(feature.value(&rule.fields(sample * stride)?)));
    let range = rows.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    range.1 - range.0 > 1e-6
}

/// Names and `[rows, features]` of what the calendar knows of these rows of a clock, counted from its first one; rows after its last one are
/// those to come, as [`Inputs::ahead`](crate::ensemble::Inputs::ahead) asks for.
///
/// Which features there are depends on the clock alone ([`Calendar::of`]); there may be none.
pub fn features(clock: &Clock, rows: Range<usize>) -> (Vec<String>, Array2<f64>) {
    let calendar = Calendar::of(clock.rule());
    (calendar.names(), calendar.rows(clock, rows))
}
