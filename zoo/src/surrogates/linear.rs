//! Forecasts to beat: persistence, and linear maps of past rows.

use forebay::conductor::Calibration;
use forebay::train::{Gram, ridge};
use ndarray::Array2;

use super::SurrogateError;
use super::domains::Domain;
use crate::stats::square;

/// Numbers of past rows that are tried.
const ORDERS: [usize; 5] = [1, 2, 4, 8, 16];

/// A forecast of one target at every row.
pub(super) struct Baseline {
    pub(super) name: String,
    pub(super) forecast: Vec<f64>,
}

/// The baseline with the smallest squared error on the last quarter of the training rows, fitted to the others; linear
/// maps are fitted to all training rows then, or calibrated on that quarter where the target is an event.
pub(super) fn best(
    domain: &Domain,
    column: usize,
    is_probability: bool,
    first: usize,
    train: usize,
) -> Result<Baseline, SurrogateError> {
    let border = train - (train - first) / 4;
    let target = domain.targets.column(column);
    let error = |forecast: &[f64]| (border..train).map(|row| square(forecast[row] - target[row])).sum::<f64>();
    let rate = target.slice(ndarray::s![first..train]).mean().unwrap_or(f64::NAN);
    let mut tried = vec![Baseline { name: "base rate".to_owned(), forecast: vec![rate; target.len()] }];
    if let Some(input) = domain.latest[column] {
        let forecast = domain.inputs.column(input).to_vec();
        tried.push(Baseline { name: "persistence".to_owned(), forecast });
    }
    let mut orders = Vec::new();
    for order in ORDERS {
        let scores = linear(&domain.inputs, target, order, first..border)?;
        orders.push((error(&scores), order, scores));
    }
    let least = orders.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).expect("there are orders to try");
    let (mut linear_error, order, scores) = least;
    let (name, forecast) = if is_probability {
        let happened: Vec<bool> = (border..train).map(|row| target[row] == 1.0).collect();
        let calibration = Calibration::fit(&scores[border..train], &happened)?;
        let forecast: Vec<f64> = scores.iter().map(|&score| calibration.probability(score)).collect();
        linear_error = error(&forecast);
        (format!("linear, calibrated, {order} rows"), forecast)
    } else {
        (format!("linear, {order} rows"), linear(&domain.inputs, target, order, first..train)?)
    };
    let simple = tried.into_iter().min_by(|a, b| error(&a.forecast).total_cmp(&error(&b.forecast)));
    let simple = simple.filter(|simple| error(&simple.forecast) < linear_error);
    Ok(simple.unwrap_or(Baseline { name, forecast }))
}

/// Least squares on the last `order` rows of inputs: an autoregression where the target is a later input. Rows before
/// the first are taken as the first. A penalty of 1e-10 of the largest variance keeps constant columns solvable.
fn linear(
    inputs: &Array2<f64>,
    target: ndarray::ArrayView1<'_, f64>,
    order: usize,
    rows: std::ops::Range<usize>,
) -> Result<Vec<f64>, SurrogateError> {
    let columns = inputs.ncols();
    let past = |row: usize| {
        (0..order).flat_map(move |k| (0..columns).map(move |column| inputs[[row.saturating_sub(k), column]]))
    };
    let mut gram = Gram::new(order * columns, 1);
    let scale = inputs.columns().into_iter().map(|c| c.var(0.0)).fold(0.0, f64::max);
    let penalty = (1e-10 * scale * rows.len() as f64).max(f64::MIN_POSITIVE);
    for row in rows {
        gram.push(|x, y| {
            past(row).zip(x).for_each(|(from, to)| *to = from);
            y[0] = target[row];
        });
    }
    let solution = ridge::solve(gram, penalty)?;
    let forecast =
        |row: usize| solution.bias[0] + solution.weights.row(0).iter().zip(past(row)).map(|(w, x)| w * x).sum::<f64>();
    Ok((0..target.len()).map(forecast).collect())
}
