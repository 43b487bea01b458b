//! The combined forecast on a list of series, beside scores that others reached on the same split.
//!
//! `cargo run --release -p forebay-forecast --example runs34 -- LIST FOLDER`: a line of LIST is `name file column season horizon score`, file `-` a
//! shipped series of that name, column a name or a number from 1, season 0 for none and ? to have it
//! looked for before the test part. A third argument runs the series of this name alone. Missing cells are filled linearly.
//! The last fifth of the rows is the test part: past values of it are known when the next one is forecast.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use forebay_forecast::ensemble::{Ensemble, find_season};
use forebay_forecast::interval::Calibrator;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (list, folder) = (arguments.first().context("give a list")?, arguments.get(1).context("and a folder")?);
    let only = arguments.get(2);
    println!(
        "{:<12} {:>6} {:>3}  {:>7} {:>7} {:>6} {:>6} {:>6} {:>6}  members: weight (RMSE out of fold, NRMSE alone)",
        "series", "rows", "h", "NRMSE", "score", "ratio", "s", "inside", "width"
    );
    let mut ratios = Vec::new();
    let mut intervals = Vec::new();
    for line in fs::read_to_string(list)?.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, file, column, season, horizon, score] = words[..] else { anyhow::bail!("six words: {line}") };
        if only.is_some_and(|only| only != name) {
            continue;
        }
        let series = if file == "-" {
            forebay_zoo::data::load(name)?.values.column(0).to_vec()
        } else {
            column_of(&Path::new(folder).join(file), column)?
        };
        let series = filled(&series);
        let (horizon, score): (usize, f64) = (horizon.parse()?, score.parse()?);
        let first = series.len() - series.len() / 5;
        let season = match season {
            "?" => find_season(&series[..first])?.map_or(0, |found| found.steps),
            given => given.parse()?,
        };
        let mut settings = Ensemble::new(horizon);
        if season > 1 {
            settings = settings.season(season);
        }
        let start = Instant::now();
        let mut forecaster = settings.fit(&series[..first])?;
        let mut forecasts: Vec<f64> = forecaster.pending().iter().map(|forecast| forecast.value).collect();
        let count = forecaster.told().members.len();
        let mut own = vec![vec![0.0; horizon - 1]; count];
        own.iter_mut().zip(forecaster.forecasts_of_members()).for_each(|(own, forecast)| own.push(forecast));
        for &value in &series[first..] {
            forecasts.push(forecaster.step(value)?.value);
            own.iter_mut().zip(forecaster.forecasts_of_members()).for_each(|(own, forecast)| own.push(forecast));
        }
        let seconds = start.elapsed().as_secs_f64();
        let pairs: Vec<(f64, f64)> = series[first..].iter().zip(&forecasts).map(|(y, f)| (*f, *y)).collect();
        let calibrator = Calibrator::new(0.9, horizon)?;
        let (coverage, width) = covered(calibrator, forecaster.calibration(), &pairs, horizon);
        let width = width / spread(&series[first..]);
        if pairs.len() >= 60 {
            intervals.push((coverage, width));
        }
        let nrmse = nrmse(&series[first..], &forecasts);
        let ratio = nrmse / score;
        ratios.push(ratio);
        let weights: Vec<String> = forecaster
            .told()
            .members
            .iter()
            .zip(&own)
            .map(|(told, own)| {
                // The first rows were forecast before the members could be asked.
                let alone = self::nrmse(&series[first + horizon - 1..], &own[horizon - 1..]);
                format!("{:?} {:.2} ({:.3}, {alone:.4})", told.member, told.weight, told.rmse.unwrap_or(f64::NAN))
            })
            .collect();
        println!(
            "{name:<12} {:>6} {horizon:>3}  {nrmse:>7.4} {score:>7.4} {ratio:>6.3} {seconds:>6.2} {:>6.1} {width:>6.2}  {} {:?}",
            series.len(),
            100.0 * coverage,
            weights.join(", "),
            forecaster.served().shifts
        );
    }
    let within = |bound: f64| ratios.iter().filter(|ratio| **ratio <= bound).count();
    let mean = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
    println!(
        "{} runs: {} within 1.03, {} within 1.15, geometric mean {mean:.3}",
        ratios.len(),
        within(1.03),
        within(1.15)
    );
    let count = |range: std::ops::Range<f64>| intervals.iter().filter(|(coverage, _)| range.contains(coverage)).count();
    let mean = |of: fn(&(f64, f64)) -> f64| intervals.iter().map(of).sum::<f64>() / intervals.len() as f64;
    println!(
        "intervals of 90 %, {} runs with 60 rows or more: {:.1} % inside, {} within 85 to 95, {} below 80, mean width {:.2} standard deviations",
        intervals.len(),
        100.0 * mean(|interval| interval.0),
        count(0.85..0.95),
        count(0.0..0.8),
        mean(|interval| interval.1)
    );
    Ok(())
}

fn column_of(path: &Path, column: &str) -> Result<Vec<f64>> {
    let mut reader = csv::Reader::from_path(path).with_context(|| path.display().to_string())?;
    let by_name = reader.headers()?.iter().position(|name| name == column);
    let place = by_name.or_else(|| column.parse::<usize>().ok()?.checked_sub(1)).context("no such column")?;
    reader.records().map(|record| Ok(record?[place].trim().parse().unwrap_or(f64::NAN))).collect()
}

/// Missing values on lines between their neighbours.
fn filled(series: &[f64]) -> Vec<f64> {
    let known: Vec<usize> = (0..series.len()).filter(|&t| !series[t].is_nan()).collect();
    let at = |t: usize| {
        let after = known.partition_point(|&k| k < t);
        match (after.checked_sub(1).map(|before| known[before]), known.get(after)) {
            (_, Some(&k)) if k == t => series[t],
            (Some(a), Some(&b)) => series[a] + (series[b] - series[a]) * (t - a) as f64 / (b - a) as f64,
            (Some(a), None) => series[a],
            (None, Some(&b)) => series[b],
            (None, None) => f64::NAN,
        }
    };
    (0..series.len()).map(at).collect()
}

/// Share of truths inside of the interval that was given for them, and its mean width.
fn covered(mut calibrator: Calibrator, before: &[(f64, f64)], test: &[(f64, f64)], horizon: usize) -> (f64, f64) {
    let mut given = std::collections::VecDeque::from(vec![None; horizon]);
    let (mut inside, mut width, mut asked) = (0, 0.0, 0);
    for (row, (forecast, truth)) in before.iter().chain(test).enumerate() {
        // The interval of this row was given `horizon` rows ago.
        if let (Some(Some(half)), true) = (given.pop_front(), row >= before.len()) {
            asked += 1;
            width += 2.0 * half;
            inside += usize::from((truth - forecast).abs() <= half);
        }
        calibrator.push(*forecast, *truth);
        given.push_back(calibrator.half_width().ok());
    }
    (f64::from(inside as u32) / f64::from(asked), width / f64::from(asked))
}

fn spread(series: &[f64]) -> f64 {
    let mean = series.iter().sum::<f64>() / series.len() as f64;
    (series.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / series.len() as f64).sqrt()
}

fn nrmse(truth: &[f64], forecasts: &[f64]) -> f64 {
    let n = truth.len() as f64;
    let mean = truth.iter().sum::<f64>() / n;
    let spread: f64 = truth.iter().map(|y| (y - mean).powi(2)).sum();
    let error: f64 = truth.iter().zip(forecasts).map(|(y, f)| (y - f).powi(2)).sum();
    (error / spread).sqrt()
}
