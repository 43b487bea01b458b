//! What a genome on the substrate costs.

use forebay_substrate::Multiplier;

use super::objective::Objective;
use super::weights::LiveWeights;
use super::window::Window;
use crate::error::Error;

/// Scores the genome that is on the substrate.
///
/// Closures from the genome to its cost are fitness functions.
pub trait Fitness {
    /// The cost of `genome`, which is on the substrate when this is called; finite, lower is better.
    ///
    /// # Errors
    /// Any: the evolver rolls back to the best genome and gives the error on.
    fn cost(&mut self, genome: &[i32]) -> Result<f64, Error>;

    /// Calls of the substrate so far, as far as the function counts them.
    fn device_runs(&self) -> u64 {
        0
    }
}

impl<F: FnMut(&[i32]) -> Result<f64, Error>> Fitness for F {
    fn cost(&mut self, genome: &[i32]) -> Result<f64, Error> {
        self(genome)
    }
}

/// The cost of a readout over a window: one call of the substrate for all samples.
#[derive(Debug)]
pub struct ReadoutFitness {
    multiplier: Box<dyn Multiplier>,
    objective: Objective,
    window: Window,
    scale: Vec<f64>,
    potentials: Vec<i64>,
    outputs: Vec<f64>,
    runs: u64,
}

impl ReadoutFitness {
    pub(super) fn new(
        window: &Window,
        weights: &LiveWeights,
        scale: &[f64],
        objective: Objective,
    ) -> Result<Self, Error> {
        let (inputs, outputs) = (window.inputs(), window.outputs());
        let precision = weights.precision();
        let shape = weights.loaded().shape();
        let genes = weights.genome().len();
        let expected = (inputs, outputs * precision.weight_digits(), inputs * outputs);
        if (shape.inputs, shape.units, genes) != expected || scale.len() != outputs || precision != window.precision() {
            let expected = format!("{outputs} x {inputs}, a scale each, in the window's precision");
            let found =
                format!("{} inputs, {} units, {genes} genes, {} scales", shape.inputs, shape.units, scale.len());
            return Err(Error::shape("a readout", expected, found));
        }
        Error::check_finite("scale", scale)?;
        objective.check()?;
        Ok(Self {
            multiplier: weights.loaded().multiplier(precision)?,
            objective,
            window: window.clone(),
            scale: scale.to_vec(),
            potentials: vec![0; window.samples() * outputs],
            outputs: vec![0.0; window.samples() * outputs],
            runs: 0,
        })
    }

    /// Goes on with the samples of another window of the same shape, such as the next one of a stream; the evolver's
    /// [`rescore`](super::NpuEvolver::rescore) then scores the best genome again.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn set_window(&mut self, window: &Window) -> Result<(), Error> {
        let shape = |window: &Window| (window.inputs(), window.outputs(), window.precision());
        if shape(window) != shape(&self.window) {
            return Err(Error::shape("a window", "the inputs, outputs and precision of the first", "others"));
        }
        self.potentials.resize(window.targets.len(), 0);
        self.outputs.resize(window.targets.len(), 0.0);
        self.window = window.clone();
        Ok(())
    }

    /// Outputs `[samples, outputs]` of the genome scored last.
    pub fn outputs(&self) -> &[f64] {
        &self.outputs
    }
}

impl Fitness for ReadoutFitness {
    fn cost(&mut self, genome: &[i32]) -> Result<f64, Error> {
        let Self { multiplier, objective, window, scale, potentials, outputs, runs } = self;
        *runs += 1;
        multiplier.multiply(&window.digits, potentials)?;
        let width = scale.len();
        let rows = genome.chunks_exact(window.inputs()).zip(scale.iter().zip(window.target_means()));
        for (o, (row, (&scale, &mean))) in rows.enumerate() {
            let centre: f64 = row.iter().zip(window.state_means()).map(|(&w, mean)| f64::from(w) * mean).sum();
            let columns = outputs.iter_mut().zip(&*potentials).skip(o).step_by(width);
            columns.for_each(|(y, &potential)| *y = mean + scale * (potential as f64 - centre));
        }
        Ok(objective.cost(width, outputs, &window.targets))
    }

    fn device_runs(&self) -> u64 {
        self.runs
    }
}
