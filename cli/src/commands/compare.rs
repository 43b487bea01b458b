//! `forebay compare`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};

use super::forecast::{Asked, Roles, Run, sentence};
use crate::output::{self, align, number};
use crate::series::SeriesArguments;

/// Forecast all series of a folder, or several files: a line for each target, the combined forecast beside the best baseline.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  forebay compare data/ --horizon 4
  forebay compare a.csv b.csv c.csv --season 12 --json")]
pub(crate) struct Compare {
    /// Folders (their .csv, .tsv, .txt, .jsonl, .npy files, also .gz) and files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    series: SeriesArguments,
    #[command(flatten)]
    asked: Asked,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Endings of the files that are taken from a folder.
const ENDINGS: [&str; 7] = ["csv", "tsv", "txt", "dat", "jsonl", "ndjson", "npy"];

/// A target, or why a file has none.
enum Line {
    Target { values: Value, cells: Vec<String>, ratio: f64 },
    Refused { file: String, why: String },
}

impl Compare {
    pub(super) fn run(self) -> Result<()> {
        ensure!(self.series.dataset.is_none(), "--dataset names one series: use forebay forecast");
        let files = files(&self.files)?;
        let bar = output::progress(files.len() as u64, "files");
        let mut lines = Vec::new();
        for file in &files {
            match self.of_file(file) {
                Ok(more) => lines.extend(more),
                Err(error) => {
                    let why = format!("{error:#}").replace(char::is_control, " ");
                    lines.push(Line::Refused { file: file.display().to_string(), why });
                }
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        let ratios: Vec<f64> = lines
            .iter()
            .filter_map(|line| match line {
                Line::Target { ratio, .. } if ratio.is_finite() && *ratio > 0.0 => Some(*ratio),
                _ => None,
            })
            .collect();
        let mean = libm::exp(ratios.iter().map(|ratio| libm::log(*ratio)).sum::<f64>() / ratios.len() as f64);
        let mean = (!ratios.is_empty()).then_some(mean);
        let refused = lines.iter().filter(|line| matches!(line, Line::Refused { .. })).count();
        ensure!(
            refused < lines.len(),
            "{}",
            match &lines[0] {
                Line::Refused { file, why } => format!("none of the files can be forecast; the first, {file}: {why}"),
                Line::Target { .. } => String::new(),
            }
        );
        if self.json {
            let value = |line: &Line| match line {
                Line::Target { values, .. } => values.clone(),
                Line::Refused { file, why } => json!({"file": file, "refused": why}),
            };
            let all: Vec<Value> = lines.iter().map(value).collect();
            return output::print_json(&json!({
                "tested_on_silicon": false, "lines": all, "mean_ratio_to_best_baseline": mean, "refused": refused,
            }));
        }
        let titles =
            ["file", "target", "rows", "season", "combined NRMSE", "best baseline", "NRMSE", "ratio", "inside 90 %"];
        let mut rows = vec![titles.map(str::to_owned).to_vec()];
        rows.extend(lines.iter().filter_map(|line| match line {
            Line::Target { cells, .. } => Some(cells.clone()),
            Line::Refused { .. } => None,
        }));
        let mut text = align(&rows);
        if let Some(mean) = mean {
            text += &format!(
                "\nOn geometric mean the combined forecast has {} times the error of the baseline that was best on each.\n",
                number(mean)
            );
        }
        for line in &lines {
            if let Line::Refused { file, why } = line {
                text += &format!("left out: {file}: {why}\n");
            }
        }
        output::print(&text)
    }

    fn of_file(&self, file: &Path) -> Result<Vec<Line>> {
        let columns = self.asked.columns(&self.series.columns);
        let source = self.series.read_open(Some(file), "forebay compare", &columns)?;
        let roles = Roles::of(&source, self.asked.targets(&self.series.columns), &self.asked)?;
        let settings = self.asked.settings(&source)?;
        let [train, validation, test] = self.series.lengths_of(&source, roles.rows)?;
        let stretches = [train + validation, test, roles.rows - train - validation - test];
        ensure!(stretches[0] > 0 && test > 0, "too few rows to learn from and to test on");
        let run = Run::make((&source, &roles, &settings), "", stretches, || ())?;
        let of_target = |(target, tested): (usize, &forebay_forecast::service::Tested)| {
            let last = &tested.horizons[settings.horizon - 1];
            let scores = last.scores();
            let best = &scores.members[scores.best()];
            let season = run.newest.season(target).map(|season| season.steps);
            let inside = last.covered(last.intervals.len() - 1).map(|(share, _)| share);
            let ratio = scores.combined.nrmse / best.score.nrmse;
            let name = file.display().to_string();
            let cells = vec![
                name.clone(),
                tested.target.clone(),
                roles.rows.to_string(),
                season.map_or("-".to_owned(), |steps| steps.to_string()),
                number(scores.combined.nrmse),
                best.member.to_string(),
                number(best.score.nrmse),
                number(ratio),
                inside.map_or("-".to_owned(), |share| format!("{:.1} %", 100.0 * share)),
            ];
            let values = json!({
                "file": name, "target": tested.target, "rows": roles.rows, "season": season, "horizon": settings.horizon,
                "best_baseline": best.member, "verdict": sentence(last)?, "inside_90": inside, "scores": scores,
            });
            Ok(Line::Target { values, cells, ratio })
        };
        run.tested.iter().enumerate().map(of_target).collect()
    }
}

/// The files, those of folders in the order of their names.
fn files(given: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in given {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let cannot = || format!("cannot read the folder {}", path.display());
        let mut inside = Vec::new();
        for entry in std::fs::read_dir(path).with_context(cannot)? {
            let file = entry.with_context(cannot)?.path();
            let name = file.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
            let plain = name.strip_suffix(".gz").unwrap_or(&name);
            if file.is_file() && ENDINGS.iter().any(|ending| plain.ends_with(&format!(".{ending}"))) {
                inside.push(file);
            }
        }
        ensure!(!inside.is_empty(), "{} holds no files that end in .{}", path.display(), ENDINGS.join(", ."));
        inside.sort();
        files.extend(inside);
    }
    Ok(files)
}
