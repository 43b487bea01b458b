//! Stepping all patches, each fed by its neighbours.

use ndarray::{Array2, ArrayView2, ArrayView3};

use super::{Halo, PatchGrid};
use crate::error::Error;
use crate::execute::Batch;
use crate::model::Model;
use crate::threads;

/// Patches that one thread steps together; the weights are read once for all of them. Fixed, though no bit depends on it.
const GROUP: usize = 4;

/// The states of this rank's patches, in a closed loop with their neighbours.
///
/// Made by [`ParallelReservoirs::start`](super::ParallelReservoirs::start). All ranks call the same methods with the same
/// series in the same order. Groups of four patches are stepped side by side on the threads of the [pool](crate::threads) that
/// calls; a step allocates nothing of its own, and no bit of a forecast depends on the number of threads or ranks.
///
/// A call that is refused for what it is given leaves all as it was. When a step fails on the way (an overflow, a
/// substrate's failure), some patches may have stepped and others not: the run is then back at rest and must be warmed
/// up again.
#[derive(Debug)]
pub struct ParallelRun<H> {
    pub(super) grid: PatchGrid,
    pub(super) halo: H,
    /// Own points with those seen of the neighbours around them, `[overlap + own + overlap]`.
    pub(super) field: Vec<f64>,
    /// What the patches made of it, `[own]`.
    forecast: Vec<f64>,
    pub(super) groups: Vec<Group>,
    pub(super) steps: u64,
}

/// Neighbouring patches stepped by one thread.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) batch: Batch<f64>,
    /// `[patches, inputs]`.
    features: Vec<f64>,
}

impl<H: Halo> ParallelRun<H> {
    pub(super) fn new(grid: PatchGrid, model: &Model<f64>, halo: H) -> Result<Self, Error> {
        let ranks = halo.size();
        if ranks == 0 || !grid.patches().is_multiple_of(ranks) {
            let expected = format!("a divisor of the {} patches", grid.patches());
            return Err(Error::Range { what: "the number of ranks", expected, found: ranks.to_string() });
        }
        let patches = grid.patches() / ranks;
        let own = patches * grid.width();
        if grid.overlap() > own {
            let expected = format!("at most {own}, the points of one of {ranks} ranks");
            return Err(Error::Range { what: "the overlap", expected, found: grid.overlap().to_string() });
        }
        let groups = (0..patches).step_by(GROUP).map(|first| {
            let batch = model.batch(GROUP.min(patches - first))?;
            Ok(Group { features: vec![0.0; batch.streams() * grid.inputs()], batch })
        });
        Ok(Self {
            grid,
            halo,
            field: vec![0.0; own + 2 * grid.overlap()],
            forecast: vec![0.0; own],
            groups: groups.collect::<Result<_, Error>>()?,
            steps: 0,
        })
    }

    /// The grid of all ranks together.
    pub fn grid(&self) -> &PatchGrid {
        &self.grid
    }

    /// Steps since the run was at rest.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The values of this rank's points: the forecast of the step after the last one made. Zero at rest.
    pub fn profile(&self) -> &[f64] {
        let overlap = self.grid.overlap();
        &self.field[overlap..self.field.len() - overlap]
    }

    /// Back to rest: all states and values zero.
    pub fn reset(&mut self) {
        self.field.fill(0.0);
        self.groups.iter_mut().for_each(|group| group.batch.reset());
        self.steps = 0;
    }

    /// Starts from rest and drives the patches with known values, so that a forecast can go on from the last.
    ///
    /// # Shapes
    /// `series`: `[steps, points]`, the whole grid, the same on all ranks.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::NonFinite`] before anything is changed; else as [`step`](Self::step).
    pub fn warm_up(&mut self, series: ArrayView2<'_, f64>) -> Result<(), Error> {
        self.grid.check_series(series)?;
        self.reset();
        let (overlap, own) = (self.grid.overlap(), self.forecast.len());
        let first = self.halo.rank() * own;
        for row in series.rows() {
            let values = row.iter().skip(first);
            self.field[overlap..overlap + own].iter_mut().zip(values).for_each(|(to, &from)| *to = from);
            self.advance()?;
        }
        Ok(())
    }

    /// One step driven by known values of this rank's points, which a simulation code may have nowhere else; gives their
    /// forecast for the next step.
    ///
    /// # Shapes
    /// `values` and result: `[points / ranks]`.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::NonFinite`] before anything is changed or any neighbour hears of it;
    /// [`Error::Overflow`] or a substrate's failure, after which the run is at rest.
    pub fn step(&mut self, values: &[f64]) -> Result<&[f64], Error> {
        let (overlap, own) = (self.grid.overlap(), self.forecast.len());
        if values.len() != own {
            return Err(Error::shape("the values of a rank's points", own, values.len()));
        }
        Error::check_finite("the values", values)?;
        self.field[overlap..overlap + own].copy_from_slice(values);
        self.advance()?;
        Ok(self.profile())
    }

    /// Closed loop: every patch is fed by its own and its neighbours' forecasts. Row 0 is for the step after the last known
    /// one; a second call goes on where the first ended.
    ///
    /// # Shapes
    /// Result: `[steps, points]`, the whole grid on every rank.
    ///
    /// # Errors
    /// [`Error::Misuse`] at rest; else as [`step`](Self::step).
    pub fn forecast(&mut self, steps: usize) -> Result<Array2<f64>, Error> {
        if self.steps == 0 {
            return Err(Error::Misuse {
                what: "a closed loop goes on from known values, and there are none",
                instead: "warm the run up with some".to_owned(),
            });
        }
        let (ranks, own) = (self.halo.size(), self.forecast.len());
        let mut mine = vec![0.0; steps * own];
        for row in mine.chunks_exact_mut(own) {
            row.copy_from_slice(self.profile());
            self.advance()?;
        }
        let mut all = vec![0.0; ranks * mine.len()];
        self.halo.gather(&mine, &mut all)?;
        let by_rank = ArrayView3::from_shape((ranks, steps, own), &all).expect("ranks x steps x own values");
        Ok(Array2::from_shape_fn((steps, self.grid.points()), |(step, i)| by_rank[[i / own, step, i % own]]))
    }

    /// One step of all patches on the values of the field, or back to rest.
    fn advance(&mut self) -> Result<(), Error> {
        let done = self.exchange().and_then(|()| self.step_patches());
        match done {
            Ok(()) => {
                let overlap = self.grid.overlap();
                self.field[overlap..overlap + self.forecast.len()].copy_from_slice(&self.forecast);
                self.steps += 1;
            }
            Err(_) => self.reset(),
        }
        done
    }

    fn exchange(&mut self) -> Result<(), Error> {
        let overlap = self.grid.overlap();
        if overlap == 0 {
            return Ok(());
        }
        let own = self.forecast.len();
        let (from_left, rest) = self.field.split_at_mut(overlap);
        let (own_values, from_right) = rest.split_at_mut(own);
        self.halo.exchange(&own_values[..overlap], &own_values[own - overlap..], from_left, from_right)
    }

    fn step_patches(&mut self) -> Result<(), Error> {
        let (width, inputs) = (self.grid.width(), self.grid.inputs());
        let field = &self.field;
        let pairs = self.groups.iter_mut().zip(self.forecast.chunks_mut(GROUP * width)).enumerate();
        threads::try_each(pairs, |(index, (group, out))| {
            let seen = field[index * GROUP * width..].windows(inputs).step_by(width);
            for (features, seen) in group.features.chunks_exact_mut(inputs).zip(seen) {
                features.copy_from_slice(seen);
            }
            out.copy_from_slice(group.batch.step(&group.features)?);
            Ok(())
        })
    }
}
