//! What is known beside a series: inputs up to now, and inputs that are known ahead.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::error::EnsembleError;
use super::kept::KeepError;
use super::past::{KeptPast, Past};
use super::scale::Scale;

/// Lags of an input that is known up to now.
const LAGS: usize = 4;

/// Columns beside a series; none unless set.
///
/// A value that is missing (NaN) is held from the row before, and before the first one taken as the mean.
#[derive(Clone, Debug)]
pub struct Inputs<'a> {
    /// `[rows, P]`: known up to the row at which a forecast is made, as other measurements are. Lags 0 to 3 are used.
    pub past: ArrayView2<'a, f64>,
    /// `[rows + horizon, Q]`: known for the row that is forecast, as calendars, plans and forecasts of others are. Used at the row that is forecast,
    /// at the one before, and at the row of the forecast.
    pub ahead: ArrayView2<'a, f64>,
}

/// A column and how it is scaled.
#[derive(Clone, Debug)]
struct Column {
    scale: Scale,
    past: Past,
}

impl Column {
    /// Scaled by the first rows of it, which precede all that is forecast.
    fn new(values: &[f64], longest: usize) -> Result<Self, EnsembleError> {
        let scale = if values.iter().all(|value| value.is_nan()) { Scale::of(&[0.0])? } else { Scale::of(values)? };
        Ok(Self { scale, past: Past::new(longest) })
    }

    fn push(&mut self, value: f64) {
        let held = if self.past.rows() == 0 { 0.0 } else { self.past.at(0) };
        // Later values may be anything: features stay in a range that sums hold.
        self.past.push(if value.is_nan() { held } else { self.scale.inward(value).clamp(-1e6, 1e6) });
    }
}

/// Columns in bytes: those up to now, and those known ahead.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeptBeside {
    past: Vec<(Scale, KeptPast)>,
    ahead: Vec<(Scale, KeptPast)>,
}

/// Columns at the newest row of a series.
#[derive(Clone, Debug)]
pub(super) struct Beside {
    past: Vec<Column>,
    ahead: Vec<Column>,
    /// Of columns known ahead.
    lags: Vec<usize>,
}

impl Beside {
    /// Before the first of the rows from `leading` on.
    ///
    /// # Errors
    /// [`EnsembleError::Inputs`] for a number of rows that does not fit.
    pub(super) fn new(
        inputs: &Inputs<'_>,
        horizon: usize,
        rows: usize,
        leading: usize,
        first: usize,
    ) -> Result<Self, EnsembleError> {
        for (what, columns, expected) in [("past", &inputs.past, rows), ("ahead", &inputs.ahead, rows + horizon)] {
            if columns.ncols() > 0 && columns.nrows() != expected {
                return Err(EnsembleError::Inputs { what, rows: columns.nrows(), expected });
            }
            if let Some(((row, column), _)) = columns.indexed_iter().find(|(_, value)| value.is_infinite()) {
                return Err(EnsembleError::InfiniteInput { what, row, column });
            }
        }
        let of = |columns: &ArrayView2<'_, f64>, longest: usize| {
            let one = |column: ndarray::ArrayView1<'_, f64>| {
                let values: Vec<f64> = column.iter().skip(leading).take(first).copied().collect();
                Column::new(&values, longest)
            };
            columns.columns().into_iter().map(one).collect::<Result<Vec<_>, _>>()
        };
        let (past, ahead) = (of(&inputs.past, LAGS)?, of(&inputs.ahead, horizon)?);
        let mut made = Self { past, ahead, lags: lags(horizon) };
        for row in leading..leading + horizon {
            for (column, values) in made.ahead.iter_mut().zip(inputs.ahead.columns()) {
                column.push(values[row]);
            }
        }
        Ok(made)
    }

    pub(super) fn kept(&self) -> KeptBeside {
        let of = |columns: &[Column]| columns.iter().map(|column| (column.scale, column.past.kept())).collect();
        KeptBeside { past: of(&self.past), ahead: of(&self.ahead) }
    }

    /// After so many rows of a series.
    pub(super) fn open(kept: KeptBeside, horizon: usize, rows: usize) -> Result<Self, KeepError> {
        let of = |columns: Vec<(Scale, KeptPast)>, longest: usize, rows: usize| {
            let one = |(scale, past): (Scale, KeptPast)| {
                scale.check()?;
                Ok(Column { scale, past: Past::open(&past, longest, rows)? })
            };
            columns.into_iter().map(one).collect::<Result<Vec<_>, KeepError>>()
        };
        let (past, ahead) = (of(kept.past, LAGS, rows)?, of(kept.ahead, horizon, rows + horizon)?);
        Ok(Self { past, ahead, lags: lags(horizon) })
    }

    /// Number of features.
    pub(super) fn width(&self) -> usize {
        LAGS * self.past.len() + self.lags.len() * self.ahead.len()
    }

    /// Numbers of columns.
    pub(super) fn columns(&self) -> (usize, usize) {
        (self.past.len(), self.ahead.len())
    }

    /// Takes the columns of the next row, and those known ahead of the row `horizon` after it, and appends its features.
    pub(super) fn advance(
        &mut self,
        past: impl IntoIterator<Item = f64>,
        ahead: impl IntoIterator<Item = f64>,
        features: &mut Vec<f64>,
    ) {
        for (column, value) in self.past.iter_mut().zip(past) {
            column.push(value);
            features.extend((0..LAGS).map(|lag| column.past.at(lag)));
        }
        for (column, value) in self.ahead.iter_mut().zip(ahead) {
            column.push(value);
            features.extend(self.lags.iter().map(|lag| column.past.at(*lag)));
        }
    }
}

/// Lags of columns known ahead, from the row that is forecast.
fn lags(horizon: usize) -> Vec<usize> {
    let mut lags = vec![0, 1, horizon];
    lags.dedup();
    lags
}
