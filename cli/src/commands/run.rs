//! `forebay run`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use forebay::Real;
use forebay::graph::Op;
use forebay::model::Model;
use forebay::model::import::{npy_to_bytes, read_npy};
use ndarray::Array2;
use serde_json::json;

use super::models::{self, NpzNames, Precision};
use super::placement::Placement;
use crate::output;

/// Run any model on raw features: no scaling, every row one step.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  forebay run model.forebay --input u.npy --output y.npy
  forebay run weights.npz --input u.npy --states x.npy --precision f32 --washout 100
  forebay run model.forebay --input u.npy --substrate software:akd1000 --digits 2,2
  forebay run weights.npz --w w_res --w-in w_in --w-out w_out --input u.npy --json")]
pub(crate) struct Run {
    /// A .forebay, .json or .npz file
    model: PathBuf,
    /// Features, a .npy array [steps, inputs]
    #[arg(long, value_name = "U.npy")]
    input: PathBuf,
    /// Write the outputs [steps, outputs] here
    #[arg(long, value_name = "Y.npy")]
    output: Option<PathBuf>,
    /// Write the reservoir states [steps, units] here, several reservoirs side by side
    #[arg(long, value_name = "X.npy")]
    states: Option<PathBuf>,
    /// Float type to compute and write in
    #[arg(long, value_enum, default_value = "f64")]
    precision: Precision,
    /// Steps run before the first one written
    #[arg(long, default_value_t = 0)]
    washout: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    placement: Placement,
    #[command(flatten)]
    names: NpzNames,
}

impl Run {
    pub(super) fn run(self) -> Result<()> {
        match self.precision {
            Precision::F32 => self.compute::<f32>(),
            Precision::F64 => self.compute::<f64>(),
        }
    }

    fn compute<T: Real>(&self) -> Result<()> {
        let model: Model<T> = models::load(&self.model, &self.names)?;
        let input = read_npy(&self.input).with_context(|| format!("cannot use {}", self.input.display()))?;
        let input = input.mapv(T::from_f64);
        let model = self.placement.apply(model, input.view())?;
        let steps = input.nrows();
        anyhow::ensure!(
            self.washout < steps,
            "a washout of {} leaves nothing of {}: use a smaller --washout or a longer series",
            output::count(self.washout, "step"),
            output::count(steps, "step"),
        );
        let graph = model.graph();
        let nodes = graph.nodes().iter().filter(|node| matches!(node.op(), Op::Reservoir { .. }));
        let reservoirs: Vec<&str> = nodes.map(forebay::graph::Node::name).collect();
        let kept = steps - self.washout;
        let mut states = Array2::from_elem((kept, graph.units()), T::ZERO);
        let mut outputs = Array2::from_elem((kept, graph.outputs()), T::ZERO);
        let mut session = model.session();
        let mut step = 0_usize;
        session.run_with(input.view(), |session| {
            if let Some(row) = step.checked_sub(self.washout) {
                let state = reservoirs.iter().flat_map(|name| session.node(name).into_iter().flatten());
                states.row_mut(row).iter_mut().zip(state).for_each(|(to, from)| *to = *from);
                outputs.row_mut(row).iter_mut().zip(session.outputs()).for_each(|(to, from)| *to = *from);
            }
            step += 1;
        })?;
        let arrays = [(&self.states, &states), (&self.output, &outputs)].into_iter();
        let files = arrays.filter_map(|(path, array)| Some((path.clone()?, npy_to_bytes(array.view()))));
        output::write_together(&files.collect::<Vec<_>>())?;
        let last: Vec<f64> = outputs.row(kept - 1).iter().map(|v| v.to_f64()).collect();
        if self.json {
            return output::print_json(&json!({
                "steps": kept, "washout": self.washout, "units": graph.units(), "outputs": graph.outputs(),
                "precision": T::NAME, "kernel": model.form().name(), "last_output": last,
                "substrate": self.placement.substrate, "plan": model.plan(),
            }));
        }
        let shown: Vec<String> = last.iter().take(8).map(|v| output::number(*v)).collect();
        output::print(&format!(
            "{}, {}, {} in {} (kernel {}); last output {}\n",
            output::count(kept, "step"),
            output::count(graph.units(), "unit"),
            output::count(graph.outputs(), "output"),
            T::NAME,
            model.form(),
            shown.join(" "),
        ))
    }
}
