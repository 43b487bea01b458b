//! The outputs that learn from the same Gram matrix, and the one run that feeds all matrices.

use forebay_kernels::Real;

use super::data::Data;
use super::noise::Source;
use super::replay::Stretches;
use super::{Gram, TrainError};
use crate::error::Error;
use crate::graph::{NodeId, Op};
use crate::model::Model;

/// A head, and where it lies in the targets.
pub(super) struct Head {
    pub(super) node: NodeId,
    /// First column.
    pub(super) offset: usize,
    pub(super) width: usize,
    pub(super) features: usize,
}

/// Outputs that read the same nodes and have targets at the same steps.
pub(super) struct Group {
    sources: Vec<NodeId>,
    pub(super) features: usize,
    /// Columns of the targets.
    pub(super) columns: Vec<usize>,
    /// How many steps count and have targets.
    pub(super) steps: usize,
}

/// All heads, those with the same sources one after the other, and the groups of their outputs.
pub(super) fn plan<T: Real>(model: &Model<T>, data: &Data<'_, T>) -> Result<(Vec<Head>, Vec<Group>), Error> {
    let graph = model.graph();
    let mut sets: Vec<(&[NodeId], Vec<Head>)> = Vec::new();
    for head in graph.heads() {
        let Op::Readout { sources, .. } = graph.nodes()[head.node.0].op() else {
            unreachable!("a head is a readout");
        };
        let features = sources.iter().map(|id| graph.nodes()[id.0].width()).sum();
        let head = Head { node: head.node, offset: head.offset, width: head.width, features };
        match sets.iter_mut().find(|(others, _)| *others == sources.as_slice()) {
            Some((_, heads)) => heads.push(head),
            None => sets.push((sources.as_slice(), vec![head])),
        }
    }
    let mut groups: Vec<Group> = Vec::new();
    for (sources, heads) in &sets {
        let first = groups.len();
        for column in heads.iter().flat_map(|head| head.offset..head.offset + head.width) {
            match groups[first..].iter_mut().find(|group| have_same_labels(data, group.columns[0], column)) {
                Some(group) => group.columns.push(column),
                None => {
                    let steps = labelled(data, column).count();
                    let (sources, features) = (sources.to_vec(), heads[0].features);
                    groups.push(Group { sources, features, columns: vec![column], steps });
                }
            }
        }
    }
    if let Some(group) = groups.iter().find(|group| group.steps < 2) {
        return Err(TrainError::Unlabelled { output: group.columns[0], labelled: group.steps, needed: 2 }.into());
    }
    Ok((sets.into_iter().flat_map(|(_, heads)| heads).collect(), groups))
}

/// The steps, as series and step, that count and at which an output has a target.
pub(super) fn labelled<T: Real>(data: &Data<'_, T>, column: usize) -> impl Iterator<Item = (usize, usize)> {
    let is_labelled = move |&(series, step): &(usize, usize)| data.target(series, step, column).is_some();
    data.rows().map(|(series, step, _)| (series, step)).filter(is_labelled)
}

fn have_same_labels<T: Real>(data: &Data<'_, T>, a: usize, b: usize) -> bool {
    data.rows().all(|(series, t, _)| data.target(series, t, a).is_some() == data.target(series, t, b).is_some())
}

/// One step for one group of a run.
pub(super) struct Row<'a> {
    /// Index of the group.
    pub(super) group: usize,
    /// Number of the step among those of the group.
    pub(super) number: usize,
    pub(super) weight: f64,
    /// Writes features and targets.
    pub(super) fill: &'a mut dyn FnMut(&mut [f64], &mut [f64]),
}

/// Runs every series from rest, once for all groups, and hands over each step that counts for each group with targets there.
/// Notes the states where stretches begin.
pub(super) fn drive<T: Real>(
    model: &Model<T>,
    data: &Data<'_, T>,
    groups: &[Group],
    stretches: &mut Stretches<T>,
    mut take: impl FnMut(Row<'_>) -> Result<(), TrainError>,
) -> Result<(), Error> {
    let mut session = model.session();
    let mut noise = Source::new(data.noise.as_ref(), model);
    let (mut input, mut teacher) = (Vec::new(), Vec::new());
    let mut numbers = vec![0; groups.len()];
    for (index, series) in data.series.iter().enumerate() {
        session.reset();
        noise.begin(index);
        for (t, (u, y)) in series.inputs.rows().into_iter().zip(series.targets.rows()).enumerate() {
            stretches.note(index, t, || session.snapshot());
            input.clear();
            input.extend(u.iter().copied());
            teacher.clear();
            teacher.extend(y.iter().map(|&y| fed_back(y)));
            noise.on_inputs(&mut input);
            noise.on_feedback(&mut teacher);
            session.drive_disturbed(&input, &teacher, |node, state| noise.on_state(node, state))?;
            let Some(weight) = data.counts(index, t) else { continue };
            for (of, (group, number)) in groups.iter().zip(&mut numbers).enumerate() {
                if data.target(index, t, group.columns[0]).is_none() {
                    continue;
                }
                let fill = &mut |features: &mut [f64], targets: &mut [f64]| {
                    group.features(|node| session.node_values(node), features);
                    let wanted = group.columns.iter().map(|&column| y[column].to_f64());
                    targets.iter_mut().zip(wanted).for_each(|(to, from)| *to = from);
                };
                take(Row { group: of, number: *number, weight, fill })?;
                *number += 1;
            }
        }
    }
    Ok(())
}

/// What feedback is given for a target: zero for one that is not there, which is never looked at.
pub(super) fn fed_back<T: Real>(target: T) -> T {
    if target.is_finite() { target } else { T::ZERO }
}

impl Group {
    /// Sums of nothing yet.
    pub(super) fn gram<T: Real>(&self, model: &Model<T>) -> Gram {
        Gram::new(self.features, self.columns.len()).with_form(model.form())
    }

    /// Writes the features, given the values of nodes.
    pub(super) fn features<'v, T: Real>(&self, values: impl Fn(usize) -> &'v [T], features: &mut [f64]) {
        let values = self.sources.iter().flat_map(|id| values(id.0));
        features.iter_mut().zip(values).for_each(|(to, from)| *to = from.to_f64());
    }
}
