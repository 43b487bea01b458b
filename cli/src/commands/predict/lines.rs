//! Rows that come in one by one, as lines of a CSV file: each is answered before the next is read.

use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

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
    clock: Option<usize>,
    targets: Vec<usize>,
    past: Vec<usize>,
    ahead: Vec<usize>,
}

/// Takes the lines of a file, or of standard input.
pub(super) fn take(going: &mut Going<'_>, path: &Path, is_quiet: bool) -> Result<()> {
    let from: Box<dyn BufRead> = if path.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(BufReader::new(std::io::Cursor::new(crate::reading::bytes(path)?)))
    };
    let mut places: Option<Places> = None;
    for (number, line) in from.lines().enumerate() {
        let line = line.with_context(|| format!("line {} cannot be read", number + 1))?;
        let line = line.trim_end_matches('\r');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let cells = cells(line).with_context(|| format!("line {} cannot be read", number + 1))?;
        match &places {
            None => places = Some(Places::of(going, &cells)?),
            Some(places) => {
                row(going, places, &cells, is_quiet).with_context(|| format!("on line {}", number + 1))?;
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
        if going.header.clock.is_some() && clock.is_none() {
            output::tell("the lines have no clock: they are taken as the rows that follow".to_owned());
        }
        if !columns.ahead.is_empty() {
            output::tell(
                "a line says nothing of rows to come: of what is known ahead, the values before are held for them"
                    .to_owned(),
            );
        }
        Ok(Self { clock, targets: all(&columns.targets)?, past: all(&columns.past)?, ahead: all(&columns.ahead)? })
    }
}

fn row(going: &mut Going<'_>, places: &Places, cells: &[String], is_quiet: bool) -> Result<()> {
    let value = |place: &usize| {
        let cell = cells.get(*place).map_or("", String::as_str);
        let is_missing = ["", "na", "nan", "null", "none", "-", "."].iter().any(|word| cell.eq_ignore_ascii_case(word));
        if is_missing {
            return Ok(f64::NAN);
        }
        let value: f64 = cell
            .parse()
            .with_context(|| format!("{cell:?} is no number: write it with a decimal point, or leave it empty"))?;
        ensure!(value.is_finite(), "{cell:?} is not finite");
        Ok(value)
    };
    let values = |places: &[usize]| places.iter().map(value).collect::<Result<Vec<f64>>>();
    if let Some(place) = places.clock {
        let time = cells.get(place).map_or("", String::as_str);
        let next = going.service.rows();
        match going.steps_to(time) {
            Some(steps) if steps >= 0 => going.gap(steps as usize, is_quiet)?,
            Some(_) => {
                output::tell(format!("the row of {time} is known already: left out"));
                return Ok(());
            }
            None => bail!(
                "{time:?} is none of the {FAR} times that follow: the next one is {:?}, and is to be written like that",
                going.label(next)
            ),
        }
    }
    let (targets, past, ahead) = (values(&places.targets)?, values(&places.past)?, values(&places.ahead)?);
    if !ahead.is_empty() {
        // What a line knows of itself is known of its own row; of rows to come it says nothing.
        going.service.know(0, &ahead)?;
    }
    let unknown = vec![f64::NAN; ahead.len()];
    going.step(Row { targets, past, ahead: unknown }, is_quiet)
}
