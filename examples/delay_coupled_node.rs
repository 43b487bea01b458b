//! A node of one's own: an optoelectronic delay loop, one nonlinearity that is a whole reservoir, on NARMA-10.
//!
//! Light goes round a fibre past a modulator. Along the fibre lie virtual nodes, each with its own factor of the input; the
//! loop is one node longer than the input is held, so each sees its neighbour of the round before:
//! `x[i](t) = sin(0.8 x[i-1](t-1) + mask[i] u(t) + 0.1)` (Paquot et al., Scientific Reports 2, 287, 2012).

use std::sync::Arc;

use anyhow::{Result, ensure};
use forebay::graph::{Graph, NodeFunction};
use forebay::metrics;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::train::{Series, Training};
use forebay_zoo::systems::narma10;
use ndarray::s;

#[derive(Debug)]
struct DelayLoop(Vec<f64>);

impl NodeFunction for DelayLoop {
    fn name(&self) -> &'static str {
        "optoelectronic delay loop"
    }
    fn parameters(&self) -> Vec<u8> {
        self.0.iter().flat_map(|mask| mask.to_le_bytes()).collect()
    }
    fn width(&self, features: usize) -> Result<usize, String> {
        if features == 1 { Ok(self.0.len()) } else { Err("1".to_owned()) }
    }
    fn state_len(&self, _: usize) -> usize {
        self.0.len()
    }
    fn step(&self, input: &[f64], state: &mut [f64], output: &mut [f64]) {
        state.rotate_right(1);
        state.iter_mut().zip(&self.0).for_each(|(x, mask)| *x = (0.8 * *x + mask * input[0] + 0.1).sin());
        output.copy_from_slice(state);
    }
}

fn main() -> Result<()> {
    let (input, target) = narma10(6000, Seed(1))?;
    let mut numbers = Seed(2).stream("mask");
    let mask = (0..400).map(|_| numbers.uniform_in(-0.4, 0.4)).collect();
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let x = g.custom("loop", u, Arc::new(DelayLoop(mask)));
    g.readout("y", [x], 1);
    let model = Model::<f64>::generate(g.build()?, 1)?;
    let train = Series::new(input.slice(s![..3000, ..]), target.slice(s![..3000, ..]));
    let (trained, _) = Training::new().washout(200).ridge(1e-6).fit(&model, &[train])?;
    let outputs = trained.session().run(input.view())?;
    let error = metrics::nrmse(target.slice(s![3000.., ..]), outputs.slice(s![3000.., ..]))?;
    println!("NARMA-10, 400 virtual nodes: NRMSE {error:.3}; the mean has 1");
    ensure!(error < 0.4, "the loop should do better");
    Ok(())
}
