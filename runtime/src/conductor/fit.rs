//! Training heads on the states of one pass.

use forebay_kernels::Real;
use ndarray::{Array1, Array2, ArrayView1, s};

use super::head::{BaseRate, Head, check_truth};
use super::layout::{Definition, HeadKind, Layout};
use super::pass::Pass;
use super::probability::{Calibration, Reliability};
use super::stack::Stack;
use crate::error::Error;
use crate::train::replay::Stretches;
use crate::train::score::{Spread, Tally};
use crate::train::{Gram, Ridge, Series, TrainError, select};

/// How heads are trained.
#[derive(Clone, Debug, PartialEq)]
pub struct ConductorSettings {
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

impl Default for ConductorSettings {
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
    /// target. Targets of classes are 1 for the class and 0 for the others, those of a probability head 1 or 0 for its
    /// score before it is calibrated. Measured on the head as it is returned, by a second run.
    pub train_nrmse: Vec<Option<f64>>,
    /// Of a probability head, on the steps held back, in ten bins; two numbers were fitted to these steps.
    pub reliability: Option<Reliability>,
}

/// That targets hold the truth of every head at every step.
pub(super) fn check_series<T: Real>(layout: &Layout, series: &Series<'_, T>) -> Result<(), Error> {
    if series.is_weighted() {
        return Err(Error::Misuse {
            what: "heads of a conductor learn from steps of equal weight",
            instead: "give a series without weights".to_owned(),
        });
    }
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
    settings: &ConductorSettings,
) -> Result<(Vec<Head<T>>, Vec<HeadFit>), Error> {
    let ConductorSettings { washout, held_back, .. } = *settings;
    if !(held_back > 0.0 && held_back < 1.0) {
        let (expected, found) = ("above 0 and below 1".to_owned(), held_back.to_string());
        return Err(Error::Range { what: "the share held back", expected, found });
    }
    settings.ridge.check_without_folds(WHY_NO_FOLDS)?;
    check_series(layout, series)?;
    let steps = series.inputs.nrows().saturating_sub(washout);
    let kept = ((steps as f64) * held_back).ceil() as usize;
    let is_probability = |kind: HeadKind| kind == HeadKind::Probability;
    let calibrates = layout.heads.iter().any(|head| is_probability(head.kind));
    let needed = if calibrates { 2 + kept } else { 2 };
    if steps < needed {
        return Err(TrainError::TooShort { steps, needed }.into());
    }
    let border = washout + steps - kept;

    let rows = rows(layout);
    let mut gram = Gram::new(pass.values().len(), rows.len());
    let mut first_part = None;
    let mut stretches = Stretches::plan(&[series.inputs.nrows()], &[(0, border)]);
    pass.run(series.inputs, |step, pass| {
        stretches.note(0, step + 1, || pass.snapshot());
        if step >= washout {
            gram.push(|x, y| {
                x.iter_mut().zip(pass.values()).for_each(|(to, from)| *to = from.to_f64());
                y.iter_mut().zip(&rows).for_each(|(to, &row)| *to = target(row, series.targets.row(step)));
            });
        }
        if calibrates && step + 1 == border {
            first_part = Some((gram.clone(), pass.snapshot()));
        }
        Ok(())
    })?;
    let whole = select::solve(gram, &settings.ridge, WHY_NO_FOLDS)?;
    let first_part = match first_part {
        Some((gram, snapshot)) => Some((select::solve(gram, &settings.ridge, WHY_NO_FOLDS)?, snapshot)),
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
        fits.push(HeadFit {
            name: definition.name.clone(),
            steps: last - washout,
            ridge: solution.ridge,
            train_nrmse: Vec::new(),
            reliability: None,
        });
        let weights: Array2<T> = solution.weights.slice(s![rows.clone(), ..]).mapv(T::from_f64);
        let bias: Array1<T> = solution.bias.slice(s![rows.clone()]).mapv(T::from_f64);
        let rate = BaseRate::of(kind, truth);
        heads.push(Head { definition: definition.clone(), weights, bias, rate, calibration: None });
        (row, column) = (rows.end, column + kind.columns());
    }
    measure(&pass, layout, series, washout, &stretches, &heads, &mut fits)?;
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
    let is_probability = |&i: &usize| layout.heads[i].kind == HeadKind::Probability;
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

/// Runs the trained heads over the steps that they learnt from, pieces of the series side by side.
fn measure<T: Real>(
    pass: &Pass<T>,
    layout: &Layout,
    series: &Series<'_, T>,
    washout: usize,
    stretches: &Stretches<T>,
    heads: &[Head<T>],
    fits: &mut [HeadFit],
) -> Result<(), Error> {
    let all: Vec<&Head<T>> = heads.iter().collect();
    let stack = Stack::of(&all, pass.model().form(), pass.values().len())?;
    let rows = rows(layout);
    // The step after the last one that each output was trained on.
    let ends = heads.iter().zip(&*fits).flat_map(|(head, fit)| vec![washout + fit.steps; head.bias.len()]);
    let ends: Vec<usize> = ends.collect();
    let target = |row: usize, step: usize| target(rows[row], series.targets.row(step));
    let spreads = ends.iter().enumerate().map(|(row, &end)| Spread::of((washout..end).map(|step| target(row, step))));
    let mut tally = Tally::new(stretches.list().len(), spreads.collect());
    let mut outputs = vec![T::ZERO; rows.len()];
    pass.replay(series.inputs, stretches, |stretch, step, values| {
        if step >= washout {
            stack.multiply(values, &mut outputs);
            for (row, y) in outputs.iter().enumerate().filter(|(row, _)| step < ends[*row]) {
                tally.add(stretch, row, y.to_f64() - target(row, step));
            }
        }
        Ok(())
    })?;
    let mut errors = tally.nrmse().into_iter();
    for (head, fit) in heads.iter().zip(fits) {
        fit.train_nrmse = errors.by_ref().take(head.bias.len()).collect();
    }
    Ok(())
}

/// What one row of the product is to give.
#[derive(Clone, Copy, Debug)]
enum Row {
    /// The number in this column of the truth.
    Number(usize),
    /// 1 if this column of the truth holds this class, else 0.
    Class(usize, usize),
}

fn rows(layout: &Layout) -> Vec<Row> {
    let mut rows = Vec::with_capacity(layout.rows());
    let mut column = 0;
    for Definition { kind, .. } in &layout.heads {
        match *kind {
            HeadKind::Classification { classes } => rows.extend((0..classes).map(|class| Row::Class(column, class))),
            HeadKind::Regression { .. } | HeadKind::Probability => {
                rows.extend((column..column + kind.columns()).map(Row::Number));
            }
        }
        column += kind.columns();
    }
    rows
}

fn target<T: Real>(row: Row, truth: ArrayView1<'_, T>) -> f64 {
    match row {
        Row::Number(column) => truth[column].to_f64(),
        Row::Class(column, class) => f64::from(u8::from(truth[column].to_f64() as usize == class)),
    }
}

/// Why a penalty cannot be chosen with folds of steps.
const WHY_NO_FOLDS: &str = "heads of a conductor share one pass, which folds would repeat";
