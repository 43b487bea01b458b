//! A graph as text and as Graphviz.

use std::fmt::{self, Display, Write as _};

use super::{Graph, Node, NodeId, Op, Products, ReservoirSource};

impl Display for Graph {
    /// One line per node: name, what it is, where it reads, its width.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.nodes.iter().map(|n| n.name.len()).max().unwrap_or(0);
        for node in &self.nodes {
            let sources = self.source_names(node).join(", ");
            let arrow = if sources.is_empty() { String::new() } else { format!(" <- {sources}") };
            writeln!(f, "{:names$}  {}{arrow} -> {}", node.name, describe(&node.op), node.width)?;
        }
        Ok(())
    }
}

impl Graph {
    /// The graph in the Graphviz language; draw it with `dot -Tsvg`.
    pub fn to_graphviz(&self) -> String {
        let mut out = String::from("digraph forebay {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n");
        for (id, node) in self.nodes.iter().enumerate() {
            let shape = match node.op {
                Op::Input { .. } => ", shape=cds",
                Op::Reservoir { .. } => ", style=rounded",
                Op::Readout { .. } => ", style=bold",
                _ => "",
            };
            let label = format!("{}\n{}\n{}", node.name, describe(&node.op), node.width);
            let _ = writeln!(out, "  n{id} [label=\"{}\"{shape}];", escape(&label));
        }
        for (id, node) in self.nodes.iter().enumerate() {
            for NodeId(source) in node.op.sources() {
                let _ = writeln!(out, "  n{source} -> n{id};");
            }
            if let Op::Reservoir { feedback, .. } = &node.op {
                let _ = writeln!(out, "  n{id} -> n{id} [label=\"t-1\"];");
                if let Some(NodeId(head)) = feedback.as_deref().and_then(|name| self.find(name)) {
                    let _ = writeln!(out, "  n{head} -> n{id} [label=\"t-1\", style=dashed];");
                }
            }
        }
        out.push_str("}\n");
        out
    }

    fn source_names<'a>(&'a self, node: &'a Node) -> Vec<&'a str> {
        let sources = node.op.sources().iter().map(|&NodeId(id)| self.nodes[id].name.as_str());
        let feedback = match &node.op {
            Op::Reservoir { feedback: Some(head), .. } => Some(head.as_str()),
            _ => None,
        };
        sources.chain(feedback).collect()
    }
}

fn describe(op: &Op) -> String {
    match op {
        Op::Input { .. } => "input".to_owned(),
        Op::Reservoir { weights: ReservoirSource::Generated(recipe), .. } => format!("reservoir ({recipe})"),
        Op::Reservoir { weights: ReservoirSource::Given { activation, .. }, .. } => {
            format!("reservoir ({activation}, given weights)")
        }
        Op::Dense { .. } => "dense".to_owned(),
        Op::Activation { function, .. } => function.to_string(),
        Op::Softmax { .. } => "softmax".to_owned(),
        Op::Concat { .. } => "concat".to_owned(),
        Op::Delay { steps, .. } => format!("delay {steps}"),
        Op::Products { products, .. } => match products {
            Products::Unique { degree } => format!("products of degree {degree}"),
            Products::Squares => "squares".to_owned(),
            Products::AlternateSquares => "alternate squares".to_owned(),
        },
        Op::Custom { function, .. } => format!("custom ({})", function.name()),
        Op::Readout { .. } => "readout".to_owned(),
    }
}

/// Graphviz strings escape the quote and the backslash; a line break is `\n`.
fn escape(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
