//! Reservoirs of a grid, kept; the states of a run are not theirs.

use super::{ParallelReservoirs, PatchGrid};
use crate::error::Error;
use crate::keep::{self, Content, KeepError, OfModel, Reader, Writer};

impl Content for ParallelReservoirs {
    const KIND: &'static str = keep::PARALLEL;

    fn write(&self, to: &mut Writer) -> Result<(), Error> {
        to.model(&self.model)?;
        to.count(self.grid.points());
        to.count(self.grid.patches());
        to.count(self.grid.overlap());
        Ok(())
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let model = from.model::<f64>()?;
        let mut size = |field| from.count(field, 0, MOST_POINTS);
        let (points, patches, overlap) = (size("number of points")?, size("number of patches")?, size("overlap")?);
        let grid = PatchGrid::new(points, patches, overlap).map_err(|why| KeepError::content("grid", unfit(why)))?;
        Ok(Self::with_model(grid, model).map_err(|why| KeepError::content("grid", unfit(why)))?)
    }
}

impl OfModel<f64> for ParallelReservoirs {}

/// Room for sums and products of a few of them.
const MOST_POINTS: usize = usize::MAX / 16;

fn unfit(why: impl std::fmt::Display) -> String {
    format!("does not fit: {why}")
}
