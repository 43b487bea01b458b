//! Trainers on disk: the model, where its session stands, and what each head has learnt.

use forebay_kernels::Real;

use super::{OnlineFeedback, OnlineTrainer};
use crate::error::Error;
use crate::keep::{self, Content, KeepError, OfModel, Reader, Writer};
use crate::train::online::OnlineLearner;

/// The session's outputs and states are kept; the values of other nodes are not known until the next step.
impl<T: Real, L: OnlineLearner + Content> Content for OnlineTrainer<T, L> {
    const KIND: &'static str = keep::TRAINER;

    fn write(&self, to: &mut Writer) -> Result<(), Error> {
        to.model(self.session.model())?;
        to.session(&self.session);
        to.flag(self.feedback == OnlineFeedback::Own);
        to.text(L::KIND);
        to.number(u64::from(L::VERSION));
        to.count(self.trained.len());
        for head in &self.trained {
            to.text(&head.name);
            head.learner.write(to)?;
        }
        Ok(())
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let model = from.model::<T>()?;
        let session = from.session(&model)?;
        let feedback = if from.flag("feedback")? { OnlineFeedback::Own } else { OnlineFeedback::Teacher };
        let kind = from.text("kind of the learners")?;
        if kind != L::KIND {
            let why = format!("is {kind:?}, and {:?} was asked for: load it as what it is", L::KIND);
            return Err(KeepError::content("kind of the learners", why).into());
        }
        let version = from.number("version of the learners", u64::from(u32::MAX))? as u32;
        if version != L::VERSION {
            return Err(KeepError::Version { of: L::KIND, found: version, known: L::VERSION }.into());
        }
        let heads = from.count("number of trained heads", 1, model.graph().heads().count())?;
        let mut trainer: Option<Self> = None;
        for _ in 0..heads {
            let (head, learner) = (from.text("name of a head")?, L::read(from)?);
            let added = match trainer {
                None => Self::new(&model, head, learner, feedback),
                Some(trainer) => trainer.with_head(head, learner),
            };
            trainer = Some(added.map_err(|why| KeepError::content("trained head", format!("does not fit: {why}")))?);
        }
        let trainer = trainer.expect("at least one head");
        Ok(Self { session, ..trainer })
    }
}

impl<T: Real, L: OnlineLearner + Content> OfModel<T> for OnlineTrainer<T, L> {}
