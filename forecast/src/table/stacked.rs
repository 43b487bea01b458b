//! Series that stand under each other or between each other, told apart by a column.

use std::collections::HashMap;

use super::candidates::{Source, words};
use super::column::{Judged, Kind};
use super::error::{ColumnError, TableError, shown};
use super::grid::Grid;
use super::options::Reading;
use super::steps::Ticks;

/// Words of names that tell series apart.
const IDS: &str = "id ids uid unit units run runs series store stores device sensor station batch item sku group trial episode subject patient \
                   site meter machine engine name symbol ticker country region customer product shop";

/// Whether times rise on every row, or fall on every row.
pub(super) fn is_monotone(ticks: &Ticks) -> bool {
    let differences = ticks.differences();
    differences.iter().all(|d| *d > 0.0) || differences.iter().all(|d| *d < 0.0)
}

/// Rows by the cell of a column, in the order in which cells appear.
pub(super) fn groups(grid: &Grid, column: usize) -> Vec<(String, Vec<usize>)> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
    for (row, cell) in grid.column(column).enumerate() {
        let place = *places.entry(cell).or_insert(groups.len());
        if place == groups.len() {
            groups.push((cell.to_owned(), Vec::new()));
        }
        groups[place].1.push(row);
    }
    groups
}

/// Whether each value stands in one stretch of rows.
fn is_in_blocks(groups: &[(String, Vec<usize>)]) -> bool {
    groups.iter().all(|(_, rows)| rows[rows.len() - 1] - rows[0] + 1 == rows.len())
}

/// Refuses several series in one file: a column of words or of few integers in whose groups the clock runs in order, where over
/// all rows it does not; without a clock, one that is named as an id, or words, in blocks.
pub(super) fn check(
    grid: &Grid,
    judged: &[Judged],
    clock: Option<&Source>,
    free: &[usize],
    reading: &Reading,
) -> Result<(), TableError> {
    if clock.is_some_and(|clock| is_monotone(&clock.ticks)) {
        return Ok(());
    }
    let is_text = |column: usize| matches!(judged[column].kind, Kind::Text { .. });
    let is_clock = |column: usize| clock.is_some_and(|clock| clock.columns.contains(&column));
    let mut columns: Vec<usize> = free
        .iter()
        .copied()
        .filter(|&c| !is_clock(c) && (is_text(c) || is_integers(grid, judged, c, reading)))
        .collect();
    columns.sort_by_key(|&column| (!is_text(column), column));
    for column in columns {
        let groups = groups(grid, column);
        // Series of three rows at least, on average.
        if groups.len() < 2 || groups.len() * 3 > grid.rows() {
            continue;
        }
        let is_named = words(&grid.title(column)).iter().any(|word| IDS.split_whitespace().any(|id| id == word));
        let is_id = if let Some(clock) = clock {
            groups.iter().all(|(_, rows)| is_monotone(&clock.ticks.select(rows)))
        } else {
            let counts = || restarts(grid, judged, free, column, &groups, reading);
            // One row or two are no series: a word that stands once tells of something else.
            let are_long = groups.iter().all(|(_, rows)| rows.len() > 2);
            are_long && is_in_blocks(&groups) && (is_named || is_text(column) || counts())
        };
        if is_id {
            return Err(refusal(grid, column, &groups));
        }
    }
    Ok(())
}

fn is_integers(grid: &Grid, judged: &[Judged], column: usize, reading: &Reading) -> bool {
    let Kind::Numbers(numbers) = judged[column].kind else { return false };
    numbers.values(grid, column, reading).is_ok_and(|values| values.iter().all(|value| value.fract() == 0.0))
}

/// Whether another column of integers counts from the same number in each group.
fn restarts(
    grid: &Grid,
    judged: &[Judged],
    free: &[usize],
    id: usize,
    groups: &[(String, Vec<usize>)],
    reading: &Reading,
) -> bool {
    let counts = |column: usize| {
        let Kind::Numbers(numbers) = judged[column].kind else { return false };
        let Ok(values) = numbers.values(grid, column, reading) else { return false };
        let step = values[groups[0].1.get(1).copied().unwrap_or(0)] - values[groups[0].1[0]];
        let in_group = |rows: &[usize]| {
            values[rows[0]] == values[groups[0].1[0]] && rows.windows(2).all(|w| values[w[1]] - values[w[0]] == step)
        };
        step > 0.0 && groups.iter().all(|(_, rows)| rows.len() > 2 && in_group(rows))
    };
    free.iter().any(|&column| column != id && counts(column))
}

/// Several series where one is wanted, with an example of a choice.
pub(super) fn refusal(grid: &Grid, column: usize, groups: &[(String, Vec<usize>)]) -> TableError {
    let title = grid.title(column);
    TableError::Column(ColumnError::Stacked {
        count: groups.len(),
        values: values(groups),
        example: example(&title, &groups[0].0),
        column: title,
    })
}

/// The first values.
pub(super) fn values(groups: &[(String, Vec<usize>)]) -> String {
    let mut values = groups.iter().take(3).map(|(value, _)| shown(value)).collect::<Vec<_>>().join(", ");
    if groups.len() > 3 {
        values += ", ..";
    }
    values
}

/// What to type to choose one.
pub(super) fn example(column: &str, value: &str) -> String {
    format!("{column}={value}")
}
