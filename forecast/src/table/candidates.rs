//! Columns that may be the clock.

use jiff::civil::Date;

use super::column::{Judged, Kind, Numbers};
use super::error::{ClockError, TableError, shown};
use super::format::Format;
use super::grid::Grid;
use super::instant::{DAY, SECOND, nanoseconds};
use super::label::Label;
use super::options::Reading;
use super::steps::{Ticks, median, plain};
use super::time::Times;

/// A clock that is found: columns, and a time for each row.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// The column that names it, and others that are parts of it.
    pub(super) columns: Vec<usize>,
    pub(super) ticks: Ticks,
    pub(super) label: Label,
    /// Whether its content or its name says that it is a clock; else it only rises from row to row.
    pub(super) is_certain: bool,
}

/// Words of names that clocks have.
const HINTS: &str = "time times t timestamp timestamps date dates datetime day days year years yr month months week weeks hour hours minute \
                     minutes min sec second seconds epoch unix utc step steps timestep cycle index idx row rownum frame iteration iter ts tick \
                     ticks jahr datum zeit fecha annee number no nr";

/// Words of names that hold seconds since 1970 or the like.
const EPOCHS: &str = "time timestamp timestamps epoch unix utc ts date datetime t";

/// The words of a name, in small letters.
pub(super) fn words(name: &str) -> Vec<String> {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

fn has_word(name: &str, list: &str) -> bool {
    words(name).iter().any(|word| list.split_whitespace().any(|hint| hint == word))
}

/// How the numbers of a column go from row to row.
#[derive(Clone, Copy, Debug)]
struct Course {
    up: usize,
    down: usize,
    same: usize,
}

impl Course {
    fn of(values: &[f64]) -> Self {
        let mut course = Self { up: 0, down: 0, same: 0 };
        for pair in values.windows(2) {
            match pair[1].total_cmp(&pair[0]) {
                std::cmp::Ordering::Greater => course.up += 1,
                std::cmp::Ordering::Less => course.down += 1,
                std::cmp::Ordering::Equal => course.same += 1,
            }
        }
        course
    }

    fn steps(self) -> usize {
        self.up + self.down + self.same
    }

    fn rises(self) -> bool {
        self.up == self.steps()
    }

    fn is_ordered(self) -> bool {
        10 * (self.up + self.same) >= 9 * self.steps() || 10 * (self.down + self.same) >= 9 * self.steps()
    }
}

/// A column of numbers as a clock, with how plain that is: 0 by its content, 1 by name and order, 2 by name, 3 by even steps,
/// 4 by steps with gaps, 5 by rising alone.
pub(super) fn numeric(grid: &Grid, column: usize, numbers: Numbers, reading: &Reading) -> Option<(u8, Source)> {
    let values = numbers.values(grid, column, reading).ok()?;
    let there: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    let is_plain = !numbers.percent && numbers.currency.is_none() && there.len() > 1;
    if !is_plain {
        return None;
    }
    let title = grid.title(column);
    let hinted = has_word(&title, HINTS);
    let course = Course::of(&there);
    let is_whole = there.iter().all(|value| value.fract() == 0.0);
    let source = |ticks, label, is_certain| Source { columns: vec![column], ticks, label, is_certain };
    let is_candidate = hinted || (there.len() > 2 && course.is_ordered());
    if is_candidate && there.len() == values.len() {
        let calendar = if is_whole { compact(&values, hinted, course.rises()) } else { None };
        if let Some((ticks, label)) =
            calendar.or_else(|| epoch(&values, has_word(&title, EPOCHS), is_whole, grid, column))
        {
            return Some((0, source(Ticks::Calendar(ticks), label, true)));
        }
    }
    let is_year = is_whole && there.iter().all(|value| (1000.0..=2300.0).contains(value));
    let decimals = decimals(grid, column);
    let label = |is_year: bool| if is_year { Label::Years } else { Label::Numbers { decimals } };
    let ticks = Ticks::Numbers(values, decimals);
    // Runs under each other, or rows of one time, still mostly rise; a temperature named T does not.
    let is_monotone = course.rises() || course.down == course.steps();
    let mostly = course.up > 0 && 5 * (course.up + course.same) >= 4 * course.steps();
    if hinted && (is_monotone || mostly) {
        let is_named_year = is_year && has_word(&title, "year years yr jahr annee date");
        return Some((if is_monotone { 1 } else { 2 }, source(ticks, label(is_named_year), is_monotone)));
    }
    if there.len() < ticks.len() || there.len() < 3 || !course.rises() {
        return None;
    }
    let differences = ticks.differences();
    let step = median(&differences);
    let even = differences.iter().filter(|d| (*d / step - 1.0).abs() < 0.1).count();
    let on_grid = differences.iter().all(|d| ((d / step) - (d / step).round()).abs() < 0.1 && *d > 0.5 * step);
    let rank = match even {
        even if even == differences.len() => 3,
        even if on_grid && 10 * even >= 9 * differences.len() => 4,
        _ => 5,
    };
    Some((rank, source(ticks, label(is_year && step == 1.0), false)))
}

/// Series that are named as a clock or an id. Beside a clock that its content tells, a name alone is no doubt of a clock.
pub(super) fn doubts(
    grid: &Grid,
    judged: &[Judged],
    reading: &Reading,
    series: &[usize],
    clock: Option<&Source>,
) -> Vec<String> {
    let has_times = clock.is_some_and(|clock| matches!(clock.ticks, Ticks::Calendar(_)));
    let doubt = |&column: &usize| {
        let title = grid.title(column);
        if has_word(&title, "id ids uid") {
            return Some(format!(
                "{title} has the name of an id and is taken as a series: name others with --columns if it is none"
            ));
        }
        let Kind::Numbers(numbers) = judged[column].kind else { return None };
        if has_times || !has_word(&title, HINTS) {
            return None;
        }
        let mut values = numbers.values(grid, column, reading).ok()?;
        values.retain(|value| !value.is_nan());
        let course = Course::of(&values);
        let how = if course.rises() {
            "rises all the way".to_owned()
        } else {
            format!("rises on {} of {} steps", course.up, course.steps())
        };
        Some(format!(
            "{title} has the name of a clock, {how}, and is taken as a series: name others with --columns, or use --clock, if it is none"
        ))
    };
    series.iter().filter_map(doubt).collect()
}

/// A column of numbers as a clock because somebody says so.
pub(super) fn any(grid: &Grid, column: usize, numbers: Numbers, reading: &Reading) -> Option<Source> {
    let values = numbers.values(grid, column, reading).ok()?;
    let decimals = decimals(grid, column);
    let is_full = values.iter().all(|value| !value.is_nan());
    let (ticks, label) = (Ticks::Numbers(values, decimals), Label::Numbers { decimals });
    is_full.then_some(Source { columns: vec![column], ticks, label, is_certain: true })
}

/// The most decimals of a column.
fn decimals(grid: &Grid, column: usize) -> usize {
    let of = |cell: &str| match cell.rsplit_once(['.', ',']) {
        Some((_, digits)) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.len(),
        _ => 0,
    };
    grid.column(column).map(of).max().unwrap_or(0).min(12)
}

/// `20150131` and `201501`.
fn compact(values: &[f64], hinted: bool, rises: bool) -> Option<(Vec<i128>, Label)> {
    let tick = |year: i64, month: i64, day: i64| {
        let date = Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
        nanoseconds(date.to_datetime(jiff::civil::Time::midnight()))
    };
    let all = |range: std::ops::Range<f64>| values.iter().all(|value| range.contains(value));
    if all(17_000_101.0..23_000_000.0) {
        let day = |value: &f64| tick(*value as i64 / 10_000, *value as i64 / 100 % 100, *value as i64 % 100);
        return values.iter().map(day).collect::<Option<_>>().map(|ticks| (ticks, Label::Days));
    }
    if all(170_001.0..230_013.0) && (hinted || (rises && values.len() > 2)) {
        let month = |value: &f64| tick(*value as i64 / 100, *value as i64 % 100, 1);
        return values.iter().map(month).collect::<Option<_>>().map(|ticks| (ticks, Label::Months));
    }
    None
}

/// Seconds, milliseconds, microseconds or nanoseconds since 1970, from 1979 to 2103, without the name of a clock from 1998 on.
fn epoch(values: &[f64], hinted: bool, is_whole: bool, grid: &Grid, column: usize) -> Option<(Vec<i128>, Label)> {
    if !hinted && !is_whole {
        return None;
    }
    let least = if hinted { 3e8 } else { 9e8 };
    for (unit, scale) in [(SECOND, 1.0), (SECOND / 1000, 1e3), (SECOND / 1_000_000, 1e6), (1, 1e9)] {
        if !values.iter().all(|value| (least * scale..4.2e9 * scale).contains(value)) {
            continue;
        }
        let decimals = if is_whole { 0 } else { decimals(grid, column).min(9) };
        // More digits than a float holds are read as integers.
        let exact = |cell: &str| cell.trim_start_matches('+').parse::<i128>().ok().map(|value| value * unit);
        let of = |row: usize| match exact(grid.cell(row, column)) {
            Some(tick) => tick,
            None => (values[row] * 1e6).round() as i128 * unit / 1_000_000,
        };
        return Some(((0..values.len()).map(of).collect(), Label::Epoch { unit: unit as i64, decimals }));
    }
    None
}

/// Steps that rise unevenly, told apart from a series by nothing.
pub(super) fn unclear(grid: &Grid, source: &Source) -> TableError {
    let differences = source.ticks.differences();
    let (least, most) = differences.iter().fold((f64::INFINITY, 0.0_f64), |(l, m), d| (l.min(*d), m.max(*d)));
    TableError::Clock(ClockError::ClockOrSeries {
        column: grid.title(source.columns[0]),
        least: plain(least),
        most: plain(most),
    })
}

/// Words that are named as times and hold digits, but in no way of writing that is known: rows cannot be taken as even without a
/// word of theirs.
pub(super) fn unknown(grid: &Grid, judged: &[Judged], free: &[usize]) -> Option<TableError> {
    const NAMES: &str = "time timestamp timestamps date dates datetime datum zeit fecha month quarter week day year";
    let has_digits = |cell: &str| cell.bytes().any(|b| b.is_ascii_digit());
    free.iter().find_map(|&column| match &judged[column].kind {
        Kind::Text(at) if has_word(&grid.title(column), NAMES) && grid.column(column).all(has_digits) => {
            Some(TableError::Clock(ClockError::UnknownTimes {
                column: grid.title(column),
                line: at.line,
                cell: shown(&at.cell),
            }))
        }
        _ => None,
    })
}

/// Times as a clock; every row needs one.
pub(super) fn of_times(grid: &Grid, column: usize, times: &Times) -> Result<Source, TableError> {
    let ticks: Option<Vec<i128>> = times.ticks.iter().copied().collect();
    let Some(mut ticks) = ticks else {
        let row = times.ticks.iter().position(Option::is_none).unwrap_or(0);
        return Err(no_time(grid, column, row));
    };
    if times.format.is_time_of_day() {
        unwrap_days(&mut ticks);
    }
    Ok(Source {
        columns: vec![column],
        ticks: Ticks::Calendar(ticks),
        label: Label::Times(times.format.clone()),
        is_certain: true,
    })
}

/// A cell without a time in a column of them.
pub(super) fn no_time(grid: &Grid, column: usize, row: usize) -> TableError {
    let like = grid.column(column).find(|cell| !super::number::is_missing(cell)).unwrap_or_default();
    TableError::Clock(ClockError::ClockCell {
        column: grid.title(column),
        line: grid.line(row),
        cell: shown(grid.cell(row, column)),
        like: shown(like),
    })
}

/// Times of day go on past midnight.
fn unwrap_days(ticks: &mut [i128]) {
    let mut days = 0;
    for row in 1..ticks.len() {
        ticks[row] += days;
        if ticks[row] < ticks[row - 1] {
            ticks[row] += DAY;
            days += DAY;
        }
    }
}

/// A clock of several columns: dates with times of day beside them, or year, month, day and hour in columns of their own.
pub(super) fn of_parts(grid: &Grid, judged: &[Judged], free: &[usize], reading: &Reading) -> Option<Source> {
    let times = |&column: &usize| match &judged[column].kind {
        Kind::Times(times) => Some((column, times)),
        _ => None,
    };
    let all: Vec<(usize, &Times)> = free.iter().filter_map(times).collect();
    let date = all.iter().find(|(_, times)| times.format.is_date());
    let day_time = all.iter().find(|(_, times)| times.format.is_time_of_day());
    if let (Some((date, days)), Some((other, hours))) = (date, day_time) {
        let sum = |(a, b): (&Option<i128>, &Option<i128>)| Some((*a)? + (*b)?);
        let ticks = days.ticks.iter().zip(&hours.ticks).map(sum).collect::<Option<Vec<_>>>()?;
        let label = Label::Times(days.format.with_time(&hours.format));
        return Some(Source { columns: vec![*date, *other], ticks: Ticks::Calendar(ticks), label, is_certain: true });
    }
    let named = |list: &str, low: f64, high: f64| {
        free.iter().copied().find_map(|column| {
            let Kind::Numbers(numbers) = judged[column].kind else { return None };
            let words = words(&grid.title(column));
            let is_named = words.len() == 1 && list.split_whitespace().any(|name| name == words[0]);
            let values = is_named.then(|| numbers.values(grid, column, reading).ok())??;
            values.iter().all(|value| value.fract() == 0.0 && (low..=high).contains(value)).then_some((column, values))
        })
    };
    let hour = named("hour hours hr hh stunde", 0.0, 24.0);
    let minute = named("minute minutes", 0.0, 59.0);
    if let (Some((date, days)), Some((other, hours))) = (date, &hour) {
        let repeats = days.ticks.windows(2).any(|pair| pair[0] == pair[1]);
        let ticks = days.ticks.iter().zip(hours).map(|(day, hour)| Some((*day)? + *hour as i128 * 3600 * SECOND));
        let ticks = ticks.collect::<Option<Vec<_>>>().filter(|_| repeats)?;
        let label = Label::Times(days.format.with_time(&Format::iso(true)));
        return Some(Source { columns: vec![*date, *other], ticks: Ticks::Calendar(ticks), label, is_certain: true });
    }
    let (year, years) = named("year years yr jahr", 1000.0, 2300.0)?;
    let (month, months) = named("month months mon mo monat", 1.0, 12.0)?;
    let day = named("day days dd tag", 1.0, 31.0);
    let mut columns = vec![year, month];
    columns.extend(day.iter().map(|(column, _)| *column));
    columns.extend(hour.iter().filter(|_| day.is_some()).map(|(column, _)| *column));
    columns.extend(minute.iter().filter(|_| day.is_some() && hour.is_some()).map(|(column, _)| *column));
    let tick = |row: usize| {
        let day_of = day.as_ref().map_or(1, |(_, days)| days[row] as i8);
        let date = Date::new(years[row] as i16, months[row] as i8, day_of).ok()?;
        let mut tick = nanoseconds(date.to_datetime(jiff::civil::Time::midnight()))?;
        if day.is_some() {
            tick += hour.as_ref().map_or(0, |(_, hours)| hours[row] as i128 * 3600 * SECOND);
            tick += minute.as_ref().filter(|_| hour.is_some()).map_or(0, |(_, m)| m[row] as i128 * 60 * SECOND);
        }
        Some(tick)
    };
    let ticks = (0..grid.rows()).map(tick).collect::<Option<Vec<_>>>()?;
    let label = Label::Times(Format::iso(day.is_some() && hour.is_some()));
    Some(Source { columns, ticks: Ticks::Calendar(ticks), label, is_certain: true })
}
