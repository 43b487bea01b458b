//! The outputs that learn from the same Gram matrix, and the one run that feeds all matrices.

use forebay_kernels::Real;

use super::data::Data;
use super::noise::Source;
use super::replay::{Feedback, Stretches, replay};
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
            if let Some(group) =
                groups[first..].iter_mut().find(|group| have_same_labels(data, group.columns[0], column))
            {
                group.columns.push(column);
            } else {
                let steps = labelled(data, column).count();
                let (sources, features) = (sources.to_vec(), heads[0].features);
                groups.push(Group { sources, features, columns: vec![column], steps });
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

/// Groups whose sums are those of one matrix: they have targets at the same steps, and read mostly the same nodes.
///
/// An entry of the matrix is a chain of its own, whatever else is in the matrix, so that sharing changes no bit.
pub(super) struct Shared {
    sources: Vec<NodeId>,
    features: usize,
    columns: Vec<usize>,
    /// Indices of the groups.
    members: Vec<usize>,
}

/// Puts groups together where one matrix over all that they read takes less work than one each.
pub(super) fn share<T: Real>(model: &Model<T>, data: &Data<'_, T>, groups: &[Group]) -> Vec<Shared> {
    let width = |sources: &[NodeId]| sources.iter().map(|id| model.graph().nodes()[id.0].width()).sum::<usize>();
    let mut widest_first: Vec<usize> = (0..groups.len()).collect();
    widest_first.sort_by_key(|&index| std::cmp::Reverse(groups[index].features));
    let mut all: Vec<Shared> = Vec::new();
    for index in widest_first {
        let group = &groups[index];
        let with = |shared: &Shared| {
            let more = group.sources.iter().filter(|source| !shared.sources.contains(source));
            shared.sources.iter().chain(more).copied().collect::<Vec<NodeId>>()
        };
        let saves = |shared: &Shared| {
            let square = |width: usize| (width * width) as f64;
            let together = square(width(&with(shared)));
            together < square(shared.features) + 0.8 * square(group.features)
        };
        let fits = |shared: &&mut Shared| saves(shared) && have_same_labels(data, shared.columns[0], group.columns[0]);
        match all.iter_mut().find(fits) {
            Some(shared) => {
                shared.sources = with(shared);
                shared.features = width(&shared.sources);
                shared.columns.extend(&group.columns);
                shared.members.push(index);
            }
            None => all.push(Shared {
                sources: group.sources.clone(),
                features: group.features,
                columns: group.columns.clone(),
                members: vec![index],
            }),
        }
    }
    all
}

impl Shared {
    /// Sums of nothing yet.
    pub(super) fn gram<T: Real>(&self, model: &Model<T>) -> Gram {
        Gram::new(self.features, self.columns.len()).with_form(model.form())
    }

    /// The group whose steps are those of all.
    pub(super) fn first(&self) -> usize {
        self.members[0]
    }

    /// Writes the features, given the values of nodes.
    fn features<'v, T: Real>(&self, values: impl Fn(usize) -> &'v [T], features: &mut [f64]) {
        let values = self.sources.iter().flat_map(|id| values(id.0));
        features.iter_mut().zip(values).for_each(|(to, from)| *to = from.to_f64());
    }

    /// The sums of every group from those of all, with the group's index; one after the other, so that one at a time takes memory.
    pub(super) fn split<'a, T: Real>(
        &'a self,
        whole: Gram,
        model: &'a Model<T>,
        groups: &'a [Group],
    ) -> impl Iterator<Item = (usize, Gram)> + use<'a, T> {
        let mut whole = whole;
        if self.members.len() > 1 {
            whole.flush();
        }
        let mut whole = Some(whole);
        let width = |id: &NodeId| model.graph().nodes()[id.0].width();
        self.members.iter().map(move |&index| {
            if let [_] = self.members[..] {
                return (index, whole.take().expect("there is one member"));
            }
            let whole = whole.as_ref().expect("it is taken for an only member alone");
            let group = &groups[index];
            let mut features = Vec::with_capacity(group.features);
            for source in &group.sources {
                let before = self.sources.iter().take_while(|other| *other != source);
                let first: usize = before.map(width).sum();
                features.extend(first..first + width(source));
            }
            let place = |column: &usize| self.columns.iter().position(|known| known == column).expect("a member's");
            let outputs: Vec<usize> = group.columns.iter().map(place).collect();
            (index, whole.part(&features, &outputs))
        })
    }
}

/// One step for the groups of a [`Shared`].
pub(super) struct Row<'a> {
    /// Index of the [`Shared`].
    pub(super) shared: usize,
    /// Number of the step among those of the groups, series after series.
    pub(super) number: usize,
    pub(super) weight: f64,
    /// Writes features and targets.
    pub(super) fill: &'a mut dyn FnMut(&mut [f64], &mut [f64]),
}

/// Runs every series from rest, once for all groups, and hands over each step that counts to those with targets there.
/// Notes the states where stretches begin.
///
/// Several series run side by side, as [`replay`] orders them, unless there is noise, which is drawn step after step. So the
/// order of the rows depends on the lengths of the series only, and is that of the series if there is one.
pub(super) fn drive<T: Real>(
    model: &Model<T>,
    data: &Data<'_, T>,
    shared: &[Shared],
    stretches: &mut Stretches<T>,
    take: impl FnMut(Row<'_>) -> Result<(), TrainError>,
) -> Result<(), Error> {
    let rows = Rows { data, shared, numbers: shared.iter().map(|shared| firsts(data, shared)).collect(), take };
    if data.series.len() > 1 && data.noise.is_none() {
        side_by_side(model, stretches, rows)
    } else {
        one_by_one(model, stretches, rows)
    }
}

fn side_by_side<T: Real>(
    model: &Model<T>,
    stretches: &mut Stretches<T>,
    mut rows: Rows<'_, '_, T, impl FnMut(Row<'_>) -> Result<(), TrainError>>,
) -> Result<(), Error> {
    let data = rows.data;
    let whole = Stretches::whole(&data.lengths());
    replay(model, &data.inputs(), &Feedback::TargetsAlone(data.targets()), &whole, |moment| {
        // The state after this step is that before the next.
        stretches.note(moment.series, moment.step + 1, || moment.snapshot());
        rows.hand_over(moment.series, moment.step, |node| moment.values(node))
    })
}

fn one_by_one<T: Real>(
    model: &Model<T>,
    stretches: &mut Stretches<T>,
    mut rows: Rows<'_, '_, T, impl FnMut(Row<'_>) -> Result<(), TrainError>>,
) -> Result<(), Error> {
    let data = rows.data;
    let mut session = model.session();
    let mut noise = Source::new(data.noise.as_ref(), model);
    let (mut input, mut teacher) = (Vec::new(), Vec::new());
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
            rows.hand_over(index, t, |node| session.node_values(node))?;
        }
    }
    Ok(())
}

/// The steps of a run on their way to the groups.
struct Rows<'d, 'a, T, F> {
    data: &'d Data<'a, T>,
    shared: &'d [Shared],
    /// By matrix and series, the number of the next step.
    numbers: Vec<Vec<usize>>,
    take: F,
}

impl<T: Real, F: FnMut(Row<'_>) -> Result<(), TrainError>> Rows<'_, '_, T, F> {
    /// Hands over a step, given the values of nodes.
    fn hand_over<'v>(&mut self, series: usize, t: usize, values: impl Fn(usize) -> &'v [T]) -> Result<(), Error> {
        let Some(weight) = self.data.counts(series, t) else { return Ok(()) };
        let y = self.data.series[series].targets.row(t);
        for (of, (shared, numbers)) in self.shared.iter().zip(&mut self.numbers).enumerate() {
            if self.data.target(series, t, shared.columns[0]).is_none() {
                continue;
            }
            let fill = &mut |features: &mut [f64], targets: &mut [f64]| {
                shared.features(&values, features);
                let wanted = shared.columns.iter().map(|&column| y[column].to_f64());
                targets.iter_mut().zip(wanted).for_each(|(to, from)| *to = from);
            };
            (self.take)(Row { shared: of, number: numbers[series], weight, fill })?;
            numbers[series] += 1;
        }
        Ok(())
    }
}

/// Of every series, how many steps of the groups lie before it.
fn firsts<T: Real>(data: &Data<'_, T>, shared: &Shared) -> Vec<usize> {
    let mut counts = vec![0; data.series.len()];
    labelled(data, shared.columns[0]).for_each(|(series, _)| counts[series] += 1);
    let mut before = 0;
    for count in &mut counts {
        before += std::mem::replace(count, before);
    }
    counts
}

/// What feedback is given for a target: zero for one that is not there, which is never looked at.
pub(super) fn fed_back<T: Real>(target: T) -> T {
    if target.is_finite() { target } else { T::ZERO }
}

impl Group {
    /// Writes the features, given the values of nodes.
    pub(super) fn features<'v, T: Real>(&self, values: impl Fn(usize) -> &'v [T], features: &mut [f64]) {
        let values = self.sources.iter().flat_map(|id| values(id.0));
        features.iter_mut().zip(values).for_each(|(to, from)| *to = from.to_f64());
    }
}
