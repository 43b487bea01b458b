//! The rows of a table in the order of its clock: turned, sorted, thinned and completed as the options say.

use super::candidates::Source;
use super::clock::Clock;
use super::error::{ClockError, FormatError, TableError, shown};
use super::grid::Grid;
use super::label::Label;
use super::options::{Duplicates, Fill, Gaps, Reading};
use super::rule::ClockRule;
use super::steps::{Daylight, Rhythm, Step, Ticks, daylight, median, month_day, plain, rhythm};

/// Where a row of the table comes from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Slot {
    /// A row of the file.
    Row(usize),
    /// The mean of several rows of one time.
    Mean(Vec<usize>),
    /// A step that the file does not have.
    Inserted,
}

/// More rows than these are not put in: a file with so many missing steps has other troubles.
const MOST_INSERTED: usize = 10_000_000;

/// The rows of a table with its clock.
pub(super) struct Ordered {
    pub(super) slots: Vec<Slot>,
    pub(super) clock: Clock,
    pub(super) notes: Vec<String>,
}

/// Puts the rows of a file into the order of its clock, or says why they are in none.
pub(super) fn order(grid: &Grid, source: &Source, reading: &Reading) -> Result<Ordered, TableError> {
    let mut work = Work { grid, source, reading, notes: Vec::new(), state: Vec::new() };
    let mut rows: Vec<usize> = (0..grid.rows()).collect();
    let differences = source.ticks.differences();
    // A file that goes back all the way is newest first: that is certain. A number that only falls may be anything.
    if differences.iter().all(|d| *d <= 0.0) && differences.iter().any(|d| *d < 0.0) {
        rows.reverse();
        work.state.push("newest first in the file, turned round".to_owned());
        work.notes.push(format!("{} runs from newest to oldest: the rows are turned round", work.name()));
    }
    let daylight = work.daylight(&rows);
    if let Some(found) = &daylight {
        if reading.gaps != Gaps::Ignore {
            return Err(work.daylight_saving(&rows, found));
        }
        work.state
            .push(format!("local time with daylight saving, taken as evenly spaced: {}", work.hours(&rows, found)));
    }
    let slots = if daylight.is_some() {
        rows.into_iter().map(Slot::Row).collect()
    } else {
        let rows = work.in_order(rows)?;
        work.without_duplicates(rows)?
    };
    work.complete(slots, daylight.is_some())
}

/// What was found about the steps of a clock.
struct Found {
    step: Step,
    missing: usize,
    /// Steps from each row to the next; 1 where there is none.
    counts: Vec<u64>,
    is_daylight: bool,
}

impl Default for Found {
    fn default() -> Self {
        Self { step: Step::Uneven, missing: 0, counts: Vec::new(), is_daylight: false }
    }
}

struct Work<'a> {
    grid: &'a Grid,
    source: &'a Source,
    reading: &'a Reading,
    notes: Vec<String>,
    state: Vec<String>,
}

impl Work<'_> {
    fn name(&self) -> String {
        self.grid.title(self.source.columns[0])
    }

    fn line(&self, row: usize) -> usize {
        self.grid.line(row)
    }

    /// The cells of the clock on a row.
    fn time(&self, row: usize) -> String {
        let cells = self.source.columns.iter().map(|&column| self.grid.cell(row, column));
        shown(&cells.collect::<Vec<_>>().join(" "))
    }

    fn daylight(&self, rows: &[usize]) -> Option<Daylight> {
        let Ticks::Calendar(ticks) = self.source.ticks.select(rows) else { return None };
        let is_local =
            matches!(&self.source.label, Label::Times(format) if format.offset().is_none() && !format.is_time_of_day());
        if is_local { daylight(&ticks) } else { None }
    }

    fn hours(&self, rows: &[usize], found: &Daylight) -> String {
        let told = |what: &str, places: &[usize]| {
            let first = rows[*places.first()?];
            let many = if places.len() > 1 { format!(" and {} more", places.len() - 1) } else { String::new() };
            Some(format!("an hour {what} before line {} ({}){many}", self.line(first), self.time(first)))
        };
        let told = [told("is missing", &found.springs), told("begins again", &found.autumns)];
        told.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    fn daylight_saving(&self, rows: &[usize], found: &Daylight) -> TableError {
        TableError::Clock(ClockError::DaylightSaving { column: self.name(), what: self.hours(rows, found) })
    }

    /// Sorts rows that are in another order than the clock, if that is wanted.
    fn in_order(&mut self, mut rows: Vec<usize>) -> Result<Vec<usize>, TableError> {
        let ticks = &self.source.ticks;
        let is_back = |pair: &&[usize]| ticks.compare(pair[0], pair[1]).is_gt();
        let count = rows.windows(2).filter(is_back).count();
        let Some(first) = rows.windows(2).find(is_back).map(<[usize]>::to_vec) else { return Ok(rows) };
        let column = self.name();
        let (line, from, to) = (self.line(first[1]), self.time(first[0]), self.time(first[1]));
        // One that goes back to where it began is no restart: later rows would take the place of all earlier ones.
        let start = rows[0];
        let is_anew = rows.windows(2).filter(is_back).all(|pair| ticks.compare(pair[1], start).is_le());
        rows.sort_by(|&a, &b| ticks.compare(a, b).then(a.cmp(&b)));
        let overlaps = rows.windows(2).any(|pair| ticks.compare(pair[0], pair[1]).is_eq());
        if is_anew && overlaps && self.reading.duplicates == Duplicates::Refuse {
            return Err(TableError::Clock(ClockError::StartsAgain { column, count, line, from, to }));
        }
        if overlaps && self.reading.duplicates == Duplicates::Refuse {
            return Err(TableError::Clock(ClockError::Restart { column, count, line, from, to }));
        }
        if !overlaps && !self.reading.sort && self.reading.duplicates == Duplicates::Refuse {
            return Err(TableError::Clock(ClockError::Order { column, count, line, from, to }));
        }
        self.state.push(format!("{count} step(s) back, first on line {line}: rows sorted"));
        self.notes
            .push(format!("{column} steps back {count} time(s), first on line {line}: the rows are put in its order"));
        Ok(rows)
    }

    /// Rows of one time become one, if that is wanted.
    fn without_duplicates(&mut self, rows: Vec<usize>) -> Result<Vec<Slot>, TableError> {
        let ticks = &self.source.ticks;
        let mut slots: Vec<Slot> = Vec::with_capacity(rows.len());
        let (mut count, mut first) = (0, None);
        let mut group: Vec<usize> = Vec::new();
        let all = rows.clone();
        let close = |group: &mut Vec<usize>, slots: &mut Vec<Slot>| {
            let slot = match (group.len(), self.reading.duplicates) {
                (0, _) => return,
                (1, _) | (_, Duplicates::First | Duplicates::Refuse) => Slot::Row(group[0]),
                (_, Duplicates::Last) => Slot::Row(group[group.len() - 1]),
                (_, Duplicates::Mean) => Slot::Mean(group.clone()),
            };
            slots.push(slot);
            group.clear();
        };
        for row in rows {
            match group.last() {
                Some(&last) if ticks.compare(last, row).is_eq() => {
                    count += 1;
                    first.get_or_insert((last, row));
                }
                _ => close(&mut group, &mut slots),
            }
            group.push(row);
        }
        close(&mut group, &mut slots);
        if let Some((a, b)) = first {
            let (time, column) = (self.time(a), self.name());
            let (first, second) = (self.line(a.min(b)), self.line(a.max(b)));
            let what = match self.reading.duplicates {
                // Of uneven times two may be the same.
                Duplicates::Refuse if self.reading.gaps == Gaps::Ignore && self.is_uneven(&slots) => {
                    self.state.push(format!(
                        "{count} doubled time(s), first on lines {first} and {second}, taken as they are"
                    ));
                    return Ok(all.into_iter().map(Slot::Row).collect());
                }
                Duplicates::Refuse => {
                    return Err(TableError::Clock(ClockError::Duplicates {
                        column,
                        count,
                        time,
                        first,
                        second,
                        why: self.names_no_clock(),
                    }));
                }
                Duplicates::First => "the first row of each counts",
                Duplicates::Last => "the last row of each counts",
                Duplicates::Mean => "the mean of the rows counts",
            };
            self.state.push(format!("{count} doubled time(s), first on lines {first} and {second}: {what}"));
        }
        Ok(slots)
    }

    /// Whether the times of these rows keep no step.
    fn is_uneven(&self, slots: &[Slot]) -> bool {
        let rows: Vec<usize> =
            slots.iter().filter_map(|slot| if let Slot::Row(row) = slot { Some(*row) } else { None }).collect();
        rows.len() > 1 && rhythm(&self.source.ticks.select(&rows)).counts.is_none()
    }

    fn names_no_clock(&self) -> String {
        if self.source.is_certain { String::new() } else { " (--clock none if it is no clock)".to_owned() }
    }

    /// Finds the step and puts in rows that are missing.
    fn complete(mut self, slots: Vec<Slot>, is_daylight: bool) -> Result<Ordered, TableError> {
        let row = |slot: &Slot| match slot {
            Slot::Row(row) => *row,
            Slot::Mean(rows) => rows[0],
            Slot::Inserted => unreachable!("no row is put in yet"),
        };
        let rows: Vec<usize> = slots.iter().map(row).collect();
        if rows.len() < 2 {
            return Err(TableError::Format(FormatError::TooShort { rows: rows.len() }));
        }
        let ticks = self.source.ticks.select(&rows);
        let column = self.name();
        let differences = ticks.differences();
        if is_daylight {
            let found = Found { step: Step::Seconds(median(&differences)), is_daylight, ..Found::default() };
            return Ok(self.done(slots, ticks, &found));
        }
        let Rhythm { step, counts, is_rounded } = rhythm(&ticks);
        if is_rounded {
            self.state.push("times rounded to a coarser unit than their step".to_owned());
        }
        // Where most rows are missing, or the step changes for good, it is no gap.
        let counts = counts.filter(|counts| counts.iter().filter(|count| **count > 1).count() * 2 <= counts.len());
        let Some(counts) = counts.filter(|_| changes(&differences).is_none()) else {
            let what = self.uneven(&ticks, &rows);
            if self.reading.gaps != Gaps::Ignore {
                return Err(TableError::Clock(ClockError::Uneven { column, what: what + &self.names_no_clock() }));
            }
            self.state.push(format!("{what}, taken as evenly spaced"));
            return Ok(self.done(slots, ticks, &Found::default()));
        };
        let gaps: Vec<usize> = (0..counts.len()).filter(|&place| counts[place] > 1).collect();
        let missing = counts.iter().fold(0_usize, |sum, count| sum.saturating_add(*count as usize - 1));
        let mut found = Found { step, missing, counts, is_daylight };
        let Some(&first) = gaps.first() else {
            self.state.push("no gaps".to_owned());
            return Ok(self.done(slots, ticks, &found));
        };
        let words = step.words();
        let (line, before) = (self.line(rows[first + 1]), found.counts[first] as usize - 1);
        match self.reading.gaps {
            Gaps::Refuse => {
                return Err(TableError::Clock(ClockError::Gaps {
                    column,
                    gaps: gaps.len(),
                    missing,
                    step: words,
                    first: before,
                    line,
                    between: format!("{} to {}", self.time(rows[first]), self.time(rows[first + 1])),
                    hint: match step {
                        Step::BusinessDays(_) => " (are these holidays?)",
                        _ if self.source.is_certain => "",
                        _ => ", or --clock none if it is no clock",
                    },
                }));
            }
            Gaps::Ignore => {
                self.state.push(format!(
                    "{} gap(s) of {missing} step(s), first before line {line}, taken as evenly spaced",
                    gaps.len()
                ));
                return Ok(self.done(slots, ticks, &found));
            }
            Gaps::Mark | Gaps::Fill if missing > MOST_INSERTED => {
                return Err(TableError::Clock(ClockError::TooManyMissing { column, missing, step: words }));
            }
            Gaps::Mark | Gaps::Fill => {}
        }
        let is_filled = self.reading.gaps == Gaps::Fill && self.reading.fill != Fill::Mark;
        let what = if is_filled { "put in and filled" } else { "put in without values" };
        self.state.push(format!("{} gap(s), first before line {line}: {missing} step(s) {what}", gaps.len()));
        let (slots, ticks) = insert(slots, &ticks, step, &found.counts);
        found.counts.clear();
        Ok(self.done(slots, ticks, &found))
    }

    fn done(self, slots: Vec<Slot>, ticks: Ticks, found: &Found) -> Ordered {
        let name = self.name();
        let places = (0..ticks.len()).scan(0, |place, row| {
            *place += row.checked_sub(1).map_or(0, |before| found.counts.get(before).map_or(1, |count| *count as i64));
            Some(*place)
        });
        let places: Vec<i64> = places.collect();
        let label = self.source.label.clone();
        let rule = ClockRule::of(name.clone(), &ticks, &places, found.step, label, found.is_daylight);
        let (number, state) = (self.source.columns[0] + 1, self.state.join("; "));
        let clock = Clock { name, number, step: found.step, missing: found.missing, state, ticks, rule };
        Ordered { slots, clock, notes: self.notes }
    }

    /// How steps differ.
    fn uneven(&self, ticks: &Ticks, rows: &[usize]) -> String {
        let differences = ticks.differences();
        let words = |difference: f64| match ticks {
            Ticks::Calendar(_) => match Step::Seconds(difference).words() {
                one if one.starts_with(|c: char| c.is_ascii_digit()) => one,
                one => format!("1 {one}"),
            },
            Ticks::Numbers(..) => plain(difference),
        };
        if let Some(place) = changes(&differences) {
            let (a, b) = (differences[place - 1], differences[place]);
            return format!("steps of {} up to line {}, of {} after it", words(a), self.line(rows[place]), words(b));
        }
        let (least, most) = differences.iter().fold((f64::INFINITY, 0.0_f64), |(l, m), d| (l.min(*d), m.max(*d)));
        let median = median(&differences);
        let odd = differences.iter().position(|d| (d / median - 1.0).abs() > 0.1).unwrap_or(0);
        format!("steps from {} to {}, first before line {}", words(least), words(most), self.line(rows[odd + 1]))
    }
}

/// Where steps of one length give way to steps of another for good: the place of the first of those.
fn changes(differences: &[f64]) -> Option<usize> {
    let (first, last) = (*differences.first()?, *differences.last()?);
    let is = |a: f64, b: f64| (a / b - 1.0).abs() < 0.1;
    // Months are of different lengths, days of daylight saving too; business days come in turns.
    if (0.8..1.25).contains(&(first / last)) {
        return None;
    }
    let place = differences.iter().position(|d| !is(*d, first))?;
    let (before, after) = differences.split_at(place);
    (before.len() > 2 && after.len() > 2 && after.iter().all(|d| is(*d, last))).then_some(place)
}

/// Puts rows without values where steps are missing.
fn insert(slots: Vec<Slot>, ticks: &Ticks, step: Step, counts: &[u64]) -> (Vec<Slot>, Ticks) {
    let mut full = Vec::with_capacity(slots.len());
    let (mut calendar, mut numbers) = (Vec::new(), Vec::new());
    let day = if let Ticks::Calendar(ticks) = ticks { month_day(ticks) } else { 1 };
    for (place, slot) in slots.into_iter().enumerate() {
        full.push(slot);
        let between = counts.get(place).map_or(0, |count| *count - 1);
        match ticks {
            Ticks::Calendar(ticks) => {
                calendar.push(ticks[place]);
                // What is put in lies on the steps from the row before.
                calendar.extend((1..=between).map(|k| step.after(ticks[place], day, k as i64).unwrap_or(ticks[place])));
            }
            Ticks::Numbers(ticks, _) => {
                numbers.push(ticks[place]);
                let share = |k: u64| k as f64 / (between + 1) as f64;
                numbers.extend((1..=between).map(|k| ticks[place] + (ticks[place + 1] - ticks[place]) * share(k)));
            }
        }
        full.extend((0..between).map(|_| Slot::Inserted));
    }
    let ticks = match ticks {
        Ticks::Calendar(_) => Ticks::Calendar(calendar),
        Ticks::Numbers(_, decimals) => Ticks::Numbers(numbers, *decimals),
    };
    (full, ticks)
}
