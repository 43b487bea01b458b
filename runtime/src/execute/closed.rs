//! Closed loops: outputs that become inputs of the next step, beside inputs that come from outside.

use forebay_kernels::Real;
use ndarray::ArrayView1;

use crate::error::Error;
use crate::graph::{Graph, Op};
use crate::model::Model;

/// Which outputs become which inputs of the next step; every other input is given from outside.
///
/// Outputs and inputs are counted from 0, over all heads and all input nodes in the graph's order.
///
/// ```
/// use forebay::{execute::ClosedLoop, graph::Graph, model::Model, reservoir::Reservoir};
/// use ndarray::array;
///
/// let mut g = Graph::builder();
/// let level = g.input("level", 1);
/// let rain = g.input("rain", 2);
/// let both = g.concat("both", [level, rain]);
/// let x = g.reservoir("x", both, Reservoir::new(50));
/// g.readout("next level", [x], 1);
/// let model = Model::<f64>::generate(g.build()?, 7)?;
/// let closed = ClosedLoop::between(model.graph(), "next level", "level")?;
/// assert_eq!(closed, ClosedLoop::new([(0, 0)]));
///
/// let mut session = model.session();
/// session.step(&[0.4, 0.0, 0.1])?;
/// // Three levels to come, while the rain of these times is known.
/// let rain = array![[0.0, 0.1], [0.2, 0.0], [0.1, 0.1]];
/// assert_eq!(session.forecast_with(&closed, rain.view())?.dim(), (3, 1));
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedLoop {
    /// Output, input; inputs ascending.
    pairs: Vec<(usize, usize)>,
}

impl ClosedLoop {
    /// From pairs of an output and the input that it becomes.
    pub fn new(pairs: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut pairs: Vec<(usize, usize)> = pairs.into_iter().collect();
        pairs.sort_by_key(|&(output, input)| (input, output));
        Self { pairs }
    }

    /// Output i becomes input i, for `count` of them.
    pub fn all(count: usize) -> Self {
        Self::new((0..count).map(|i| (i, i)))
    }

    /// All outputs of one head become the features of one input node, in their order.
    ///
    /// # Errors
    /// [`Error::Unknown`] if there is no such readout or input; [`Error::Shape`] if they have other widths.
    pub fn between(graph: &Graph, head: &str, input: &str) -> Result<Self, Error> {
        let names = |is: fn(&Op) -> bool| {
            let named = graph.nodes().iter().filter(|node| is(node.op())).map(crate::graph::Node::name);
            named.collect::<Vec<_>>().join(", ")
        };
        let unknown = |kind, name: &str, available| Error::Unknown { kind, name: name.to_owned(), available };
        let Some(found) = graph.heads().find(|found| graph.nodes()[found.node.0].name() == head) else {
            return Err(unknown("readout", head, names(|op| matches!(op, Op::Readout { .. }))));
        };
        let mut first = 0;
        for node in graph.nodes().iter().filter(|node| matches!(node.op(), Op::Input { .. })) {
            if node.name() == input {
                if node.width() != found.width {
                    return Err(Error::shape(format!("input {input:?}"), found.width, node.width()));
                }
                return Ok(Self::new((0..found.width).map(|i| (found.offset + i, first + i))));
            }
            first += node.width();
        }
        Err(unknown("input", input, names(|op| matches!(op, Op::Input { .. }))))
    }

    /// The pairs of an output and the input that it becomes, by input.
    pub fn pairs(&self) -> &[(usize, usize)] {
        &self.pairs
    }

    /// That there are such outputs and inputs, and that no input is given twice; gives the number of outside inputs.
    pub(super) fn check<T: Real>(&self, model: &Model<T>) -> Result<usize, Error> {
        let (inputs, outputs) = (model.graph().inputs(), model.graph().outputs());
        let range = |what, most: usize, found: usize| {
            Err(Error::Range { what, expected: format!("below {most}"), found: found.to_string() })
        };
        for &(output, input) in &self.pairs {
            if output >= outputs {
                return range("the output of a closed loop", outputs, output);
            }
            if input >= inputs {
                return range("the input of a closed loop", inputs, input);
            }
        }
        if let Some(pair) = self.pairs.windows(2).find(|pair| pair[0].1 == pair[1].1) {
            return Err(Error::Misuse {
                what: "an input of a closed loop has one output",
                instead: format!("outputs {} and {} both become input {}", pair[0].0, pair[1].0, pair[0].1),
            });
        }
        Ok(inputs - self.pairs.len())
    }

    /// The features of a step, `[inputs]`, from the outputs before it and the outside inputs.
    pub(super) fn fill<T: Real>(&self, outputs: &[T], outside: ArrayView1<'_, T>, features: &mut [T]) {
        let (mut pairs, mut outside) = (self.pairs.iter().peekable(), outside.iter());
        for (input, feature) in features.iter_mut().enumerate() {
            *feature = match pairs.next_if(|pair| pair.1 == input) {
                Some(&(output, _)) => outputs[output],
                None => *outside.next().expect("as many as inputs that nothing becomes"),
            };
        }
    }
}

/// That there are outputs for a loop to start from.
pub(super) fn check_start(has_outputs: bool) -> Result<(), Error> {
    if has_outputs {
        return Ok(());
    }
    Err(Error::Misuse {
        what: "a closed loop starts from the last output, and there is none",
        instead: "run a known step first (setting the state is enough if no readout reads an input)".to_owned(),
    })
}

/// The loop in which all outputs become all inputs.
pub(super) fn whole<T: Real>(model: &Model<T>) -> Result<ClosedLoop, Error> {
    let (inputs, outputs) = (model.graph().inputs(), model.graph().outputs());
    if inputs == outputs {
        return Ok(ClosedLoop::all(inputs));
    }
    Err(Error::Misuse {
        what: "a closed loop of everything needs as many outputs as inputs",
        instead: format!(
            "this model has {inputs} inputs and {outputs} outputs: say which outputs become inputs, and give the others, \
             with `forecast_with`"
        ),
    })
}
