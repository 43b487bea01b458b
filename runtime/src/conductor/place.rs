//! A head's product as a program of its own.

use std::sync::Arc;

use forebay_kernels::Real;
use forebay_substrate::{Precision, Substrate};
use ndarray::{Array2, s};

use super::fit::check_series;
use super::head::Head;
use super::layout::Layout;
use super::live::Conductor;
use super::pass::Pass;
use super::past::Past;
use crate::compile::Compiler;
use crate::error::Error;
use crate::graph::Graph;
use crate::model::{Model, ModelBuilder};
use crate::train::Series;

/// A head's accuracy on the host and as a program, on the same steps.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedHead {
    /// Steps that were compared: the second half of the series; the program's ranges were fitted to the first. A head judged
    /// by [persistence](super::Base::Persistence) leaves out those of a horizon longer than the first half.
    pub steps: usize,
    /// `1 - sum l / sum b` with the losses of the head on the host and of its base rate; none if that made no error.
    pub host_skill: Option<f64>,
    /// The same for the program.
    pub placed_skill: Option<f64>,
    /// Root mean square difference of the two products' results over the standard deviation of the host's, largest of
    /// all outputs; none for constant outputs.
    pub difference: Option<f64>,
    /// Bytes of the program.
    pub program_bytes: usize,
}

impl<T: Real> Conductor<T> {
    /// Forms a head's product on a substrate from now on, in integers of this precision, and says what that costs.
    ///
    /// The program's input ranges are fitted to the model's states over the first half of a series, and both products
    /// are compared over the second. Calibration, base rate and the choice of a class stay on the host. The integers,
    /// and so the outputs, are the same on every substrate. Trust starts anew: the old one was earned by other numbers.
    ///
    /// # Shapes
    /// `series.inputs`: `[steps, inputs]`, at least 4 steps that the head was not trained on; `series.targets`:
    /// `[steps, columns]` of this head.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Shape`], [`Error::NonFinite`], [`Error::Range`]; [`Error::Refused`] if the
    /// substrate does not take the product; [`Error::Substrate`]. Nothing has changed then.
    pub fn place(
        &mut self,
        name: &str,
        substrate: Arc<dyn Substrate>,
        precision: Precision,
        series: &Series<'_, T>,
    ) -> Result<PlacedHead, Error> {
        let head = self.head(name)?;
        check_series(&Layout { heads: vec![head.definition.clone()] }, series)?;
        let steps = series.inputs.nrows();
        if steps < 4 {
            return Err(Error::shape("the series to place a head with", "at least 4 steps", steps));
        }
        let width = head.weights.ncols();
        let mut states = Array2::from_elem((steps, width), T::ZERO);
        Pass::new(self.model(), self.nodes())?.run(series.inputs, |step, pass| {
            states.row_mut(step).iter_mut().zip(pass.values()).for_each(|(to, from)| *to = *from);
            Ok(())
        })?;
        let float = network(head)?;
        let compiler = Compiler::new(substrate).precision(precision).calibrate(states.slice(s![..steps / 2, ..]));
        let compiled = compiler.compile(&float)?;
        let program_bytes = compiled.programs().iter().map(|program| program.bytes().len()).sum();
        let product = [PRODUCT.to_owned()];
        let (mut host, mut placed) = (Pass::new(&float, &product)?, Pass::new(&compiled, &product)?);

        let mut compared = Comparison::new(head.weights.nrows());
        let first = steps / 2;
        // The base is the one of live steps: rows of the series are steps.
        let mut past = Past::new(head.definition.trust.horizon() + 1, head.definition.kind.columns());
        let learn =
            |past: &mut Past, row: usize| past.push(row as u64, series.targets.row(row).iter().map(|v| v.to_f64()));
        (0..first).for_each(|row| learn(&mut past, row));
        host.run(states.slice(s![first.., ..]), |step, host| {
            let step = first + step;
            placed.step(&states.row(step).to_vec())?;
            if let Some(base) = head.base(&past, step as u64) {
                compared.add(head, host.values(), placed.values(), base, &series.targets.row(step).to_vec());
            }
            learn(&mut past, step);
            Ok(())
        })?;
        let report = compared.report(program_bytes);
        self.set_placed(name, Some(placed))?;
        Ok(report)
    }

    /// Takes a head's product back to the host; trust starts anew.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub fn unplace(&mut self, name: &str) -> Result<(), Error> {
        self.set_placed(name, None)
    }
}

/// The node of a placed head's network.
const PRODUCT: &str = "product";

/// `y = W x + b` as a network of one dense node; graphs have a readout, which is left out here.
fn network<T: Real>(head: &Head<T>) -> Result<Model<T>, Error> {
    let mut g = Graph::builder();
    let state = g.input("state", head.weights.ncols());
    let product = g.dense(PRODUCT, state, head.weights.nrows(), 1.0);
    g.readout("none", [product], 1);
    ModelBuilder::new(g.build()?).linear(PRODUCT, head.weights.view(), head.bias.view())?.build()
}

/// Sums over steps.
struct Comparison {
    loss: f64,
    placed_loss: f64,
    base_loss: f64,
    steps: usize,
    /// Per output: of the host's results their mean and sum of squared deviations, and the sum of squared differences.
    outputs: Vec<[f64; 3]>,
}

impl Comparison {
    fn new(rows: usize) -> Self {
        Self { loss: 0.0, placed_loss: 0.0, base_loss: 0.0, steps: 0, outputs: vec![[0.0; 3]; rows] }
    }

    fn add<T: Real>(&mut self, head: &Head<T>, host: &[T], placed: &[T], base: &[f64], truth: &[T]) {
        self.steps += 1;
        for ([mean, squares, differences], (a, b)) in self.outputs.iter_mut().zip(host.iter().zip(placed)) {
            let (a, difference) = (a.to_f64(), a.to_f64() - b.to_f64());
            // Plain squares would cancel where outputs are far from zero.
            let deviation = a - *mean;
            *mean += deviation / self.steps as f64;
            *squares += deviation * (a - *mean);
            *differences += difference * difference;
        }
        let finished = |sums: &[T]| {
            let mut outputs = sums.to_vec();
            head.finish(&mut outputs);
            head.losses(&outputs, base, truth)
        };
        let ((loss, base_loss), (placed_loss, _)) = (finished(host), finished(placed));
        self.loss += loss;
        self.placed_loss += placed_loss;
        self.base_loss += base_loss;
    }

    fn report(&self, program_bytes: usize) -> PlacedHead {
        let skill = |loss: f64| (self.base_loss > 0.0).then(|| 1.0 - loss / self.base_loss);
        let relative = |&[_, squares, differences]: &[f64; 3]| (squares > 0.0).then(|| (differences / squares).sqrt());
        let difference = self.outputs.iter().filter_map(relative).reduce(f64::max);
        let (host_skill, placed_skill) = (skill(self.loss), skill(self.placed_loss));
        PlacedHead { steps: self.steps, host_skill, placed_skill, difference, program_bytes }
    }
}
