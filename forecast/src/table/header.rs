//! Whether the first line of a table names its columns.

use super::grid::Grid;
use super::number::{is_missing, shape};

/// Rows that are compared with the first one.
const SAMPLE: usize = 10_000;

/// Whether the first line names the columns, and whether that is plain to see.
///
/// A word is a name, plainly so without numbers beside it, or with whole ones and something else below it; a word that stands again
/// below, beside numbers, is data. Numbers are data, and so are digits in the pattern of the cell below, as those of dates. Numbers
/// that count the columns from 0 name columns that had no names, unless the rows go on from them.
pub(super) fn is_header(grid: &Grid) -> (bool, bool) {
    let width = grid.width();
    let first: Vec<&str> = (0..width).map(|column| grid.cell(0, column)).collect();
    let rows = 1..grid.rows().min(SAMPLE);
    let below = |c: usize| rows.clone().map(move |row| grid.cell(row, c)).filter(|cell| !is_missing(cell));
    let is_like_below = |c: usize| below(c).next().is_some_and(|cell| pattern(cell) == pattern(first[c]));
    let is_datum = |c: &usize| {
        let has_digits = first[*c].contains(|c: char| c.is_ascii_digit());
        shape(first[*c]).is_some() || (has_digits && is_like_below(*c))
    };
    let (data, names): (Vec<usize>, Vec<usize>) = (0..width).filter(|c| !is_missing(first[*c])).partition(is_datum);
    if !names.is_empty() {
        let is_whole = |c: &usize| first[*c].bytes().all(|b| b.is_ascii_digit());
        let is_again = |c: &usize| below(*c).any(|cell| cell == first[*c]);
        // No column is named by nothing, so a missing cell is as good as a number.
        let has_values = !data.is_empty() || first.iter().any(|cell| is_missing(cell));
        if has_values && names.iter().any(is_again) {
            return (false, false);
        }
        let is_plain = data.iter().all(is_whole) && !names.into_iter().all(is_like_below);
        return (true, data.is_empty() || is_plain);
    }
    // The place above a column that counts the rows may be empty.
    let is_apart = first[0].is_empty();
    let numbers = &first[usize::from(is_apart)..];
    if numbers.is_empty() || numbers.iter().enumerate().any(|(number, cell)| *cell != number.to_string()) {
        return (false, true);
    }
    let values = |c: usize| below(c).filter_map(|cell| cell.parse::<f64>().ok());
    let range = |c: usize| values(c).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    let counted: Vec<f64> = std::iter::once(0.0).chain(values(0)).collect();
    let step = counted.get(1).map_or(0.0, |next| next - counted[0]);
    let is_even = |w: &[f64]| ((w[1] - w[0]) / step - 1.0).abs() < 0.1;
    let is_counted = !is_apart && counted.len() > 2 && step > 0.0 && counted.windows(2).all(is_even);
    if is_counted && width > 1 {
        return (false, true);
    }
    // No further from the values below than these are from each other; of more than two columns it would be chance.
    let goes_on = |c: usize| {
        let (low, high) = range(c);
        (c as f64 - high).max(low - c as f64) <= high - low
    };
    let is_data = !is_apart && width <= 2 && (0..width).all(goes_on);
    (!is_data, is_data && is_counted)
}

/// Which runs of digits, letters and other characters a cell is made of: `9-9-9` for a date.
fn pattern(cell: &str) -> Vec<char> {
    let kind = |c: char| match c {
        '0'..='9' => '9',
        c if c.is_alphabetic() => 'a',
        c => c,
    };
    let mut pattern: Vec<char> = cell.chars().map(kind).collect();
    pattern.dedup();
    pattern
}
