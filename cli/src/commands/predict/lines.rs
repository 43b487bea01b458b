//! Rows that come in one by one, as lines of a CSV file: each is answered before the next is read.

use std::io::BufRead;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::feed::Row;
use super::going::Going;
use crate::output;

/// How many steps are looked ahead and back for the time of a line.
const FAR: usize = 10_000;

/// How far a number may be from the time of a row, in steps: files round them.
const ROUNDED: f64 = 0.25;

impl Going<'_> {
    /// Steps from the next row to the time of a line, written as the clock writes it, or a number near it.
    fn steps_to(&self, time: &str) -> Option<i64> {
        let (rule, next) = (self.header.clock.as_ref()?, self.service.rows() as i64 - self.last);
        let far = FAR as i64;
        if let (Some(start), Some(after)) = (rule.number(next), rule.number(next + 1)) {
            let steps = (time.parse::<f64>().ok()? - start) / (after - start);
            let whole = libm::round(steps);
            return ((steps - whole).abs() <= ROUNDED && whole.abs() <= far as f64).then_some(whole as i64);
        }
        let is_it = |steps: &i64| rule.label(next + steps).is_some_and(|label| label == time);
        (0..=far).find(is_it).or_else(|| (-far..0).rev().find(is_it))
    }
}

/// Where the cells of a line are.
struct Places {
    /// Cells of a line.
    width: usize,
    /// Where the series is told apart from others, and what has to stand there.
    id: Option<(usize, String)>,
    clock: Option<usize>,
    targets: Vec<usize>,
    past: Vec<usize>,
    ahead: Vec<usize>,
}

/// Takes the lines of a file, or of standard input.
pub(super) fn take(going: &mut Going<'_>, path: &Path, is_quiet: bool) -> Result<()> {
    let is_stream = path.as_os_str() == "-";
    let mut from: Box<dyn BufRead> = if is_stream {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::io::Cursor::new(crate::reading::bytes(path)?))
    };
    let mut places: Option<Places> = None;
    let mut line = String::new();
    for number in 1.. {
        line.clear();
        if from.read_line(&mut line).with_context(|| format!("line {number} cannot be read"))? == 0 {
            break;
        }
        if is_stream && !line.ends_with('\n') {
            output::tell(format!("line {number} ends without an end of line: taken as it stands"));
        }
        let text = line.trim_start_matches('\u{feff}').trim_end_matches(['\n', '\r']);
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let cells = cells(text).with_context(|| format!("line {number} cannot be read"))?;
        match &places {
            None => places = Some(Places::of(going, &cells)?),
            Some(places) => row(going, places, &cells, is_quiet).with_context(|| format!("on line {number}"))?,
        }
        // A stream may never end: what is to be said of a line is said with it.
        if is_stream {
            for told in output::take_told() {
                eprintln!("{told}");
            }
        }
    }
    ensure!(places.is_some(), "there are no lines: the first one names the columns");
    Ok(())
}

fn cells(line: &str) -> Result<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(line.as_bytes());
    let record = reader.records().next().context("it is empty")??;
    Ok(record.iter().map(str::to_owned).collect())
}

impl Places {
    fn of(going: &Going<'_>, names: &[String]) -> Result<Self> {
        let find = |name: &String| {
            let mut found = names.iter().enumerate().filter(|(_, other)| *other == name).map(|(place, _)| place);
            let first = found.next().with_context(|| {
                format!(
                    "the first line names the columns, separated by commas, and {name:?} is not among them: {}",
                    names.join(",")
                )
            })?;
            ensure!(found.next().is_none(), "{name:?} is named twice");
            Ok(first)
        };
        let all = |names: &[String]| names.iter().map(find).collect::<Result<Vec<usize>>>();
        let columns = &going.header.columns;
        let clock = going.header.clock.as_ref().and_then(|rule| names.iter().position(|name| name == rule.name()));
        if let (Some(rule), None) = (&going.header.clock, clock) {
            ensure!(
                going.is_clockless,
                "the first line names no column {:?}, the clock of the model: name it so, or use --clock none to take lines as the rows that follow",
                rule.name()
            );
        }
        let id = match &going.header.id {
            None => None,
            Some((column, value)) => Some((find(column)?, value.clone())),
        };
        if !columns.ahead.is_empty() {
            output::tell(
                "a line says nothing of rows to come: of what is known ahead, the values before are held for them"
                    .to_owned(),
            );
        }
        Ok(Self {
            width: names.len(),
            id,
            clock,
            targets: all(&columns.targets)?,
            past: all(&columns.past)?,
            ahead: all(&columns.ahead)?,
        })
    }
}

fn row(going: &mut Going<'_>, places: &Places, cells: &[String], is_quiet: bool) -> Result<()> {
    ensure!(
        cells.len() == places.width,
        "{} where the first line has {}: a number with a comma in it has to stand in quotes, and a decimal mark is a point",
        output::count(cells.len(), "cell"),
        places.width
    );
    if let Some((place, value)) = &places.id {
        ensure!(cells[*place] == *value, "the row is of {:?}, the model of {value:?}", cells[*place]);
    }
    let others = going.missing.clone();
    let value = |place: &usize| {
        let cell = cells.get(*place).map_or("", String::as_str);
        let is_missing = ["", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "-", "."]
            .iter()
            .any(|word| cell.eq_ignore_ascii_case(word));
        let is_number = |other: &String| cell.parse::<f64>().is_ok_and(|cell| other.parse() == Ok(cell));
        if is_missing || others.iter().any(|other| other == cell || is_number(other)) {
            return Ok(f64::NAN);
        }
        let value: f64 = cell
            .parse()
            .with_context(|| format!("{cell:?} is no number: write it with a decimal point, or leave it empty"))?;
        ensure!(value.is_finite(), "{cell:?} is not finite");
        Ok(value)
    };
    let values = |places: &[usize]| places.iter().map(value).collect::<Result<Vec<f64>>>();
    let (targets, past, ahead) = (values(&places.targets)?, values(&places.past)?, values(&places.ahead)?);
    let next = going.service.rows();
    let mut steps = 0;
    if let Some(place) = places.clock {
        let time = cells.get(place).map_or("", String::as_str);
        steps = going.steps_to(time).with_context(|| {
            format!(
                "{time:?} is none of the {FAR} times that follow: the next one is {:?}, and is to be written like that",
                going.label(next)
            )
        })?;
        if let Some(row) = next.checked_add_signed(steps as isize).filter(|_| steps < 0) {
            if !going.again(row, &targets, is_quiet)? {
                output::tell(format!("the row of {time} is known already: left out"));
            }
            return Ok(());
        }
    }
    let steps = usize::try_from(steps).context("the row lies before all that the model knows")?;
    // A plan: what is known ahead of a row that has not been.
    if !ahead.is_empty() && targets.iter().all(|value| value.is_nan()) {
        output::tell(format!("the row of {} has no target: taken as a plan", going.label(next + steps)));
        return going.plan(next + steps, ahead);
    }
    going.gap(steps, is_quiet)?;
    if !ahead.is_empty() {
        // What a line knows of itself is known of its own row; of rows to come it says nothing.
        going.service.know(0, &ahead)?;
    }
    let ahead = going.planned(ahead.len());
    going.step(Row { targets, past, ahead }, is_quiet)
}
