//! A forecast that goes on: rows in, forecasts out.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use forebay_forecast::service::{Ahead, ForecastFile, Header, Service, Step};
use serde_json::{Value, json};

use super::feed::{self, Feed, Read, Row};
use super::journal::Journal;
use super::{From, Predict, lines};
use crate::output::{self, count};

/// A service with the names that its rows go by, and what is written of it.
pub(super) struct Going<'a> {
    pub(super) header: &'a Header,
    pub(super) service: Service,
    /// Cells that mean a missing value, beside the usual ones.
    pub(super) missing: Vec<String>,
    /// Whether lines are rows that follow, whatever time they are of.
    pub(super) is_clockless: bool,
    /// The number of the row that the clock's rule starts from.
    pub(super) last: i64,
    journal: Option<Journal>,
    is_told_far: bool,
    /// What is known of rows beyond the horizon.
    plans: BTreeMap<usize, Vec<f64>>,
    /// What is written, if it is for a file: that is written whole at the end. Else every line goes out at once.
    kept: Option<String>,
    is_json: bool,
}

/// Runs the command on a forecast.
pub(super) fn run(command: &Predict, file: ForecastFile, bytes: &[u8]) -> Result<()> {
    let is_stdin = command.data.as_os_str() == "-";
    // Lines are read as they stand; other options need all of them.
    let of_tables = command.reading.given_for_tables();
    let read = if is_stdin && of_tables.is_none() { Read::OneRow } else { feed::read(command, &file)? };
    if let (Read::OneRow, Some(option)) = (&read, of_tables) {
        bail!("one row is read as it stands, and {option} is for tables: leave it out");
    }
    let ForecastFile { header, scored, newest } = file;
    let last = header.clock_row as i64;
    let mut service = if command.from == From::Test { scored } else { newest };
    let journal = match &command.state {
        Some(path) => Some(Journal::open(path, bytes, command.from == From::Test, &mut service)?),
        None => None,
    };
    let mut going = Going {
        missing: missing(command, &header),
        is_clockless: command.reading.is_clockless(),
        header: &header,
        service,
        last,
        journal,
        is_told_far: false,
        plans: BTreeMap::new(),
        kept: command.out.is_some().then(String::new),
        is_json: command.json,
    };
    going.head()?;
    match read {
        Read::Table(feed) => going.take(feed, command.next)?,
        Read::OneRow => lines::take(&mut going, &command.data, command.next)?,
    }
    if command.next {
        going.path()?;
    }
    match (&command.out, going.kept) {
        (Some(path), Some(text)) => output::write_file(path, text.as_bytes()),
        _ => Ok(()),
    }
}

/// Cells that mean a missing value: those that are told now, or those that the model's file was read with.
pub(super) fn missing(command: &Predict, header: &Header) -> Vec<String> {
    let told = command.reading.missing();
    if told.is_empty() { header.missing.clone() } else { told.to_vec() }
}

impl Going<'_> {
    /// The time of a row as the file of the model writes it; without a clock its number from 0.
    pub(super) fn label(&self, row: usize) -> String {
        let of_clock = self.header.clock.as_ref().and_then(|rule| rule.label(row as i64 - self.last));
        of_clock.unwrap_or_else(|| row.to_string())
    }

    /// All rows of a table.
    fn take(&mut self, feed: Feed, is_quiet: bool) -> Result<()> {
        let fit = feed::fit(feed.first, feed.taken, self.service.rows())?;
        if feed.first.is_none() {
            let (count, last) = (count(feed.taken, "row"), self.service.rows() - 1);
            output::tell(format!(
                "{count} without a clock: taken as those that follow row {last} (from 0); rows that were given before would count twice"
            ));
        }
        if fit.known > 0 {
            self.known(&feed, fit.known, is_quiet)?;
        }
        if fit.known == feed.taken && self.journal.is_none() && !is_quiet {
            return feed::nothing_new(&self.label(self.service.rows() - 1));
        }
        self.gap(fit.gap, is_quiet)?;
        for place in fit.known..feed.taken {
            let horizon = self.service.settings().horizon;
            for (ahead, row) in feed.rows[place..].iter().take(horizon).enumerate() {
                self.service.know(ahead, &row.ahead)?;
            }
            let width = self.header.columns.ahead.len();
            let ahead = feed.rows.get(place + horizon).map_or(vec![f64::NAN; width], |row| row.ahead.clone());
            let row = Row { ahead, ..feed.rows[place].clone() };
            self.step(row, is_quiet)?;
        }
        Ok(())
    }

    /// Rows that were taken before: told, compared, and their forecasts given again where they are still there.
    fn known(&mut self, feed: &Feed, known: usize, is_quiet: bool) -> Result<()> {
        let first = feed.first.unwrap_or(0);
        let mut again = 0;
        for place in 0..known {
            again += usize::from(self.again(first + place, &feed.rows[place].targets, is_quiet)?);
        }
        if again < known {
            output::tell(format!("{} known to the model already: left out", count(known - again, "row")));
        }
        if again > 0 {
            output::tell(format!(
                "{} taken before, with the same values: their forecasts are those of then",
                count(again, "row")
            ));
        }
        Ok(())
    }

    /// Gives the forecasts of a row that was taken before once more, if they are still there and the row is the same.
    pub(super) fn again(&mut self, number: usize, targets: &[f64], is_quiet: bool) -> Result<bool> {
        let Some((row, steps)) = self.journal.as_ref().and_then(|journal| journal.taken(number)).cloned() else {
            return Ok(false);
        };
        ensure!(
            same(&row.targets, targets),
            "the row of {} was taken as {:?}, and is {targets:?} now: a forecast does not go back; use another --state to start anew",
            self.label(number),
            row.targets,
        );
        if !is_quiet {
            self.write(number, &steps)?;
        }
        Ok(true)
    }

    /// Takes what is known ahead of a row to come.
    pub(super) fn plan(&mut self, number: usize, ahead: Vec<f64>) -> Result<()> {
        let place = number.saturating_sub(self.service.rows());
        if place < self.service.settings().horizon {
            return Ok(self.service.know(place, &ahead)?);
        }
        self.plans.insert(number, ahead);
        Ok(())
    }

    /// What is known of the row that the next one's forecast is of; missing if nothing is.
    pub(super) fn planned(&mut self, width: usize) -> Vec<f64> {
        let number = self.service.rows() + self.service.settings().horizon;
        self.plans.remove(&number).unwrap_or_else(|| vec![f64::NAN; width])
    }

    /// Tells of values that are far from all that the model has seen: another series, or another unit.
    fn look(&mut self, row: &Row) {
        for (target, value) in row.targets.iter().enumerate() {
            let (low, high) = self.service.told(target, 1).range;
            let width = high - low;
            if !self.is_told_far && (*value < low - width || *value > high + width) {
                self.is_told_far = true;
                output::tell(format!(
                    "{value} for {:?} is far from what the model was made of ({low} to {high}): is it the same series, in the same unit?",
                    self.header.columns.targets[target]
                ));
            }
        }
    }

    /// Rows that are missing: taken as rows without values.
    pub(super) fn gap(&mut self, rows: usize, is_quiet: bool) -> Result<()> {
        if rows == 0 {
            return Ok(());
        }
        let first = self.label(self.service.rows());
        output::tell(format!("{} missing from {first} on: taken as rows without values", count(rows, "row")));
        let columns = &self.header.columns;
        let nothing = |width: usize| vec![f64::NAN; width];
        let (targets, past, ahead) = (columns.targets.len(), columns.past.len(), columns.ahead.len());
        for _ in 0..rows {
            let ahead = self.planned(ahead);
            self.step(Row { targets: nothing(targets), past: nothing(past), ahead }, is_quiet)?;
        }
        Ok(())
    }

    /// Takes a row, keeps it, and writes its forecasts.
    pub(super) fn step(&mut self, row: Row, is_quiet: bool) -> Result<()> {
        let number = self.service.rows();
        self.look(&row);
        let known = if self.journal.is_some() { self.service.known().to_vec() } else { Vec::new() };
        let steps = self.service.step(&row.targets, &row.past, &row.ahead);
        let steps = steps.with_context(|| format!("the row of {} cannot be taken", self.label(number)))?;
        if let Some(journal) = &mut self.journal {
            journal.push(number, row, &known, &steps)?;
        }
        if is_quiet { Ok(()) } else { self.write(number, &steps) }
    }

    fn put(&mut self, line: &str) -> Result<()> {
        match &mut self.kept {
            Some(text) => {
                text.push_str(line);
                text.push('\n');
                Ok(())
            }
            None => output::print(&format!("{line}\n")),
        }
    }

    fn head(&mut self) -> Result<()> {
        if self.is_json {
            return Ok(());
        }
        let clock = self.header.clock.as_ref().map_or("step", |rule| rule.name());
        let mut names = vec![super::network::quoted(clock)];
        for target in &self.header.columns.targets {
            let ends = [format!("{target} 5 %"), format!("{target} 95 %")];
            names.push(super::network::quoted(target));
            names.extend(ends.iter().map(|end| super::network::quoted(end)));
        }
        self.put(&names.join(","))
    }

    /// What came of a row: the forecasts of the last step ahead, in JSON of all.
    fn write(&mut self, number: usize, steps: &[Step]) -> Result<()> {
        if self.is_json {
            let line = json!({
                "row": number, "time": self.label(number),
                "targets": self.targets(steps.iter().map(|step| step.ahead.as_slice())),
            });
            self.put(&line.to_string())
        } else {
            let last = self.service.settings().horizon - 1;
            self.csv(steps.iter().map(|step| &step.ahead[last]).collect())
        }
    }

    /// What is forecast after the last row, nearest first.
    fn path(&mut self) -> Result<()> {
        let paths: Vec<Vec<Ahead>> =
            (0..self.header.columns.targets.len()).map(|target| self.service.path(target)).collect();
        if self.is_json {
            let row = self.service.rows() - 1;
            let line = json!({
                "row": row, "time": self.label(row), "targets": self.targets(paths.iter().map(Vec::as_slice)),
            });
            return self.put(&line.to_string());
        }
        for step in 0..self.service.settings().horizon {
            self.csv(paths.iter().map(|path| &path[step]).collect())?;
        }
        Ok(())
    }

    fn csv(&mut self, of_targets: Vec<&Ahead>) -> Result<()> {
        let row = of_targets.first().map_or(0, |ahead| ahead.forecast.row);
        let mut cells = vec![super::network::quoted(&self.label(row))];
        for Ahead { forecast, intervals } in of_targets {
            let widest = intervals.last().copied().flatten();
            let end = |end: Option<f64>| end.map_or(String::new(), |end| end.to_string());
            cells.push(forecast.value.to_string());
            cells.push(end(widest.map(|interval| interval.lower)));
            cells.push(end(widest.map(|interval| interval.upper)));
        }
        self.put(&cells.join(","))
    }

    fn targets<'a>(&self, paths: impl Iterator<Item = &'a [Ahead]>) -> Value {
        let coverages = &self.service.settings().coverages;
        let of = |ahead: &Ahead| {
            let intervals = coverages.iter().zip(&ahead.intervals).map(|(coverage, interval)| {
                json!({"coverage": coverage, "ends": interval.map(|interval| [interval.lower, interval.upper])})
            });
            json!({
                "row": ahead.forecast.row, "time": self.label(ahead.forecast.row), "forecast": ahead.forecast.value,
                "intervals": intervals.collect::<Vec<Value>>(),
            })
        };
        let names = self.header.columns.targets.iter();
        names.zip(paths).map(|(name, path)| (name.clone(), path.iter().map(of).collect::<Value>())).collect()
    }
}

/// Whether two rows are the same values, missing ones among them.
fn same(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
}
