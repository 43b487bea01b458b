//! Ridge regression of all heads of a model over one or more series.

use forebay_kernels::Real;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::ridge::{self, Candidate, Solution, Tridiagonal};
use super::{Gram, TrainError};
use crate::error::Error;
use crate::execute::Session;
use crate::graph::{NodeId, Op};
use crate::model::Model;

/// Inputs and targets of the same steps.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a, T> {
    /// `[steps, inputs]`.
    pub inputs: ArrayView2<'a, T>,
    /// `[steps, outputs]`, all heads one after the other; row t is what the readouts should give at step t.
    pub targets: ArrayView2<'a, T>,
}

impl<'a, T> Series<'a, T> {
    /// Pairs inputs `[steps, inputs]` with targets `[steps, outputs]`.
    pub fn new(inputs: ArrayView2<'a, T>, targets: ArrayView2<'a, T>) -> Self {
        Self { inputs, targets }
    }
}

/// How the ridge penalty is chosen. It is added to the Gram matrix of the features as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ridge {
    /// This one.
    Fixed(f64),
    /// The best of several, from one factorisation of the Gram matrix (per fold).
    Grid {
        /// Penalties to try.
        values: Vec<f64>,
        /// How they are judged.
        selection: Selection,
    },
}

impl Ridge {
    /// Penalties `10^from, 10^(from+1), .., 10^to`, judged by generalised cross-validation.
    pub fn decades(from: i32, to: i32) -> Self {
        let values = (from..=to).map(|exponent| libm::exp10(f64::from(exponent))).collect();
        Self::Grid { values, selection: Selection::Gcv }
    }
}

impl From<f64> for Ridge {
    fn from(ridge: f64) -> Self {
        Self::Fixed(ridge)
    }
}

/// How the penalties of a grid are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// Generalised cross-validation; one Gram matrix in memory.
    Gcv,
    /// Cross-validation with this many contiguous folds of the steps; runs the series twice and keeps three Gram
    /// matrices. Errors below about 1e-7 of the target's standard deviation are rounding.
    KFold(usize),
}

/// Settings of a training run.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    washout: usize,
    ridge: Ridge,
}

/// What a training run did; stored with the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingReport {
    /// Steps dropped at the start of every series.
    pub washout: usize,
    /// Steps used, over all series.
    pub steps: usize,
    /// One per head.
    pub heads: Vec<HeadReport>,
}

/// What training did for one head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeadReport {
    /// The head's name.
    pub name: String,
    /// Number of features it reads.
    pub features: usize,
    /// The penalty used.
    pub ridge: f64,
    /// Root mean square error on the training steps over the target's standard deviation, per output; none (null) for
    /// a constant target.
    pub train_nrmse: Vec<Option<f64>>,
}

impl Default for Training {
    fn default() -> Self {
        Self::new()
    }
}

impl Training {
    /// Washout 100, ridge 1e-6.
    pub fn new() -> Self {
        Self { washout: 100, ridge: Ridge::Fixed(1e-6) }
    }

    /// Steps dropped at the start of every series while the state forgets that it began at rest.
    #[must_use]
    pub fn washout(mut self, steps: usize) -> Self {
        self.washout = steps;
        self
    }

    /// The penalty: a number, or a grid to choose from.
    #[must_use]
    pub fn ridge(mut self, ridge: impl Into<Ridge>) -> Self {
        self.ridge = ridge.into();
        self
    }

    /// Trains every head of a model.
    ///
    /// Each series starts from rest. Output feedback sees the targets of the step before (teacher forcing). Heads that
    /// read the same nodes share one Gram matrix, and one penalty if it is chosen from a grid. Memory does not grow
    /// with the number of steps.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::NonFinite`] for series that do not fit; [`Error::Train`] if no weights can be
    /// found.
    pub fn fit<T: Real>(
        &self,
        model: &Model<T>,
        series: &[Series<'_, T>],
    ) -> Result<(Model<T>, TrainingReport), Error> {
        for (index, series) in series.iter().enumerate() {
            check(model, index, series)?;
        }
        let steps = series.iter().map(|s| s.inputs.nrows().saturating_sub(self.washout)).sum::<usize>();
        let mut trained = model.clone();
        let mut heads = Vec::new();
        for group in groups(model) {
            let solution = self.solve(model, &group, series, steps)?;
            let mut row = 0;
            for &(head, _, width) in &group.heads {
                let name = model.graph().nodes()[head.0].name();
                let weights = solution.weights.slice(ndarray::s![row..row + width, ..]).mapv(T::from_f64);
                let bias = solution.bias.slice(ndarray::s![row..row + width]).mapv(T::from_f64);
                trained = trained.with_readout(name, weights.view(), bias.view())?;
                let errors = solution.train_nrmse[row..row + width].iter().map(|&e| e.is_finite().then_some(e));
                heads.push(HeadReport {
                    name: name.to_owned(),
                    features: group.features,
                    ridge: solution.ridge,
                    train_nrmse: errors.collect(),
                });
                row += width;
            }
        }
        let report = TrainingReport { washout: self.washout, steps, heads };
        let provenance = crate::model::Provenance { training: Some(report.clone()), ..model.provenance().clone() };
        Ok((trained.with_provenance(provenance), report))
    }

    fn solve<T: Real>(
        &self,
        model: &Model<T>,
        group: &Group,
        series: &[Series<'_, T>],
        steps: usize,
    ) -> Result<Solution, Error> {
        if steps < 2 {
            return Err(TrainError::TooShort { steps, needed: 2 }.into());
        }
        let mut total = Gram::new(group.features, group.outputs);
        group.drive(model, series, self.washout, |_, fill| total.push(fill))?;
        let (values, selection) = match &self.ridge {
            Ridge::Fixed(ridge) => return Ok(ridge::solve(total, *ridge)?),
            Ridge::Grid { values, selection } => (values, *selection),
        };
        if values.is_empty() {
            return Err(TrainError::EmptyGrid.into());
        }
        if let Some(&ridge) = values.iter().find(|r| !(**r >= 0.0 && r.is_finite())) {
            return Err(TrainError::Ridge { ridge }.into());
        }
        match selection {
            Selection::Gcv => {
                let factored = Tridiagonal::new(total)?;
                let best = best(values.iter().map(|&ridge| factored.gcv(ridge)), values)?;
                let lost = || TrainError::NoCandidate { largest: best };
                Ok(factored.solution(best).ok_or_else(lost)?)
            }
            Selection::KFold(folds) => {
                total.flush();
                let scores = self.fold_scores(model, group, series, &total, folds, values)?;
                let candidates = values.iter().zip(scores).map(|(&ridge, score)| Candidate { ridge, score });
                Ok(ridge::solve(total, best(candidates, values)?)?)
            }
        }
    }

    /// Mean validation error of every penalty over the folds.
    fn fold_scores<T: Real>(
        &self,
        model: &Model<T>,
        group: &Group,
        series: &[Series<'_, T>],
        total: &Gram,
        folds: usize,
        values: &[f64],
    ) -> Result<Vec<f64>, Error> {
        let steps = total.count();
        if folds < 2 || steps / folds < 2 {
            return Err(TrainError::Folds { folds, steps }.into());
        }
        let mut scores = vec![0.0; values.len()];
        let mut fold = total.empty_like();
        let mut finished = 0;
        let mut failure = None;
        group.drive(model, series, self.washout, |step, fill| {
            fold.push(fill);
            if step + 1 == (finished + 1) * steps / folds {
                finished += 1;
                fold.flush();
                match Tridiagonal::new(total.minus(&fold)) {
                    Ok(rest) => {
                        for (score, &ridge) in scores.iter_mut().zip(values) {
                            let solution = rest.solution(ridge);
                            *score += solution.map_or(f64::INFINITY, |s| ridge::validation_error(&fold, &s));
                        }
                    }
                    Err(error) => failure = Some(error),
                }
                fold = total.empty_like();
            }
        })?;
        match failure {
            Some(error) => Err(error.into()),
            None => Ok(scores),
        }
    }
}

fn best(candidates: impl Iterator<Item = Candidate>, values: &[f64]) -> Result<f64, TrainError> {
    let finite = candidates.filter(|c| c.score.is_finite());
    let best = finite.min_by(|a, b| a.score.total_cmp(&b.score));
    best.map(|c| c.ridge).ok_or(TrainError::NoCandidate { largest: values.iter().copied().fold(0.0, f64::max) })
}

/// Heads that read the same nodes.
struct Group {
    sources: Vec<NodeId>,
    features: usize,
    outputs: usize,
    /// Node, first column in the targets, width.
    heads: Vec<(NodeId, usize, usize)>,
}

fn groups<T: Real>(model: &Model<T>) -> Vec<Group> {
    let graph = model.graph();
    let mut groups: Vec<Group> = Vec::new();
    for head in graph.heads() {
        let Op::Readout { sources, .. } = graph.nodes()[head.node.0].op() else {
            unreachable!("a head is a readout");
        };
        let entry = (head.node, head.offset, head.width);
        match groups.iter_mut().find(|group| group.sources == *sources) {
            Some(group) => {
                group.heads.push(entry);
                group.outputs += head.width;
            }
            None => groups.push(Group {
                sources: sources.clone(),
                features: sources.iter().map(|id| graph.nodes()[id.0].width()).sum(),
                outputs: head.width,
                heads: vec![entry],
            }),
        }
    }
    groups
}

impl Group {
    /// Runs every series from rest and hands each step after the washout, numbered over all series, to `take`,
    /// together with the function that writes its features and targets.
    fn drive<T: Real>(
        &self,
        model: &Model<T>,
        series: &[Series<'_, T>],
        washout: usize,
        mut take: impl FnMut(usize, &mut dyn FnMut(&mut [f64], &mut [f64])),
    ) -> Result<(), Error> {
        let mut session = model.session();
        let (mut input, mut target) = (Vec::new(), Vec::new());
        let mut used = 0;
        for series in series {
            session.reset();
            for (t, (u, y)) in series.inputs.rows().into_iter().zip(series.targets.rows()).enumerate() {
                input.clear();
                input.extend(u.iter().copied());
                target.clear();
                target.extend(y.iter().copied());
                session.drive(&input, &target)?;
                if t >= washout {
                    take(used, &mut |features, targets| self.write(&session, &target, features, targets));
                    used += 1;
                }
            }
        }
        Ok(())
    }

    fn write<T: Real>(&self, session: &Session<T>, target: &[T], features: &mut [f64], targets: &mut [f64]) {
        let values = self.sources.iter().flat_map(|id| session.node_values(id.0));
        features.iter_mut().zip(values).for_each(|(to, from)| *to = from.to_f64());
        let wanted = self.heads.iter().flat_map(|&(_, offset, width)| &target[offset..offset + width]);
        targets.iter_mut().zip(wanted).for_each(|(to, from)| *to = from.to_f64());
    }
}

fn check<T: Real>(model: &Model<T>, index: usize, series: &Series<'_, T>) -> Result<(), Error> {
    let (inputs, outputs) = (model.graph().inputs(), model.graph().outputs());
    let steps = series.inputs.nrows();
    for (what, array, expected) in
        [("inputs", &series.inputs, [steps, inputs]), ("targets", &series.targets, [steps, outputs])]
    {
        if array.shape() != expected {
            let what = format!("{what} of series {index}");
            return Err(Error::shape(what, format!("{expected:?}"), format!("{:?}", array.shape())));
        }
        if let Some(((row, column), &value)) = array.indexed_iter().find(|(_, v)| !v.is_finite()) {
            let what = format!("{what} of series {index}");
            return Err(Error::non_finite(&what, row * expected[1] + column, value));
        }
    }
    Ok(())
}
