//! What a forecast has to beat: persistence, the last season, a linear autoregression.
//!
//! Series are `[steps, features]`; row t of a forecast is for row `t + horizon` of the series, made from rows up to t.

use forebay::train::{Gram, TrainError, ridge};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis, concatenate, s};

/// Why a baseline has no forecast.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// Too few steps.
    #[error("{what} needs at least {needed} steps, found {found}")]
    TooShort {
        /// Which baseline.
        what: &'static str,
        /// Steps needed.
        needed: usize,
        /// Steps there are.
        found: usize,
    },
    /// A horizon, order or season of zero.
    #[error("{what} must be at least 1")]
    Zero {
        /// Which number.
        what: &'static str,
    },
    /// Another number of columns than was fitted.
    #[error("the autoregression was fitted to {expected} columns, the series has {found}")]
    Columns {
        /// Columns fitted.
        expected: usize,
        /// Columns given.
        found: usize,
    },
    /// A value that is infinite or not a number.
    #[error("the value at step {step}, column {column} is {value}, not a finite number")]
    NotFinite {
        /// Row, from 0.
        step: usize,
        /// Column, from 0.
        column: usize,
        /// The value.
        value: f64,
    },
    /// The least-squares problem.
    #[error(transparent)]
    Solve(#[from] TrainError),
}

/// The last value: `forecast[t] = series[t]`, whatever the horizon.
pub fn persistence(series: ArrayView2<'_, f64>) -> Array2<f64> {
    series.to_owned()
}

/// The value one season before the step forecast: `forecast[t] = series[t + horizon - k season]` with the smallest k
/// that uses no later value than row t. Rows without such a value repeat the last one.
///
/// # Errors
/// [`BaselineError::Zero`] for a season or horizon of zero.
pub fn seasonal_naive(
    series: ArrayView2<'_, f64>,
    season: usize,
    horizon: usize,
) -> Result<Array2<f64>, BaselineError> {
    if season == 0 || horizon == 0 {
        return Err(BaselineError::Zero { what: "the season and the horizon" });
    }
    let back = (season - horizon % season) % season;
    Ok(Array2::from_shape_fn(series.dim(), |(t, j)| series[[t.checked_sub(back).unwrap_or(t), j]]))
}

/// Linear autoregression fitted by least squares, directly for its horizon:
/// `y(t + h) = c + sum over k < order of A_k y(t - k)`.
///
/// A penalty of 1e-10 of the largest variance keeps constant and doubled columns solvable.
///
/// ```
/// use forebay_zoo::baselines::Autoregression;
/// use ndarray::Array2;
///
/// let ramp = Array2::from_shape_fn((40, 1), |(t, _)| t as f64);
/// let forecast = Autoregression::fit(ramp.view(), 2, 3)?.predict(ramp.view())?;
/// assert!((forecast[[30, 0]] - 33.0).abs() < 1e-6);
/// # Ok::<(), forebay_zoo::baselines::BaselineError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Autoregression {
    order: usize,
    horizon: usize,
    /// `[features, order * features]`, the latest row first.
    weights: Array2<f64>,
    bias: Vec<f64>,
}

impl Autoregression {
    /// Fits to a training stretch.
    ///
    /// # Errors
    /// [`BaselineError::TooShort`] unless there are at least `order * features + 2` pairs; [`BaselineError::Zero`];
    /// [`BaselineError::NotFinite`].
    pub fn fit(series: ArrayView2<'_, f64>, order: usize, horizon: usize) -> Result<Self, BaselineError> {
        Self::fit_beside_gaps(series, series, order, horizon)
    }

    /// Fits to a series that was filled, whose `truth` is NaN where it was: nothing is learnt from a row that would have to forecast a
    /// filled value.
    ///
    /// # Errors
    /// As [`fit`](Self::fit); [`BaselineError::Columns`] if the two have unequal shapes.
    pub fn fit_beside_gaps(
        series: ArrayView2<'_, f64>,
        truth: ArrayView2<'_, f64>,
        order: usize,
        horizon: usize,
    ) -> Result<Self, BaselineError> {
        alike(series, truth)?;
        if order == 0 || horizon == 0 {
            return Err(BaselineError::Zero { what: "the order and the horizon" });
        }
        let (steps, features) = series.dim();
        let needed = order.saturating_mul(features).saturating_add(order).saturating_add(horizon).saturating_add(1);
        if steps < needed {
            return Err(BaselineError::TooShort { what: "a linear autoregression", needed, found: steps });
        }
        finite(series)?;
        let is_known = |t: &usize| !truth.row(t + horizon).iter().any(|y| y.is_nan());
        let rows: Vec<usize> = (order - 1..steps - horizon).filter(is_known).collect();
        let gaps = steps - horizon - (order - 1) - rows.len();
        if gaps > 0 && steps - gaps < needed {
            return Err(BaselineError::TooShort { what: "a linear autoregression", needed, found: steps - gaps });
        }
        // In units of each column, so that the penalty is as small for one as for another.
        let units: Vec<f64> = series.columns().into_iter().map(unit).collect();
        let mut gram = Gram::new(order * features, features);
        for &t in &rows {
            gram.push(|x, y| {
                lags(series, t, order)
                    .zip(x)
                    .zip(units.iter().cycle())
                    .for_each(|((from, to), unit)| *to = from / unit);
                y.iter_mut().zip(series.row(t + horizon)).for_each(|(to, from)| *to = *from);
            });
        }
        let solution = ridge::solve(gram, 1e-10 * (steps - gaps) as f64)?;
        let mut weights = solution.weights;
        for mut row in weights.rows_mut() {
            row.iter_mut().zip(units.iter().cycle()).for_each(|(weight, unit)| *weight /= unit);
        }
        Ok(Self { order, horizon, weights, bias: solution.bias.to_vec() })
    }

    /// Fits every order to `train`, keeps the one with the smallest squared error on `validation`, which follows `train`
    /// directly. Columns count relative to their variance.
    ///
    /// # Errors
    /// [`BaselineError::TooShort`] if no order fits into the data or no row of `validation` can be forecast;
    /// [`BaselineError::Columns`], [`BaselineError::Zero`], [`BaselineError::NotFinite`].
    pub fn choose(
        train: ArrayView2<'_, f64>,
        validation: ArrayView2<'_, f64>,
        orders: &[usize],
        horizon: usize,
    ) -> Result<Self, BaselineError> {
        Self::choose_beside_gaps([train, train], [validation, validation], orders, horizon)
    }

    /// The same of filled series, each with its truth, see [`fit_beside_gaps`](Self::fit_beside_gaps): filled values are not judged by.
    ///
    /// # Errors
    /// As [`choose`](Self::choose).
    pub fn choose_beside_gaps(
        [train, trained]: [ArrayView2<'_, f64>; 2],
        [validation, judged]: [ArrayView2<'_, f64>; 2],
        orders: &[usize],
        horizon: usize,
    ) -> Result<Self, BaselineError> {
        alike(train, trained)?;
        alike(validation, judged)?;
        if train.ncols() != validation.ncols() {
            return Err(BaselineError::Columns { expected: train.ncols(), found: validation.ncols() });
        }
        let first = train.nrows().max(horizon);
        if train.nrows() + validation.nrows() <= first {
            let needed = (first - train.nrows()).saturating_add(1);
            return Err(BaselineError::TooShort { what: "the choice of an order", needed, found: validation.nrows() });
        }
        finite(validation)?;
        let all = concatenate(Axis(0), &[train, validation]).expect("the columns agree");
        let weights: Vec<f64> = train.columns().into_iter().map(|c| 1.0 / c.var(0.0).max(f64::MIN_POSITIVE)).collect();
        let mut best: Option<(f64, Self)> = None;
        let mut refusal = BaselineError::Zero { what: "the number of orders to choose from" };
        for &order in orders {
            let fitted = match Self::fit_beside_gaps(train, trained, order, horizon) {
                Ok(fitted) => fitted,
                Err(error) => {
                    refusal = error;
                    continue;
                }
            };
            let forecast = fitted.predict(all.view())?;
            let mut error = 0.0;
            for t in first..all.nrows() {
                for (j, weight) in weights.iter().enumerate() {
                    let e = forecast[[t - horizon, j]] - judged[[t - train.nrows(), j]];
                    error += if e.is_nan() { 0.0 } else { weight * e * e };
                }
            }
            if best.as_ref().is_none_or(|(least, _)| error < *least) {
                best = Some((error, fitted));
            }
        }
        best.map(|(_, fitted)| fitted).ok_or(refusal)
    }

    /// Number of past rows it reads.
    pub fn order(&self) -> usize {
        self.order
    }

    /// Weights `[features, order * features]`, the latest row first.
    pub fn weights(&self) -> ArrayView2<'_, f64> {
        self.weights.view()
    }

    /// Forecasts from every row; rows before the first value are taken as the first.
    ///
    /// # Errors
    /// [`BaselineError::Columns`], [`BaselineError::TooShort`] for an empty series.
    pub fn predict(&self, series: ArrayView2<'_, f64>) -> Result<Array2<f64>, BaselineError> {
        if series.ncols() != self.bias.len() {
            return Err(BaselineError::Columns { expected: self.bias.len(), found: series.ncols() });
        }
        if series.nrows() == 0 {
            return Err(BaselineError::TooShort { what: "a forecast", needed: 1, found: 0 });
        }
        let mut forecast = Array2::zeros(series.dim());
        for (t, mut row) in forecast.rows_mut().into_iter().enumerate() {
            for (j, out) in row.iter_mut().enumerate() {
                let weights = self.weights.slice(s![j, ..]);
                *out = self.bias[j] + weights.iter().zip(lags(series, t, self.order)).map(|(w, x)| w * x).sum::<f64>();
            }
        }
        Ok(forecast)
    }
}

fn alike(series: ArrayView2<'_, f64>, truth: ArrayView2<'_, f64>) -> Result<(), BaselineError> {
    if series.ncols() != truth.ncols() {
        return Err(BaselineError::Columns { expected: series.ncols(), found: truth.ncols() });
    }
    let (needed, found) = (series.nrows(), truth.nrows());
    if needed == found { Ok(()) } else { Err(BaselineError::TooShort { what: "the truth of a series", needed, found }) }
}

/// The standard deviation of a column; 1 for a constant.
fn unit(column: ArrayView1<'_, f64>) -> f64 {
    let spread = forebay::metrics::spread(column.insert_axis(Axis(1)));
    if spread > 0.0 { spread } else { 1.0 }
}

fn finite(series: ArrayView2<'_, f64>) -> Result<(), BaselineError> {
    match series.indexed_iter().find(|(_, value)| !value.is_finite()) {
        Some(((step, column), &value)) => Err(BaselineError::NotFinite { step, column, value }),
        None => Ok(()),
    }
}

/// Rows t, t-1, .., t-order+1 one after the other; the first row stands for those before it.
fn lags(series: ArrayView2<'_, f64>, t: usize, order: usize) -> impl Iterator<Item = f64> + '_ {
    let features = series.ncols();
    (0..order).flat_map(move |k| (0..features).map(move |j| series[[t.saturating_sub(k), j]]))
}

#[cfg(test)]
mod tests {
    use super::{Autoregression, BaselineError, persistence, seasonal_naive};
    use forebay::random::Seed;
    use forebay::train::{Gram, ridge};
    use ndarray::{Array2, s};

    fn ar2(steps: usize) -> Array2<f64> {
        let mut noise = Seed(1).stream("noise");
        let mut y = vec![0.0; 2];
        for t in 2..steps {
            y.push(2.0 + 1.2 * y[t - 1] - 0.5 * y[t - 2] + 0.1 * noise.normal());
        }
        Array2::from_shape_fn((steps, 1), |(t, _)| y[t])
    }

    #[test]
    fn an_autoregressive_process_gives_back_its_coefficients() -> Result<(), BaselineError> {
        let series = ar2(20_000);
        let fitted = Autoregression::fit(series.view(), 2, 1)?;
        let weights = fitted.weights();
        assert!((weights[[0, 0]] - 1.2).abs() < 0.02 && (weights[[0, 1]] + 0.5).abs() < 0.02, "{weights}");
        // Two steps ahead: y(t+2) = c' + (a^2 + b) y(t) + a b y(t-1).
        let direct = Autoregression::fit(series.view(), 2, 2)?;
        let weights = direct.weights();
        assert!((weights[[0, 0]] - 0.94).abs() < 0.02 && (weights[[0, 1]] + 0.6).abs() < 0.02, "{weights}");
        Ok(())
    }

    #[test]
    fn the_order_is_chosen_on_validation_data() -> Result<(), BaselineError> {
        let series = ar2(600);
        let chosen = Autoregression::choose(series.slice(s![..400, ..]), series.slice(s![400.., ..]), &[1, 2, 60], 1)?;
        assert_eq!(chosen.order(), 2);
        let short = Autoregression::choose(series.slice(s![..4, ..]), series.slice(s![4..8, ..]), &[10], 1);
        assert!(matches!(short, Err(BaselineError::TooShort { found: 4, .. })));
        Ok(())
    }

    /// Values that were put in were learnt from and judged by like any other.
    #[test]
    fn filled_values_are_not_learnt_from() -> Result<(), BaselineError> {
        let series = ar2(900);
        let mut truth = series.clone();
        truth.iter_mut().skip(5).step_by(6).for_each(|y| *y = f64::NAN);
        let mut filled = truth.clone();
        (1..900).filter(|&t| truth[[t, 0]].is_nan()).for_each(|t| filled[[t, 0]] = 1e3);
        let fitted = Autoregression::fit_beside_gaps(filled.view(), truth.view(), 2, 1)?;
        // By hand: rows whose next value is there, with what the filled series shows them.
        let mut gram = Gram::new(2, 1);
        for t in (1..899).filter(|t| !truth[[t + 1, 0]].is_nan()) {
            gram.push(|x, y| {
                x.copy_from_slice(&[filled[[t, 0]], filled[[t - 1, 0]]]);
                y[0] = filled[[t + 1, 0]];
            });
        }
        let expected = ridge::solve(gram, 0.0)?.weights;
        assert!((&fitted.weights() - &expected).iter().all(|d| d.abs() < 1e-8), "{}", fitted.weights());
        let parts =
            |series: &Array2<f64>| [series.slice(s![..600, ..]).to_owned(), series.slice(s![600.., ..]).to_owned()];
        let ([a, b], [x, y]) = (parts(&filled), parts(&truth));
        let chosen = |a: &Array2<f64>, b: &Array2<f64>, x: &Array2<f64>, y: &Array2<f64>| {
            let pairs = ([a.view(), x.view()], [b.view(), y.view()]);
            Autoregression::choose_beside_gaps(pairs.0, pairs.1, &[1, 2, 3], 1)
        };
        assert_eq!(
            chosen(&a, &b, &x, &y)?,
            Autoregression::fit_beside_gaps(a.view(), x.view(), chosen(&a, &b, &x, &y)?.order(), 1)?
        );
        // Without gaps nothing is different.
        assert_eq!(
            Autoregression::fit_beside_gaps(series.view(), series.view(), 2, 1)?,
            Autoregression::fit(series.view(), 2, 1)?
        );
        let refused = Autoregression::fit_beside_gaps(a.view(), y.view(), 2, 1);
        assert!(matches!(refused, Err(BaselineError::TooShort { needed: 600, found: 300, .. })), "{refused:?}");
        let empty = Array2::from_elem((600, 1), f64::NAN);
        assert!(matches!(
            Autoregression::fit_beside_gaps(a.view(), empty.view(), 2, 1),
            Err(BaselineError::TooShort { .. })
        ));
        Ok(())
    }

    #[test]
    fn simple_baselines_are_exact_where_they_must_be() -> Result<(), BaselineError> {
        let periodic = Array2::from_shape_fn((50, 2), |(t, j)| ((t % 7) * (j + 1)) as f64);
        for horizon in [1, 3, 7, 9] {
            let forecast = seasonal_naive(periodic.view(), 7, horizon)?;
            assert_eq!(forecast.slice(s![7..50 - horizon, ..]), periodic.slice(s![7 + horizon.., ..]), "{horizon}");
        }
        assert_eq!(persistence(periodic.view()), periodic);
        assert!(matches!(seasonal_naive(periodic.view(), 0, 1), Err(BaselineError::Zero { .. })));
        let ramp = Array2::from_shape_fn((40, 1), |(t, _)| t as f64);
        let behind = &ramp.slice(s![3.., ..]) - &persistence(ramp.view()).slice(s![..-3, ..]);
        assert!(behind.iter().all(|error| *error == 3.0), "three steps ahead, persistence is three behind");
        let forecast = Autoregression::fit(ramp.view(), 2, 3)?.predict(ramp.view())?;
        assert!((forecast[[30, 0]] - 33.0).abs() < 1e-6);
        Ok(())
    }

    /// Two coupled columns without noise: every weight and the constant are known.
    #[test]
    fn several_columns_give_back_their_matrix() -> Result<(), BaselineError> {
        let mut noise = Seed(2).stream("noise");
        let mut series = Array2::zeros((5000, 2));
        for t in 1..5000 {
            let (x, y): (f64, f64) = (series[[t - 1, 0]], series[[t - 1, 1]]);
            series[[t, 0]] = 1.0 + 0.5 * x - 0.3 * y + 0.1 * noise.normal();
            series[[t, 1]] = -2.0 + 0.2 * x + 0.7 * y + 0.1 * noise.normal();
        }
        let fitted = Autoregression::fit(series.view(), 1, 1)?;
        let known = ndarray::array![[0.5, -0.3], [0.2, 0.7]];
        assert!((&fitted.weights() - &known).iter().all(|d| d.abs() < 0.03), "{}", fitted.weights());
        let forecast = fitted.predict(ndarray::array![[0.0, 0.0]].view())?;
        assert!((forecast[[0, 0]] - 1.0).abs() < 0.1 && (forecast[[0, 1]] + 2.0).abs() < 0.1, "{forecast}");
        Ok(())
    }

    /// The penalty was that of the largest column, beside which a small one had no weight left.
    #[test]
    fn columns_of_unlike_scale_are_fitted_alike() -> Result<(), BaselineError> {
        let mut noise = Seed(4).stream("noise");
        let mut series = Array2::zeros((4000, 2));
        for t in 1..4000 {
            series[[t, 0]] = 0.95 * series[[t - 1, 0]] + 0.3 * noise.normal();
            series[[t, 1]] = noise.normal();
        }
        let plain = Autoregression::fit(series.view(), 2, 1)?;
        series.column_mut(1).mapv_inplace(|v| 1e9 * v);
        let scaled = Autoregression::fit(series.view(), 2, 1)?;
        for (j, k, unit) in [(0, 0, 1.0), (0, 1, 1e9), (1, 0, 1e-9), (1, 1, 1.0), (0, 2, 1.0), (1, 3, 1.0)] {
            let (found, expected) = (unit * scaled.weights()[[j, k]], plain.weights()[[j, k]]);
            assert!((found - expected).abs() < 1e-9, "{j}, {k}: {found} {expected}");
        }
        Ok(())
    }

    #[test]
    fn constant_and_doubled_columns_are_solved() -> Result<(), BaselineError> {
        let series = ar2(500);
        let doubled = Array2::from_shape_fn((500, 3), |(t, j)| if j == 2 { 5.0 } else { series[[t, 0]] });
        let (single, forecast) = (
            Autoregression::fit(series.view(), 2, 1)?.predict(series.view())?,
            Autoregression::fit(doubled.view(), 2, 1)?.predict(doubled.view())?,
        );
        for t in 0..500 {
            assert!((forecast[[t, 0]] - single[[t, 0]]).abs() < 1e-5 && (forecast[[t, 2]] - 5.0).abs() < 1e-5, "{t}");
        }
        Ok(())
    }

    #[test]
    fn what_cannot_be_fitted_is_refused() {
        let mut series = ar2(100);
        for (order, horizon) in [(usize::MAX, 1), (1, usize::MAX), (usize::MAX, usize::MAX), (60, 1)] {
            let refused = Autoregression::fit(series.view(), order, horizon);
            assert!(matches!(refused, Err(BaselineError::TooShort { found: 100, .. })), "{order}, {horizon}");
            let refused = Autoregression::choose(series.view(), series.view(), &[order], horizon);
            assert!(matches!(refused, Err(BaselineError::TooShort { .. })), "{order}, {horizon}");
        }
        assert!(matches!(Autoregression::fit(series.view(), 0, 1), Err(BaselineError::Zero { .. })));
        assert_eq!(seasonal_naive(series.view(), usize::MAX - 1, usize::MAX).as_ref(), Ok(&series));
        let nothing = Autoregression::choose(series.view(), series.slice(s![..0, ..]), &[1, 2], 1);
        assert!(matches!(nothing, Err(BaselineError::TooShort { needed: 1, found: 0, .. })), "{nothing:?}");
        let wide = Array2::zeros((10, 2));
        let columns = Err(BaselineError::Columns { expected: 1, found: 2 });
        assert_eq!(Autoregression::choose(series.view(), wide.view(), &[1], 1), columns);
        series[[10, 0]] = f64::INFINITY;
        let infinite = Err(BaselineError::NotFinite { step: 10, column: 0, value: f64::INFINITY });
        assert_eq!(Autoregression::fit(series.view(), 2, 1), infinite);
    }
}
