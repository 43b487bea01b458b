//! Cross-validation with contiguous folds.

use forebay_kernels::Real;

use super::data::{Data, Group};
use super::replay::{Feedback, Stretches, replay};
use super::ridge::{self, Candidate, Penalties, Solution};
use super::score::Tally;
use super::{Gram, TrainError, select};
use crate::error::Error;
use crate::model::Model;

/// Steps `0..steps` in `count` contiguous parts, as even as can be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Folds {
    count: usize,
    steps: usize,
}

impl Folds {
    pub(super) fn new(count: usize, steps: usize) -> Result<Self, TrainError> {
        if count < 2 || steps / count < 2 {
            return Err(TrainError::Folds { folds: count, steps });
        }
        Ok(Self { count, steps })
    }

    /// First step of every fold.
    pub(super) fn starts(self) -> impl Iterator<Item = usize> {
        (0..self.count).map(move |fold| fold * self.steps / self.count)
    }
}

/// The weights on all steps, with the penalty whose weights without a fold do best on that fold.
///
/// `stretches` have been cut where folds begin.
pub(super) fn solve<T: Real>(
    folds: Folds,
    values: &[f64],
    model: &Model<T>,
    group: &Group,
    data: &Data<'_, T>,
    stretches: &mut Stretches<T>,
) -> Result<Solution, Error> {
    let parts = sums(folds, model, group, data, stretches)?;
    let mut candidates = Vec::with_capacity(folds.count);
    for fold in 0..folds.count {
        let others = parts.iter().enumerate().filter(|(part, _)| *part != fold).map(|(_, part)| part);
        let mut rest = Penalties::new(Gram::sum(group.features, group.outputs, others))?;
        candidates.push(values.iter().map(|&ridge| rest.solution(ridge)).collect::<Result<Vec<_>, _>>()?);
    }
    let total = Gram::sum(group.features, group.outputs, parts.iter());
    drop(parts);
    let scores = scores(folds, &candidates, values.len(), model, group, data, stretches)?;
    let scored = values.iter().zip(scores).map(|(&ridge, score)| Candidate { ridge, score });
    Ok(ridge::solve(total, select::best(scored)?)?)
}

/// One Gram matrix per fold.
fn sums<T: Real>(
    folds: Folds,
    model: &Model<T>,
    group: &Group,
    data: &Data<'_, T>,
    stretches: &mut Stretches<T>,
) -> Result<Vec<Gram>, Error> {
    let mut parts = Vec::with_capacity(folds.count);
    let empty = || Gram::new(group.features, group.outputs).with_form(model.form());
    let mut part = empty();
    let ends: Vec<usize> = folds.starts().skip(1).chain([folds.steps]).collect();
    group.drive(model, data, stretches, |used, fill| {
        part.push(fill);
        if used + 1 == ends[parts.len()] {
            let mut done = std::mem::replace(&mut part, empty());
            done.finish();
            parts.push(done);
        }
    })?;
    Ok(parts)
}

/// Validation error of every penalty over all folds, given the weights by fold and penalty.
fn scores<T: Real>(
    folds: Folds,
    candidates: &[Vec<Solution>],
    penalties: usize,
    model: &Model<T>,
    group: &Group,
    data: &Data<'_, T>,
    stretches: &Stretches<T>,
) -> Result<Vec<f64>, Error> {
    let starts: Vec<(usize, usize)> = folds.starts().map(|start| data.place(start)).collect();
    // The last fold that begins at or before the first step that counts.
    let fold_of = |series: usize, from: usize| {
        starts.partition_point(|&start| start <= (series, from.max(data.washout))).saturating_sub(1)
    };
    let fold: Vec<usize> = stretches.list().iter().map(|stretch| fold_of(stretch.series, stretch.from)).collect();
    let columns: Vec<usize> = group.columns().collect();
    let spreads: Vec<_> = columns.iter().map(|&column| data.spread(column)).collect();
    let mut tallies = vec![Tally::new(fold.len(), spreads); penalties];
    let mut features = vec![0.0; group.features];
    let feedback = Feedback::TargetsAlone(data.targets());
    replay(model, &data.inputs(), &feedback, stretches, |moment| {
        if moment.step < data.washout {
            return Ok(());
        }
        group.features(|node| moment.values(node), &mut features);
        let targets = data.series[moment.series].targets.row(moment.step);
        for (tally, solution) in tallies.iter_mut().zip(&candidates[fold[moment.stretch]]) {
            let Solution { weights, bias, .. } = solution;
            for (output, (row, &column)) in weights.rows().into_iter().zip(&columns).enumerate() {
                let y = bias[output] + dot(row.as_slice().unwrap_or(&[]), &features);
                tally.add(moment.stretch, output, y - targets[column].to_f64());
            }
        }
        Ok(())
    })?;
    Ok(tallies.iter().map(Tally::mean_nmse).collect())
}

/// Eight sums side by side, then those in order: fixed, and quicker than one.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    const SUMS: usize = 8;
    let mut sums = [0.0; SUMS];
    let (a_blocks, b_blocks) = (a.chunks_exact(SUMS), b.chunks_exact(SUMS));
    let rest: f64 = a_blocks.remainder().iter().zip(b_blocks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_blocks.zip(b_blocks) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    sums.iter().sum::<f64>() + rest
}
