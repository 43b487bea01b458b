//! How files of series are read: the options, the file, and what is told of it.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use forebay_forecast::table::{
    self, Choice, ClockChoice, Decimal, Delimiter, Duplicates, Fill, Gaps, Header, IdChoice, LeftOut, Reading, Role,
    Table,
};
use serde_json::{Value, json};

/// How a file is read. What the file leaves open is refused with the option that settles it.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Reading a file")]
pub(crate) struct ReadingArguments {
    /// Missing values in the file [default: refuse; forecasts leave them open]
    #[arg(long, value_parser = one_of(&FILLS))]
    fill: Option<Fill>,
    /// Another cell that means a missing value, such as -999 or '?'; several times for several
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    missing: Vec<String>,
    /// The column that says what time a row is of, by name or number; `none` if rows are steps [default: told from names and cells]
    #[arg(long, value_name = "COLUMN")]
    clock: Option<String>,
    /// Steps that are missing between rows, or uneven [default: refuse]
    #[arg(long, value_parser = one_of(&GAPS))]
    gaps: Option<Gaps>,
    /// Several rows of one time [default: refuse]
    #[arg(long, value_parser = one_of(&DUPLICATES))]
    duplicates: Option<Duplicates>,
    /// Put rows that are out of order into the order of the clock
    #[arg(long)]
    sort: bool,
    /// The column that tells apart series under each other: COLUMN=VALUE takes one of them, `none` takes all rows as one
    #[arg(long, value_name = "COLUMN=VALUE")]
    id: Option<String>,
    /// Whether the first line of the file names the columns [default: told from its cells]
    #[arg(long, value_parser = one_of(&HEADERS))]
    header: Option<Header>,
    /// What stands between cells [default: told from the first lines]
    #[arg(long, value_parser = one_of(&DELIMITERS))]
    delimiter: Option<Delimiter>,
    /// The mark before decimals [default: told from all columns]
    #[arg(long, value_parser = one_of(&DECIMALS))]
    decimal: Option<Decimal>,
    /// Whether 01/02/2024 is the first of February [default: told from a day above 12]
    #[arg(long, value_parser = one_of(&YES_NO))]
    day_first: Option<bool>,
}

type Named<T> = (&'static str, &'static str, T);

const FILLS: [Named<Fill>; 4] = [
    ("refuse", "Told, with their lines", Fill::Refuse),
    ("hold", "The value before stays; nothing looks ahead", Fill::Hold),
    ("linear", "On the line between their neighbours, which looks ahead; at the ends the nearest value", Fill::Linear),
    ("mark", "They stay missing, where a command can take gaps", Fill::Mark),
];
const GAPS: [Named<Gaps>; 4] = [
    ("refuse", "Told, with the first place and the count", Gaps::Refuse),
    ("mark", "Rows without values are put in", Gaps::Mark),
    ("fill", "Rows are put in and filled as --fill says", Gaps::Fill),
    ("ignore", "Rows are taken as evenly spaced", Gaps::Ignore),
];
const DUPLICATES: [Named<Duplicates>; 4] = [
    ("refuse", "Told, with both lines", Duplicates::Refuse),
    ("first", "The first row counts", Duplicates::First),
    ("last", "The last row counts, as after a restart", Duplicates::Last),
    ("mean", "The mean of the rows counts", Duplicates::Mean),
];
const HEADERS: [Named<Header>; 2] = [("yes", "It names the columns", Header::Yes), ("no", "It is data", Header::No)];
const DELIMITERS: [Named<Delimiter>; 6] = [
    ("comma", "", Delimiter::Comma),
    ("semicolon", "", Delimiter::Semicolon),
    ("tab", "", Delimiter::Tab),
    ("pipe", "", Delimiter::Pipe),
    ("blanks", "", Delimiter::Blanks),
    ("none", "A line is one cell", Delimiter::Nothing),
];
const DECIMALS: [Named<Decimal>; 2] = [("point", "1,234.5", Decimal::Point), ("comma", "1.234,5", Decimal::Comma)];
const YES_NO: [Named<bool>; 2] = [("yes", "", true), ("no", "", false)];

/// A parser of one of these words.
fn one_of<T: Copy + Send + Sync + 'static>(values: &'static [Named<T>]) -> impl TypedValueParser<Value = T> {
    let names = values.iter().map(|(name, help, _)| {
        let value = PossibleValue::new(*name);
        if help.is_empty() { value } else { value.help(*help) }
    });
    PossibleValuesParser::new(names.collect::<Vec<_>>()).map(move |name| {
        let found = values.iter().find(|(other, ..)| *other == name);
        found.expect("the parser lets through what is in the list").2
    })
}

impl ReadingArguments {
    /// What the room for tables is told, with these columns.
    pub(crate) fn with(&self, columns: Choice) -> Reading {
        let id = match self.id.as_deref() {
            None => IdChoice::Told,
            Some("none") => IdChoice::Without,
            Some(id) => match id.split_once('=') {
                Some((column, value)) => IdChoice::Series { column: column.to_owned(), value: value.to_owned() },
                None => IdChoice::Column(id.to_owned()),
            },
        };
        let clock = match self.clock.as_deref() {
            None => ClockChoice::Told,
            Some("none") => ClockChoice::Without,
            Some(column) => ClockChoice::Column(column.to_owned()),
        };
        Reading {
            columns,
            clock,
            id,
            header: self.header,
            delimiter: self.delimiter,
            decimal: self.decimal,
            day_first: self.day_first,
            missing: self.missing.clone(),
            fill: self.fill(),
            gaps: self.gaps.unwrap_or_default(),
            duplicates: self.duplicates.unwrap_or_default(),
            sort: self.sort,
        }
    }

    /// How missing values are filled.
    pub(crate) fn fill(&self) -> Fill {
        self.fill.unwrap_or_default()
    }

    /// Other cells that mean a missing value.
    pub(crate) fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Whether the day stands before the month, if that is said.
    pub(crate) fn day_first(&self) -> Option<bool> {
        self.day_first
    }

    /// Whether rows are steps, whatever their times.
    pub(crate) fn is_clockless(&self) -> bool {
        self.clock.as_deref() == Some("none")
    }

    /// The series that is told apart from others by a column, if one is named.
    pub(crate) fn series_of(&self) -> Option<(String, String)> {
        let (column, value) = self.id.as_deref()?.split_once('=')?;
        Some((column.to_owned(), value.to_owned()))
    }

    /// The first option that is given and has no meaning for single lines.
    pub(crate) fn given_for_tables(&self) -> Option<&'static str> {
        let is_clockless = self.is_clockless();
        let lines = Self { missing: Vec::new(), clock: self.clock.clone().filter(|_| !is_clockless), ..self.clone() };
        lines.given()
    }

    /// The first option that is given, for commands that read no file.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let given = [
            ("--fill", self.fill.is_some()),
            ("--missing", !self.missing.is_empty()),
            ("--clock", self.clock.is_some()),
            ("--gaps", self.gaps.is_some()),
            ("--duplicates", self.duplicates.is_some()),
            ("--sort", self.sort),
            ("--id", self.id.is_some()),
            ("--header", self.header.is_some()),
            ("--delimiter", self.delimiter.is_some()),
            ("--decimal", self.decimal.is_some()),
            ("--day-first", self.day_first.is_some()),
        ];
        given.iter().find(|(_, is_given)| *is_given).map(|(option, _)| *option)
    }
}

/// Columns as they are given on the command line, all if none are.
pub(crate) fn choice(columns: &[String]) -> Choice {
    if columns.is_empty() { Choice::All } else { Choice::Columns(columns.to_vec()) }
}

/// The bytes of a file; `-` is standard input.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).context("cannot read standard input")?;
        return Ok(bytes);
    }
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Reads a file for a command that takes missing values: with `--fill mark` and `--gaps mark` they are NaN, else every value is finite.
pub(crate) fn read_with_gaps(path: &Path, reading: &Reading) -> Result<Table> {
    let bytes = bytes(path)?;
    let is_array = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npy"));
    ensure!(
        !is_array || bytes.starts_with(b"\x93NUMPY"),
        "cannot use {}: it has the ending of an array of numpy (.npy) and does not start as one",
        path.display()
    );
    table::read(&bytes, reading).with_context(|| format!("in {}", path.display()))
}

/// Reads a file; every value is finite.
pub(crate) fn read(path: &Path, reading: &Reading) -> Result<Table> {
    let table = read_with_gaps(path, reading)?;
    let mut open = table.values.indexed_iter().filter(|(_, value)| value.is_nan()).map(|(place, _)| place);
    if let Some((row, place)) = open.next() {
        let (option, instead) = match reading.fill {
            Fill::Mark => ("--fill mark", "--fill hold or --fill linear"),
            _ => ("--gaps mark", "--gaps fill with --fill hold"),
        };
        let at = match table.lines[row] {
            Some(line) => format!("on line {line}"),
            None if table.clock.is_some() => "on a row that is put in".to_owned(),
            None => format!("in row {row}"),
        };
        bail!(
            "in {}: {option} leaves {} value(s) missing, first of {} {at}, which this command cannot take: use {instead}",
            path.display(),
            1 + open.count(),
            table.names()[place]
        );
    }
    Ok(table)
}

/// What is told of a table before anything else: a line per column, then what else was taken or skipped.
pub(crate) fn lines(table: &Table) -> Vec<String> {
    let mut lines = table.lines();
    lines.extend(table.notes.iter().cloned());
    lines
}

/// The same as JSON.
pub(crate) fn json(table: &Table) -> Value {
    let columns = table.columns.iter().map(|column| {
        let (role, why) = match &column.role {
            Role::Clock => ("clock", None),
            Role::Series => ("series", None),
            Role::Id => ("id", None),
            Role::LeftOut(why) => ("left out", Some(reason(why))),
        };
        json!({
            "name": column.name, "number": column.number, "role": role, "why": why, "read_as": column.read_as,
            "missing": column.missing,
        })
    });
    let clock = table.clock.as_ref().map(|clock| {
        let label = |row| clock.label(row);
        json!({
            "name": clock.name, "number": clock.number, "step": clock.step_words(), "first": label(0),
            "last": label(table.values.nrows().saturating_sub(1)), "missing_steps": clock.missing, "state": clock.state,
        })
    });
    json!({"columns": columns.collect::<Vec<_>>(), "clock": clock, "notes": table.notes})
}

fn reason(why: &LeftOut) -> String {
    why.to_string()
}

#[cfg(test)]
mod tests {
    use forebay::model::import::npy_to_bytes;
    use forebay_forecast::table::{Fill, Reading, Table};
    use ndarray::array;

    fn read(
        name: &str,
        bytes: &[u8],
        fill: Fill,
        how: fn(&std::path::Path, &Reading) -> anyhow::Result<Table>,
    ) -> Result<Table, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        how(&path, &Reading { fill, ..Reading::default() }).map_err(|error| format!("{error:#}"))
    }

    /// A command that cannot take a missing value says so with the option that left it there, and where it is.
    #[test]
    fn missing_values_stay_for_those_who_take_them() {
        let text = b"a,b\n1,2\n,3\n4,NA\n5,7\n";
        let table = read("x.csv", text, Fill::Mark, super::read_with_gaps).expect("a table");
        assert_eq!((table.values.iter().filter(|v| v.is_nan()).count(), table.filled()), (2, 0));
        let error = read("x.csv", text, Fill::Mark, super::read).expect_err("missing values");
        assert!(error.contains("--fill mark leaves 2 value(s) missing, first of a on line 3"), "{error}");
        assert!(error.contains("--fill hold"), "{error}");
    }

    #[test]
    fn arrays_with_gaps_are_read_as_told() {
        let bytes = npy_to_bytes(array![[1.0, 5.0], [f64::NAN, 6.0], [3.0, 4.0]].view());
        let table = read("x.npy", &bytes, Fill::Linear, super::read).expect("a table");
        assert_eq!(table.values, array![[1.0, 5.0], [2.0, 6.0], [3.0, 4.0]]);
        let error = read("x.npy", &bytes, Fill::Refuse, super::read).expect_err("NaN");
        assert!(error.contains("column 1 has 1 value(s) that are NaN, first in row 1"), "{error}");
        let error = read("x.npy", &bytes, Fill::Mark, super::read).expect_err("NaN");
        assert!(error.contains("first of column 1 in row 1"), "{error}");
        let error = read("x.npy", b"a\n1\n2\n", Fill::Refuse, super::read).expect_err("text");
        assert!(error.contains("does not start as one"), "{error}");
        // An array is known by its bytes.
        assert!(read("x.dat", &bytes, Fill::Hold, super::read).is_ok());
    }
}
