//! Training heads on the states of one pass.

use forebay_kernels::Real;
use ndarray::{Array1, Array2, s};

use super::head::{BaseRate, Head, check_truth};
use super::layout::{Kind, Layout};
use super::pass::Pass;
use super::probability::{Calibration, Reliability};
use crate::error::Error;
use crate::train::ridge::{self, Penalties, Solution};
use crate::train::{Gram, Ridge, Selection, Series, TrainError};

/// How heads are trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Steps dropped at the start while the state forgets that it began at rest; default 100.
    pub washout: usize,
    /// The penalty, one for all heads of a call, or a grid judged by generalised cross-validation; default 1e-6.
    pub ridge: Ridge,
    /// Share of the steps, the last ones, that probability heads keep for their calibration: above 0 and below 1;
    /// default 0.25. Other heads learn from all steps.
    pub held_back: f64,
    /// Steps back for which truth may come late: predictions that are kept, 1 to 65,536. Default 64.
    pub memory: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { washout: 100, ridge: Ridge::Fixed(1e-6), held_back: 0.25, memory: 64 }
    }
}

/// What training did for one head.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadFit {
    /// The head's name.
    pub name: String,
    /// Steps its weights come from.
    pub steps: usize,
    /// The penalty used.
    pub ridge: f64,
    /// Root mean square error on those steps over the target's standard deviation, per output; none for a constant
    /// target. Targets of classes are 1 for the class and 0 for the others.
    pub train_nrmse: Vec<Option<f64>>,
    /// Of a probability head, on the steps held back, in ten bins; two numbers were fitted to these steps.
    pub reliability: Option<Reliability>,
}

/// That targets hold the truth of every head at every step.
pub(super) fn check_series<T: Real>(layout: &Layout, series: &Series<'_, T>) -> Result<(), Error> {
    let expected = [series.inputs.nrows(), layout.columns()];
    if series.targets.shape() != expected {
        return Err(Error::shape("targets", format!("{expected:?}"), format!("{:?}", series.targets.shape())));
    }
    let mut row = Vec::with_capacity(layout.columns());
    for target in series.targets.rows() {
        row.clear();
        row.extend(target.iter().copied());
        let mut rest = &row[..];
        for head in &layout.heads {
            let (truth, after) = rest.split_at(head.kind.columns());
            check_truth(head, truth)?;
            rest = after;
        }
    }
    Ok(())
}

/// Trains all heads of a layout on one pass, which is at rest; probability heads on a first part of it, and calibrates
/// them on the rest.
pub(super) fn fit<T: Real>(
    mut pass: Pass<T>,
    layout: &Layout,
    series: &Series<'_, T>,
    settings: &Settings,
) -> Result<(Vec<Head<T>>, Vec<HeadFit>), Error> {
    let Settings { washout, held_back, .. } = *settings;
    if !(held_back > 0.0 && held_back < 1.0) {
        let (expected, found) = ("above 0 and below 1".to_owned(), held_back.to_string());
        return Err(Error::Range { what: "the share held back", expected, found });
    }
    check_series(layout, series)?;
    let steps = series.inputs.nrows().saturating_sub(washout);
    let kept = ((steps as f64) * held_back).ceil() as usize;
    let is_probability = |kind: Kind| kind == Kind::Probability;
    let calibrates = layout.heads.iter().any(|head| is_probability(head.kind));
    let needed = if calibrates { 2 + kept } else { 2 };
    if steps < needed {
        return Err(TrainError::TooShort { steps, needed }.into());
    }
    let border = washout + steps - kept;

    let mut gram = Gram::new(pass.values().len(), layout.rows());
    let mut first_part = None;
    pass.run(series.inputs, |step, pass| {
        if step >= washout {
            gram.push(|x, y| {
                x.iter_mut().zip(pass.values()).for_each(|(to, from)| *to = from.to_f64());
                write_targets(layout, series.targets.row(step), y);
            });
        }
        if calibrates && step + 1 == border {
            first_part = Some((gram.clone(), pass.snapshot()));
        }
        Ok(())
    })?;
    let whole = solve(gram, &settings.ridge)?;
    let first_part = match first_part {
        Some((gram, snapshot)) => Some((solve(gram, &settings.ridge)?, snapshot)),
        None => None,
    };

    let (mut heads, mut fits) = (Vec::new(), Vec::new());
    let (mut row, mut column) = (0, 0);
    for definition in &layout.heads {
        let kind = definition.kind;
        let (solution, last) = match &first_part {
            Some((solution, _)) if is_probability(kind) => (solution, border),
            _ => (&whole, washout + steps),
        };
        let rows = row..row + kind.rows();
        let truth = series.targets.slice(s![washout..last, column..column + kind.columns()]);
        let errors = solution.train_nrmse[rows.clone()].iter().map(|&e| e.is_finite().then_some(e));
        fits.push(HeadFit {
            name: definition.name.clone(),
            steps: last - washout,
            ridge: solution.ridge,
            train_nrmse: errors.collect(),
            reliability: None,
        });
        let weights: Array2<T> = solution.weights.slice(s![rows.clone(), ..]).mapv(T::from_f64);
        let bias: Array1<T> = solution.bias.slice(s![rows.clone()]).mapv(T::from_f64);
        let rate = BaseRate::of(kind, truth);
        heads.push(Head { definition: definition.clone(), weights, bias, rate, calibration: None });
        (row, column) = (rows.end, column + kind.columns());
    }
    if let Some((_, snapshot)) = first_part {
        pass.restore(&snapshot)?;
        calibrate(&mut pass, layout, series, border, &mut heads, &mut fits)?;
    }
    Ok((heads, fits))
}

/// Fits the probability heads' calibrations to the steps from `border` on, where the pass is.
fn calibrate<T: Real>(
    pass: &mut Pass<T>,
    layout: &Layout,
    series: &Series<'_, T>,
    border: usize,
    heads: &mut [Head<T>],
    fits: &mut [HeadFit],
) -> Result<(), Error> {
    let is_probability = |&i: &usize| layout.heads[i].kind == Kind::Probability;
    let chosen: Vec<usize> = (0..heads.len()).filter(is_probability).collect();
    let mut scores = vec![Vec::new(); chosen.len()];
    pass.run(series.inputs.slice(s![border.., ..]), |_, pass| {
        for (scores, &head) in scores.iter_mut().zip(&chosen) {
            let Head { weights, bias, .. } = &heads[head];
            let products = weights.row(0).into_iter().zip(pass.values()).map(|(w, x)| w.to_f64() * x.to_f64());
            scores.push(bias[0].to_f64() + products.sum::<f64>());
        }
        Ok(())
    })?;
    for (scores, head) in scores.iter().zip(chosen) {
        let column = layout.heads[..head].iter().map(|head| head.kind.columns()).sum::<usize>();
        let happened = series.targets.slice(s![border.., column]);
        let happened: Vec<bool> = happened.iter().map(|event| *event == T::ONE).collect();
        let calibration = Calibration::fit(scores, &happened)?;
        let probabilities: Vec<f64> = scores.iter().map(|&score| calibration.probability(score)).collect();
        fits[head].reliability = Some(Reliability::of(&probabilities, &happened, 10)?);
        heads[head].calibration = Some(calibration);
    }
    Ok(())
}

/// A truth as targets of the product: classes as one of several.
fn write_targets<T: Real>(layout: &Layout, truth: ndarray::ArrayView1<'_, T>, targets: &mut [f64]) {
    let (mut row, mut column) = (0, 0);
    for head in &layout.heads {
        let rows = &mut targets[row..row + head.kind.rows()];
        if let Kind::Classification { .. } = head.kind {
            rows.fill(0.0);
            rows[truth[column].to_f64() as usize] = 1.0;
        } else {
            rows.iter_mut().enumerate().for_each(|(i, target)| *target = truth[column + i].to_f64());
        }
        (row, column) = (row + head.kind.rows(), column + head.kind.columns());
    }
}

fn solve(gram: Gram, ridge: &Ridge) -> Result<Solution, Error> {
    match ridge {
        Ridge::Fixed(ridge) => Ok(ridge::solve(gram, *ridge)?),
        Ridge::Grid { values, selection: Selection::Gcv } => {
            if let Some(&ridge) = values.iter().find(|r| !(**r >= 0.0 && r.is_finite())) {
                return Err(TrainError::Ridge { ridge }.into());
            }
            let largest = values.iter().copied().reduce(f64::max).ok_or(TrainError::EmptyGrid)?;
            let mut penalties = Penalties::new(gram)?;
            let scored = values.iter().map(|&ridge| penalties.gcv(ridge)).collect::<Result<Vec<_>, _>>()?;
            let finite = scored.into_iter().filter(|(c, _)| c.score.is_finite());
            let best = finite.min_by(|(a, _), (b, _)| a.score.total_cmp(&b.score));
            Ok(best.ok_or(TrainError::NoCandidate { largest })?.1)
        }
        Ridge::Grid { selection: Selection::KFold(_), .. } => Err(Error::Misuse {
            what: "heads of a conductor share one pass, which folds would repeat",
            instead: "choose the ridge by generalised cross-validation".to_owned(),
        }),
    }
}
