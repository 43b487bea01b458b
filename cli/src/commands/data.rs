//! `forebay data`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use forebay_zoo::data::{self, Dataset};
use serde_json::json;

use crate::output;

/// The shipped data sets.
#[derive(Args, Debug)]
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

fn list(as_json: bool) -> Result<()> {
    let sets = data::names().into_iter().map(data::load).collect::<Result<Vec<_>, _>>()?;
    if as_json {
        let describe = |set: &Dataset| {
            json!({
                "name": set.name, "title": set.title, "licence": set.licence, "source": set.source,
                "steps": set.values.nrows(), "columns": set.columns, "season": set.season, "filled": set.missing,
            })
        };
        return output::print_json(&sets.iter().map(describe).collect::<Vec<_>>());
    }
    let mut rows = vec![vec!["name".to_owned(), "steps".to_owned(), "licence".to_owned(), String::new()]];
    for set in &sets {
        rows.push(vec![
            set.name.to_owned(),
            set.values.nrows().to_string(),
            set.licence.to_owned(),
            set.title.to_owned(),
        ]);
    }
    output::print(&output::align(&rows))?;
    output::print("\nTry: forebay forecast --dataset sunspots\n")
}

fn csv(set: &Dataset) -> String {
    let mut text = format!("time,{}\n", set.columns.join(","));
    for (t, row) in set.values.rows().into_iter().enumerate() {
        let values: Vec<String> = row.iter().map(f64::to_string).collect();
        text += &format!("{:.4},{}\n", set.start + t as f64 * set.years_per_step, values.join(","));
    }
    text
}
