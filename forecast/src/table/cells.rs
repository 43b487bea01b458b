//! From text to cells: what is a row, what stands between cells, and what the columns are named.

use std::io::{self, Read};

use super::delimiter::{self, cut, unquoted};
use super::error::{FormatError, TableError, shown};
use super::grid::{Grid, check_size};
use super::header;
use super::lines::{Line, lines};
use super::number;
use super::options::{Choice, Delimiter, Header, Reading};
use super::preamble::{self, Skipped};

/// Cuts a text into cells.
pub(super) fn cells(text: &str, reading: &Reading) -> Result<Grid, TableError> {
    let mut notes = Vec::new();
    let (text, first, told) = preamble::separator(text);
    if told.is_some() {
        notes.push("the first line, sep=.., is taken as the delimiter".to_owned());
    }
    let all = lines(text, None);
    let skimmed = preamble::content(text, &all);
    let sample: Vec<(usize, &str)> = skimmed.iter().map(|line| (line.number + first, line.of(text))).collect();
    if sample.is_empty() {
        let but = if all.iter().any(|line| !line.of(text).trim().is_empty()) { " but for comments" } else { "" };
        return Err(TableError::Format(FormatError::Empty { but: but.to_owned() }));
    }
    let delimiter = match reading.delimiter.or(told) {
        Some(delimiter) => delimiter,
        None => delimiter::tell(&sample, reading.decimal)?,
    };
    let width = cut(sample[0].1, delimiter).len();
    check_size(width, all.len(), &reading.columns)?;
    let records = match delimiter.byte() {
        Some(byte) => lines(text, Some(byte)),
        None => all,
    };
    let mut skipped = preamble::skip(text, &records, delimiter);
    notes.append(&mut skipped.notes(first));
    let mut grid = read(text, &skipped, delimiter, first)?;
    grid.delimiter = Some(delimiter);
    drop_empty_end(&mut grid, &mut notes);
    if grid.rows() == 0 {
        return Err(TableError::Format(FormatError::TooShort { rows: 0 }));
    }
    name(&mut grid, &skipped, reading, &mut notes);
    grid.notes = notes;
    Ok(grid)
}

/// The lines that are rows, as one text without what is between them.
struct Rows<'t> {
    text: &'t str,
    left: &'t [Line],
    /// Bytes of the first row that are read.
    read: usize,
}

impl Read for Rows<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((line, rest)) = self.left.split_first() else { return Ok(0) };
        let bytes = &line.of(self.text).as_bytes()[self.read..];
        let size = bytes.len().min(buffer.len());
        buffer[..size].copy_from_slice(&bytes[..size]);
        self.read += size;
        if size < buffer.len() {
            buffer[size] = b'\n';
            (self.left, self.read) = (rest, 0);
            return Ok(size + 1);
        }
        Ok(size)
    }
}

fn read(text: &str, skipped: &Skipped, delimiter: Delimiter, first: usize) -> Result<Grid, TableError> {
    let rows = &skipped.rows;
    let mut grid = Grid::default();
    let ragged = |grid: &Grid, line: &Line, found: usize| {
        TableError::Format(FormatError::Ragged {
            line: line.number + first,
            found,
            expected: grid.width(),
            text: shown(line.of(text).trim()),
        })
    };
    let Some(byte) = delimiter.byte() else {
        for line in rows {
            let cells = cut(line.of(text), delimiter);
            if grid.rows() == 0 {
                grid.set_width(cells.len());
            }
            if cells.len() != grid.width() {
                return Err(ragged(&grid, line, cells.len()));
            }
            for cell in &cells {
                grid.push_cell(cell);
            }
            grid.end_row(line.number + first);
        }
        return Ok(grid);
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(byte)
        .trim(csv::Trim::All)
        .from_reader(Rows { text, left: rows, read: 0 });
    let mut record = csv::StringRecord::new();
    let mut place = 0;
    for line in rows {
        let quote = || TableError::Format(FormatError::Quote { line: line.number + first });
        let is_there = reader.read_record(&mut record).map_err(|_| quote())?;
        // Both must agree on where a row begins.
        if !is_there || record.position().is_none_or(|position| position.byte() != place) {
            return Err(quote());
        }
        place += (line.end - line.start + 1) as u64;
        if grid.rows() == 0 {
            grid.set_width(record.len());
        }
        if record.len() != grid.width() {
            return Err(ragged(&grid, line, record.len()));
        }
        record.iter().for_each(|cell| grid.push_cell(unquoted(cell)));
        grid.end_row(line.number + first);
    }
    let is_open =
        rows.last().is_some_and(|line| line.of(text).contains('\n') && record.iter().any(|c| c.contains('\n')));
    if is_open && rows.len() > 1 && is_unclosed(rows[rows.len() - 1].of(text)) {
        return Err(TableError::Format(FormatError::Quote { line: rows[rows.len() - 1].number + first }));
    }
    Ok(grid)
}

/// Whether a quote is open at the end.
fn is_unclosed(line: &str) -> bool {
    line.matches('"').count() % 2 == 1
}

/// Rows of nothing but delimiters at the end, as sheets leave them.
fn drop_empty_end(grid: &mut Grid, notes: &mut Vec<String>) {
    let mut dropped = 0;
    while grid.width() > 1 && grid.rows() > 1 && (0..grid.width()).all(|c| grid.cell(grid.rows() - 1, c).is_empty()) {
        grid.drop_last();
        dropped += 1;
    }
    if dropped > 0 {
        notes.push(format!("{dropped} row(s) of empty cells at the end are left out"));
    }
}

/// Takes the names from the first row or from a comment above it.
fn name(grid: &mut Grid, skipped: &Skipped, reading: &Reading, notes: &mut Vec<String>) {
    let first = grid.first_row();
    let wanted = match &reading.columns {
        Choice::Names(names) if !names.is_empty() => names.iter().all(|name| first.contains(&name.as_str())),
        _ => false,
    };
    let (is_header, is_plain) = match reading.header {
        Some(header) => (header == Header::Yes, true),
        None if wanted => (true, true),
        None => header::is_header(grid),
    };
    let is_name = |name: &String| number::shape(name).is_none();
    let above = skipped.names.as_ref().filter(|(_, names)| names.len() == grid.width() && names.iter().all(is_name));
    if let (false, None, Some((line, names))) = (is_header, reading.header, above) {
        grid.names.clone_from(names);
        grid.header = true;
        notes.push(format!("the names of the columns are those of the comment on line {line}"));
        return;
    }
    if !is_plain {
        let (taken, other) =
            if is_header { ("names of columns", "no if it is data") } else { ("data", "yes if it names columns") };
        notes.push(format!("the first line is taken as {taken} (--header {other})"));
    }
    if is_header {
        grid.name_by_first_row();
    }
}
