//! What can be wrong with graphs.

/// A graph that cannot be built: which node, and what it needs.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// A graph without input, or without anything to compute.
    #[error("the graph has no {what} node: add one with `.{what}(..)`")]
    Missing {
        /// The kind of node.
        what: &'static str,
    },
    /// Two nodes share a name, or a name is empty.
    #[error("node name {name:?} is {problem}: names must be unique and not empty")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A value out of its range.
    #[error("node {node:?}: {field} must be {expected}, found {found}")]
    Range {
        /// The node's name.
        node: String,
        /// The parameter.
        field: &'static str,
        /// The allowed range.
        expected: String,
        /// The value given.
        found: String,
    },
    /// A source that does not fit.
    #[error("node {node:?}: source must be {expected}, found {found}")]
    Source {
        /// The node's name.
        node: String,
        /// What is allowed.
        expected: &'static str,
        /// What was given.
        found: String,
    },
    /// The feedback names no readout.
    #[error("node {node:?}: feedback must name a readout ({expected}), found {found:?}")]
    Feedback {
        /// The node's name.
        node: String,
        /// The readouts that exist.
        expected: String,
        /// The name given.
        found: String,
    },
}
