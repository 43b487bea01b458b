//! Tables and settings that the tests share.

use forebay::random::Seed;
use forebay_forecast::service::{Ahead, Rows, Season, Service, Settings, Step};
use ndarray::Array2;

/// Targets, inputs, inputs known ahead.
pub(crate) struct Table {
    pub(crate) targets: Array2<f64>,
    pub(crate) past: Array2<f64>,
    pub(crate) ahead: Array2<f64>,
}

impl Table {
    pub(crate) fn rows(&self) -> Rows<'_> {
        Rows { targets: self.targets.view(), past: self.past.view(), ahead: self.ahead.view() }
    }
}

/// A season of 5 and noise in two targets, an input of each role; rows are missing here and there, and the second target begins late.
pub(crate) fn table(rows: usize, horizon: usize, seed: u64) -> Table {
    let mut stream = Seed(seed).stream("noise");
    let mut targets =
        Array2::from_shape_fn((rows, 2), |(t, column)| (t % 5) as f64 + 3.0 * column as f64 + 0.5 * stream.normal());
    let mut past = Array2::from_shape_fn((rows, 1), |_| stream.normal());
    let mut ahead = Array2::from_shape_fn((rows + horizon, 1), |_| stream.normal());
    (0..rows).filter(|row| row % 17 == 16).for_each(|row| targets[(row, 0)] = f64::NAN);
    (0..7).for_each(|row| targets[(row, 1)] = f64::NAN);
    (0..rows).filter(|row| row % 19 == 3).for_each(|row| past[(row, 0)] = f64::NAN);
    (0..rows).filter(|row| row % 23 == 5).for_each(|row| ahead[(row, 0)] = f64::NAN);
    Table { targets, past, ahead }
}

/// One target without inputs.
pub(crate) fn column(values: impl IntoIterator<Item = f64>) -> Array2<f64> {
    let values: Vec<f64> = values.into_iter().collect();
    Array2::from_shape_vec((values.len(), 1), values).expect("a column")
}

/// A season of 5 with noise, in one target.
pub(crate) fn seasonal(rows: usize) -> Array2<f64> {
    let mut stream = Seed(8).stream("noise");
    column((0..rows).map(|t| (t % 5) as f64 + 0.5 * stream.normal()))
}

pub(crate) fn names(targets: usize) -> Vec<String> {
    (0..targets).map(|target| format!("y{target}")).collect()
}

/// A season of 5 and one reservoir of each kind for the last step.
pub(crate) fn settings(horizon: usize) -> Settings {
    let season = Season::Steps(5);
    Settings { season, networks: 1, networks_between: 0, coverages: vec![0.5, 0.8], ..Settings::new(horizon) }
}

/// Without reservoirs.
pub(crate) fn plain(horizon: usize) -> Settings {
    Settings { networks: 0, ..settings(horizon) }
}

pub(crate) fn fit(rows: &Rows<'_>, settings: &Settings) -> Service {
    Service::fit(&names(rows.targets.ncols()), rows, settings, || ()).expect("a fit")
}

/// Every bit of what was forecast.
pub(crate) fn bits_of(ahead: &[Ahead]) -> Vec<u64> {
    let ends = |ahead: &Ahead| ahead.intervals.iter().flatten().flat_map(|i| [i.lower, i.upper]).collect::<Vec<_>>();
    ahead.iter().flat_map(|ahead| [vec![ahead.forecast.value], ends(ahead)].concat()).map(f64::to_bits).collect()
}

pub(crate) fn bits(steps: &[Step]) -> Vec<u64> {
    steps.iter().flat_map(|step| bits_of(&step.ahead)).collect()
}

/// Steps through rows whose inputs known ahead are those of the row `horizon` after each.
pub(crate) fn run(service: &mut Service, table: &Table, rows: std::ops::Range<usize>) -> Vec<u64> {
    let horizon = service.settings().horizon;
    let step = |row: usize| {
        let ahead: Vec<f64> = (0..table.ahead.ncols())
            .map(|column| table.ahead.get((row + horizon, column)).copied().unwrap_or(f64::NAN))
            .collect();
        let steps = service.step(&table.targets.row(row).to_vec(), &table.past.row(row).to_vec(), &ahead);
        bits(&steps.expect("a row"))
    };
    rows.flat_map(step).collect()
}

pub(crate) fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-10 * a.abs().max(b.abs()).max(1e-3), "{a} and {b}");
}
