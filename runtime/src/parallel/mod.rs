//! Local parallel reservoirs: forecasts of spatiotemporal systems on a periodic line.
//!
//! A reservoir for a whole grid must grow with it. Where what happens at a point depends on its neighbourhood only, the grid
//! is cut into patches instead, each with a reservoir that sees its own points and some of its neighbours':
//!
//! ```text
//! .. | patch p-1 | patch p  | patch p+1 | ..
//!            [l    q points    l]              seen by the reservoir of patch p
//!                [ q points ]                  forecast by it, and seen by its neighbours at the next step
//! ```
//!
//! A system that is the same everywhere needs one reservoir and one readout for all patches: [`ParallelReservoirs`] is one
//! [`Model`] with `q + 2l` inputs and q outputs, of which every patch is a stream. It is trained on several patches'
//! series at once. A [`ParallelRun`] holds the patches' states and steps them on threads, and over the ranks of an MPI
//! job if its [`Halo`] says so; the forecast has the same bits for any number of either.
//!
//! Per step a patch passes l values to each neighbour, so that time on a network is latency, not bandwidth.
//!
//! # Source
//! J. Pathak, B. Hunt, M. Girvan, Z. Lu, E. Ott, "Model-free prediction of large spatiotemporally chaotic systems from data:
//! a reservoir computing approach", Physical Review Letters 120, 024102 (2018).

mod checkpoint;
mod grid;
mod halo;
#[cfg(feature = "files")]
mod keep;
#[cfg(feature = "mpi")]
mod ranks;
mod run;

use std::sync::Arc;

use forebay_substrate::{Precision, Substrate};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, s};

pub use grid::PatchGrid;
pub use halo::{Halo, Local};
#[cfg(feature = "mpi")]
pub use mpi;
#[cfg(feature = "mpi")]
pub use ranks::MpiHalo;
pub use run::ParallelRun;

use crate::compile::Compiler;
use crate::error::Error;
use crate::graph::{Graph, Products};
use crate::hash::Fingerprint;
use crate::model::Model;
use crate::reservoir::Reservoir;
use crate::train::{Series, Training, TrainingReport};

/// One reservoir and one readout for all patches of a grid.
///
/// For a patch that sees v, `[q + 2l]`, the state x and the forecast y, `[q]`, of its points at the next step are
///
/// ```text
/// x' = (1-a) x + a f(W_in v + W_res x + b)
/// y  = W_out [x'_0, x'_1^2, x'_2, x'_3^2, ..] + b_out
/// ```
///
/// Immutable and cheap to clone; the patches' states are in a [`ParallelRun`].
///
/// ```
/// use forebay::parallel::{PatchGrid, ParallelReservoirs};
/// use forebay::{reservoir::Reservoir, train::Training};
/// use ndarray::{Array2, s};
///
/// // A wave that travels around 24 points, seen by six reservoirs of four points each.
/// let angle = |t: usize, i: usize| std::f64::consts::TAU * i as f64 / 24.0 - 0.1 * t as f64;
/// let series = Array2::from_shape_fn((600, 24), |(t, i)| angle(t, i).sin());
///
/// let recipe = Reservoir::new(60).spectral_radius(0.4).input_scaling(0.3);
/// let drawn = ParallelReservoirs::generate(PatchGrid::new(24, 6, 2)?, recipe, 1)?;
/// let training = Training::new().washout(50).ridge(1e-8);
/// let (trained, _) = drawn.fit(series.slice(s![..500, ..]), 0..6, &training)?;
///
/// let mut run = trained.start()?;
/// run.warm_up(series.slice(s![450..500, ..]))?;
/// let forecast = run.forecast(100)?;
/// assert!((&forecast - &series.slice(s![500.., ..])).iter().all(|error| error.abs() < 0.05));
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ParallelReservoirs {
    grid: PatchGrid,
    model: Model<f64>,
}

impl ParallelReservoirs {
    /// Draws the reservoir that all patches share from a recipe and a seed; its readout is zero until it is trained.
    ///
    /// # Errors
    /// [`Error::Reservoir`] or [`Error::Graph`] for a recipe out of range; [`Error::Kernel`] as for [`Model::generate`].
    pub fn generate(grid: PatchGrid, recipe: Reservoir, seed: u64) -> Result<Self, Error> {
        let mut g = Graph::builder();
        let seen = g.input("seen", grid.inputs());
        let state = g.reservoir("state", seen, recipe);
        let features = g.products("features", state, Products::AlternateSquares);
        g.readout("next", [features], grid.width());
        Self::with_model(grid, Model::generate(g.build()?, seed)?)
    }

    /// Any model in the place of the patches' reservoir: another graph, one from a file, or a compiled one.
    ///
    /// # Errors
    /// [`Error::Shape`] unless it has `q + 2l` inputs and q outputs.
    pub fn with_model(grid: PatchGrid, model: Model<f64>) -> Result<Self, Error> {
        let found = (model.graph().inputs(), model.graph().outputs());
        if found != (grid.inputs(), grid.width()) {
            let expected = format!("{} inputs and {} outputs", grid.inputs(), grid.width());
            let found = format!("{} inputs and {} outputs", found.0, found.1);
            return Err(Error::shape("the model of a patch", expected, found));
        }
        Ok(Self { grid, model })
    }

    /// How the grid is cut.
    pub fn grid(&self) -> &PatchGrid {
        &self.grid
    }

    /// What every patch computes.
    pub fn model(&self) -> &Model<f64> {
        &self.model
    }

    /// Trains the readout to give each patch's points at the next step, on the series of these patches together.
    ///
    /// A few patches far from each other tell nearly as much as all of them. Each rank of an MPI job trains by itself on the
    /// whole series; what is trained on rank 0 is what all of them use, see [`start_on`](Self::start_on).
    ///
    /// # Shapes
    /// `series`: `[steps, points]`. Memory: a copy of what the patches see of it.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::NonFinite`] for a series that does not fit; [`Error::Range`] if there is no such patch;
    /// [`Error::Train`] if no weights can be found.
    pub fn fit(
        &self,
        series: ArrayView2<'_, f64>,
        patches: impl IntoIterator<Item = usize>,
        training: &Training,
    ) -> Result<(Self, TrainingReport), Error> {
        self.grid.check_series(series)?;
        let known = series.nrows().saturating_sub(1);
        let (width, next) = (self.grid.width(), series.slice(s![series.nrows() - known.., ..]));
        let pairs = patches.into_iter().map(|patch| {
            let seen = self.grid.seen_by(patch, series.slice(s![..known, ..]))?;
            Ok((seen, next.slice(s![.., patch * width..(patch + 1) * width])))
        });
        let pairs: Vec<_> = pairs.collect::<Result<_, Error>>()?;
        let patches: Vec<_> = pairs.iter().map(|(seen, next)| Series::new(seen.view(), next.view())).collect();
        let (model, report) = training.fit(&self.model, &patches)?;
        Ok((Self { grid: self.grid, model }, report))
    }

    /// The same reservoirs with their products on a substrate, in integers; ranges come from what one patch sees of the
    /// series. The readout should then be trained anew, on the states that it will see.
    ///
    /// # Shapes
    /// `series`: `[steps, points]`.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::NonFinite`] for a series that does not fit; else as
    /// [`Compiler::compile`](crate::compile::Compiler::compile).
    pub fn with_substrate(
        &self,
        substrate: Arc<dyn Substrate>,
        precision: Precision,
        series: ArrayView2<'_, f64>,
    ) -> Result<Self, Error> {
        self.grid.check_series(series)?;
        let seen = self.grid.seen_by(0, series)?;
        let compiler = Compiler::new(substrate).precision(precision).calibrate(seen.view());
        Ok(Self { grid: self.grid, model: compiler.compile(&self.model)? })
    }

    /// All patches at rest, in this process.
    ///
    /// # Errors
    /// None of its own; as [`start_on`](Self::start_on).
    pub fn start(&self) -> Result<ParallelRun<Local>, Error> {
        self.start_on(Local)
    }

    /// This rank's patches at rest; called by all ranks of the ring.
    ///
    /// All ranks take the readout of rank 0, whatever each was trained on.
    ///
    /// # Errors
    /// [`Error::Range`] unless every rank gets the same number of patches, with at least `overlap` points together;
    /// [`Error::Misuse`] if the ranks have different grids, or models that differ in more than their readouts.
    pub fn start_on<H: Halo>(&self, mut halo: H) -> Result<ParallelRun<H>, Error> {
        let mut model = self.model.clone();
        if halo.size() > 1 {
            self.check_ranks_agree(&mut halo)?;
            model = readout_of_first(&model, &mut halo)?;
        }
        ParallelRun::new(self.grid, &model, halo)
    }

    fn check_ranks_agree(&self, halo: &mut impl Halo) -> Result<(), Error> {
        let hash = without_readouts(&self.model)?;
        // 32 bits each, which a float holds exactly.
        let words = hash.as_bytes().as_chunks::<4>().0.iter().map(|bytes| f64::from(u32::from_le_bytes(*bytes)));
        let sizes = [self.grid.points(), self.grid.patches(), self.grid.overlap()].map(|size| size as f64);
        let own: Vec<f64> = sizes.into_iter().chain(words).collect();
        let mut all = vec![0.0; own.len() * halo.size()];
        halo.gather(&own, &mut all)?;
        match all.chunks_exact(own.len()).position(|rank| rank != own) {
            None => Ok(()),
            Some(rank) => Err(Error::Misuse {
                what: "the ranks of a forecast must have the same grid and model",
                instead: format!("build them alike: rank {rank} differs from rank {}", halo.rank()),
            }),
        }
    }
}

/// The fingerprint of all that ranks must have alike: their readouts may differ, as all take that of rank 0.
fn without_readouts(model: &Model<f64>) -> Result<Fingerprint, Error> {
    let mut blank = model.clone();
    for head in model.graph().heads() {
        let (weights, bias) = model.readout(head.name)?;
        let (weights, bias) = (Array2::zeros(weights.dim()), Array1::zeros(bias.len()));
        blank = blank.with_readout(head.name, weights.view(), bias.view())?;
    }
    Ok(blank.fingerprint())
}

/// The model with the weights that rank 0 has in its readouts.
fn readout_of_first(model: &Model<f64>, halo: &mut impl Halo) -> Result<Model<f64>, Error> {
    let mut taken = model.clone();
    for head in model.graph().heads() {
        let (weights, bias) = model.readout(head.name)?;
        let own: Vec<f64> = weights.iter().chain(&bias).copied().collect();
        let mut all = vec![0.0; own.len() * halo.size()];
        halo.gather(&own, &mut all)?;
        let (first, last) = all[..own.len()].split_at(weights.len());
        let weights = ArrayView2::from_shape(weights.dim(), first).expect("as many values as on rank 0");
        taken = taken.with_readout(head.name, weights, ArrayView1::from(last))?;
    }
    Ok(taken)
}
