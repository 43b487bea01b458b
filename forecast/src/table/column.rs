//! What the cells of a column are, judged as a whole.

use super::grid::Grid;
use super::number::{self, Marks, shape};
use super::options::{Decimal, Delimiter, Reading};
use super::time::{self, Times, Told};

/// A cell and the line it stands on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) cell: String,
}

/// What a column holds.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Numbers and missing values alone.
    Numbers(Numbers),
    /// Mostly numbers, but for some cells: the first one, how many, and how many numbers.
    Bad {
        at: Place,
        bad: usize,
        numbers: usize,
    },
    /// Numbers that may have decimals or thousands, as this one.
    Open(Place),
    /// Numbers of different units.
    Units(Place, Place),
    Times(Times),
    /// Times whose day and month may be either.
    DayFirst(Place),
    /// Times but for a few cells, as the first place has one; the second is a time.
    BadTimes(Place, Place),
    Text(Place),
    Empty,
}

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Numbers {
    /// The mark before decimals; none where digits have no marks.
    pub(super) decimal: Option<Decimal>,
    pub(super) grouped: bool,
    pub(super) fortran: bool,
    pub(super) percent: bool,
    pub(super) currency: Option<char>,
}

/// A column that is judged.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    pub(super) kind: Kind,
    /// Cells without a value.
    pub(super) missing: usize,
}

/// What the other columns say about decimals.
#[derive(Clone, Copy, Debug)]
struct File {
    /// The mark that some columns have for certain, and none another; or the one that is given.
    decimal: Option<Decimal>,
    is_given: bool,
    /// Whether dates are written as where decimals have a comma. They tell what a comma is; a point may still be one.
    has_dates: bool,
}

/// Counts over the cells of a column.
#[derive(Debug, Default)]
struct Tally {
    missing: usize,
    numbers: usize,
    others: usize,
    first_other: usize,
    other_words: Vec<String>,
    points: usize,
    first_point: usize,
    commas: usize,
    first_comma: usize,
    point_groups: usize,
    first_point_group: usize,
    comma_groups: usize,
    first_comma_group: usize,
    grouped: bool,
    fortran: bool,
    percents: usize,
    first_percent: usize,
    first_plain: usize,
    currency: Option<(char, usize)>,
    other_currency: Option<usize>,
}

/// Whether a cell has no value.
pub(super) fn is_missing(cell: &str, reading: &Reading) -> bool {
    number::is_missing(cell) || reading.missing.iter().any(|other| number::is_same(cell, other))
}

/// Judges every column; one column may tell how the decimals of another are written.
pub(super) fn judge(grid: &Grid, reading: &Reading) -> Vec<Judged> {
    let tallies: Vec<Tally> = (0..grid.width()).map(|column| tally(grid, column, reading)).collect();
    let times: Vec<Option<Told>> = (0..grid.width())
        .map(|column| {
            let tally = &tallies[column];
            (tally.others > 0 && !tally.is_numeric()).then(|| {
                let cell = |cell| (!is_missing(cell, reading)).then_some(cell);
                time::column(&grid.column(column).map(cell).collect::<Vec<_>>(), reading.day_first)
            })
        })
        .collect();
    let writes_comma = |told: &Option<Told>| matches!(told, Some(Told::Times(times)) if times.format.suggests_comma());
    let has_dates = times.iter().any(writes_comma) && grid.delimiter != Some(Delimiter::Comma);
    let decimal =
        reading.decimal.or(match (tallies.iter().any(Tally::is_point), tallies.iter().any(Tally::is_comma)) {
            (true, false) => Some(Decimal::Point),
            (false, true) => Some(Decimal::Comma),
            _ => None,
        });
    let file = File { decimal, is_given: reading.decimal.is_some(), has_dates };
    let judged = tallies.iter().zip(times).enumerate().map(|(column, (tally, told))| {
        let at = |row| Place { line: grid.line(row), cell: grid.cell(row, column).to_owned() };
        let kind = match told {
            None => tally.kind(at, file),
            Some(Told::Times(times)) => Kind::Times(times),
            Some(Told::DayFirst(row)) => Kind::DayFirst(at(row)),
            Some(Told::Bad(row, like)) => Kind::BadTimes(at(row), at(like)),
            Some(Told::Other) => Kind::Text(at(tally.first_other)),
        };
        Judged { missing: tally.missing, kind }
    });
    judged.collect()
}

fn tally(grid: &Grid, column: usize, reading: &Reading) -> Tally {
    let mut tally = Tally::default();
    let mut has_plain = false;
    for (row, cell) in grid.column(column).enumerate() {
        if is_missing(cell, reading) {
            tally.missing += 1;
            continue;
        }
        let Some(shape) = shape(cell) else {
            if tally.others == 0 {
                tally.first_other = row;
            }
            tally.others += 1;
            if tally.other_words.len() < 3 && tally.other_words.iter().all(|word| word != cell) {
                tally.other_words.push(cell.to_owned());
            }
            continue;
        };
        tally.numbers += 1;
        tally.grouped |= shape.grouped;
        tally.fortran |= shape.fortran;
        let first = |count: &mut usize, place: &mut usize| {
            if *count == 0 {
                *place = row;
            }
            *count += 1;
        };
        match shape.marks {
            Marks::None => {}
            Marks::Point => first(&mut tally.points, &mut tally.first_point),
            Marks::Comma => first(&mut tally.commas, &mut tally.first_comma),
            Marks::PointOrGroups => first(&mut tally.point_groups, &mut tally.first_point_group),
            Marks::CommaOrGroups => first(&mut tally.comma_groups, &mut tally.first_comma_group),
        }
        if shape.percent {
            first(&mut tally.percents, &mut tally.first_percent);
        } else if !has_plain {
            (has_plain, tally.first_plain) = (true, row);
        }
        match (shape.currency, tally.currency) {
            (Some(sign), None) => tally.currency = Some((sign, row)),
            (Some(sign), Some((other, _))) if sign != other => {
                tally.other_currency.get_or_insert(row);
            }
            _ => {}
        }
    }
    tally
}

impl Tally {
    /// Whether it is a column of numbers, good or bad: most cells are, or all but one or two words that stand again and again.
    fn is_numeric(&self) -> bool {
        let is_marker = self.other_words.len() <= 2 && self.others > 2 && self.numbers * 10 >= self.others;
        self.numbers > 0 && (self.numbers >= self.others || is_marker)
    }

    fn is_comma(&self) -> bool {
        self.is_numeric() && self.commas > self.points
    }

    fn is_point(&self) -> bool {
        self.is_numeric() && self.points > self.commas
    }

    /// The kind of a column without times, with the decimals of the file, if it has any for certain.
    fn kind(&self, at: impl Fn(usize) -> Place, file: File) -> Kind {
        if self.numbers == 0 {
            return if self.others == 0 { Kind::Empty } else { Kind::Text(at(self.first_other)) };
        }
        if self.others > 0 {
            return Kind::Bad { at: at(self.first_other), bad: self.others, numbers: self.numbers };
        }
        let own = match (self.points, self.commas) {
            (0, 0) => None,
            (points, commas) => Some(if points >= commas { Decimal::Point } else { Decimal::Comma }),
        };
        let decimal = match (own, file.decimal) {
            (_, Some(given)) if file.is_given => given,
            (Some(own), _) => own,
            // Thousands with points stand only where decimals have a comma, and the other way round.
            (None, Some(others)) => others,
            (None, None) if self.comma_groups > 0 && file.has_dates => Decimal::Comma,
            (None, None) if self.comma_groups > 0 => return Kind::Open(at(self.first_comma_group)),
            (None, None) if self.point_groups > 0 && file.has_dates => return Kind::Open(at(self.first_point_group)),
            (None, None) => Decimal::Point,
        };
        let (against, row) = match decimal {
            Decimal::Point => (self.commas, self.first_comma),
            Decimal::Comma => (self.points, self.first_point),
        };
        if against > 0 {
            return Kind::Bad { at: at(row), bad: against, numbers: self.numbers - against };
        }
        if self.percents > 0 && self.percents < self.numbers {
            return Kind::Units(at(self.first_percent), at(self.first_plain));
        }
        if let (Some(row), Some((_, other))) = (self.other_currency, self.currency) {
            return Kind::Units(at(row), at(other));
        }
        let groups = if decimal == Decimal::Point { self.comma_groups } else { self.point_groups };
        Kind::Numbers(Numbers {
            decimal: (self.points + self.commas + self.point_groups + self.comma_groups > 0).then_some(decimal),
            grouped: self.grouped || groups > 0,
            fortran: self.fortran,
            percent: self.percents > 0,
            currency: self.currency.map(|(sign, _)| sign),
        })
    }
}

impl Numbers {
    /// The numbers of a column; missing ones are NaN. The first row whose number is not finite is an error.
    pub(super) fn values(self, grid: &Grid, column: usize, reading: &Reading) -> Result<Vec<f64>, usize> {
        let cells = grid.column(column).enumerate();
        let value = |(row, cell): (usize, &str)| match number::value(cell, self.decimal.unwrap_or(Decimal::Point)) {
            _ if is_missing(cell, reading) => Ok(f64::NAN),
            Some(value) if value.is_finite() => Ok(value),
            _ => Err(row),
        };
        cells.map(value).collect()
    }

    /// How the numbers are written, where it is not plain.
    pub(super) fn words(self) -> String {
        let mut words = "numbers".to_owned();
        words += match (self.decimal, self.grouped) {
            (Some(Decimal::Comma), false) => " with decimal commas",
            (Some(Decimal::Comma), true) => " with groups of digits (decimal commas, or points between groups)",
            (_, true) => " with groups of digits (decimal points, or commas between groups)",
            (_, false) => "",
        };
        if self.fortran {
            words += " with exponents of Fortran (D)";
        }
        if self.percent {
            words += " in percent (12 for 12%)";
        }
        if let Some(sign) = self.currency {
            words += &format!(" with {sign}");
        }
        words
    }
}
