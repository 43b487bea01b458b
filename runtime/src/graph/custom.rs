//! Nodes whose function is written outside of this crate.

use std::fmt;
use std::sync::Arc;

/// What a node computes from one source, with a memory of its own: the way to add a kind of node without touching this crate.
///
/// In step t a node of source s with state z computes `(z(t), x(t)) = f(s(t), z(t-1))`. It is stepped, reset, batched,
/// snapshotted, checkpointed and read by readouts like any other node, and a failed step leaves its state as it was.
///
/// Numbers are f64. In a model of f32 inputs are widened, results and state are rounded. The same bits everywhere are as
/// much a matter of this function as of the rest: use `+ - * /`, `sqrt`, `mul_add` and the `libm` crate, and nothing that
/// varies from call to call.
///
/// A model with such a node cannot be saved, as its function is code: [`Model::save`](crate::model::Model::save) refuses and
/// names the node. Build the graph and train again, or keep the readout's weights; a
/// [`Checkpoint`](crate::checkpoint::Checkpoint) carries the state.
///
/// ```
/// use std::sync::Arc;
/// use forebay::{graph::{Graph, NodeFunction}, model::Model};
///
/// /// A running sum of each feature.
/// #[derive(Debug)]
/// struct Sum;
///
/// impl NodeFunction for Sum {
///     fn name(&self) -> &str {
///         "sum"
///     }
///     fn state_len(&self, features: usize) -> usize {
///         features
///     }
///     fn step(&self, input: &[f64], state: &mut [f64], output: &mut [f64]) {
///         state.iter_mut().zip(input).for_each(|(sum, x)| *sum += x);
///         output.copy_from_slice(state);
///     }
/// }
///
/// let mut g = Graph::builder();
/// let u = g.input("u", 2);
/// let s = g.custom("sums", u, Arc::new(Sum));
/// g.readout("y", [s], 1);
/// let mut session = Model::<f32>::generate(g.build()?, 7)?.session();
/// session.step(&[1.0, 2.0])?;
/// session.step(&[0.5, 1.0])?;
/// assert_eq!(session.node("sums")?, [1.5, 3.0]);
/// # Ok::<(), forebay::Error>(())
/// ```
pub trait NodeFunction: fmt::Debug + Send + Sync {
    /// What kind of function it is, the same for all of a kind; shown in plans and errors, hashed in fingerprints.
    fn name(&self) -> &str;

    /// All that results depend on besides the name, as bytes; none if there is nothing to choose.
    ///
    /// Two functions of equal name and parameters are taken for the same: they must compute the same bits. Fingerprints,
    /// snapshots and checkpoints rely on it.
    fn parameters(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Features put out per step for so many read; as many unless said otherwise.
    ///
    /// # Errors
    /// What the source's width must be, in words, if it does not fit.
    fn width(&self, features: usize) -> Result<usize, String> {
        Ok(features)
    }

    /// Numbers remembered between two steps, zero at rest; none unless said otherwise.
    fn state_len(&self, features: usize) -> usize {
        let _ = features;
        0
    }

    /// One step of one stream; as it is called in every step, it should not allocate.
    ///
    /// A state or a result that is not finite makes the step fail with [`Error::Overflow`](crate::Error::Overflow).
    ///
    /// # Shapes
    /// `input`: the source's features, all finite. `state`: [`state_len`](Self::state_len), after the last step, to be
    /// brought to this one. `output`: [`width`](Self::width), zeros, to be written.
    fn step(&self, input: &[f64], state: &mut [f64], output: &mut [f64]);
}

/// A [`NodeFunction`] that acts on every feature by itself, from a closure: an activation of one's own.
///
/// ```
/// use std::sync::Arc;
/// use forebay::{graph::{Elementwise, Graph}, model::Model};
///
/// let mut g = Graph::builder();
/// let u = g.input("u", 2);
/// let a = g.custom("a", u, Arc::new(Elementwise::new("softsign", &[], |z| z / (1.0 + z.abs()))));
/// g.readout("y", [a], 1);
/// let mut session = Model::<f64>::generate(g.build()?, 7)?.session();
/// session.step(&[1.0, -3.0])?;
/// assert_eq!(session.node("a")?, [0.5, -0.75]);
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone)]
pub struct Elementwise<F> {
    name: String,
    parameters: Vec<u8>,
    function: F,
}

impl<F: Fn(f64) -> f64 + Send + Sync> Elementwise<F> {
    /// The function of this name; `parameters` are the numbers that the closure uses.
    pub fn new(name: &str, parameters: &[f64], function: F) -> Self {
        let parameters = parameters.iter().flat_map(|p| p.to_le_bytes()).collect();
        Self { name: name.to_owned(), parameters, function }
    }
}

impl<F> fmt::Debug for Elementwise<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Elementwise").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<F: Fn(f64) -> f64 + Send + Sync> NodeFunction for Elementwise<F> {
    fn name(&self) -> &str {
        &self.name
    }

    fn parameters(&self) -> Vec<u8> {
        self.parameters.clone()
    }

    fn step(&self, input: &[f64], _: &mut [f64], output: &mut [f64]) {
        output.iter_mut().zip(input).for_each(|(y, &z)| *y = (self.function)(z));
    }
}

/// A shared [`NodeFunction`]; two are equal if their names and parameters are.
#[derive(Clone, Debug)]
pub struct CustomFunction(Arc<dyn NodeFunction>);

impl CustomFunction {
    /// Of this function.
    pub fn new(function: Arc<dyn NodeFunction>) -> Self {
        Self(function)
    }
}

impl std::ops::Deref for CustomFunction {
    type Target = dyn NodeFunction;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl PartialEq for CustomFunction {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.name(), self.parameters()) == (other.name(), other.parameters())
    }
}
