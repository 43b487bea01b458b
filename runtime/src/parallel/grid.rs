//! How a periodic line of points is cut into patches.

use forebay_kernels::Real;
use ndarray::{Array2, ArrayView2};

use crate::error::Error;

/// A periodic grid of Q points, cut into g patches of `q = Q/g` neighbouring points, each with l points on either side
/// that it sees but does not forecast.
///
/// ```text
/// patch p forecasts      p q .. (p+1) q
///         sees      p q - l  ..  (p+1) q + l      modulo Q
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatchGrid {
    points: usize,
    patches: usize,
    overlap: usize,
}

impl PatchGrid {
    /// Q points in g patches with an overlap of l points on each side.
    ///
    /// # Errors
    /// [`Error::Range`] unless g divides Q, both at least 1, and no patch sees a point twice: `q + 2l <= Q`.
    pub fn new(points: usize, patches: usize, overlap: usize) -> Result<Self, Error> {
        if patches == 0 || points == 0 || !points.is_multiple_of(patches) {
            let expected = format!("at least 1 and a divisor of the number of points, {points}");
            return Err(Error::Range { what: "the number of patches", expected, found: patches.to_string() });
        }
        let most = (points - points / patches) / 2;
        if overlap > most {
            let expected = format!("at most {most}, or a patch sees some of the {points} points twice");
            return Err(Error::Range { what: "the overlap", expected, found: overlap.to_string() });
        }
        Ok(Self { points, patches, overlap })
    }

    /// Number of points Q.
    pub fn points(&self) -> usize {
        self.points
    }

    /// Number of patches g.
    pub fn patches(&self) -> usize {
        self.patches
    }

    /// Points l that a patch sees beyond each of its ends.
    pub fn overlap(&self) -> usize {
        self.overlap
    }

    /// Points q of one patch: what its reservoir forecasts.
    pub fn width(&self) -> usize {
        self.points / self.patches
    }

    /// Points `q + 2l` that a patch sees: what its reservoir is driven by.
    pub fn inputs(&self) -> usize {
        self.width() + 2 * self.overlap
    }

    /// What one patch sees of a series, `[steps, q + 2l]`.
    ///
    /// # Shapes
    /// `series`: `[steps, Q]`.
    ///
    /// # Errors
    /// [`Error::Shape`] for rows that are not of Q points, [`Error::Range`] if there is no such patch.
    pub fn seen_by(&self, patch: usize, series: ArrayView2<'_, f64>) -> Result<Array2<f64>, Error> {
        self.check_rows(series)?;
        if patch >= self.patches {
            let expected = format!("below {}, the number of patches", self.patches);
            return Err(Error::Range { what: "a patch", expected, found: patch.to_string() });
        }
        let first = self.points + patch * self.width() - self.overlap;
        let shape = (series.nrows(), self.inputs());
        Ok(Array2::from_shape_fn(shape, |(step, i)| series[[step, (first + i) % self.points]]))
    }

    /// An error unless the rows are of Q points, all finite.
    pub(super) fn check_series(&self, series: ArrayView2<'_, f64>) -> Result<(), Error> {
        self.check_rows(series)?;
        // The trait's test: that of the standard library compares, which raises an exception for a signalling NaN.
        match series.iter().enumerate().find(|(_, value)| !Real::is_finite(**value)) {
            None => Ok(()),
            Some((index, &value)) => Err(Error::non_finite("the series", index, value)),
        }
    }

    fn check_rows(&self, series: ArrayView2<'_, f64>) -> Result<(), Error> {
        if series.ncols() == self.points {
            return Ok(());
        }
        Err(Error::shape("the series", format!("[steps, {}]", self.points), format!("{:?}", series.shape())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_see_around_the_ends() -> Result<(), Error> {
        let row = Array2::from_shape_fn((1, 6), |(_, point)| point as f64);
        let grid = PatchGrid::new(6, 3, 2)?;
        assert_eq!(grid.seen_by(0, row.view())?.as_slice(), Some(&[4.0, 5.0, 0.0, 1.0, 2.0, 3.0][..]));
        assert_eq!(grid.seen_by(2, row.view())?.as_slice(), Some(&[2.0, 3.0, 4.0, 5.0, 0.0, 1.0][..]));
        assert!(matches!(grid.seen_by(3, row.view()), Err(Error::Range { .. })));
        Ok(())
    }

    #[test]
    fn a_grid_that_does_not_divide_is_refused() {
        for (points, patches, overlap) in [(0, 1, 0), (6, 0, 0), (6, 4, 0), (6, 7, 0), (6, 3, 3), (6, 1, 1)] {
            let grid = PatchGrid::new(points, patches, overlap);
            assert!(matches!(grid, Err(Error::Range { .. })), "{points} {patches} {overlap}");
        }
        assert_eq!(PatchGrid::new(6, 1, 0).map(|grid| grid.inputs()).ok(), Some(6));
    }
}
