//! A compiled model's regions as they run: programs, what the host does around them, and the plan that says so.
//!
//! [`compile`](crate::compile) makes them, sessions run them; a model only holds them.
//!
//! * `ranges`, `quantise`: integers from real numbers; `fitted`: what is kept of them.
//! * `product`, `chain`: a region's program and what the host does around it.
//! * `plan`: what runs where, and why.

pub(crate) mod chain;
mod fitted;
mod plan;
pub(crate) mod product;
mod quantise;
mod ranges;

use std::sync::Arc;

use forebay_akida::Program;
use forebay_kernels::Real;
use forebay_substrate::{Loaded, Substrate};

use self::chain::Chain;
use self::product::Product;
use crate::graph::Graph;

pub use self::plan::{Plan, PlannedLayer, PlannedOp, PlannedRegion, Transactions};
pub(crate) use self::product::{ProductRunner, program as product_program};
pub(crate) use self::{
    chain::ChainRunner,
    fitted::Fitted,
    quantise::levels,
    ranges::{Ranges, Sample},
};

/// A compiled model's regions; part of the [`Model`](crate::model::Model).
#[derive(Debug)]
pub(crate) struct Placement<T> {
    pub(crate) regions: Vec<Region<T>>,
    pub(crate) programs: Vec<Program>,
    pub(crate) plan: Plan,
    pub(crate) substrate: Arc<dyn Substrate>,
    pub(crate) fitted: Fitted,
}

/// One program and the nodes it computes.
#[derive(Debug)]
pub(crate) enum Region<T> {
    /// The recurrent product of a reservoir, with the input product if `with_input`.
    Reservoir { node: usize, with_input: bool, product: Arc<Product<T>> },
    /// The product of a dense node.
    Dense { node: usize, product: Arc<Product<T>> },
    /// Dense nodes and rectifiers from `source` to the last of `nodes`.
    Chain { source: usize, nodes: Vec<usize>, chain: Arc<Chain<T>> },
}

impl<T: Real> Placement<T> {
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) fn programs(&self) -> &[Program] {
        &self.programs
    }

    pub(crate) fn loaded(&self, region: usize) -> Option<&Arc<dyn Loaded>> {
        self.regions.get(region).map(|region| match region {
            Region::Reservoir { product, .. } | Region::Dense { product, .. } => product.loaded(),
            Region::Chain { chain, .. } => chain.loaded(),
        })
    }

    pub(crate) fn substrate(&self) -> &Arc<dyn Substrate> {
        &self.substrate
    }

    /// All that the integers follow from besides the weights, as JSON: which nodes are placed how, digits and ranges.
    pub(crate) fn arithmetic(&self, graph: &Graph) -> String {
        let name = |node: &usize| graph.nodes()[*node].name();
        let region = |region: &Region<T>| match region {
            Region::Reservoir { node, with_input, .. } => serde_json::json!(["reservoir", name(node), with_input]),
            Region::Dense { node, .. } => serde_json::json!(["dense", name(node)]),
            Region::Chain { source, nodes, .. } => {
                serde_json::json!(["chain", name(source), nodes.iter().map(name).collect::<Vec<_>>()])
            }
        };
        let regions: Vec<serde_json::Value> = self.regions.iter().map(region).collect();
        serde_json::to_string(&(regions, &self.fitted)).expect("numbers and names are JSON")
    }
}
