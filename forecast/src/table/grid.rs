//! The cells of a file, each with the line it stands on.

use super::error::{FormatError, TableError};
use super::options::{Choice, Delimiter};

/// More columns than these are taken only if they are named. The sums of a training grow with the square of their number:
/// for 1,000 columns they take some 30 MB for each thread, for 10,000 some 3 GB.
const MOST_COLUMNS: usize = 1000;

/// Most cells: a byte or more of text each, and 4 to find them by.
const MOST_CELLS: usize = 1 << 27;

/// Cells in rows of one width.
#[derive(Debug, Default)]
pub(super) struct Grid {
    /// Names from the header; empty ones, or none at all, are columns without a name.
    pub(super) names: Vec<String>,
    /// Whether the file names its columns.
    pub(super) header: bool,
    /// What was taken of the file and could be meant otherwise.
    pub(super) notes: Vec<String>,
    /// Whether semicolons stand between the cells.
    pub(super) delimiter: Option<Delimiter>,
    width: usize,
    text: String,
    ends: Vec<u32>,
    lines: Vec<u32>,
    /// Rows at the start that are no data: the header.
    skipped: usize,
}

impl Grid {
    pub(super) fn of_width(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn rows(&self) -> usize {
        self.lines.len() - self.skipped
    }

    /// The cell of a row, without blanks around it.
    pub(super) fn cell(&self, row: usize, column: usize) -> &str {
        let place = (row + self.skipped) * self.width + column;
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.text[start..self.ends[place] as usize]
    }

    /// The cells of a column from above.
    pub(super) fn column(&self, column: usize) -> impl Iterator<Item = &str> {
        (0..self.rows()).map(move |row| self.cell(row, column))
    }

    /// Number of the line that a row stands on.
    pub(super) fn line(&self, row: usize) -> usize {
        self.lines[row + self.skipped] as usize
    }

    /// Adds a cell to the row that is begun.
    pub(super) fn push_cell(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len() as u32);
    }

    /// Ends a row, which has as many cells as the others.
    pub(super) fn end_row(&mut self, line: usize) {
        self.lines.push(line as u32);
    }

    /// Sets how many cells a row has, before the first one.
    pub(super) fn set_width(&mut self, width: usize) {
        self.width = width;
    }

    /// Takes the first row as names of the columns.
    pub(super) fn name_by_first_row(&mut self) {
        self.names = self.first_row().into_iter().map(str::to_owned).collect();
        self.header = true;
        self.skipped = 1;
    }

    /// What a column is called: by its name, which may be that of others, or by its number.
    pub(super) fn title(&self, column: usize) -> String {
        match self.names.get(column) {
            Some(name) if !name.is_empty() => name.clone(),
            _ => format!("column {}", column + 1),
        }
    }

    /// The same columns with these rows alone.
    pub(super) fn select(&self, rows: &[usize]) -> Self {
        let mut grid = Self { header: self.header, names: self.names.clone(), ..Self::of_width(self.width) };
        (grid.delimiter, grid.notes) = (self.delimiter, self.notes.clone());
        for &row in rows {
            (0..self.width).for_each(|column| grid.push_cell(self.cell(row, column)));
            grid.end_row(self.line(row));
        }
        grid
    }

    /// Titles of all columns, where several have the same name with their numbers.
    pub(super) fn unique_titles(&self) -> Vec<String> {
        let titles: Vec<String> = (0..self.width).map(|column| self.title(column)).collect();
        let mut count = std::collections::HashMap::new();
        for title in &titles {
            *count.entry(title.as_str()).or_insert(0) += 1;
        }
        let unique = |(column, title): (usize, &String)| match count[title.as_str()] {
            1 => title.clone(),
            _ => format!("{title} (column {})", column + 1),
        };
        titles.iter().enumerate().map(unique).collect()
    }

    /// Takes the last row away.
    pub(super) fn drop_last(&mut self) {
        self.lines.pop();
        self.ends.truncate(self.lines.len() * self.width);
        self.text.truncate(self.ends.last().map_or(0, |end| *end as usize));
    }

    /// The cells of the first row.
    pub(super) fn first_row(&self) -> Vec<&str> {
        (0..self.width).map(|column| self.cell(0, column)).collect()
    }
}

/// Refuses tables that are too large, before memory is taken for them.
pub(super) fn check_size(width: usize, rows: usize, columns: &Choice) -> Result<(), TableError> {
    if width > MOST_COLUMNS && *columns == Choice::All {
        let megabytes = 4 * width.saturating_mul(width).saturating_mul(8) / 1_000_000;
        return Err(TableError::Format(FormatError::TooWide { columns: width, rows, megabytes, most: MOST_COLUMNS }));
    }
    let cells = width.saturating_mul(rows);
    if cells > MOST_CELLS {
        return Err(TableError::Format(FormatError::TooManyCells { cells, most: MOST_CELLS }));
    }
    Ok(())
}
