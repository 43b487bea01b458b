//! `forebay data`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use forebay_zoo::data::{self, Dataset};
use serde_json::{Value, json};

use crate::output::{self, count};

/// The shipped data sets: what they are, where they come from, their numbers.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  forebay data list
  forebay data show sunspots
  forebay data export sunspots sunspots.csv")]
pub(crate) struct Data {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Names, sizes and licences
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// All that is known about a series: source, licence, split, season
    Show {
        /// Its name, as in `list`
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a series as CSV
    Export {
        /// Its name, as in `list`
        name: String,
        /// The file to write; standard output by default
        file: Option<PathBuf>,
    },
}

impl Data {
    pub(super) fn run(self) -> Result<()> {
        match self.action {
            Action::List { json } => list(json),
            Action::Show { name, json } => show(&data::load(&name)?, json),
            Action::Export { name, file } => {
                let csv = csv(&data::load(&name)?);
                match file {
                    Some(file) => output::write_file(&file, csv.as_bytes()),
                    None => output::print(&csv),
                }
            }
        }
    }
}

fn facts(set: &Dataset) -> Value {
    json!({
        "name": set.name, "title": set.title, "licence": set.licence, "source": set.source, "start": set.start,
        "years_per_step": set.years_per_step, "steps": set.values.nrows(), "columns": set.columns,
        "season": set.season, "split": set.split, "filled": set.missing,
    })
}

fn list(as_json: bool) -> Result<()> {
    let sets = data::names().into_iter().map(data::load).collect::<Result<Vec<_>, _>>()?;
    if as_json {
        return output::print_json(&sets.iter().map(facts).collect::<Vec<_>>());
    }
    let mut rows = vec![["name", "steps", "licence"].map(str::to_owned).to_vec()];
    rows.extend(
        sets.iter().map(|set| vec![set.name.to_owned(), set.values.nrows().to_string(), set.licence.to_owned()]),
    );
    let titles = ["title"].into_iter().chain(sets.iter().map(|set| set.title));
    let table = output::align(&rows);
    let lines: Vec<String> = table.lines().zip(titles).map(|(line, title)| format!("{line:32}  {title}")).collect();
    output::print(&(lines.join("\n") + "\n\nTry: forebay forecast --dataset sunspots\n"))
}

fn show(set: &Dataset, as_json: bool) -> Result<()> {
    if as_json {
        return output::print_json(&facts(set));
    }
    let [train, validation, test] = set.split;
    let steps = set.values.nrows();
    let mut text = format!("{}\n\nname      {}\n", set.title, set.name);
    text += &format!("source    {}\nlicence   {}\n", set.source, set.licence);
    text += &format!("columns   {}\n", set.columns.join(", "));
    let end = set.start + (steps - 1) as f64 * set.years_per_step;
    text += &format!("steps     {steps}, from {:.2} to {end:.2} in years\n", set.start);
    text += &format!("split     {train} for training, {validation} for validation, {test} for test\n");
    text += &set.season.map_or(String::new(), |season| format!("season    {}\n", count(season, "step")));
    if set.missing > 0 {
        text += &format!("filled    {} by linear interpolation\n", count(set.missing, "missing value"));
    }
    output::print(&(text + &format!("\nTry: forebay forecast --dataset {}\n", set.name)))
}

fn csv(set: &Dataset) -> String {
    let mut text = format!("time,{}\n", set.columns.join(","));
    for (t, row) in set.values.rows().into_iter().enumerate() {
        let values: Vec<String> = row.iter().map(f64::to_string).collect();
        text += &format!("{:.4},{}\n", set.start + t as f64 * set.years_per_step, values.join(","));
    }
    text
}
