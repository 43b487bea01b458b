//! A regression of sequences, kept.

use forebay_kernels::Real;

use super::SequenceRegression;
use crate::error::Error;
use crate::keep::{self, Content, OfModel, Reader, Writer, must};
use crate::train::classify::Classifier;

impl<T: Real> Content for SequenceRegression<T> {
    const KIND: &'static str = keep::SEQUENCES;

    fn write(&self, to: &mut Writer) -> Result<(), Error> {
        self.scores.write(to)?;
        for error in &self.train_nrmse {
            to.flag(error.is_some());
            to.floats(error);
        }
        Ok(())
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let scores = Classifier::read(from)?;
        must(scores.training_errors() == 0, "number of wrong classes", || "is not 0, and it has no classes")?;
        let mut error = || {
            let is_known = from.flag("mark of a training error")?;
            is_known.then(|| from.float_that("training error", "at least 0", |error| error >= 0.0)).transpose()
        };
        let train_nrmse = (0..scores.classes()).map(|_| error()).collect::<Result<_, _>>()?;
        Ok(Self { scores, train_nrmse })
    }
}

impl<T: Real> OfModel<T> for SequenceRegression<T> {}
