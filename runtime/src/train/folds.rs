//! Cross-validation with contiguous folds.

use forebay_kernels::Real;

use super::data::Data;
use super::group::{Group, Shared, drive, labelled, share};
use super::replay::{Feedback, Stretches, replay};
use super::ridge::{Candidate, Penalties, RidgeSolution};
use super::score::{self, Tally};
use super::select::{self, Outcome};
use super::{Gram, TrainError};
use crate::error::Error;
use crate::model::Model;

/// The steps of a group in contiguous parts, as even as can be.
#[derive(Clone, Debug)]
pub(super) struct Folds {
    /// The first step of every fold, as series and step.
    pub(super) starts: Vec<(usize, usize)>,
    /// For every fold how many steps lie in it and those before it.
    ends: Vec<usize>,
}

impl Folds {
    pub(super) fn new<T: Real>(count: usize, group: &Group, data: &Data<'_, T>) -> Result<Self, TrainError> {
        let steps = group.steps;
        if count < 2 || steps / count < 2 {
            return Err(TrainError::Folds { folds: count, steps });
        }
        let start = |fold: usize| fold * steps / count;
        let mut rows = labelled(data, group.columns[0]);
        let mut from = 0;
        let starts = (0..count).map(|fold| {
            let row = rows.nth(start(fold) - from);
            from = start(fold) + 1;
            row.expect("a fold starts at a step of the group")
        });
        Ok(Self { starts: starts.collect(), ends: (1..=count).map(start).collect() })
    }
}

/// The weights of every group on all its steps, with the penalties whose weights without a fold do best on that fold: the one
/// that is best for the outputs of the group together, or `per_output`.
///
/// `folds` are those of the groups; `stretches` have been cut where they begin.
pub(super) fn solve<T: Real>(
    folds: &[Folds],
    values: &[f64],
    per_output: bool,
    model: &Model<T>,
    groups: &[Group],
    data: &Data<'_, T>,
    stretches: &mut Stretches<T>,
) -> Result<Vec<Outcome>, Error> {
    let sums = sums(folds, model, groups, data, stretches)?;
    let (mut totals, mut candidates) = (Vec::with_capacity(groups.len()), Vec::with_capacity(groups.len()));
    for (group, parts) in groups.iter().zip(sums) {
        let sum = |parts: Vec<&Gram>| Gram::sum(group.features, group.columns.len(), parts.into_iter());
        let mut of_group = Vec::with_capacity(parts.len());
        for fold in 0..parts.len() {
            let others = parts.iter().enumerate().filter(|(part, _)| *part != fold).map(|(_, part)| part);
            let mut rest = Penalties::new(sum(others.collect()))?;
            of_group.push(values.iter().map(|&ridge| rest.solution(ridge)).collect::<Result<Vec<_>, _>>()?);
        }
        candidates.push(of_group);
        totals.push(sum(parts.iter().collect()));
    }
    let scores = scores(folds, &candidates, values.len(), model, groups, data, stretches)?;
    drop(candidates);
    let mut outcomes = Vec::with_capacity(groups.len());
    for (total, scores) in totals.into_iter().zip(scores) {
        let outputs = 0..total.outputs();
        let ridges = if per_output {
            let of = |output: usize| best(values, scores.iter().map(|nmse| nmse[output].unwrap_or(0.0)));
            outputs.map(of).collect::<Result<Vec<_>, _>>()?
        } else {
            vec![best(values, scores.iter().map(|nmse| score::mean(nmse)))?; outputs.len()]
        };
        outcomes.push(Outcome::of(total, &ridges)?);
    }
    Ok(outcomes)
}

fn best(values: &[f64], scores: impl Iterator<Item = f64>) -> Result<f64, TrainError> {
    select::best(values.iter().zip(scores).map(|(&ridge, score)| Candidate { ridge, score }))
}

/// One Gram matrix per group and fold.
fn sums<T: Real>(
    folds: &[Folds],
    model: &Model<T>,
    groups: &[Group],
    data: &Data<'_, T>,
    stretches: &mut Stretches<T>,
) -> Result<Vec<Vec<Gram>>, Error> {
    let shared = share(model, data, groups);
    let empty = |shared: &Shared| folds[shared.first()].ends.iter().map(|_| shared.gram(model)).collect();
    let mut parts: Vec<Vec<Gram>> = shared.iter().map(empty).collect();
    drive(model, data, &shared, stretches, |row| {
        let fold = folds[shared[row.shared].first()].ends.partition_point(|&end| end <= row.number);
        parts[row.shared][fold].push_weighted(row.weight, row.fill)
    })?;
    let mut of_groups: Vec<Vec<Gram>> = groups.iter().map(|_| Vec::new()).collect();
    for (shared, parts) in shared.iter().zip(parts) {
        for mut part in parts {
            part.finish();
            shared.split(part, model, groups).for_each(|(index, part)| of_groups[index].push(part));
        }
    }
    Ok(of_groups)
}

/// Validation error of every output over all folds, by group and penalty, given the weights by group, fold and penalty.
fn scores<T: Real>(
    folds: &[Folds],
    candidates: &[Vec<Vec<RidgeSolution>>],
    penalties: usize,
    model: &Model<T>,
    groups: &[Group],
    data: &Data<'_, T>,
    stretches: &Stretches<T>,
) -> Result<Vec<Vec<Vec<Option<f64>>>>, Error> {
    // The last fold that begins at or before the first step that counts.
    let fold_of = |folds: &Folds, series: usize, from: usize| {
        folds.starts.partition_point(|&start| start <= (series, from.max(data.washout))).saturating_sub(1)
    };
    let list = stretches.list();
    let of_stretches =
        |folds: &Folds| list.iter().map(|stretch| fold_of(folds, stretch.series, stretch.from)).collect();
    let fold: Vec<Vec<usize>> = folds.iter().map(of_stretches).collect();
    let tallies = |group: &Group| {
        let spreads = group.columns.iter().map(|&column| data.spread(column)).collect();
        vec![Tally::new(list.len(), spreads); penalties]
    };
    let mut tallies: Vec<Vec<Tally>> = groups.iter().map(tallies).collect();
    let mut features: Vec<Vec<f64>> = groups.iter().map(|group| vec![0.0; group.features]).collect();
    let feedback = Feedback::TargetsAlone(data.targets());
    replay(model, &data.inputs(), &feedback, stretches, |moment| {
        let Some(weight) = data.counts(moment.series, moment.step) else { return Ok(()) };
        for (of, group) in groups.iter().enumerate() {
            if data.target(moment.series, moment.step, group.columns[0]).is_none() {
                continue;
            }
            let features = &mut features[of];
            group.features(|node| moment.values(node), features);
            let targets = data.series[moment.series].targets.row(moment.step);
            for (tally, solution) in tallies[of].iter_mut().zip(&candidates[of][fold[of][moment.stretch]]) {
                let RidgeSolution { weights, bias, .. } = solution;
                for (output, (row, &column)) in weights.rows().into_iter().zip(&group.columns).enumerate() {
                    let y = bias[output] + dot(row.as_slice().unwrap_or(&[]), features);
                    tally.add_weighted(moment.stretch, output, y - targets[column].to_f64(), weight);
                }
            }
        }
        Ok(())
    })?;
    Ok(tallies.iter().map(|tallies| tallies.iter().map(Tally::nmse).collect()).collect())
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
