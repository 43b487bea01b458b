//! The user's series from CSV bytes.

// By its path, as the fuzz target that takes this file looks elsewhere.
#[path = "table/header.rs"]
mod header;

use anyhow::{Result, bail, ensure};
use ndarray::Array2;

/// Numeric columns of a CSV file.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Column names: from the header, or `column 1` and so on.
    pub columns: Vec<String>,
    /// `[rows, columns]`, every value finite.
    pub values: Array2<f64>,
    /// Missing values that were filled.
    pub filled: usize,
    /// Whether the first line named the columns.
    pub header: bool,
    /// Name and values of a first column that counts the rows and was left aside.
    pub axis: Option<(String, Vec<f64>)>,
    /// What was taken of the file and could be meant otherwise, a line each.
    pub notes: Vec<String>,
}

/// How missing values (empty, `NA`, `NaN`, `null`) are treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Fill {
    /// Refused, with the lines they are on.
    #[default]
    Refuse,
    /// Replaced on the line between their neighbours; at the ends by the nearest value.
    Linear,
}

/// What the first line of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Header {
    /// It names the columns.
    Yes,
    /// It is data.
    No,
}

/// How a file is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Reading {
    /// Missing values in the file
    #[arg(long, value_enum, default_value = "refuse")]
    pub fill: Fill,
    /// Whether the first line of the file names the columns [default: told from its cells]
    #[arg(long, value_enum)]
    pub header: Option<Header>,
}

impl From<Fill> for Reading {
    fn from(fill: Fill) -> Self {
        Self { fill, header: None }
    }
}

/// Reads the columns of a CSV file.
///
/// The delimiter (comma, semicolon, tab or blanks) is told from the first line; a first line with a cell that is neither a
/// number nor a date is a header, and so is one that counts the columns from 0, as files of columns without names have it.
/// Without `wanted`, all columns that hold only numbers are taken, except a first column that rises evenly
/// (a row number or year). `wanted` names columns, or counts them from 1.
///
/// # Errors
/// One line that says what is wrong and where.
pub fn parse(bytes: &[u8], wanted: &[String], reading: impl Into<Reading>) -> Result<Table> {
    read(bytes, wanted, true, reading.into())
}

/// Like [`parse`], where `wanted` are names that the file must give: a number is a name like any other, and a file without a
/// header has none.
///
/// # Errors
/// One line that says what is wrong and where.
pub fn parse_named(bytes: &[u8], wanted: &[String], reading: impl Into<Reading>) -> Result<Table> {
    read(bytes, wanted, false, reading.into())
}

fn read(bytes: &[u8], wanted: &[String], by_number: bool, Reading { fill, header }: Reading) -> Result<Table> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => bail!("the file is not UTF-8 text from byte {} on: save it as UTF-8 CSV", error.valid_up_to()),
    };
    let rows = cells(text)?;
    let Some(((_, first), rest)) = rows.split_first() else {
        bail!("the file is empty: it needs a header and one line per step");
    };
    let names_all = !by_number && !wanted.is_empty() && wanted.iter().all(|name| first.contains(name));
    let (header, is_plain) = match header {
        Some(header) => (header == Header::Yes, true),
        None if names_all => (true, true),
        None => header::is_header(&rows),
    };
    let mut notes = Vec::new();
    if !is_plain {
        let (taken, other) =
            if header { ("names of columns", "no if it is data") } else { ("data", "yes if it names columns") };
        notes.push(format!("the first line is taken as {taken} (--header {other})"));
    }
    let columns: Vec<String> =
        if header { first.clone() } else { (1..=first.len()).map(|c| format!("column {c}")).collect() };
    let rows = if header { rest } else { &rows[..] };
    ensure!(rows.len() >= 2, "the file has {} line(s) of data: a series needs at least 2", rows.len());
    if let Some((line, row)) = rows.iter().find(|(_, row)| row.len() != columns.len()) {
        bail!("line {line} has {} cells, the first line has {}: every line needs the same", row.len(), columns.len());
    }
    let counter = counter(rows);
    ensure!(
        header || by_number || wanted.is_empty(),
        "the first line names no columns: it needs a header with {}",
        wanted.join(", ")
    );
    let chosen = match wanted {
        [] => {
            notes.extend(left_aside(&columns, rows));
            all(&columns, rows, counter.is_some())?
        }
        names => choose(&columns, names, by_number)?,
    };
    let mut values = Array2::zeros((rows.len(), chosen.len()));
    let mut filled = 0;
    for (place, &column) in chosen.iter().enumerate() {
        let (series, gaps) = series(&columns[column], column, rows, fill)?;
        filled += gaps;
        values.column_mut(place).iter_mut().zip(series).for_each(|(to, from)| *to = from);
    }
    let axis = counter.filter(|_| !chosen.contains(&0)).map(|values| (columns[0].clone(), values));
    let columns = chosen.into_iter().map(|c| columns[c].clone()).collect();
    Ok(Table { columns, values, filled, header, axis, notes })
}

/// Lines that are not blank, with their number, cut into trimmed cells.
fn cells(text: &str) -> Result<Vec<(usize, Vec<String>)>> {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let delimiter = [b';', b'\t', b','].into_iter().find(|&d| first.as_bytes().contains(&d));
    let Some(delimiter) = delimiter else {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let lines = text.lines().enumerate().map(|(n, line)| (n + 1, words(line)));
        return Ok(lines.filter(|(_, cells)| !cells.is_empty()).collect());
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line) as usize;
        rows.push((line, record.iter().map(str::to_owned).collect()));
    }
    Ok(rows)
}

type Row = (usize, Vec<String>);

/// The columns that hold something else than numbers, in one line; a first one without any number is one of dates or names.
fn left_aside(columns: &[String], rows: &[Row]) -> Option<String> {
    let is_word = |cell: &str| !is_missing(cell) && !is_number(cell);
    let has_numbers = |c: usize| rows.iter().any(|(_, row)| is_number(&row[c].replace(',', ".")));
    let told = (0..columns.len()).filter(|&c| c > 0 || has_numbers(c)).filter_map(|c| {
        let (line, row) = rows.iter().find(|(_, row)| is_word(&row[c]))?;
        Some(format!("column {:?} ({:?} on line {line} is no number)", columns[c], shown(&row[c])))
    });
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| format!("left aside: {}", told.join(", ")))
}

/// All columns of numbers but the one that counts the rows.
fn all(columns: &[String], rows: &[Row], counted: bool) -> Result<Vec<usize>> {
    let numeric = |c: usize| rows.iter().all(|(_, row)| is_missing(&row[c]) || is_number(&row[c]));
    let mut chosen: Vec<usize> = (0..columns.len()).filter(|&c| numeric(c)).collect();
    if chosen.first() == Some(&0) && chosen.len() > 1 && counted {
        chosen.remove(0);
    }
    ensure!(!chosen.is_empty(), "no column holds only numbers: name one with --columns ({})", columns.join(", "));
    Ok(chosen)
}

/// The columns of these names, or numbers from 1 if those may stand for names.
fn choose(columns: &[String], wanted: &[String], by_number: bool) -> Result<Vec<usize>> {
    let mut chosen = Vec::new();
    for name in wanted {
        let mut named = (0..columns.len()).filter(|&c| columns[c] == *name);
        let column = match (named.next(), named.count()) {
            (Some(column), 0) => Some(column),
            (Some(_), more) => {
                let instead = if by_number { "say which by its number, from 1" } else { "give each a name of its own" };
                bail!("{} columns are named {name:?}: {instead}", more + 1);
            }
            (None, _) if by_number => {
                name.parse::<usize>().ok().and_then(|n| n.checked_sub(1)).filter(|&c| c < columns.len())
            }
            (None, _) => None,
        };
        let Some(column) = column else {
            bail!("there is no column {name:?}; there is {}", columns.join(", "));
        };
        ensure!(!chosen.contains(&column), "column {name:?} is named twice: name every column once");
        chosen.push(column);
    }
    Ok(chosen)
}

/// The first column, if it rises by steps that differ by less than a tenth, as row numbers and years do. Two rows cannot
/// tell.
fn counter(rows: &[Row]) -> Option<Vec<f64>> {
    let values: Vec<f64> = rows.iter().map(|(_, row)| row[0].parse().ok()).collect::<Option<_>>()?;
    let step = (values[values.len() - 1] - values[0]) / (values.len() - 1) as f64;
    let even = values.len() > 2 && step > 0.0 && values.windows(2).all(|w| ((w[1] - w[0]) / step - 1.0).abs() < 0.1);
    even.then_some(values)
}

fn is_missing(cell: &str) -> bool {
    cell.is_empty() || ["na", "nan", "null", "none", "-"].contains(&cell.to_ascii_lowercase().as_str())
}

fn is_number(cell: &str) -> bool {
    cell.parse::<f64>().is_ok()
}

/// As much of a cell as fits into a line.
fn shown(cell: &str) -> String {
    cell.chars().take(40).collect()
}

fn series(name: &str, column: usize, rows: &[Row], fill: Fill) -> Result<(Vec<f64>, usize)> {
    let mut known: Vec<(usize, f64)> = Vec::new();
    let mut missing: Vec<usize> = Vec::new();
    for (index, (line, row)) in rows.iter().enumerate() {
        let cell = &row[column];
        match cell.parse::<f64>() {
            _ if is_missing(cell) => missing.push(*line),
            Ok(value) if value.is_finite() => known.push((index, value)),
            _ => bail!("line {line}, column {name:?}: {:?} is no finite number", shown(cell)),
        }
    }
    if let (Some(first), Fill::Refuse) = (missing.first(), fill) {
        let count = missing.len();
        bail!(
            "column {name:?} misses {count} value(s), first on line {first}: use --fill linear, or remove those lines"
        );
    }
    let (Some(&first), Some(&last)) = (known.first(), known.last()) else {
        bail!("column {name:?} holds no values");
    };
    let mut values = vec![first.1; first.0];
    for pair in known.windows(2) {
        let [(from, a), (to, b)] = [pair[0], pair[1]];
        values.extend((from..to).map(|t| blend(a, b, (t - from) as f64 / (to - from) as f64)));
    }
    values.resize(rows.len(), last.1);
    Ok((values, missing.len()))
}

/// `a` at 0, `b` at 1; finite for any finite `a` and `b`, as `b - a` would not be.
fn blend(a: f64, b: f64, share: f64) -> f64 {
    a * (1.0 - share) + b * share
}

#[cfg(test)]
mod tests {
    use super::{Fill, parse};
    use ndarray::array;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_a_good_table_or_refused_in_one_line(
            bytes in prop::collection::vec(prop::sample::select(b"0123459.-e,;\t \n\n\r\"aN\xff\xc3".to_vec()), 0..200),
            fill in prop::sample::select(vec![Fill::Refuse, Fill::Linear]),
        ) {
            match parse(&bytes, &[], fill) {
                Ok(table) => {
                    prop_assert!(table.values.iter().all(|v| v.is_finite()));
                    prop_assert_eq!(table.values.ncols(), table.columns.len());
                    prop_assert!(table.values.nrows() >= 2);
                    let steps = table.axis.map(|(_, times)| times.len());
                    prop_assert!(steps.is_none_or(|steps| steps == table.values.nrows()));
                    prop_assert!(table.notes.iter().all(|note| note.lines().count() == 1));
                }
                Err(error) => prop_assert_eq!(error.to_string().lines().count(), 1),
            }
        }
    }

    fn read(text: &str) -> super::Table {
        parse(text.as_bytes(), &[], Fill::Refuse).expect("the table is good")
    }

    #[test]
    fn common_layouts_are_read() {
        let expected = array![[1.5, 2.0], [3.0, -4e3]];
        for text in [
            "a,b\n1.5,2\n3,-4e3\n",
            "\u{feff}a;b\r\n1.5;2\r\n3;-4e3\r\n",
            "a\tb\n1.5\t2\n\n3\t-4e3",
            "1.5 2\n3   -4e3\n",
            "\"a\",\"b\"\n\"1.5\", 2\n3,-4e3",
        ] {
            assert_eq!(read(text).values, expected, "{text:?}");
        }
        assert_eq!(read("a,b\n1,2\n5,4").columns, ["a", "b"]);
        assert_eq!(read("1,2\n5,4").columns, ["column 1", "column 2"]);
    }

    #[test]
    fn dates_and_row_numbers_are_left_aside() {
        assert_eq!(read("date,x\n2020-01-01,1\n2020-01-02,2").columns, ["x"]);
        let table = read("year,x\n1990,1\n1991,4\n1992,2");
        assert_eq!(
            (&table.columns[..], table.axis),
            (&["x".to_owned()][..], Some(("year".to_owned(), vec![1990.0, 1991.0, 1992.0])))
        );
        assert_eq!(read("x\n1\n2\n3").columns, ["x"], "the only column stays");
        let wanted = ["2".to_owned(), "year".to_owned()];
        let table = parse(b"year,x\n1990,1\n1991,4", &wanted, Fill::Refuse).expect("both exist");
        assert_eq!(table.values, array![[1.0, 1990.0], [4.0, 1991.0]]);
    }

    /// A column with one cell that is no number was gone without a word.
    #[test]
    fn columns_left_aside_are_told() {
        let told = |text: &str| read(text).notes.join("\n");
        assert_eq!(told("a;b\n1,5;2\n2,5;3"), "left aside: column \"a\" (\"1,5\" on line 2 is no number)");
        let two = told("a,b,c\n1,2,3\n2,n/a,high\n4,5,6");
        assert!(two.contains("column \"b\" (\"n/a\" on line 3") && two.contains("column \"c\" (\"high\""), "{two}");
        assert_eq!(told("date,x\n2020-01-01,1\n2020-01-02,2"), "");
    }

    #[test]
    fn gaps_are_refused_or_filled() {
        let text = b"x\n1\nNA\n\n4\nnan";
        let refusal = parse(text, &[], Fill::Refuse).expect_err("gaps").to_string();
        assert!(refusal.contains("2 value(s)") && refusal.contains("line 3"), "{refusal}");
        let table = parse(text, &[], Fill::Linear).expect("gaps are filled");
        assert_eq!((table.values, table.filled), (array![[1.0], [2.5], [4.0], [4.0]], 2));
    }
}
