//! A node of one's own: leaky integrate-and-fire neurons, read through traces of their spikes, that recall an input.

use std::sync::Arc;

use anyhow::{Result, ensure};
use forebay::graph::{Graph, NodeFunction};
use forebay::metrics;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::train::{Series, Training};
use ndarray::{Array2, s};

#[derive(Debug)]
struct SpikingLayer {
    /// Input weights and constant currents, one of each per neuron.
    weights: Vec<[f64; 2]>,
    /// How much of itself a potential keeps in a step, and a trace.
    keep: f64,
}

impl NodeFunction for SpikingLayer {
    fn name(&self) -> &str {
        "leaky integrate-and-fire layer"
    }
    fn parameters(&self) -> Vec<u8> {
        self.weights.as_flattened().iter().chain([&self.keep]).flat_map(|p| p.to_le_bytes()).collect()
    }
    fn width(&self, features: usize) -> Result<usize, String> {
        if features == 1 { Ok(self.weights.len()) } else { Err("1".to_owned()) }
    }
    /// Potentials, then traces.
    fn state_len(&self, _: usize) -> usize {
        2 * self.weights.len()
    }
    fn step(&self, input: &[f64], state: &mut [f64], output: &mut [f64]) {
        let (potentials, traces) = state.split_at_mut(self.weights.len());
        for ((potential, trace), [weight, current]) in potentials.iter_mut().zip(&mut *traces).zip(&self.weights) {
            *potential = (self.keep * *potential + weight * input[0] + current).max(-1.0);
            let spike = if *potential >= 1.0 { 1.0 } else { 0.0 };
            *potential -= spike;
            *trace = self.keep * *trace + (1.0 - self.keep) * spike;
        }
        output.copy_from_slice(traces);
    }
}

fn main() -> Result<()> {
    let mut numbers = Seed(1).stream("numbers");
    // A signal of slow noise, to be told as it was three steps ago.
    let mut level = 0.0;
    let input = Array2::from_shape_simple_fn((6000, 1), || {
        level = 0.8 * level + 0.6 * numbers.normal();
        level
    });
    let weights = (0..400).map(|_| [numbers.uniform_in(-1.0, 1.0), numbers.uniform_in(0.0, 0.5)]).collect();
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let x = g.custom("spikes", u, Arc::new(SpikingLayer { weights, keep: 0.7 }));
    g.readout("past", [x], 1);
    let model = Model::<f64>::generate(g.build()?, 1)?;
    let (inputs, targets) = (input.slice(s![3.., ..]), input.slice(s![..5997, ..]));
    let train = Series::new(inputs.slice(s![..4000, ..]), targets.slice(s![..4000, ..]));
    let (trained, _) = Training::new().washout(100).ridge(1e-2).fit(&model, &[train])?;
    let recalled = trained.session().run(inputs)?;
    let error = metrics::nrmse(targets.slice(s![4000.., ..]), recalled.slice(s![4000.., ..]))?;
    println!("the input three steps ago from 400 spiking neurons: NRMSE {error:.3}; from the input now it is 0.86");
    ensure!(error < 0.6, "spikes should carry the past");
    Ok(())
}
