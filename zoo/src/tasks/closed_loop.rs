//! For how long closed loops from several start points hold.

use forebay::Real;
use forebay::metrics::ValidTime;
use forebay::model::Model;
use ndarray::{Array2, ArrayView2, s};

use super::TaskError;

/// Start points on a series: the first one `spacing` steps after `from`, the others as far apart.
#[derive(Clone, Copy)]
pub(super) struct Starts {
    pub(super) from: usize,
    pub(super) count: usize,
    pub(super) spacing: usize,
    /// Steps that each loop is followed for.
    pub(super) horizon: usize,
}

impl Starts {
    /// Steps of the series that are needed.
    pub(super) fn steps(self) -> usize {
        self.from + self.count * self.spacing + self.horizon + 1
    }

    /// The valid time of each loop; every one starts from the state driven by the true series.
    pub(super) fn valid_times<T: Real>(
        self,
        trained: &Model<T>,
        series: ArrayView2<'_, T>,
        valid: &ValidTime,
    ) -> Result<Vec<f64>, TaskError> {
        let Self { from, count, spacing, horizon } = self;
        let mut session = trained.session();
        session.run(series.slice(s![..from, ..]))?;
        let mut times = Vec::with_capacity(count);
        for start in 0..count {
            let driven = from + start * spacing;
            session.run(series.slice(s![driven..driven + spacing, ..]))?;
            let first = driven + spacing;
            let truth = series.slice(s![first..first + horizon, ..]);
            let mut free = session.clone();
            // What was forecast before an overflow still counts.
            let mut forecast = Array2::from_elem((horizon, series.ncols()), T::NAN);
            forecast.row_mut(0).iter_mut().zip(session.outputs()).for_each(|(to, from)| *to = *from);
            for t in 1..horizon {
                match free.predict_free(1) {
                    Ok(next) => forecast.row_mut(t).assign(&next.row(0)),
                    Err(forebay::Error::Overflow { .. }) => break,
                    Err(other) => return Err(other.into()),
                }
            }
            times.push(valid.of(truth, forecast.view())?);
        }
        Ok(times)
    }
}
