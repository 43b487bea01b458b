//! Ridge regression of all heads of a model over one or more series.

use forebay_kernels::Real;
use serde::{Deserialize, Serialize};

use super::data::{Data, Group, Series, check, groups};
use super::folds::{self, Folds};
use super::replay::Stretches;
use super::ridge::Solution;
use super::{Gram, Ridge, Selection, TrainError, select};
use crate::error::Error;
use crate::model::Model;

/// Settings of a training run.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    washout: usize,
    ridge: Ridge,
    skip_short: bool,
}

/// What a training run did; stored with the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingReport {
    /// Steps dropped at the start of every series.
    pub washout: usize,
    /// Steps used, over all series.
    pub steps: usize,
    /// Series that trained nothing because they have no step after the washout; see
    /// [`Training::skip_short_series`].
    #[serde(default)]
    pub skipped: Vec<usize>,
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
    /// Features that count, see [`Solution::rank`]; none in models of earlier versions.
    #[serde(default)]
    pub rank: Option<usize>,
    /// Root mean square error on the training steps over the target's standard deviation, per output; none (null) for
    /// a constant target, one whose standard deviation is no more than four roundings of its mean.
    ///
    /// Measured: the trained model, its weights rounded to its float type, is run over the series once more with teacher
    /// forcing.
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
        Self { washout: 100, ridge: Ridge::Fixed(1e-6), skip_short: false }
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

    /// Whether series without a step after the washout are left out and [listed](TrainingReport::skipped); by default
    /// they are an error.
    #[must_use]
    pub fn skip_short_series(mut self, skip: bool) -> Self {
        self.skip_short = skip;
        self
    }

    /// Trains every head of a model.
    ///
    /// Each series starts from rest. Output feedback sees the targets of the step before (teacher forcing). Heads that
    /// read the same nodes share one Gram matrix, and one penalty if it is chosen from a grid. Memory does not grow
    /// with the number of steps. The series are run once for each set of nodes that heads read, and once more, pieces of
    /// them side by side, to measure the reported errors.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::NonFinite`] for series that do not fit; [`Error::Train`] for a series that is too
    /// short, or if no weights can be found; [`Error::Overflow`] if the outputs of the trained model leave the range of
    /// its float type on the series.
    pub fn fit<T: Real>(
        &self,
        model: &Model<T>,
        series: &[Series<'_, T>],
    ) -> Result<(Model<T>, TrainingReport), Error> {
        self.ridge.check()?;
        for (index, series) in series.iter().enumerate() {
            check(model, index, series)?;
        }
        let (data, skipped) = self.data(series)?;
        let mut stretches = Stretches::plan(&data.lengths(), &self.borders(&data)?);
        let mut trained = model.clone();
        let mut heads = Vec::new();
        for group in groups(model) {
            let solution = self.solve(model, &group, &data, &mut stretches)?;
            let mut row = 0;
            for &(head, offset, width) in &group.heads {
                let name = model.graph().nodes()[head.0].name();
                let weights = solution.weights.slice(ndarray::s![row..row + width, ..]).mapv(T::from_f64);
                let bias = solution.bias.slice(ndarray::s![row..row + width]).mapv(T::from_f64);
                trained = trained.with_readout(name, weights.view(), bias.view())?;
                let (features, ridge, rank) = (group.features, solution.ridge, Some(solution.rank));
                let name = name.to_owned();
                heads.push((offset, width, HeadReport { name, features, ridge, rank, train_nrmse: vec![] }));
                row += width;
            }
        }
        let errors = data.errors(&trained, &stretches)?;
        let measured = |(offset, width, head): (usize, usize, HeadReport)| HeadReport {
            train_nrmse: errors[offset..offset + width].to_vec(),
            ..head
        };
        let heads = heads.into_iter().map(measured).collect();
        let report = TrainingReport { washout: self.washout, steps: data.steps(), skipped, heads };
        let provenance = crate::model::Provenance { training: Some(report.clone()), ..model.provenance().clone() };
        Ok((trained.with_provenance(provenance), report))
    }

    /// The series that train something, and the numbers of those that do not.
    fn data<'a, T: Real>(&self, series: &[Series<'a, T>]) -> Result<(Data<'a, T>, Vec<usize>), Error> {
        let washout = self.washout;
        let is_short = |series: &Series<'_, T>| series.inputs.nrows() <= washout;
        let data = Data { series: series.iter().filter(|series| !is_short(series)).copied().collect(), washout };
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

    /// Where folds begin, as series and step.
    fn borders<T: Real>(&self, data: &Data<'_, T>) -> Result<Vec<(usize, usize)>, TrainError> {
        match self.ridge {
            Ridge::Grid { selection: Selection::KFold(count), .. } => {
                let folds = Folds::new(count, data.steps())?;
                Ok(folds.starts().map(|start| data.place(start)).collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    fn solve<T: Real>(
        &self,
        model: &Model<T>,
        group: &Group,
        data: &Data<'_, T>,
        stretches: &mut Stretches<T>,
    ) -> Result<Solution, Error> {
        if let Ridge::Grid { values, selection: Selection::KFold(count) } = &self.ridge {
            return folds::solve(Folds::new(*count, data.steps())?, values, model, group, data, stretches);
        }
        let mut total = Gram::new(group.features, group.outputs).with_form(model.form());
        group.drive(model, data, stretches, |_, fill| total.push(fill))?;
        select::solve(total, &self.ridge, "only folds need their steps again")
    }
}
