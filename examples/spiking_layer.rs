//! A node of one's own: leaky integrate-and-fire neurons, read through traces of their spikes, that recall an input.

use std::sync::Arc;

use anyhow::{Result, ensure};
use forebay::graph::{Graph, NodeFunction};
use forebay::metrics;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::train::{Series, Training};
use ndarray::{Array2, s};

/// Input weight and constant current of each neuron. A potential and a trace keep 0.7 of themselves in a step.
#[derive(Debug)]
struct SpikingLayer(Vec<[f64; 2]>);

impl NodeFunction for SpikingLayer {
    fn name(&self) -> &'static str {
        "leaky integrate-and-fire layer"
    }
    fn parameters(&self) -> Vec<u8> {
        self.0.as_flattened().iter().flat_map(|p| p.to_le_bytes()).collect()
    }
    fn width(&self, features: usize) -> Result<usize, String> {
        if features == 1 { Ok(self.0.len()) } else { Err("1".to_owned()) }
    }
    fn state_len(&self, _: usize) -> usize {
        2 * self.0.len()
    }
    fn step(&self, input: &[f64], state: &mut [f64], output: &mut [f64]) {
        let (potentials, traces) = state.split_at_mut(self.0.len());
        for ((potential, trace), [weight, current]) in potentials.iter_mut().zip(&mut *traces).zip(&self.0) {
            *potential = (0.7 * *potential + weight * input[0] + current).max(-1.0);
            let spike = if *potential >= 1.0 { 1.0 } else { 0.0 };
            *potential -= spike;
            *trace = 0.7 * *trace + 0.3 * spike;
        }
        output.copy_from_slice(traces);
    }
}

fn main() -> Result<()> {
    // Slow noise, to be told as it was three steps ago.
    let (mut numbers, mut level) = (Seed(1).stream("numbers"), 0.0);
    let weights = (0..400).map(|_| [numbers.uniform_in(-1.0, 1.0), numbers.uniform_in(0.0, 0.5)]).collect();
    let input = Array2::from_shape_simple_fn((6000, 1), || {
        level = 0.8 * level + 0.6 * numbers.normal();
        level
    });
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let x = g.custom("spikes", u, Arc::new(SpikingLayer(weights)));
    g.readout("past", [x], 1);
    let model = Model::<f64>::generate(g.build()?, 1)?;
    let (inputs, targets) = (input.slice(s![3.., ..]), input.slice(s![..5997, ..]));
    let train = Series::new(inputs.slice(s![..4000, ..]), targets.slice(s![..4000, ..]));
    let (trained, _) = Training::new().ridge(1e-2).fit(&model, &[train])?;
    let recalled = trained.session().run(inputs)?;
    let error = metrics::nrmse(targets.slice(s![4000.., ..]), recalled.slice(s![4000.., ..]))?;
    println!("the input three steps ago from 400 spiking neurons: NRMSE {error:.3}; from the input now it is 0.86");
    ensure!(error < 0.6, "spikes should carry the past");
    Ok(())
}
