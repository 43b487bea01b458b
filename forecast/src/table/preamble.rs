//! Lines of a text that are no rows: comments, blank lines, what programs write between rows of numbers.

use super::delimiter::cut;
use super::lines::Line;
use super::number;
use super::options::Delimiter;
use super::time;

/// Rows, and what is left out between them.
#[derive(Debug, Default)]
pub(super) struct Skipped {
    pub(super) rows: Vec<Line>,
    /// Names from a comment, and its line.
    pub(super) names: Option<(usize, Vec<String>)>,
    comments: Vec<usize>,
    blanks: Vec<usize>,
    logs: Vec<usize>,
    above: Vec<usize>,
}

impl Skipped {
    /// What is told about it; lines count from `first` on.
    pub(super) fn notes(&mut self, first: usize) -> Vec<String> {
        if let Some((line, _)) = &mut self.names {
            *line += first;
        }
        let told = [
            (&self.comments, "comment line(s)"),
            (&self.blanks, "blank line(s) between rows"),
            (&self.above, "line(s) above the table"),
            (&self.logs, "line(s) without numbers for the columns between rows"),
        ];
        let told = told.iter().filter_map(|(lines, what)| Some((lines.first()?, lines.len(), what)));
        told.map(|(line, count, what)| format!("{count} {what} skipped, first line {}", line + first)).collect()
    }
}

/// The delimiter that Excel writes on a line of its own, the text below it, and how many lines are gone.
pub(super) fn separator(text: &str) -> (&str, usize, Option<Delimiter>) {
    let line = text.split(['\n', '\r']).next().unwrap_or_default();
    let told = match line.trim_matches('"').strip_prefix("sep=") {
        Some(",") => Delimiter::Comma,
        Some(";") => Delimiter::Semicolon,
        Some("\t") => Delimiter::Tab,
        Some("|") => Delimiter::Pipe,
        _ => return (text, 0, None),
    };
    let rest = &text[line.len()..];
    (rest.strip_prefix("\r\n").or(rest.strip_prefix(['\n', '\r'])).unwrap_or(rest), 1, Some(told))
}

fn is_blank(line: &str) -> bool {
    // A row of missing values between tabs is no blank line.
    line.trim_matches([' ', '\u{a0}']).is_empty()
}

/// Comments begin with `#`; above the first row also with `@` (xmgrace) or `%`. What sheets write where they have no value is none.
fn is_comment(line: &str, is_above: bool) -> bool {
    const CELLS: [&str; 8] = ["#N/A", "#NA", "#VALUE!", "#DIV/0!", "#REF!", "#NUM!", "#NAME?", "#NULL!"];
    let line = line.trim_start();
    let is_cell = CELLS.iter().any(|cell| line.get(..cell.len()).is_some_and(|start| start.eq_ignore_ascii_case(cell)));
    (line.starts_with('#') && !is_cell) || (is_above && line.starts_with(['@', '%']))
}

/// Lines that are neither blank nor comments.
pub(super) fn content(text: &str, lines: &[Line]) -> Vec<Line> {
    let mut content: Vec<Line> = Vec::new();
    for line in lines {
        let told = line.of(text);
        if !is_blank(told) && !is_comment(told, content.is_empty()) {
            content.push(*line);
        }
    }
    content
}

/// Tells rows from comments, blank lines and lines of logs.
pub(super) fn skip(text: &str, lines: &[Line], delimiter: Delimiter) -> Skipped {
    let mut skipped = Skipped::default();
    let (mut last_comment, mut blanks) = (None, Vec::new());
    for line in lines {
        let told = line.of(text);
        let is_above = skipped.rows.is_empty();
        if is_blank(told) {
            if !is_above {
                blanks.push(*line);
            }
        } else if is_comment(told, is_above) {
            skipped.comments.push(line.number);
            if is_above && told.trim_start().starts_with(['#', '%']) {
                last_comment = names(told, line.number, delimiter, last_comment);
            }
        } else {
            if blanks.is_empty() || is_above {
                skipped.names = skipped.names.or(last_comment.take());
            }
            skipped.rows.append(&mut blanks);
            skipped.rows.push(*line);
        }
    }
    if delimiter == Delimiter::Blanks {
        skip_logs(text, &mut skipped, delimiter);
    }
    blank_rows(text, &mut skipped, delimiter);
    skipped
}

/// A comment's line and its words; `#! FIELDS` stands for itself whatever comes below.
fn names(
    comment: &str,
    line: usize,
    delimiter: Delimiter,
    before: Option<(usize, Vec<String>)>,
) -> Option<(usize, Vec<String>)> {
    let text = comment.trim_start();
    if let Some(fields) = text.strip_prefix("#! FIELDS") {
        return Some((line, cut(fields.trim(), Delimiter::Blanks)));
    }
    if text.starts_with("#!") {
        return before;
    }
    Some((line, cut(text.trim_start_matches(['#', '%']).trim_start_matches(' '), delimiter)))
}

/// Blank lines that are left among the rows: of one column each is a missing value, unless every second line is blank; of
/// several they are nothing.
fn blank_rows(text: &str, skipped: &mut Skipped, delimiter: Delimiter) {
    let is_one =
        delimiter.byte().is_none() && skipped.rows.first().is_some_and(|line| cut(line.of(text), delimiter).len() == 1);
    let blank = |line: &Line| is_blank(line.of(text));
    let is_doubled =
        skipped.rows.len() > 4 && skipped.rows.iter().enumerate().all(|(n, line)| blank(line) == (n % 2 == 1));
    if is_one && !is_doubled {
        return;
    }
    skipped.blanks = skipped.rows.iter().filter(|line| blank(line)).map(|line| line.number).collect();
    skipped.rows.retain(|line| !blank(line));
}

/// Among rows of nothing but numbers and times, lines of other words are no rows: warnings, summaries, the header again.
fn skip_logs(text: &str, skipped: &mut Skipped, delimiter: Delimiter) {
    let is_known = |cell: &String| number::is_missing(cell) || number::shape(cell).is_some() || time::is_time(cell);
    let numbers = |cells: &[String]| cells.iter().filter(|cell| number::shape(cell).is_some()).count();
    let mut widths = std::collections::BTreeMap::new();
    let mut full = 0;
    for line in &skipped.rows {
        let cells = cut(line.of(text), delimiter);
        if numbers(&cells) > 0 && cells.iter().all(is_known) {
            *widths.entry(cells.len()).or_insert(0) += 1;
            full += 1;
        }
    }
    let Some((&width, _)) = widths.iter().max_by_key(|(_, count)| **count) else { return };
    if full * 4 < skipped.rows.len() {
        return;
    }
    let is_row = |cells: &[String]| cells.len() == width && cells.iter().all(is_known);
    let Some(first) = skipped.rows.iter().position(|line| is_row(&cut(line.of(text), delimiter))) else { return };
    // The line above the first row names the columns if it has as many words.
    let is_header = |line: &Line| {
        let cells = cut(line.of(text), delimiter);
        cells.len() == width && numbers(&cells) == 0
    };
    let start = if first > 0 && is_header(&skipped.rows[first - 1]) { first - 1 } else { first };
    let is_title = |line: &Line| !cut(line.of(text), delimiter).first().is_some_and(is_known);
    let is_above = skipped.rows[..start].iter().all(|line| is_blank(line.of(text)) || is_title(line));
    let start = if is_above { start } else { 0 };
    let mut rows = Vec::new();
    for (place, line) in skipped.rows.iter().enumerate() {
        let cells = cut(line.of(text), delimiter);
        let count = numbers(&cells);
        // A row may have no value.
        let is_log = (count == 0 && !is_row(&cells))
            || (cells.len() != width && !is_known(&cells[0]) && 2 * count < cells.len());
        if place < start {
            skipped.above.extend((!cells.is_empty()).then_some(line.number));
        } else if place > first && !cells.is_empty() && is_log {
            skipped.logs.push(line.number);
        } else {
            rows.push(*line);
        }
    }
    skipped.rows = rows;
}
