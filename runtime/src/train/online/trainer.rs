//! Training heads of a model step by step, on a session that keeps running.

#[cfg(feature = "files")]
mod keep;

use forebay_kernels::Real;
use ndarray::{Array1, s};

use super::OnlineLearner;
use crate::error::Error;
use crate::execute::Session;
use crate::graph::Op;
use crate::model::Model;

/// What output feedback sees of a head while it is trained online.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnlineFeedback {
    /// The target (teacher forcing).
    #[default]
    Teacher,
    /// The learner's own output: with [`Rls`](super::Rls) this is FORCE learning.
    ///
    /// Source: Sussillo, Abbott, Neuron 63, 544 (2009).
    Own,
}

/// Trains heads of a model step by step, on a session that keeps running.
///
/// A head's features are its sources, with a constant 1 in front for the intercept. Each trained head has a learner of its
/// own: [`new`](Self::new) names the first, [`with_head`](Self::with_head) further ones, trained in the same steps.
///
/// What the reservoirs see of the heads at the next step: of a trained head what [`OnlineFeedback`] says; of every other
/// head its own output, as in a normal step, or what the caller gives ([`step_with`](Self::step_with)).
///
/// ```
/// use forebay::{graph::Graph, model::Model, reservoir::Reservoir};
/// use forebay::train::online::{OnlineFeedback, OnlineTrainer, Rls};
///
/// // FORCE wants slow units that are chaotic on their own; then the network learns to make the wave itself.
/// let recipe = Reservoir::new(200).spectral_radius(1.5).leak_rate(0.1);
/// let mut g = Graph::builder();
/// let u = g.input("u", 1);
/// let x = g.reservoir_with_feedback("x", u, recipe, "y");
/// g.readout("y", [x], 1);
/// let model = Model::<f64>::generate(g.build()?, 1)?;
/// let rls = Rls::new(201, 1, 1.0, 0.1)?;
/// let mut trainer = OnlineTrainer::new(&model, "y", rls, OnlineFeedback::Own)?;
/// let mut last = 0.0;
/// for t in 0..2000 {
///     let target = [(0.1 * t as f64).sin()];
///     last = (trainer.step(&[0.0], &target)?[0] - target[0]).abs();
/// }
/// assert!(last < 0.05);
/// // Goes on where the training ended.
/// let mut session = trainer.into_session()?;
/// session.step(&[0.0])?;
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct OnlineTrainer<T: Real, L> {
    session: Session<T>,
    /// Steps of the session before the first one here.
    started: u64,
    feedback: OnlineFeedback,
    trained: Vec<Trained<L>>,
    /// The nodes of the trained heads.
    nodes: Vec<usize>,
    /// Heads that are not trained: node and where they lie in all outputs.
    others: Vec<Place>,
    /// Of the trained heads, one after the other.
    target: Vec<f64>,
    output: Vec<f64>,
    /// Of all heads.
    fed_back: Vec<T>,
}

/// A head that is not trained.
#[derive(Clone, Debug)]
struct Place {
    node: usize,
    columns: std::ops::Range<usize>,
}

/// A head with its learner.
#[derive(Clone, Debug)]
struct Trained<L> {
    name: String,
    node: usize,
    sources: Vec<usize>,
    /// Where its values lie in all outputs, and in those of the trained heads.
    columns: std::ops::Range<usize>,
    own: std::ops::Range<usize>,
    learner: L,
    features: Vec<f64>,
}

impl<T: Real, L: OnlineLearner> OnlineTrainer<T, L> {
    /// Starts from rest, with one head.
    ///
    /// # Errors
    /// As [`with_head`](Self::with_head).
    pub fn new(model: &Model<T>, head: &str, learner: L, feedback: OnlineFeedback) -> Result<Self, Error> {
        Self::continuing(model.session(), head, learner, feedback)
    }

    /// Goes on from where a session is, with one head. The learner need not have the head's weights:
    /// [`weights_of`](super::weights_of) gives them.
    ///
    /// # Errors
    /// As [`with_head`](Self::with_head).
    pub fn continuing(session: Session<T>, head: &str, learner: L, feedback: OnlineFeedback) -> Result<Self, Error> {
        let model = session.model();
        let others = model.graph().heads();
        let others = others.map(|head| Place { node: head.node.0, columns: head.offset..head.offset + head.width });
        let trainer = Self {
            feedback,
            trained: Vec::new(),
            nodes: Vec::new(),
            others: others.collect(),
            target: Vec::new(),
            output: Vec::new(),
            fed_back: vec![T::ZERO; model.graph().outputs()],
            started: session.steps(),
            session,
        };
        trainer.with_head(head, learner)
    }

    /// Trains one more head in the same steps; its target comes after those of the heads before it.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a head that does not exist; [`Error::Misuse`] for one that has a learner already, or after the
    /// first step; [`Error::Shape`] if the learner's sizes are not `1 + features` and the head's outputs.
    pub fn with_head(mut self, head: &str, learner: L) -> Result<Self, Error> {
        let model = self.session.model();
        let found = model.head(head)?;
        let (node, columns) = (found.node.0, found.offset..found.offset + found.width);
        if self.nodes.contains(&node) {
            return Err(Error::Misuse {
                what: "a head has one learner",
                instead: format!("{head:?} has one already: give each head once"),
            });
        }
        if self.session.steps() > self.started {
            return Err(Error::Misuse {
                what: "heads are trained from the first step",
                instead: format!("add {head:?} before it"),
            });
        }
        let Op::Readout { sources, .. } = model.graph().nodes()[node].op() else {
            unreachable!("a head is a readout");
        };
        let sources: Vec<usize> = sources.iter().map(|id| id.0).collect();
        let features = 1 + sources.iter().map(|&id| model.graph().nodes()[id].width()).sum::<usize>();
        if (learner.features(), learner.outputs()) != (features, columns.len()) {
            let shape = |features, outputs| format!("{features} features and {outputs} outputs");
            let given = shape(learner.features(), learner.outputs());
            return Err(Error::shape(format!("the learner of {head:?}"), shape(features, columns.len()), given));
        }
        let own = self.target.len()..self.target.len() + columns.len();
        self.target.resize(own.end, 0.0);
        self.output.resize(own.end, 0.0);
        self.nodes.push(node);
        self.others.retain(|other| other.node != node);
        let (name, features) = (head.to_owned(), vec![1.0; features]);
        self.trained.push(Trained { name, node, sources, columns, own, learner, features });
        Ok(self)
    }

    /// Advances the network, gives the trained heads' outputs before the correction, then corrects the learners.
    ///
    /// # Shapes
    /// `input`: `[inputs]`; `target` and result: `[outputs of the trained heads]`, head after head as they were added.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NonFinite`]; [`Error::Overflow`] if the network or an output leaves the range of `T`;
    /// [`Error::Range`] if a correction leaves that of f64. Nothing has changed then.
    pub fn step(&mut self, input: &[T], target: &[T]) -> Result<&[f64], Error> {
        self.advance(input, target, None, true)
    }

    /// Like [`step`](Self::step), but output feedback sees `others` of the heads that are not trained.
    ///
    /// # Shapes
    /// `others`: `[outputs of the other heads]`, head after head in the graph's order.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn step_with(&mut self, input: &[T], target: &[T], others: &[T]) -> Result<&[f64], Error> {
        self.advance(input, target, Some(others), true)
    }

    /// Like [`step`](Self::step) without a correction: while the state forgets that it began at rest.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn warm_up(&mut self, input: &[T], target: &[T]) -> Result<&[f64], Error> {
        self.advance(input, target, None, false)
    }

    /// All that can fail comes first, and is worked out aside.
    fn advance(&mut self, input: &[T], target: &[T], others: Option<&[T]>, learns: bool) -> Result<&[f64], Error> {
        check("target", target, self.target.len())?;
        if let Some(others) = others {
            check("the other heads' values", others, self.others.iter().map(|other| other.columns.len()).sum())?;
        }
        let Self { session, feedback, trained, nodes, target: wanted, output, fed_back, .. } = self;
        wanted.iter_mut().zip(target).for_each(|(to, from)| *to = from.to_f64());
        session.attempt(input, nodes)?;
        for Trained { node, sources, own, learner, features, .. } in trained.iter_mut() {
            let values = sources.iter().flat_map(|&node| session.attempted(node));
            features[1..].iter_mut().zip(values).for_each(|(to, from)| *to = from.to_f64());
            learner.predict(features, &mut output[own.clone()])?;
            session.put_attempted(*node, &output[own.clone()])?;
            if learns {
                learner.prepare(features, &wanted[own.clone()])?;
            }
        }
        for Trained { node, columns, own, .. } in trained.iter() {
            fed_back[columns.clone()].copy_from_slice(match feedback {
                OnlineFeedback::Teacher => &target[own.clone()],
                OnlineFeedback::Own => session.attempted(*node),
            });
        }
        let mut given = others;
        for Place { node, columns } in &self.others {
            fed_back[columns.clone()].copy_from_slice(match given {
                Some(values) => {
                    let (own, rest) = values.split_at(columns.len());
                    given = Some(rest);
                    own
                }
                None => session.attempted(*node),
            });
        }
        session.commit(fed_back);
        if learns {
            for head in trained.iter_mut() {
                head.learner.commit();
            }
        }
        Ok(output)
    }

    /// The learner of the first head as it is now.
    pub fn learner(&self) -> &L {
        &self.trained[0].learner
    }

    /// The trained heads' names and learners, in the order in which they were added.
    pub fn learners(&self) -> impl Iterator<Item = (&str, &L)> {
        self.trained.iter().map(|head| (head.name.as_str(), &head.learner))
    }

    /// The running session. Its outputs of trained heads are the learners', before the last correction; its model has the
    /// weights from before the training.
    pub fn session(&self) -> &Session<T> {
        &self.session
    }

    /// The model with the learned weights in the trained heads.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if a weight does not fit `T`.
    pub fn into_model(self) -> Result<Model<T>, Error> {
        Ok(self.into_session()?.model().clone())
    }

    /// The running session with the learned weights in the trained heads: it goes on where the training ended.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if a weight does not fit `T`.
    pub fn into_session(self) -> Result<Session<T>, Error> {
        Ok(self.into_parts()?.0)
    }

    /// [`into_session`](Self::into_session), and the learners in the order in which their heads were added.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if a weight does not fit `T`.
    pub fn into_parts(self) -> Result<(Session<T>, Vec<L>), Error> {
        let mut model = self.session.model().clone();
        for head in &self.trained {
            let weights = head.learner.weights();
            let bias: Array1<T> = weights.column(0).mapv(T::from_f64);
            model = model.with_readout(&head.name, weights.slice(s![.., 1..]).mapv(T::from_f64).view(), bias.view())?;
        }
        let mut session = self.session;
        session.set_model(model)?;
        Ok((session, self.trained.into_iter().map(|head| head.learner).collect()))
    }
}

impl<T: Real, L> OnlineTrainer<T, L> {
    /// The learners alone, in the order in which their heads were added.
    pub(crate) fn into_learners(self) -> Vec<L> {
        self.trained.into_iter().map(|head| head.learner).collect()
    }
}

fn check<T: Real>(what: &str, values: &[T], expected: usize) -> Result<(), Error> {
    if values.len() != expected {
        return Err(Error::shape(what, expected, values.len()));
    }
    Error::check_finite(what, values)
}
