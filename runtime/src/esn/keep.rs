//! A running network, kept by itself or inside of something else.

use forebay_kernels::Real;
use forebay_substrate::Precision;

use super::HybridEsn;
use super::learning::Learning;
use crate::error::Error;
use crate::keep::{self, Content, KeepError, OfModel, Reader, Writer};
use crate::model::Model;

/// Set beside the state digits if the outputs that stand are of weights that have seen their target.
const CORRECTED: u8 = 0x80;

impl<T: Real> Content for HybridEsn<T> {
    const KIND: &'static str = keep::NETWORK;

    fn write(&self, to: &mut Writer) -> Result<(), Error> {
        to.model(self.model())?;
        self.write_state(to)
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let model = from.model::<T>()?;
        Self::read_state(model, from)
    }
}

impl<T: Real> OfModel<T> for HybridEsn<T> {}

impl<T: Real> HybridEsn<T> {
    /// All but the model.
    pub(crate) fn write_state(&self, to: &mut Writer) -> Result<(), Error> {
        to.session(&self.session);
        let corrected = if self.is_corrected() { CORRECTED } else { 0 };
        to.tag(self.precision.state_digits() as u8 | corrected);
        to.tag(self.precision.weight_digits() as u8);
        self.learning.write(self.model(), to)
    }

    /// On this model.
    pub(crate) fn read_state(model: Model<T>, from: &mut Reader<'_>) -> Result<Self, Error> {
        let session = from.session(&model)?;
        let digits = (from.tag("state digits", u8::MAX)?, from.tag("weight digits", u8::MAX)?);
        let corrected_at = (digits.0 & CORRECTED != 0).then(|| session.steps());
        let precision = Precision::new(digits.0 & !CORRECTED, digits.1);
        let precision = precision.ok_or_else(|| KeepError::content("digits", "are not 1 to 4 and 1 to 3"))?;
        let learning = Learning::read(&model, from)?;
        let esn = Self::from_model(model).map_err(|why| KeepError::content("model", format!("does not fit: {why}")))?;
        Ok(Self { session, precision, learning, corrected_at, ..esn })
    }
}
