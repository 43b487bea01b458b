//! Ridge regression of all heads of a model over one or more series.

use forebay_kernels::Real;

use super::data::{Data, Series, check};
use super::folds::{self, Folds};
use super::group::{Group, Head, drive, plan, share};
use super::replay::Stretches;
use super::select::{self, Outcome};
use super::{Gram, HeadReport, Noise, Ridge, TrainError, TrainingReport};
use crate::error::Error;
use crate::model::Model;

/// Settings of a training run.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    washout: usize,
    ridge: Ridge,
    skip_short: bool,
    masked: bool,
    noise: Option<Noise>,
}

impl Default for Training {
    fn default() -> Self {
        Self::new()
    }
}

impl Training {
    /// Washout 100, ridge 1e-6.
    pub fn new() -> Self {
        Self { washout: 100, ridge: Ridge::Fixed(1e-6), skip_short: false, masked: false, noise: None }
    }

    /// Steps dropped at the start of every series while the state forgets that it began at rest.
    #[must_use]
    pub fn washout(mut self, steps: usize) -> Self {
        self.washout = steps;
        self
    }

    /// The penalty: a number, one for each output, or a grid to choose from.
    #[must_use]
    pub fn ridge(mut self, ridge: impl Into<Ridge>) -> Self {
        self.ridge = ridge.into();
        self
    }

    /// Whether series without a step after the washout are left out and [listed](TrainingReport::skipped); by default
    /// they are an error.
    #[must_use]
    pub fn skip_short_series(mut self, skip: bool) -> Self {
        self.skip_short = skip;
        self
    }

    /// Whether a target that is NaN stands for one that is not known; by default it is an error.
    ///
    /// Then that output learns nothing from that step: weights, penalties and scores are those of the other steps alone. The
    /// states still run over all steps. Outputs of the same sources with targets at the same steps share a Gram matrix, of
    /// `features^2` numbers, and one factor per penalty; others need their own, so that outputs with k different patterns of
    /// gaps take k times the memory and the time. What was left out is [reported](HeadReport::unlabelled). An output that is fed
    /// back needs a target at every step that another follows.
    ///
    /// ```
    /// use forebay::{graph::Graph, model::Model, reservoir::Reservoir, train::{Series, Training}};
    /// use ndarray::Array2;
    ///
    /// let mut g = Graph::builder();
    /// let u = g.input("u", 1);
    /// let x = g.reservoir("x", u, Reservoir::new(50));
    /// g.readout("y", [x], 1);
    /// let model = Model::<f64>::generate(g.build()?, 1)?;
    /// let u = Array2::from_shape_fn((500, 1), |(t, _)| (0.3 * t as f64).sin());
    /// let mut y = u.mapv(|u| u * u);
    /// (200..250).for_each(|t| y[[t, 0]] = f64::NAN);
    /// let training = Training::new().masked_targets(true);
    /// let (_, report) = training.fit(&model, &[Series::new(u.view(), y.view())])?;
    /// assert_eq!((report.steps, report.unlabelled()), (400, 50));
    /// # Ok::<(), forebay::Error>(())
    /// ```
    #[must_use]
    pub fn masked_targets(mut self, masked: bool) -> Self {
        self.masked = masked;
        self
    }

    /// Noise on states, inputs and feedback while the states run that readouts learn from; by default none.
    ///
    /// The trained model has none of it. Errors that are reported, and those by which folds choose, are of runs without noise,
    /// which costs one more run; generalised cross-validation judges by the sums, with noise in them.
    #[must_use]
    pub fn noise(mut self, noise: Noise) -> Self {
        self.noise = Some(noise);
        self
    }

    /// Trains every head of a model.
    ///
    /// Each series starts from rest. Output feedback sees the targets of the step before (teacher forcing). Heads that
    /// read the same nodes share one Gram matrix, and one penalty if it is chosen from a [grid](Ridge::Grid). The series are
    /// run once, up to 16 side by side unless there is noise, whatever the number of heads, once more if folds choose a penalty, and once more to measure the reported
    /// errors, both with pieces of the series side by side.
    ///
    /// Memory does not grow with the number of steps. It is that of all Gram matrices, `8 features^2` bytes and 1 kB a feature
    /// each, one for every set of heads with other sources (or [gaps](Self::masked_targets)), times one more than the number
    /// of folds if [folds](super::Selection::KFold) choose. Heads whose sources overlap are summed up in one matrix over all of
    /// them where that is less work, which changes no bit, and is there beside their own when it is taken apart.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::NonFinite`] for series that do not fit; [`Error::Range`] for noise without a finite deviation;
    /// [`Error::Train`] for a series that is too
    /// short, for weights out of range, or if no weights can be found; [`Error::Overflow`] if the outputs of the trained model
    /// leave the range of its float type on the series.
    pub fn fit<T: Real>(
        &self,
        model: &Model<T>,
        series: &[Series<'_, T>],
    ) -> Result<(Model<T>, TrainingReport), Error> {
        self.ridge.check()?;
        self.ridge.check_outputs(model.graph().outputs())?;
        self.noise.as_ref().map_or(Ok(()), Noise::check)?;
        for (index, series) in series.iter().enumerate() {
            check(model, index, series, self.masked)?;
        }
        let (data, skipped) = self.data(series)?;
        let (mut heads, groups) = plan(model, &data)?;
        // Told in the graph's order, whatever is trained together.
        heads.sort_by_key(|head| head.offset);
        let folds = self.ridge.folds().map_or(Ok(Vec::new()), |count| {
            groups.iter().map(|group| Folds::new(count, group, &data)).collect::<Result<Vec<_>, _>>()
        })?;
        let borders: Vec<(usize, usize)> = folds.iter().flat_map(|folds| folds.starts.iter().copied()).collect();
        let mut stretches = Stretches::plan(&data.lengths(), &borders);
        if data.noise.is_some() {
            data.note(model, &mut stretches)?;
        }
        let outcomes = self.solve(model, &groups, &folds, &data, &mut stretches)?;
        let (mut trained, mut reports) = (model.clone(), Vec::with_capacity(heads.len()));
        for head in &heads {
            let learnt = Learnt::of(head, &groups, &outcomes);
            let name = model.graph().nodes()[head.node.0].name();
            let (weights, bias) = (learnt.outcome.weights.mapv(T::from_f64), learnt.outcome.bias.mapv(T::from_f64));
            trained = trained.with_readout(name, weights.view(), bias.view())?;
            reports.push(learnt.report(name, data.steps()));
        }
        let errors = data.errors(&trained, &stretches)?;
        for (head, report) in heads.iter().zip(&mut reports) {
            report.train_nrmse = errors[head.offset..head.offset + head.width].to_vec();
        }
        let (washout, steps, weight) = (self.washout, data.steps(), data.weight());
        let report = TrainingReport { washout, steps, weight, noise: self.noise, skipped, heads: reports };
        let provenance = crate::model::Provenance { training: Some(report.clone()), ..model.provenance().clone() };
        Ok((trained.with_provenance(provenance), report))
    }

    pub(super) fn has_noise(&self) -> bool {
        self.noise.is_some()
    }

    pub(super) fn is_masked(&self) -> bool {
        self.masked
    }

    /// The series that train something, and the numbers of those that do not.
    pub(super) fn data<'a, T: Real>(&self, series: &[Series<'a, T>]) -> Result<(Data<'a, T>, Vec<usize>), Error> {
        let washout = self.washout;
        let is_short = |series: &Series<'_, T>| series.inputs.nrows() <= washout;
        let data = Data {
            series: series.iter().filter(|series| !is_short(series)).copied().collect(),
            washout,
            noise: self.noise,
        };
        if data.steps() < 2 {
            return Err(TrainError::TooShort { steps: data.steps(), needed: 2 }.into());
        }
        let short: Vec<usize> = (0..series.len()).filter(|&index| is_short(&series[index])).collect();
        match short.first() {
            Some(&index) if !self.skip_short => {
                let steps = series[index].inputs.nrows();
                Err(TrainError::ShortSeries { series: index, steps, washout }.into())
            }
            _ => Ok((data, short)),
        }
    }

    /// The weights of every group, from one run for all of them.
    fn solve<T: Real>(
        &self,
        model: &Model<T>,
        groups: &[Group],
        folds: &[Folds],
        data: &Data<'_, T>,
        stretches: &mut Stretches<T>,
    ) -> Result<Vec<Outcome>, Error> {
        match &self.ridge {
            Ridge::Grid { values, .. } if !folds.is_empty() => {
                folds::solve(folds, values, false, model, groups, data, stretches)
            }
            Ridge::GridPerOutput { values, .. } if !folds.is_empty() => {
                folds::solve(folds, values, true, model, groups, data, stretches)
            }
            ridge => {
                let shared = share(model, data, groups);
                let mut totals: Vec<Gram> = shared.iter().map(|shared| shared.gram(model)).collect();
                drive(model, data, &shared, stretches, |row| totals[row.shared].push_weighted(row.weight, row.fill))?;
                let mut outcomes: Vec<Option<Outcome>> = groups.iter().map(|_| None).collect();
                for (shared, total) in shared.iter().zip(totals) {
                    for (index, total) in shared.split(total, model, groups) {
                        outcomes[index] = Some(select::solve_columns(total, ridge, &groups[index].columns)?);
                    }
                }
                Ok(outcomes.into_iter().map(|outcome| outcome.expect("every group shares a matrix")).collect())
            }
        }
    }
}

/// What the outputs of one head learnt, each in a group of its own perhaps.
struct Learnt {
    outcome: Outcome,
    /// Steps that each output has learnt from.
    steps: Vec<usize>,
    features: usize,
}

impl Learnt {
    fn of(head: &Head, groups: &[Group], outcomes: &[Outcome]) -> Self {
        let mut learnt = Self {
            outcome: Outcome::zeros(head.width, head.features),
            steps: vec![0; head.width],
            features: head.features,
        };
        for (group, found) in groups.iter().zip(outcomes) {
            for (row, &column) in group.columns.iter().enumerate() {
                if (head.offset..head.offset + head.width).contains(&column) {
                    learnt.outcome.take(column - head.offset, found, row);
                    learnt.steps[column - head.offset] = group.steps;
                }
            }
        }
        learnt
    }

    /// All but the errors.
    fn report(&self, name: &str, steps: usize) -> HeadReport {
        let Self { outcome: Outcome { ridges, ranks, .. }, features, .. } = self;
        let differ = ridges.iter().any(|ridge| ridge.to_bits() != ridges[0].to_bits());
        let unlabelled: Vec<usize> = self.steps.iter().map(|labelled| steps - labelled).collect();
        HeadReport {
            name: name.to_owned(),
            features: *features,
            ridge: ridges[0],
            ridges: if differ { ridges.clone() } else { Vec::new() },
            rank: ranks.iter().copied().min(),
            unlabelled: if unlabelled.iter().all(|&count| count == 0) { Vec::new() } else { unlabelled },
            train_nrmse: Vec::new(),
        }
    }
}
