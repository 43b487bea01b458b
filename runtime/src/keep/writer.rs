//! Numbers, texts, models and sessions as bytes.

use std::any::Any;

use forebay_kernels::Real;

use crate::error::Error;
use crate::execute::Session;
use crate::model::Model;

/// Puts values one after the other, little-endian.
///
/// Lengths that follow from what was written before are not written: there is nothing then that could disagree.
#[derive(Default)]
pub struct Writer {
    bytes: Vec<u8>,
    /// A compiled one, which cannot be read from the bytes.
    model: Option<Box<dyn Any>>,
}

impl Writer {
    /// All bytes, and the model among them if it is a compiled one.
    pub(crate) fn into_parts(self) -> (Vec<u8>, Option<Box<dyn Any>>) {
        (self.bytes, self.model)
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.bytes.extend(number.to_le_bytes());
    }

    pub(crate) fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    /// Which of several.
    pub(crate) fn tag(&mut self, tag: u8) {
        self.bytes.push(tag);
    }

    pub(crate) fn flag(&mut self, flag: bool) {
        self.tag(u8::from(flag));
    }

    pub(crate) fn float(&mut self, value: f64) {
        self.number(value.to_bits());
    }

    pub(crate) fn floats<'a>(&mut self, values: impl IntoIterator<Item = &'a f64>) {
        values.into_iter().for_each(|value| self.float(*value));
    }

    pub(crate) fn values<'a, T: Real>(&mut self, values: impl IntoIterator<Item = &'a T>) {
        // `bits` zero-extends an f32, so its low bytes are the number's.
        values.into_iter().for_each(|value| self.bytes.extend(&value.bits().to_le_bytes()[..size_of::<T>()]));
    }

    pub(crate) fn block(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.bytes.extend(bytes);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.block(text.as_bytes());
    }

    /// The one that runs; content begins with it, if it has one.
    #[cfg(feature = "files")]
    pub(crate) fn model<T: Real>(&mut self, model: &Model<T>) -> Result<(), Error> {
        self.second_model(model)?;
        // Floats can be read from the bytes again, a placement cannot.
        self.model = model.plan().map(|_| Box::new(model.clone()) as Box<dyn Any>);
        Ok(())
    }

    /// Float type, fingerprint, whether it was compiled, and the model file's bytes.
    #[cfg(feature = "files")]
    pub(crate) fn second_model<T: Real>(&mut self, model: &Model<T>) -> Result<(), Error> {
        self.tag(size_of::<T>() as u8);
        self.bytes.extend(model.fingerprint().as_bytes());
        self.flag(model.plan().is_some());
        self.block(&model.to_bytes()?);
        Ok(())
    }

    /// The bytes of its checkpoint.
    pub(crate) fn session<T: Real>(&mut self, session: &Session<T>) {
        self.block(&session.checkpoint().to_bytes());
    }
}
