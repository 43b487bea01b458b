//! A small reservoir as a maker of features.

use std::sync::Arc;

use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay::{Compiler, Error, Precision, Substrate};
use ndarray::{Array2, ArrayView2};

/// States of a random reservoir; what reads them is fitted elsewhere.
#[derive(Clone, Debug)]
pub(super) struct Features {
    model: Model<f32>,
}

impl Features {
    /// Inputs are expected to be of size 1.
    pub(super) fn draw(inputs: usize, units: usize, leak: f64, seed: Seed) -> Result<Self, Error> {
        let mut graph = Graph::builder();
        let input = graph.input("input", inputs);
        let recipe = Reservoir::new(units).spectral_radius(0.9).leak_rate(leak).input_scaling(0.5).bias_scaling(0.2);
        let state = graph.reservoir("state", input, recipe);
        graph.readout("unused", [state], 1);
        Ok(Self { model: Model::generate(graph.build()?, seed.child("reservoir").0)? })
    }

    /// The same with its recurrent product in plain 4-bit integers on a substrate.
    pub(super) fn on(&self, substrate: Arc<dyn Substrate>, sample: ArrayView2<'_, f64>) -> Result<Self, Error> {
        let sample = sample.mapv(|v| v as f32);
        let precision = Precision::new(1, 1).expect("one digit each is a precision");
        let compiler = Compiler::new(substrate).precision(precision).calibrate(sample.view());
        Ok(Self { model: compiler.compile(&self.model)? })
    }

    fn units(&self) -> usize {
        self.model.graph().units()
    }

    /// The state after every step of one stream from rest: `[steps, units]` from `[steps, inputs]`.
    pub(super) fn along(&self, series: ArrayView2<'_, f64>) -> Result<Array2<f64>, Error> {
        let mut states = Array2::zeros((series.nrows(), self.units()));
        let mut rows = states.rows_mut().into_iter();
        let mut session = self.model.session();
        for step in series.rows() {
            let step: Vec<f32> = step.iter().map(|&v| v as f32).collect();
            session.step(&step)?;
            let state = session.node("state")?;
            let row = rows.next().into_iter().flatten();
            row.zip(state).for_each(|(to, &from)| *to = f64::from(from));
        }
        Ok(states)
    }

    /// The state after the last step of a stream from rest, `[units]`.
    pub(super) fn after(&self, series: ArrayView2<'_, f64>) -> Result<Vec<f64>, Error> {
        let mut session = self.model.session();
        for step in series.rows() {
            let step: Vec<f32> = step.iter().map(|&v| v as f32).collect();
            session.step(&step)?;
        }
        Ok(session.node("state")?.iter().map(|&v| f64::from(v)).collect())
    }
}
