//! Predicting the outcome of a trajectory from what is known before it is decided.
//!
//! The Metropolis number u is drawn afterwards and nobody can know it: even with the final dH in hand the best possible
//! accuracy is the mean of `max(p, 1 - p)`, `p = min(1, exp(-dH))`. This ceiling stands beside every table, as does the base
//! rate.

use std::sync::Arc;

use forebay::Substrate;
use forebay::random::Seed;
use ndarray::{Array2, ArrayView2, Axis, concatenate, s};
use serde::Serialize;

use super::SteeringError;
use super::logistic::Logistic;
use super::reservoir::Features;
use super::scores::{self, Bin, Interval, Scores};
use crate::autocorrelation;
use crate::lattice::{Energy, Hmc, Trajectory};

/// Trajectories of a plain chain with the energies along each.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Outcomes.
    pub trajectories: Vec<Trajectory>,
    /// Energies at start and after every step.
    pub paths: Vec<Vec<Energy>>,
}

impl History {
    /// Runs a chain, noting the energies after every step; calls `tick` after each trajectory.
    pub fn record(chain: Hmc, count: usize, tick: &(dyn Fn() + Sync)) -> Self {
        let mut chain = chain.observing();
        let mut history = Self::default();
        for _ in 0..count {
            history.trajectories.push(chain.trajectory());
            history.paths.push(chain.path().to_vec());
            tick();
        }
        history
    }

    /// Plaquette and kinetic energy at the start, and whether the last one was accepted and its dH: `[trajectories, 4]`,
    /// standardised by the first `train`.
    fn before(&self, train: usize) -> Array2<f64> {
        let mut features = Array2::zeros((self.trajectories.len(), 4));
        let mut last = (0.0, 0.0);
        for (t, mut row) in self.trajectories.iter().zip(features.rows_mut()) {
            row[0] = t.start.potential;
            row[1] = t.start.kinetic;
            (row[2], row[3]) = last;
            last = (if t.accepted { 1.0 } else { -1.0 }, libm::tanh(0.5 * t.delta_h));
        }
        standardise(features, train)
    }

    /// Changes of H and T after each step up to half time: `[trajectories, 2 steps]`.
    fn half_paths(&self, train: usize) -> Array2<f64> {
        let half = self.half();
        let mut features = Array2::zeros((self.paths.len(), 2 * half));
        for (path, mut row) in self.paths.iter().zip(features.rows_mut()) {
            row.iter_mut().zip(&changes(&path[..=half], [1.0; 2])).for_each(|(to, &from)| *to = from);
        }
        standardise(features, train)
    }

    /// Steps of half a path: the middle step of an odd number belongs to neither half.
    pub(super) fn half(&self) -> usize {
        self.paths.first().map_or(0, |path| path.len().saturating_sub(1) / 2)
    }

    /// Whether every trajectory has its path, all of one length with a middle.
    pub(super) fn check(&self, what: &'static str, least: usize) -> Result<(), SteeringError> {
        let (count, length) = (self.trajectories.len(), self.paths.first().map_or(0, Vec::len));
        let fits = self.paths.len() == count && length >= 3 && self.paths.iter().all(|path| path.len() == length);
        if fits && count >= least {
            return Ok(());
        }
        let expected = format!("{least} trajectories with paths of two steps or more");
        Err(SteeringError::TooShort { what, expected, found: count })
    }

    fn outcomes(&self) -> Vec<bool> {
        self.trajectories.iter().map(|t| t.accepted).collect()
    }
}

/// Changes of H and T since the first point, over these scales: `[points - 1, 2]`.
pub(super) fn changes(half_path: &[Energy], scales: [f64; 2]) -> Array2<f64> {
    let start = half_path[0];
    Array2::from_shape_fn((half_path.len() - 1, 2), |(k, c)| {
        let now = half_path[k + 1];
        if c == 0 { (now.total() - start.total()) / scales[0] } else { (now.kinetic - start.kinetic) / scales[1] }
    })
}

/// Columns minus their mean, over their spread, of the first `train` rows.
fn standardise(mut features: Array2<f64>, train: usize) -> Array2<f64> {
    for mut column in features.columns_mut() {
        let known = column.slice(s![..train]);
        let (mean, sd) = (known.mean().unwrap_or(0.0), known.std(0.0));
        column.mapv_inplace(|v| (v - mean) / if sd > 0.0 { sd } else { 1.0 });
    }
    features
}

/// One predictor on the test half.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What predicts.
    pub name: String,
    /// What it sees: `nothing`, `the start`, `half of the path`.
    pub sees: &'static str,
    /// Its scores.
    pub scores: Scores,
    /// 1 minus its Brier score over that of the base rate.
    pub skill: f64,
    /// Its Brier score subtracted from that of logistic regression on the plain features of the same time.
    pub gain: Option<Interval>,
    /// The diagram of said and seen.
    pub reliability: Vec<Bin>,
}

/// All predictors on one chain.
#[derive(Clone, Debug, Serialize)]
pub struct Study {
    /// Share of accepted trajectories in the test half.
    pub base_rate: f64,
    /// The accuracy that knowing dH would give, u unknown.
    pub ceiling: f64,
    /// Rows of the training and of the test part, and the gap between them.
    pub rows_used: [usize; 3],
    /// Length of a bootstrap block: ten autocorrelation times of the plaquette.
    pub block: usize,
    /// One row per predictor.
    pub rows: Vec<Row>,
}

/// Penalties that are tried.
const RIDGES: [f64; 5] = [0.1, 1.0, 10.0, 100.0, 1000.0];

/// Trains on the first half and scores on the second; a gap of five autocorrelation times is between them.
///
/// # Errors
/// [`SteeringError::TooShort`] with fewer than 200 trajectories, or without their paths; [`SteeringError::Reservoir`].
pub fn study(history: &History, substrate: &Arc<dyn Substrate>, seed: Seed) -> Result<Study, SteeringError> {
    history.check("the study of rejection", 200)?;
    let count = history.trajectories.len();
    let plaquettes: Vec<f64> = history.trajectories.iter().map(|t| t.plaquette).collect();
    let tau = autocorrelation::mean(&plaquettes[..count / 2]).map_or(1.0, |mean| mean.tau);
    let (train, gap) = (count / 2, (5.0 * tau).ceil() as usize);
    let first = train + gap;
    if first + 50 > count {
        let expected = "many autocorrelation times".to_owned();
        return Err(SteeringError::TooShort { what: "the study of rejection", expected, found: count });
    }
    let outcomes = history.outcomes();
    let test = &outcomes[first..];
    let block = ((10.0 * tau).ceil() as usize).min(test.len() / 10);

    let (before, half) = (history.before(train), history.half_paths(train));
    let start = before.slice(s![.., ..2]);
    let memory = Features::draw(4, 100, 0.5, seed.child("start"))?;
    let memory_integers = memory.on(Arc::clone(substrate), before.slice(s![..train, ..]))?;
    let along = |features: &Features| -> Result<Array2<f64>, SteeringError> { Ok(features.along(before.view())?) };
    let path = Features::draw(2, 50, 1.0, seed.child("path"))?;
    let sample = half.slice(s![..train, ..]).to_owned().into_shape_with_order((train * half.ncols() / 2, 2));
    let path_integers = path.on(Arc::clone(substrate), sample.expect("pairs of columns").view())?;
    let ends = |features: &Features| -> Result<Array2<f64>, SteeringError> {
        let mut ends = Array2::zeros((count, 50));
        for (path, mut row) in half.rows().into_iter().zip(ends.rows_mut()) {
            let steps = path.to_shape((path.len() / 2, 2)).expect("pairs of columns");
            row.assign(&ndarray::aview1(&features.after(steps.view())?));
        }
        Ok(ends)
    };
    let beside = |a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>| concatenate![Axis(1), a, b];
    let (at_start, at_half) = ("the start", "half of the path");
    let last = half.ncols().saturating_sub(2);
    let predictors = [
        ("logistic on S and T".to_owned(), at_start, start.to_owned()),
        ("logistic on the reservoir's inputs".to_owned(), at_start, before.clone()),
        ("reservoir of 100, f32".to_owned(), at_start, beside(start, along(&memory)?.view())),
        ("reservoir of 100, int4".to_owned(), at_start, beside(start, along(&memory_integers)?.view())),
        ("logistic on S, T and the path".to_owned(), at_half, beside(start, half.view())),
        ("logistic on dH at half time".to_owned(), at_half, half.slice(s![.., last..=last]).to_owned()),
        ("reservoir of 50, f32".to_owned(), at_half, beside(start, ends(&path)?.view())),
        ("reservoir of 50, int4".to_owned(), at_half, beside(start, ends(&path_integers)?.view())),
    ];

    let accepted = |outcomes: &[bool]| outcomes.iter().filter(|&&y| y).count() as f64 / outcomes.len() as f64;
    let constant = vec![accepted(&outcomes[..train]); test.len()];
    let mut rows = vec![row("always the base rate", "nothing", &constant, test, None, block, seed, 1.0)];
    let base = rows[0].scores.brier.value;
    let mut reference = Vec::new();
    for (name, sees, features) in predictors {
        let model = Logistic::choose(features.slice(s![..train, ..]), &outcomes[..train], &RIDGES)?;
        let said: Vec<f64> = features.slice(s![first.., ..]).rows().into_iter().map(|x| model.probability(x)).collect();
        // The first of its kind is what the others are held against.
        let is_first = rows.last().is_none_or(|row: &Row| row.sees != sees);
        if is_first {
            reference.clone_from(&said);
        }
        let gain = (!is_first).then_some(&reference[..]);
        rows.push(row(&name, sees, &said, test, gain, block, seed, base));
    }
    let probability = |t: &Trajectory| libm::exp(-t.delta_h).min(1.0);
    let best = |t: &Trajectory| probability(t).max(1.0 - probability(t));
    let ceiling = history.trajectories[first..].iter().map(best).sum::<f64>() / test.len() as f64;
    Ok(Study { base_rate: accepted(test), ceiling, rows_used: [train, gap, test.len()], block, rows })
}

#[expect(clippy::too_many_arguments, reason = "a private constructor")]
fn row(
    name: &str,
    sees: &'static str,
    said: &[f64],
    test: &[bool],
    reference: Option<&[f64]>,
    block: usize,
    seed: Seed,
    base: f64,
) -> Row {
    let scores = scores::score(said, test, block, seed);
    let skill = if sees == "nothing" { 0.0 } else { 1.0 - scores.brier.value / base };
    let gain = reference.map(|reference| scores::brier_gain(said, reference, test, block, seed));
    Row { name: name.to_owned(), sees, scores, skill, gain, reliability: scores::reliability(said, test) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Outcomes drawn with a probability that the potential at the start tells: `p = 1 / (1 + exp(-(0.5 + 2 z)))`, and a dH
    /// that belongs to it. Paths and kinetic energies say nothing.
    fn known(count: usize) -> (History, Vec<f64>) {
        let mut stream = Seed(1).stream("known");
        let mut history = History::default();
        let mut probabilities = Vec::new();
        for number in 0..count as u64 {
            let z = stream.normal();
            let p = 1.0 / (1.0 + libm::exp(-0.5 - 2.0 * z));
            let start = Energy { kinetic: 100.0 + stream.normal(), potential: 500.0 + 3.0 * z };
            let accepted = stream.uniform() < p;
            let (delta_h, plaquette) = (-libm::log(p), stream.normal());
            history.trajectories.push(Trajectory {
                number,
                start,
                delta_h,
                accepted,
                aborted: false,
                plaquette,
                forces: 2,
            });
            let point = |_| Energy { kinetic: stream.normal(), potential: stream.normal() };
            history.paths.push((0..3).map(point).collect());
            probabilities.push(p);
        }
        (history, probabilities)
    }

    #[test]
    fn a_known_probability_is_found_and_nothing_beyond_it() {
        let (history, p) = known(3000);
        let software = forebay::open("software:akd1000").expect("software is there");
        let study = study(&history, &software, Seed(2)).expect("there are trajectories");
        let [train, gap, test] = study.rows_used;
        assert_eq!((train, train + gap + test), (1500, 3000));
        let mean = |f: &dyn Fn(f64) -> f64| p[train + gap..].iter().map(|&p| f(p)).sum::<f64>() / test as f64;
        // The share that was drawn is within three standard errors of the mean of its probabilities.
        let error = (mean(&|p| p * (1.0 - p)) / test as f64).sqrt();
        assert!((study.base_rate - mean(&|p| p)).abs() < 3.0 * error, "{}", study.base_rate);
        assert!((study.ceiling - mean(&|p| p.max(1.0 - p))).abs() < 1e-12, "{}", study.ceiling);
        let [nothing, logistic, ..] = &study.rows[..] else { panic!("two rows") };
        assert_eq!((nothing.skill, nothing.scores.auc.value), (0.0, 0.5));
        // Who knows p reaches the ceiling and has this Brier score; the base rate has that of its variance.
        assert!((logistic.scores.accuracy.value - study.ceiling).abs() < 0.03, "{:?}", logistic.scores.accuracy);
        let brier = mean(&|p| p * (1.0 - p));
        assert!((logistic.scores.brier.value - brier).abs() < 0.01, "{:?}", logistic.scores.brier);
        let variance = study.base_rate * (1.0 - study.base_rate);
        assert!((nothing.scores.brier.value - variance).abs() < 0.01);
        assert!((logistic.skill - (1.0 - brier / variance)).abs() < 0.06, "{}", logistic.skill);
        for row in &study.rows[2..] {
            // A gain over what knows all there is to know is never claimed.
            let is_better = row.gain.as_ref().is_some_and(|gain| gain.low > 0.0);
            assert!(!is_better, "{} ({})", row.name, row.sees);
        }
        assert!(study.rows[6].skill < 0.02, "the path says nothing: {}", study.rows[6].skill);
    }
}
