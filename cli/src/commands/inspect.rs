//! `forebay inspect`.

mod kept;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use forebay::model::Model;
use forebay::model::file::ModelHeader;
use serde_json::json;

use super::models::{self, NpzNames};
use crate::output;

/// Show what a file holds: a model's graph, sizes, precision, seed, training, notes; what was learnt and kept; a checkpoint's steps.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  forebay inspect out/sunspots/model.forebay
  forebay inspect weights.npz --json
  forebay inspect run.state
  forebay inspect model.forebay --graphviz | dot -Tsvg > model.svg")]
pub(crate) struct Inspect {
    /// A .forebay, .json or .npz file, a checkpoint, or what `forebay::keep` wrote
    model: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print the graph for Graphviz: draw it with `dot -Tsvg`
    #[arg(long, conflicts_with = "json")]
    graphviz: bool,
    #[command(flatten)]
    names: NpzNames,
}

impl Inspect {
    pub(super) fn run(self) -> Result<()> {
        let bytes = fs::read(&self.model).with_context(|| format!("cannot read {}", self.model.display()))?;
        let told = || format!("{}", self.model.display());
        if let Some(facts) = kept::facts(&bytes).with_context(told)? {
            if self.graphviz {
                return output::print(&kept::graph(&bytes).with_context(told)?);
            }
            return kept::print(facts, self.json);
        }
        let model: Model<f64> = models::load(&self.model, &self.names)?;
        let graph = model.graph();
        if self.graphviz {
            return output::print(&graph.to_graphviz());
        }
        let precision = ModelHeader::read(&self.model).map_or("as imported".to_owned(), |(header, _)| header.precision);
        let provenance = model.provenance();
        if self.json {
            return output::print_json(&json!({
                "precision": precision,
                "inputs": graph.inputs(),
                "outputs": graph.outputs(),
                "units": graph.units(),
                "weight_bytes_f64": model.bytes(),
                "heads": graph.heads().map(|h| json!({"name": h.name, "outputs": h.width})).collect::<Vec<_>>(),
                "graph": graph.to_builder(),
                "provenance": provenance,
            }));
        }
        let mut text = format!("{graph}\nprecision      {precision}\n");
        text += &format!("weights        {:.1} kB in memory as f64\n", model.bytes() as f64 / 1e3);
        if let Some(seed) = provenance.seed {
            text += &format!("seed           {seed}\n");
        }
        match &provenance.training {
            None => text += "training       none recorded\n",
            Some(report) => {
                text += &format!("training       {} steps after a washout of {}\n", report.steps, report.washout);
                if !report.skipped.is_empty() {
                    text += &format!("  series {:?} left out: they end within the washout\n", report.skipped);
                }
                for head in &report.heads {
                    let errors: Vec<String> =
                        head.train_nrmse.iter().map(|e| e.map_or("-".to_owned(), output::number)).collect();
                    text +=
                        &format!("  {:12} ridge {:e}, training NRMSE {}\n", head.name, head.ridge, errors.join(" "));
                }
            }
        }
        for (name, note) in &provenance.notes {
            text += &format!("{name:14} {note}\n");
        }
        output::print(&text)
    }
}
