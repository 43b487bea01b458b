//! Stepping all heads, and what they have earned.

#[cfg(feature = "files")]
mod keep;

use forebay_kernels::Real;
use ndarray::{ArrayView1, ArrayView2};

use super::fit::{self, ConductorSettings, HeadFit};
use super::head::{Head, Prediction, check_truth};
use super::layout::{Definition, Layout, within};
use super::pass::Pass;
use super::past::Past;
use super::stack::Stack;
use super::trust::{Trust, Window};
use crate::error::Error;
use crate::execute::Snapshot;
use crate::model::Model;
use crate::train::Series;

/// Most values of predictions that are kept.
const MOST_KEPT: usize = 1 << 26;

/// Many named heads that read one pass of a model, each with its own kind and trust.
///
/// Every [`step`](Self::step) advances the model once and forms the outputs of all heads in one product. Predictions
/// are kept for [`ConductorSettings::memory`] steps; when the truth of one is known, [`observe`](Self::observe) or
/// [`observe_at`](Self::observe_at) compares it with the head and with its base rate, and [`trust`](Self::trust) says
/// how the two stand. The model may be a compiled one; heads stay on the host unless they are [placed](Self::place).
///
/// ```
/// use forebay::conductor::{Conductor, HeadKind, Layout, Prediction, ConductorSettings};
/// use forebay::{graph::Graph, model::Model, reservoir::Reservoir, train::Series};
/// use ndarray::{Array2, s};
///
/// let mut g = Graph::builder();
/// let u = g.input("u", 1);
/// let x = g.reservoir("x", u, Reservoir::new(60));
/// g.readout("none", [x], 1);
/// let model = Model::<f64>::generate(g.build()?, 1)?;
///
/// // A sine: its next value, and whether that will be above one half.
/// let wave = |t: usize| (0.3 * t as f64).sin();
/// let inputs = Array2::from_shape_fn((1000, 1), |(t, _)| wave(t));
/// let above = |t: usize| f64::from(u8::from(wave(t + 1) > 0.5));
/// let targets = Array2::from_shape_fn((1000, 2), |(t, k)| if k == 0 { wave(t + 1) } else { above(t) });
/// let layout = Layout::new([
///     ("next", HeadKind::Regression { outputs: 1, base: Default::default() }),
///     ("above", HeadKind::Probability),
/// ]);
/// let series = Series::new(inputs.view(), targets.view());
/// let (mut conductor, _) = Conductor::fit(&model, &["x"], &layout, &series, &ConductorSettings::default())?;
///
/// for t in 0..300 {
///     conductor.step(&[wave(t)])?;
///     if t >= 100 {
///         conductor.observe("next", &[wave(t + 1)])?;
///         conductor.observe("above", &[above(t)])?;
///     }
/// }
/// assert!(conductor.trust("next")?.is_trusted);
/// let Some(Prediction::Probability(p)) = conductor.trusted("above")? else { panic!("it is trusted") };
/// assert!((0.0..=1.0).contains(&p));
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Conductor<T: Real> {
    pass: Pass<T>,
    /// The pass before the step, should a head fail.
    before: Snapshot<T>,
    stack: Stack<T>,
    heads: Vec<LiveHead<T>>,
    /// Of the last step, `[rows]`, and of the one under way.
    outputs: Vec<T>,
    next: Vec<T>,
    /// Outputs of the last steps, `[memory, rows]`; step t in row `t % memory`.
    kept: Vec<T>,
    memory: usize,
}

/// A head that runs.
#[derive(Clone, Debug)]
struct LiveHead<T: Real> {
    head: Head<T>,
    /// First output.
    first: usize,
    /// Steps that were complete when it came.
    since: u64,
    /// What persistence knows: truths of the steps kept, and of a horizon before; empty for other bases.
    past: Past,
    /// Per kept prediction the step whose truth is known, plus 1.
    answered: Vec<u64>,
    window: Window,
    /// The network of its product, compiled.
    placed: Option<Pass<T>>,
    /// The first step that its present product has made: trust is earned from there on.
    product_since: u64,
}

impl<T: Real> Conductor<T> {
    /// Trains all heads of a layout in one pass over a series from rest, and starts at rest.
    ///
    /// Heads read the nodes `nodes` of the model, one after the other; the model's own readouts are left out, unless
    /// one is fed back. Classes are trained as one against the rest;
    /// probability heads on the first part of the steps, and calibrated on the part [held back](ConductorSettings::held_back).
    ///
    /// # Shapes
    /// `series.inputs`: `[steps, inputs]`; `series.targets`: `[steps, columns]`, the truth of all heads, one after the
    /// other ([`Layout::columns`]).
    ///
    /// # Errors
    /// [`Error::Range`], [`Error::Misuse`] for a layout or settings out of range, or a grid with folds;
    /// [`Error::Unknown`] for a node; [`Error::Shape`], [`Error::NonFinite`] for a series that does not fit;
    /// [`Error::Train`] if no weights can be found; else as [`Session::step`](crate::execute::Session::step).
    pub fn fit(
        model: &Model<T>,
        nodes: &[&str],
        layout: &Layout,
        series: &Series<'_, T>,
        settings: &ConductorSettings,
    ) -> Result<(Self, Vec<HeadFit>), Error> {
        layout.check(std::iter::empty(), 0)?;
        within("the memory of predictions", settings.memory, 1, 1 << 16)?;
        let nodes: Vec<String> = nodes.iter().map(|&name| name.to_owned()).collect();
        let pass = Pass::new(model, &nodes)?;
        let (heads, report) = fit::fit(pass.clone(), layout, series, settings)?;
        let mut conductor = Self {
            before: pass.snapshot(),
            stack: Stack::of(&[], model.form(), 0)?,
            heads: Vec::new(),
            outputs: Vec::new(),
            next: Vec::new(),
            kept: Vec::new(),
            memory: settings.memory,
            pass,
        };
        conductor.append(heads)?;
        Ok((conductor, report))
    }

    /// Trains more heads, on a pass of their own from rest, and puts them beside the others, whose weights, outputs and
    /// trust stay as they are, and so does the running state. [`ConductorSettings::memory`] stays that of the first call.
    ///
    /// # Errors
    /// As [`fit`](Self::fit); nothing has changed then.
    pub fn add(
        &mut self,
        layout: &Layout,
        series: &Series<'_, T>,
        settings: &ConductorSettings,
    ) -> Result<Vec<HeadFit>, Error> {
        layout.check(self.heads().map(|head| &head.name[..]), self.outputs.len())?;
        let (heads, report) = fit::fit(Pass::new(self.model(), self.nodes())?, layout, series, settings)?;
        self.append(heads)?;
        Ok(report)
    }

    fn append(&mut self, new: Vec<Head<T>>) -> Result<(), Error> {
        let (old_rows, memory, since) = (self.outputs.len(), self.memory, self.steps());
        let all: Vec<&Head<T>> = self.heads.iter().map(|live| &live.head).chain(&new).collect();
        let stack = Stack::of(&all, self.model().form(), self.pass.values().len())?;
        let rows = stack.rows();
        let horizon = new.iter().map(|head| head.definition.trust.horizon()).max().unwrap_or(1);
        within("the predictions and truths kept", (memory + horizon).saturating_mul(rows), 1, MOST_KEPT)?;
        self.stack = stack;
        let mut first = old_rows;
        for head in new {
            let known = if head.persists() { memory + head.definition.trust.horizon() } else { 0 };
            let past = Past::new(known, head.definition.kind.columns());
            let window = Window::new(head.definition.trust.window);
            let (answered, placed, product_since) = (vec![0; memory], None, 0);
            first += head.weights.nrows();
            let first = first - head.weights.nrows();
            self.heads.push(LiveHead { head, first, since, past, answered, window, placed, product_since });
        }
        let mut kept = vec![T::ZERO; memory * rows];
        if old_rows > 0 {
            let pairs = kept.chunks_exact_mut(rows).zip(self.kept.chunks_exact(old_rows));
            pairs.for_each(|(to, from)| to[..old_rows].copy_from_slice(from));
        }
        self.kept = kept;
        self.outputs.resize(rows, T::ZERO);
        self.next.resize(rows, T::ZERO);
        Ok(())
    }

    /// The model that every step runs once.
    pub fn model(&self) -> &Model<T> {
        self.pass.model()
    }

    /// The heads in the order of their outputs.
    pub fn heads(&self) -> impl Iterator<Item = &Definition> {
        self.heads.iter().map(|live| &live.head.definition)
    }

    /// Completed steps since the start or the last [`reset`](Self::reset).
    pub fn steps(&self) -> u64 {
        self.pass.steps()
    }

    /// Weights `[rows, features]` and bias `[rows]` of a head.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub fn weights(&self, name: &str) -> Result<(ArrayView2<'_, T>, ArrayView1<'_, T>), Error> {
        let head = &self.live(name)?.head;
        Ok((head.weights.view(), head.bias.view()))
    }

    /// Advances the model by one step and gives the outputs of all heads, one after the other: values, scores of
    /// classes, probabilities. Allocates nothing as long as all heads are on the host.
    ///
    /// # Shapes
    /// `features`: `[inputs]`. Result: `[rows]` ([`Layout::rows`]).
    ///
    /// # Errors
    /// As [`Session::step`](crate::execute::Session::step), with [`Error::Overflow`] for a head too;
    /// [`Error::Substrate`] for a placed head. All is as before the step then.
    pub fn step(&mut self, features: &[T]) -> Result<&[T], Error> {
        self.pass.snapshot_into(&mut self.before);
        self.pass.step(features)?;
        if let Err(error) = self.evaluate() {
            self.pass.restore(&self.before)?;
            return Err(error);
        }
        std::mem::swap(&mut self.outputs, &mut self.next);
        let slot = ((self.steps() - 1) % self.memory as u64) as usize;
        let rows = self.outputs.len();
        self.kept[slot * rows..(slot + 1) * rows].copy_from_slice(&self.outputs);
        Ok(&self.outputs)
    }

    /// The outputs of all heads from the model's nodes, into `next`.
    fn evaluate(&mut self) -> Result<(), Error> {
        let Self { pass, stack, heads, next, .. } = self;
        stack.multiply(pass.values(), next);
        for LiveHead { head, first, placed, .. } in heads.iter_mut() {
            if placed.is_none() && head.calibration.is_none() {
                continue;
            }
            let outputs = &mut next[*first..*first + head.weights.nrows()];
            if let Some(placed) = placed {
                placed.step(pass.values())?;
                outputs.copy_from_slice(placed.values());
            }
            head.finish(outputs);
        }
        if stack.is_finite(next) {
            return Ok(());
        }
        let bad = next.iter().position(|v| !v.is_finite()).unwrap_or(0);
        let head = heads.iter().rfind(|live| live.first <= bad).map(|live| &live.head.definition.name);
        Err(Error::Overflow { node: head.cloned().unwrap_or_default(), step: pass.steps() - 1 })
    }

    /// The outputs of all heads in the last step; zero before the first, and for a head that came after it.
    pub fn outputs(&self) -> &[T] {
        &self.outputs
    }

    /// What a head said in the last step.
    ///
    /// # Errors
    /// [`Error::Unknown`]; [`Error::Misuse`] before its first step.
    pub fn prediction(&self, name: &str) -> Result<Prediction<'_, T>, Error> {
        let live = self.live(name)?;
        if self.steps() <= live.since {
            return Err(Error::Misuse {
                what: "a head predicts with every step",
                instead: format!("take one: {name:?} has seen none yet"),
            });
        }
        let outputs = &self.outputs[live.first..live.first + live.head.weights.nrows()];
        Ok(Prediction::of(live.head.definition.kind, outputs))
    }

    /// What a head said in the last step, if it is trusted.
    ///
    /// # Errors
    /// As [`prediction`](Self::prediction).
    pub fn trusted(&self, name: &str) -> Result<Option<Prediction<'_, T>>, Error> {
        let prediction = self.prediction(name)?;
        Ok(self.trust(name)?.is_trusted.then_some(prediction))
    }

    /// Tells a head the truth of the last step.
    ///
    /// # Errors
    /// As [`observe_at`](Self::observe_at).
    pub fn observe(&mut self, name: &str, truth: &[T]) -> Result<(), Error> {
        self.observe_at(name, self.steps().saturating_sub(1), truth)
    }

    /// Tells a head the truth of step `step`, counted from 0, at most [`ConductorSettings::memory`] steps back. Allocates
    /// nothing.
    ///
    /// Whether the next step has been made already does not matter: what persistence knew in a step follows from the steps of
    /// the truths alone. Such a head takes them in order; steps may be left out, and its first predictions, which persistence
    /// has no truth for, do not count. Nor do predictions that another product made, before the head was
    /// [placed](Self::place).
    ///
    /// # Shapes
    /// `truth`: `[columns]`: the values, the class's number, or 1 for an event and 0 for none.
    ///
    /// # Errors
    /// [`Error::Unknown`]; [`Error::Range`] for a step that is not kept, is not made yet or was before the head, or a
    /// class that does not exist; [`Error::Misuse`] for a truth that is known already, or for a head judged by
    /// [persistence](super::Base::Persistence) one before the newest; [`Error::Shape`], [`Error::NonFinite`]. Nothing has
    /// changed then.
    pub fn observe_at(&mut self, name: &str, step: u64, truth: &[T]) -> Result<(), Error> {
        let (steps, rows, memory) = (self.steps(), self.outputs.len(), self.memory);
        let index = self.index(name)?;
        let LiveHead { head, first, since, past, answered, window, product_since, .. } = &mut self.heads[index];
        check_truth(&head.definition, truth)?;
        let oldest = steps.saturating_sub(memory as u64).max(*since);
        if !(oldest..steps).contains(&step) {
            let expected = if oldest < steps { format!("{oldest} to {}", steps - 1) } else { "made first".to_owned() };
            return Err(Error::Range { what: "the step of a truth", expected, found: step.to_string() });
        }
        let slot = (step % memory as u64) as usize;
        if answered[slot] == step + 1 {
            return Err(Error::Misuse {
                what: "each truth counts once",
                instead: format!("that of head {name:?} in step {step} is known already"),
            });
        }
        if step < past.next() {
            let told = past.next() - 1;
            return Err(Error::Misuse {
                what: "persistence takes truths in the order of their steps",
                instead: format!("tell head {name:?} that of step {step} before that of step {told}, or leave it out"),
            });
        }
        let outputs = &self.kept[slot * rows + *first..][..head.weights.nrows()];
        if let (Some(base), true) = (head.base(past, step), step >= *product_since) {
            let (loss, of_base) = head.losses(outputs, base, truth);
            window.push(loss, of_base);
        }
        answered[slot] = step + 1;
        if head.persists() {
            past.push(step, truth.iter().map(|value| value.to_f64()));
        }
        Ok(())
    }

    /// How far a head can be relied on.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub fn trust(&self, name: &str) -> Result<Trust, Error> {
        let LiveHead { head, window, .. } = self.live(name)?;
        Ok(window.trust(&head.definition.trust))
    }

    /// Back to rest: state, predictions and what persistence remembers. Trust stays: it belongs to the weights.
    pub fn reset(&mut self) {
        self.pass.reset();
        self.outputs.fill(T::ZERO);
        for LiveHead { since, past, answered, product_since, .. } in &mut self.heads {
            answered.fill(0);
            past.clear();
            (*since, *product_since) = (0, 0);
        }
    }

    /// Forgets what a head has earned so far, for when the world it was seen in has changed.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub fn forget(&mut self, name: &str) -> Result<(), Error> {
        let index = self.index(name)?;
        self.heads[index].window.clear();
        Ok(())
    }

    pub(super) fn nodes(&self) -> &[String] {
        self.pass.nodes()
    }

    pub(super) fn head(&self, name: &str) -> Result<&Head<T>, Error> {
        self.live(name).map(|live| &live.head)
    }

    /// Moves a head's product; what it earned was earned by the other product, and is forgotten.
    pub(super) fn set_placed(&mut self, name: &str, placed: Option<Pass<T>>) -> Result<(), Error> {
        let (index, steps) = (self.index(name)?, self.steps());
        let live = &mut self.heads[index];
        live.placed = placed;
        live.window.clear();
        // Predictions of the other product may still wait for their truth.
        live.product_since = steps;
        Ok(())
    }

    fn live(&self, name: &str) -> Result<&LiveHead<T>, Error> {
        self.index(name).map(|index| &self.heads[index])
    }

    fn index(&self, name: &str) -> Result<usize, Error> {
        self.heads().position(|head| head.name == name).ok_or_else(|| Error::Unknown {
            kind: "head",
            name: name.to_owned(),
            available: self.heads().map(|head| &head.name[..]).collect::<Vec<_>>().join(", "),
        })
    }
}
