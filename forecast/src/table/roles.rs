//! Which column is the clock, which are series, and why others are left out.

use super::candidates::{self, Source};
use super::column::{Judged, Kind, Place};
use super::error::{CellError, ClockError, ColumnError, TableError, shown};
use super::grid::Grid;
use super::options::{Choice, ClockChoice, Reading};
use super::role::{LeftOut, Role};
use super::stacked;

/// The roles of all columns.
#[derive(Debug)]
pub(super) struct Roles {
    pub(super) clock: Option<Source>,
    /// Columns of the series in their order.
    pub(super) series: Vec<usize>,
    /// What each column is, the series and the clock among them.
    pub(super) of_columns: Vec<Role>,
    /// What was taken for a series and has the name of something else.
    pub(super) notes: Vec<String>,
}

/// The columns that are wanted by name or number, none for all.
pub(super) fn chosen(grid: &Grid, choice: &Choice) -> Result<Option<Vec<usize>>, TableError> {
    let (wanted, by_number) = match choice {
        Choice::Columns(wanted) if !wanted.is_empty() => (wanted, true),
        Choice::Names(wanted) if !wanted.is_empty() => (wanted, false),
        _ => return Ok(None),
    };
    if !by_number && !grid.header {
        return Err(TableError::Column(ColumnError::NoNames { wanted: wanted.join(", ") }));
    }
    let mut chosen: Vec<usize> = Vec::new();
    let mut add = |name: &str, column: usize| {
        if chosen.contains(&column) {
            return Err(TableError::Column(ColumnError::NamedTwice { name: name.to_owned() }));
        }
        chosen.push(column);
        Ok(())
    };
    for name in wanted {
        match find(grid, name, by_number) {
            Ok(column) => add(name, column)?,
            // A list of names, quoted where they have commas themselves.
            Err(TableError::Column(ColumnError::NoSuchColumn { .. })) if by_number && name.contains(',') => {
                for part in super::delimiter::cut(name, super::options::Delimiter::Comma) {
                    add(&part, find(grid, &part, by_number)?)?;
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Some(chosen))
}

/// The column of this name, or number from 1 if that may stand for it.
pub(super) fn find(grid: &Grid, name: &str, by_number: bool) -> Result<usize, TableError> {
    let named: Vec<usize> = (0..grid.width()).filter(|&column| grid.title(column) == name).collect();
    let unique = grid.unique_titles();
    match named[..] {
        [column] => return Ok(column),
        [] => {}
        _ => {
            let instead = if by_number { "say which by its number, from 1" } else { "give each a name of its own" };
            return Err(TableError::Column(ColumnError::AmbiguousName {
                name: name.to_owned(),
                count: named.len(),
                instead,
            }));
        }
    }
    if let Some(column) = unique.iter().position(|title| title == name) {
        return Ok(column);
    }
    let number =
        name.trim().parse::<usize>().ok().and_then(|n| n.checked_sub(1)).filter(|&c| by_number && c < grid.width());
    number.ok_or_else(|| {
        TableError::Column(ColumnError::NoSuchColumn { name: name.to_owned(), there: shown_list(&unique) })
    })
}

/// As many names as fit into a line.
fn shown_list(names: &[String]) -> String {
    const MOST: usize = 30;
    let plain = |name: &String| name.replace(char::is_control, " ");
    let list = names.iter().take(MOST).map(plain).collect::<Vec<_>>().join(", ");
    if names.len() > MOST { format!("{list} and {} more", names.len() - MOST) } else { list }
}

/// Gives every column its role; `id` tells series apart.
pub(super) fn assign(
    grid: &Grid,
    judged: &[Judged],
    reading: &Reading,
    id: Option<usize>,
) -> Result<Roles, TableError> {
    let chosen = chosen(grid, &reading.columns)?;
    let is_chosen = |column: usize| chosen.as_ref().is_some_and(|chosen| chosen.contains(&column));
    let free: Vec<usize> = (0..grid.width()).filter(|&column| !is_chosen(column) && Some(column) != id).collect();
    let (clock, seconds) = clock(grid, judged, reading, &free, chosen.is_some())?;
    if id.is_none() && reading.id == super::options::IdChoice::Told {
        stacked::check(grid, judged, clock.as_ref(), &free, reading)?;
    }
    let is_clock = |column: &usize| clock.as_ref().is_some_and(|clock| clock.columns.contains(column));
    let series = match chosen {
        Some(chosen) => {
            chosen.iter().try_for_each(|&column| check(grid, column, &judged[column], true))?;
            chosen
        }
        None => all(grid, judged, free.iter().copied().filter(|c| !is_clock(c) && !seconds.contains(c)))?,
    };
    let constant = |column: usize| constant(grid, column, &judged[column], reading);
    let varies = |column: &usize| constant(*column).is_none();
    let drops_constants = reading.columns == Choice::All && series.iter().any(varies);
    let series: Vec<usize> = series.into_iter().filter(|column| !drops_constants || varies(column)).collect();
    let role = |column: usize| match &judged[column].kind {
        _ if is_clock(&column) => Role::Clock,
        _ if Some(column) == id => Role::Id,
        _ if series.contains(&column) => Role::Series,
        Kind::Text(Place { line, cell }) => Role::LeftOut(LeftOut::Text { cell: shown(cell), line: *line }),
        Kind::Empty => Role::LeftOut(LeftOut::Empty),
        Kind::Times(_) | Kind::DayFirst { .. } | Kind::BadTimes { .. } => Role::LeftOut(LeftOut::SecondClock),
        _ if seconds.contains(&column) => Role::LeftOut(LeftOut::SecondClock),
        _ if reading.columns != Choice::All => Role::LeftOut(LeftOut::NotNamed),
        _ => Role::LeftOut(constant(column).map_or(LeftOut::Unclear, |value| LeftOut::Constant { value })),
    };
    let roles: Vec<Role> = (0..grid.width()).map(role).collect();
    if series.is_empty() {
        let titles = grid.unique_titles();
        let reasons = titles.iter().zip(&roles).map(|(title, role)| format!("{title} {}", role.words()));
        return Err(TableError::Column(ColumnError::NoSeries { reasons: shown_list(&reasons.collect::<Vec<_>>()) }));
    }
    let is_told = reading.columns == Choice::All;
    let notes = if is_told { candidates::doubts(grid, judged, reading, &series, clock.as_ref()) } else { Vec::new() };
    Ok(Roles { clock, series, of_columns: roles, notes })
}

/// The one value of a column that has no other.
fn constant(grid: &Grid, column: usize, judged: &Judged, reading: &Reading) -> Option<f64> {
    let Kind::Numbers(numbers) = judged.kind else { return None };
    let values = numbers.values(grid, column, reading).ok()?;
    let mut known = values.into_iter().filter(|value| !value.is_nan());
    let first = known.next()?;
    known.all(|value| value == first).then_some(first)
}

/// Whether a column is one of numbers for certain; of those that are named even text is refused.
fn check(grid: &Grid, column: usize, judged: &Judged, is_named: bool) -> Result<(), TableError> {
    let name = grid.title(column);
    match judged.kind.clone() {
        Kind::Bad { at, bad, numbers } => Err(TableError::Cell(CellError::BadCell {
            column: name,
            line: at.line,
            cell: shown(&at.cell),
            bad,
            numbers,
        })),
        Kind::Open(at) => {
            Err(TableError::Cell(CellError::DecimalOrThousands { column: name, line: at.line, cell: shown(&at.cell) }))
        }
        Kind::Units(at, other) => Err(TableError::Cell(CellError::MixedUnits {
            column: name,
            line: at.line,
            cell: shown(&at.cell),
            other_line: other.line,
            other: shown(&other.cell),
        })),
        Kind::Empty if is_named => Err(TableError::Cell(CellError::NoValues { column: name })),
        Kind::Text(at) | Kind::DayFirst(at) | Kind::BadTimes(_, at) if is_named => {
            Err(TableError::Cell(CellError::NoNumber { column: name, line: at.line, cell: shown(&at.cell) }))
        }
        Kind::Times(times) if is_named => {
            let row = times.ticks.iter().position(Option::is_some).unwrap_or(0);
            Err(TableError::Cell(CellError::NoNumber {
                column: name,
                line: grid.line(row),
                cell: shown(grid.cell(row, column)),
            }))
        }
        _ => Ok(()),
    }
}

/// All columns of numbers.
fn all(grid: &Grid, judged: &[Judged], free: impl Iterator<Item = usize>) -> Result<Vec<usize>, TableError> {
    let mut series = Vec::new();
    for column in free {
        check(grid, column, &judged[column], false)?;
        if matches!(judged[column].kind, Kind::Numbers(_)) {
            series.push(column);
        }
    }
    Ok(series)
}

/// The clock, and columns that are clocks beside it.
fn clock(
    grid: &Grid,
    judged: &[Judged],
    reading: &Reading,
    free: &[usize],
    is_chosen: bool,
) -> Result<(Option<Source>, Vec<usize>), TableError> {
    match &reading.clock {
        ClockChoice::Without => return Ok((None, Vec::new())),
        ClockChoice::Column(name) => {
            let column = find(grid, name, true)?;
            let source = named(grid, judged, reading, column)?;
            if !free.contains(&column) {
                return Err(TableError::Column(ColumnError::NamedTwice { name: name.clone() }));
            }
            let others: Vec<usize> = free.iter().copied().filter(|other| *other != column).collect();
            let ranked = ranked(grid, judged, reading, &others).into_iter();
            let seconds: Vec<usize> =
                ranked.filter(|(rank, _)| *rank <= 1 && !is_chosen).map(|(_, source)| source.columns[0]).collect();
            let is_left = others.iter().any(|c| matches!(judged[*c].kind, Kind::Numbers(_)) && !seconds.contains(c));
            return Ok((Some(source), if is_left { seconds } else { Vec::new() }));
        }
        ClockChoice::Told => {}
    }
    let varies = |column: &usize| constant(grid, *column, &judged[*column], reading).is_none();
    let numeric = ranked(grid, judged, reading, free);
    // The only series is no clock, however it rises.
    let numbers = free.iter().filter(|&&c| matches!(judged[c].kind, Kind::Numbers(_)) && varies(&c)).count();
    let is_only = !is_chosen && numbers < 2;
    let parts = candidates::of_parts(grid, judged, free, reading);
    let times = first_times(grid, judged, free)?;
    let seconds = |clock: &Source, most: u8| -> Vec<usize> {
        let others = numeric.iter().filter(|(rank, _)| *rank <= most && !is_only).map(|(_, source)| source.columns[0]);
        others.filter(|column| !clock.columns.contains(column)).collect()
    };
    if let Some(clock) = parts.or(times) {
        let mut seconds = seconds(&clock, 3);
        // Of the numbers beside a clock at least one is a series.
        if !is_chosen && seconds.len() == numbers {
            seconds.clear();
        }
        return Ok((Some(clock), seconds));
    }
    if let (None, Some(error)) = (numeric.first().filter(|_| !is_only), candidates::unknown(grid, judged, free)) {
        return Err(error);
    }
    if is_only {
        return Ok((None, Vec::new()));
    }
    let Some((rank, source)) = numeric.iter().min_by_key(|(rank, source)| (*rank, source.columns[0])) else {
        return Ok((None, Vec::new()));
    };
    if *rank == 5 {
        // A first column that rises without exception may be times of a simulation; others may be anything that grows.
        let is_unclear = source.columns[0] == 0 && grid.rows() >= 10 && numeric.len() == 1 && !is_chosen;
        return if is_unclear { Err(candidates::unclear(grid, source)) } else { Ok((None, Vec::new())) };
    }
    if let super::steps::Ticks::Numbers(values, _) = &source.ticks
        && let Some(row) = values.iter().position(|value| value.is_nan())
    {
        return Err(candidates::no_time(grid, source.columns[0], row));
    }
    let mut seconds = seconds(source, 1);
    if !is_chosen && seconds.len() + 1 >= numbers {
        seconds.clear();
    }
    Ok((Some(source.clone()), seconds))
}

/// Columns of numbers that may be clocks, with how plain that is.
fn ranked(grid: &Grid, judged: &[Judged], reading: &Reading, columns: &[usize]) -> Vec<(u8, Source)> {
    let of = |&column: &usize| match judged[column].kind {
        Kind::Numbers(numbers) => candidates::numeric(grid, column, numbers, reading),
        _ => None,
    };
    columns.iter().filter_map(of).collect()
}

/// The first column of times, or rather the first one that rises or falls all the way.
fn first_times(grid: &Grid, judged: &[Judged], free: &[usize]) -> Result<Option<Source>, TableError> {
    let mut first = None;
    for &column in free {
        let name = || grid.title(column);
        match &judged[column].kind {
            Kind::Times(times) => {
                let source = candidates::of_times(grid, column, times);
                let is_monotone = source.as_ref().is_ok_and(|source| stacked::is_monotone(&source.ticks));
                if is_monotone {
                    return source.map(Some);
                }
                first.get_or_insert(source);
            }
            Kind::DayFirst(at) => {
                first.get_or_insert(Err(TableError::Clock(ClockError::DayFirst {
                    column: name(),
                    line: at.line,
                    cell: shown(&at.cell),
                })));
            }
            Kind::BadTimes(at, like) => {
                let (cell, like) = (shown(&at.cell), shown(&like.cell));
                first.get_or_insert(Err(TableError::Clock(ClockError::ClockCell {
                    column: name(),
                    line: at.line,
                    cell,
                    like,
                })));
            }
            _ => {}
        }
    }
    first.transpose()
}

/// The clock that was named.
fn named(grid: &Grid, judged: &[Judged], reading: &Reading, column: usize) -> Result<Source, TableError> {
    let name = grid.title(column);
    let no_clock = |reason: String| TableError::Clock(ClockError::NoClock { column: name.clone(), reason });
    match &judged[column].kind {
        Kind::Numbers(numbers) => {
            if let Some((_, source)) = candidates::numeric(grid, column, *numbers, reading) {
                if let super::steps::Ticks::Numbers(values, _) = &source.ticks
                    && let Some(row) = values.iter().position(|value| value.is_nan())
                {
                    return Err(candidates::no_time(grid, column, row));
                }
                return Ok(Source { is_certain: true, ..source });
            }
            candidates::any(grid, column, *numbers, reading)
                .ok_or_else(|| no_clock("it has no number on every line".into()))
        }
        Kind::Times(times) => candidates::of_times(grid, column, times),
        Kind::DayFirst(at) => {
            Err(TableError::Clock(ClockError::DayFirst { column: name, line: at.line, cell: shown(&at.cell) }))
        }
        Kind::BadTimes(at, like) => Err(TableError::Clock(ClockError::ClockCell {
            column: name,
            line: at.line,
            cell: shown(&at.cell),
            like: shown(&like.cell),
        })),
        Kind::Text(at) => Err(no_clock(format!("{:?} on line {} is no time that is known", shown(&at.cell), at.line))),
        Kind::Empty => Err(no_clock("it is empty".to_owned())),
        Kind::Bad { at, .. } | Kind::Open(at) | Kind::Units(at, _) => {
            Err(no_clock(format!("{:?} on line {} is not like the others", shown(&at.cell), at.line)))
        }
    }
}
