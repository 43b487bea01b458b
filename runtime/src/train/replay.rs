//! Running known series again, pieces of them side by side.
//!
//! A first run notes the state at a few places; later runs start from there. Many streams share one reading of the
//! weights, so running again takes a fraction of the time of the first run, and gives the same bits.

use std::cmp::Reverse;

use forebay_kernels::Real;
use ndarray::ArrayView2;

use super::group::fed_back;
use crate::error::Error;
use crate::execute::{Lanes, Snapshot};
use crate::model::Model;

/// Streams side by side. Fixed, so that nothing depends on the machine.
const LANES: usize = 16;

/// Steps `from..to` of one series.
#[derive(Clone, Debug)]
pub(crate) struct Stretch<T> {
    pub(crate) series: usize,
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// The state before its first step; none: rest, or not noted yet.
    start: Option<Snapshot<T>>,
}

/// All steps of all series, cut into stretches, in order.
#[derive(Clone, Debug)]
pub(crate) struct Stretches<T> {
    list: Vec<Stretch<T>>,
}

impl<T: Real> Stretches<T> {
    /// Cuts series of these lengths into about as many even stretches as there are lanes, and at `borders` (series, step)
    /// besides. No stretch is empty.
    pub(crate) fn plan(lengths: &[usize], borders: &[(usize, usize)]) -> Self {
        let longest = lengths.iter().sum::<usize>().div_ceil(LANES).max(1);
        let mut list = Vec::new();
        for (series, &steps) in lengths.iter().enumerate() {
            let pieces = steps.div_ceil(longest);
            let mut cuts: Vec<usize> = (1..pieces).map(|piece| piece * steps / pieces).collect();
            cuts.extend(borders.iter().filter(|border| border.0 == series).map(|border| border.1));
            cuts.retain(|&cut| cut > 0 && cut < steps);
            cuts.sort_unstable();
            cuts.dedup();
            let starts = std::iter::once(0).chain(cuts.iter().copied());
            let ends = cuts.iter().copied().chain([steps]);
            let pieces = starts.zip(ends).filter(|(from, to)| from < to);
            list.extend(pieces.map(|(from, to)| Stretch { series, from, to, start: None }));
        }
        Self { list }
    }

    /// Series of these lengths, each in one stretch, which begins at rest.
    pub(crate) fn whole(lengths: &[usize]) -> Self {
        let stretch = |(series, &to): (usize, &usize)| Stretch { series, from: 0, to, start: None };
        Self { list: lengths.iter().enumerate().map(stretch).filter(|stretch| stretch.to > 0).collect() }
    }

    /// Told of every step that is about to be run, it keeps the state where a stretch begins.
    pub(crate) fn note(&mut self, series: usize, step: usize, state: impl FnOnce() -> Snapshot<T>) {
        if step == 0 {
            return;
        }
        if let Ok(found) = self.list.binary_search_by_key(&(series, step), |stretch| (stretch.series, stretch.from)) {
            self.list[found].start.get_or_insert_with(state);
        }
    }

    pub(crate) fn list(&self) -> &[Stretch<T>] {
        &self.list
    }
}

/// What output feedback sees, and whether readouts are computed.
#[derive(Clone, Debug)]
pub(crate) enum Feedback<'a, T> {
    /// Targets `[steps, outputs]` of every series, zero where there is none; readouts are computed.
    Targets(Vec<ArrayView2<'a, T>>),
    /// The same; readouts read zero.
    TargetsAlone(Vec<ArrayView2<'a, T>>),
    /// The readouts' own outputs.
    Own,
    /// Zeros; readouts read zero.
    Nothing,
}

/// One lane after a step of a stretch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment<'a, T: Real> {
    /// Index of the stretch.
    pub(crate) stretch: usize,
    pub(crate) series: usize,
    /// Of the series.
    pub(crate) step: usize,
    lanes: &'a Lanes<T>,
    lane: usize,
}

impl<'a, T: Real> Moment<'a, T> {
    pub(crate) fn values(&self, node: usize) -> &'a [T] {
        self.lanes.values(self.lane, node)
    }

    pub(crate) fn outputs(&self) -> &'a [T] {
        self.lanes.outputs(self.lane)
    }

    /// The state after the step.
    pub(crate) fn snapshot(&self) -> Snapshot<T> {
        self.lanes.snapshot(self.lane)
    }
}

/// Runs all stretches of series with these inputs, and calls `take` after every step of each.
///
/// The steps of one stretch come in order; those of several are mixed, in an order that depends on their lengths only.
pub(crate) fn replay<T: Real>(
    model: &Model<T>,
    inputs: &[ArrayView2<'_, T>],
    feedback: &Feedback<'_, T>,
    stretches: &Stretches<T>,
    mut take: impl FnMut(Moment<'_, T>) -> Result<(), Error>,
) -> Result<(), Error> {
    let list = &stretches.list;
    let count = LANES.min(list.len());
    if count == 0 {
        return Ok(());
    }
    let mut lanes = Lanes::new(model, count);
    // The longest first: they end at about the same time.
    let mut waiting: Vec<usize> = (0..list.len()).collect();
    waiting.sort_by_key(|&index| Reverse(list[index].to - list[index].from));
    let mut waiting = waiting.into_iter();
    // Stretch and next step of each lane.
    let mut at: Vec<Option<(usize, usize)>> = vec![None; count];
    let (mut features, mut teacher) = (Vec::new(), Vec::new());
    loop {
        for (lane, at) in at.iter_mut().enumerate() {
            if at.is_some_and(|(stretch, step)| step < list[stretch].to) {
                continue;
            }
            *at = waiting.next().map(|stretch| (stretch, list[stretch].from));
            lanes.start(lane, at.and_then(|(stretch, _)| list[stretch].start.as_ref()));
        }
        if at.iter().all(Option::is_none) {
            return Ok(());
        }
        features.clear();
        teacher.clear();
        for at in &at {
            // A lane that has nothing left repeats a step that is known to go well: the very first.
            let (series, step) = at.map_or((list[0].series, 0), |(stretch, step)| (list[stretch].series, step));
            features.extend(inputs[series].row(step).iter().copied());
            match feedback {
                Feedback::Targets(targets) | Feedback::TargetsAlone(targets) => {
                    teacher.extend(targets[series].row(step).iter().map(|&target| fed_back(target)));
                }
                Feedback::Own => {}
                Feedback::Nothing => teacher.extend(std::iter::repeat_n(T::ZERO, model.graph().outputs())),
            }
        }
        let done = match feedback {
            Feedback::Targets(_) => lanes.step(&features, Some(&teacher)),
            Feedback::Own => lanes.step(&features, None),
            Feedback::TargetsAlone(_) | Feedback::Nothing => lanes.drive(&features, &teacher),
        };
        done.map_err(|error| lanes.in_steps_of(error, |lane| at[lane].map_or(0, |(_, step)| step as u64)))?;
        for (lane, at) in at.iter_mut().enumerate() {
            if let Some((stretch, step)) = at {
                let (stretch, series, step_now) = (*stretch, list[*stretch].series, *step);
                take(Moment { stretch, series, step: step_now, lanes: &lanes, lane })?;
                *step += 1;
            }
        }
    }
}
