//! A running network, kept by itself or inside of something else.

use forebay_kernels::Real;
use forebay_substrate::Precision;

use super::HybridEsn;
use super::learning::Learning;
use crate::error::Error;
use crate::keep::{self, Content, KeepError, OfModel, Reader, Writer};
use crate::model::Model;

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
        to.tag(self.precision.state_digits() as u8);
        to.tag(self.precision.weight_digits() as u8);
        self.learning.write(self.model(), to)
    }

    /// On this model.
    pub(crate) fn read_state(model: Model<T>, from: &mut Reader<'_>) -> Result<Self, Error> {
        let session = from.session(&model)?;
        let digits = (from.tag("state digits", u8::MAX)?, from.tag("weight digits", u8::MAX)?);
        let precision = Precision::new(digits.0, digits.1);
        let precision = precision.ok_or_else(|| KeepError::content("digits", "are not 1 to 4 and 1 to 3"))?;
        let learning = Learning::read(&model, from)?;
        let esn = Self::from_model(model).map_err(|why| KeepError::content("model", format!("does not fit: {why}")))?;
        Ok(Self { session, precision, learning, ..esn })
    }
}
