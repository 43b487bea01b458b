//! Tables that are made up from known roles are read as what they were made from, or refused; any bytes are a table or one line.

use forebay_forecast::table::{
    CellError, ClockError, ColumnError, Duplicates, Fill, FormatError, Gaps, Reading, Role, TableError, read,
};
use proptest::prelude::*;

/// How a clock is written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Hours,
    Days,
    German,
    Compact,
    Epoch,
    Months,
    Years,
    Counter,
    Seconds,
}

const KINDS: [Kind; 9] = [
    Kind::Hours,
    Kind::Days,
    Kind::German,
    Kind::Compact,
    Kind::Epoch,
    Kind::Months,
    Kind::Years,
    Kind::Counter,
    Kind::Seconds,
];

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Hours | Self::Seconds => "time",
            Self::Days | Self::German | Self::Compact => "date",
            Self::Epoch => "unix",
            Self::Months => "month",
            Self::Years => "year",
            Self::Counter => "step",
        }
    }

    /// The time of a step; 30 days make a month here, of which the clock uses the first 28.
    fn time(self, step: usize) -> String {
        let day = |day: usize| (2020 + day / 336, 1 + day / 28 % 12, 1 + day % 28);
        match self {
            Self::Hours => {
                let time = jiff::civil::date(2023, 12, 20).at(5, 0, 0, 0) + jiff::Span::new().hours(step as i64);
                time.strftime("%Y-%m-%dT%H:%M:%S").to_string()
            }
            Self::Days | Self::German | Self::Compact => {
                let date = jiff::civil::date(2024, 2, 10) + jiff::Span::new().days(step as i64);
                let format = if self == Self::Days {
                    "%Y-%m-%d"
                } else if self == Self::German {
                    "%d.%m.%Y"
                } else {
                    "%Y%m%d"
                };
                date.strftime(format).to_string()
            }
            Self::Epoch => (1_700_000_000 + 900 * step).to_string(),
            Self::Months => {
                let (year, month, _) = day(step * 28);
                format!("{year}-{month:02}")
            }
            Self::Years => (1950 + step).to_string(),
            Self::Counter => (100 * step).to_string(),
            Self::Seconds => format!("{:.3}", 0.125 * step as f64),
        }
    }
}

/// What a table is made from.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is drawn apart from the others")]
struct Made {
    clock: Option<Kind>,
    place: usize,
    series: usize,
    rows: usize,
    delimiter: char,
    quotes: bool,
    header: bool,
    decimal_comma: bool,
    has_text: bool,
    end: &'static str,
    newest_first: bool,
    gap: Option<usize>,
    missing: Option<usize>,
    stacked: bool,
    has_index: bool,
    values: Vec<i32>,
}

fn made() -> impl Strategy<Value = Made> {
    let layout = (
        prop::option::weighted(0.85, prop::sample::select(KINDS.to_vec())),
        0..4_usize,
        1..4_usize,
        12..40_usize,
        prop::sample::select(vec![',', ';', '\t', '|']),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        prop::sample::select(vec!["\n", "\r\n", "\r"]),
    );
    let faults = (
        prop::bool::weighted(0.15),
        prop::option::weighted(0.2, 4..8_usize),
        prop::option::weighted(0.2, 0..12_usize),
        prop::bool::weighted(0.15),
        prop::bool::weighted(0.2),
        prop::collection::vec(-99_999..99_999_i32, 200),
    );
    (layout, faults).prop_map(|(layout, faults)| {
        let (clock, place, series, rows, delimiter, quotes, header, comma, has_text, end) = layout;
        let (newest_first, gap, missing, stacked, has_index, values) = faults;
        // A time of day would be cut where a comma stands between cells.
        let decimal_comma = comma && (delimiter != ',' || quotes);
        // A number that falls is no clock of itself.
        let newest_first = newest_first
            && clock.is_some()
            && (header || !matches!(clock, Some(Kind::Counter | Kind::Seconds | Kind::Years)));
        // The number of the row, as some libraries write it in front; a clock of numbers would be in doubt beside it.
        let is_text = matches!(clock, Some(Kind::Hours | Kind::Days | Kind::German | Kind::Months));
        let has_index = has_index && header && is_text && !newest_first;
        let stacked = stacked && clock.is_some() && !newest_first && header && gap.is_none();
        Made {
            clock,
            place,
            series,
            rows,
            delimiter,
            quotes,
            header,
            decimal_comma,
            has_text,
            end,
            newest_first,
            gap,
            missing,
            stacked,
            has_index,
            values,
        }
    })
}

impl Made {
    fn value(&self, row: usize, series: usize) -> f64 {
        // Up and down for certain, with two decimals.
        let value = self.values[(row * 3 + series) % self.values.len()]
            + if row.is_multiple_of(2) { 200_000 } else { -200_000 };
        f64::from(value / 10 * 10 + 5) / 100.0
    }

    /// The columns of the file: names and cells.
    fn columns(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let steps: Vec<usize> =
            (0..self.rows).map(|row| row + usize::from(self.gap.is_some_and(|gap| row >= gap)) * 3).collect();
        let mut columns: Vec<(String, Vec<String>)> = Vec::new();
        let number = |value: f64| {
            let text = format!("{value:.2}");
            if self.decimal_comma { text.replace('.', ",") } else { text }
        };
        for series in 0..self.series {
            let cell = |row: usize| {
                if self.missing == Some(row) && series == 0 { "NA".into() } else { number(self.value(row, series)) }
            };
            columns.push((format!("s{series}"), (0..self.rows).map(cell).collect()));
        }
        if self.has_text {
            columns.insert(
                self.place % 2,
                ("note".into(), (0..self.rows).map(|row| ["ok", "check it", "b-c"][row % 3].into()).collect()),
            );
        }
        if let Some(kind) = self.clock {
            let step = |row: usize| if self.stacked { steps[row] % self.rows.div_ceil(2) } else { steps[row] };
            let times = (0..self.rows).map(|row| kind.time(step(row))).collect();
            columns.insert(self.place.min(columns.len()), (kind.name().into(), times));
        }
        if self.has_index {
            columns.insert(0, (String::new(), (0..self.rows).map(|row| row.to_string()).collect()));
        }
        if self.stacked {
            let half = self.rows.div_ceil(2);
            columns
                .push(("plant".into(), (0..self.rows).map(|row| if row < half { "a" } else { "b" }.into()).collect()));
        }
        columns.into_iter().unzip()
    }

    fn text(&self) -> String {
        let (names, columns) = self.columns();
        let cell = |cell: &String| if self.quotes { format!("\"{cell}\"") } else { cell.clone() };
        let line = |cells: Vec<String>| cells.join(&self.delimiter.to_string()) + self.end;
        let mut lines: Vec<String> =
            (0..self.rows).map(|row| line(columns.iter().map(|c| cell(&c[row])).collect())).collect();
        if self.newest_first {
            lines.reverse();
        }
        let header = if self.header { line(names.iter().map(cell).collect()) } else { String::new() };
        header + &lines.concat()
    }
}

fn check(made: &Made) -> Result<(), TestCaseError> {
    let text = made.text();
    let (names, columns) = made.columns();
    let read = read(text.as_bytes(), &Reading::default());
    let table = match read {
        Err(TableError::Column(ColumnError::Stacked { column, count, .. })) => {
            prop_assert!(made.stacked && column == "plant" && count == 2, "{text}");
            return Ok(());
        }
        // One column of `12,34` without a name, or two.
        Err(TableError::Format(FormatError::NumberOrTwo { line: 1, .. })) => {
            prop_assert!(columns.len() == 1 && made.decimal_comma && !made.quotes && !made.header, "{text}");
            return Ok(());
        }
        Err(TableError::Clock(ClockError::Gaps { missing, line, .. })) => {
            let gap = made.gap.expect("a gap");
            prop_assert_eq!(missing, 3, "{}", &text);
            let row = if made.newest_first { made.rows - gap } else { gap + 1 };
            prop_assert_eq!(line, row + usize::from(made.header), "{}", &text);
            return Ok(());
        }
        Err(TableError::Cell(CellError::Missing { column, count, line })) => {
            let row = made.missing.expect("a missing value");
            let row = if made.newest_first { made.rows - 1 - row } else { row };
            prop_assert_eq!((count, line), (1, row + 1 + usize::from(made.header)), "{}", &text);
            prop_assert!(!made.header || column == "s0", "{column} {text}");
            return Ok(());
        }
        Err(error) => return Err(TestCaseError::fail(format!("{error} in\n{text}"))),
        Ok(table) => table,
    };
    let is_clean = !made.stacked && made.missing.is_none() && (made.gap.is_none() || made.clock.is_none());
    prop_assert!(is_clean, "{:#?} of\n{text}", table.lines());
    let is_series = |column: usize| names[column].starts_with('s') && names[column] != "step";
    let series: Vec<usize> = (0..names.len()).filter(|&column| is_series(column)).collect();
    prop_assert_eq!(&table.series, &series, "{:#?} of\n{}", table.lines(), text);
    prop_assert_eq!(table.header, made.header);
    for (place, _) in series.iter().enumerate() {
        for row in 0..made.rows {
            prop_assert_eq!(table.values[[row, place]], made.value(row, place), "row {} of\n{}", row, text);
        }
    }
    prop_assert!(table.present.iter().all(|there| *there));
    let place = names.iter().position(|name| made.clock.is_some_and(|kind| kind.name() == name));
    prop_assert_eq!(table.clock.as_ref().map(|clock| clock.number - 1), place, "{}", text);
    if let (Some(clock), Some(kind), Some(place)) = (&table.clock, made.clock, place) {
        for (row, time) in columns[place].iter().enumerate() {
            prop_assert_eq!(clock.label(row), Some(time.clone()), "{}", text);
        }
        let next = kind.time(made.rows + 2);
        // Days that meet no weekend may be business days.
        prop_assert_eq!(clock.label(made.rows + 2), Some(next), "{:?}", clock);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn tables_are_read_as_what_they_were_made_from(made in made()) {
        check(&made)?;
    }

    #[test]
    fn any_bytes_are_a_good_table_or_refused_in_one_line(
        bytes in prop::collection::vec(prop::sample::select(b"0123459.-e,;\t |:TZ#%$\n\n\r\"aN{}[]/\xff\xc3".to_vec()), 0..200),
        start in prop::sample::select(vec!["", "time,x\n0,1\n1,5\n", "{\"a\":1}\n", "2020-01-01;1,5\n2020-01-02;2,5\n", "\u{1f}\u{8b}"]),
        is_lenient in any::<bool>(),
    ) {
        let lenient = Reading {
            fill: Fill::Linear, gaps: Gaps::Fill, duplicates: Duplicates::Mean, sort: true, ..Reading::default()
        };
        let reading = if is_lenient { lenient } else { Reading::default() };
        match read(&[start.as_bytes(), &bytes].concat(), &reading) {
            Ok(table) => {
                prop_assert!(table.values.iter().all(|v| v.is_finite()) && table.values.nrows() >= 2);
                prop_assert_eq!((table.present.dim(), table.lines.len()), (table.values.dim(), table.values.nrows()));
                prop_assert!(table.series.iter().all(|&column| table.columns[column].role == Role::Series));
                prop_assert!(table.lines().iter().chain(&table.notes).all(|line| line.lines().count() == 1));
                if let Some(clock) = table.clock {
                    prop_assert!((0..table.values.nrows()).all(|row| clock.label(row).is_some()), "{:?}", clock);
                }
            }
            Err(error) => prop_assert_eq!(error.to_string().lines().count(), 1),
        }
    }
}
