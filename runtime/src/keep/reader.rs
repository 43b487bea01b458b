//! Numbers, texts, models and sessions from bytes that nobody vouches for.

use std::any::Any;
use std::fmt::Display;

use forebay_kernels::Real;

use super::KeepError;
use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::execute::Session;
use crate::graph::Op;
use crate::hash::Fingerprint;
use crate::model::Model;

/// A count of steps that leaves room to count on.
pub(crate) const MOST_STEPS: u64 = u64::MAX / 2;

/// Takes values off the front; every one is asked for by the name of its field, and checked.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// A `Model` in place of the one in the bytes.
    given: Option<&'a dyn Any>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], given: Option<&'a dyn Any>) -> Self {
        Self { bytes, at: 0, given }
    }

    /// That nothing is left.
    pub(super) fn finish(&self) -> Result<(), KeepError> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            found => Err(KeepError::content("end", format!("is followed by {found} bytes that nothing uses"))),
        }
    }

    fn take(&mut self, field: &'static str, needed: u64) -> Result<&'a [u8], KeepError> {
        let rest = &self.bytes[self.at..];
        match usize::try_from(needed).ok().and_then(|needed| rest.get(..needed)) {
            Some(taken) => {
                self.at += taken.len();
                Ok(taken)
            }
            None => Err(KeepError::content(field, format!("needs {needed} bytes, and {} are left", rest.len()))),
        }
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], KeepError> {
        Ok(self.take(field, N as u64)?.try_into().expect("as many as were taken"))
    }

    /// A number up to `most`.
    pub(crate) fn number(&mut self, field: &'static str, most: u64) -> Result<u64, KeepError> {
        let found = u64::from_le_bytes(self.array(field)?);
        must(found <= most, field, || format!("is {found}, and at most {most} can be"))?;
        Ok(found)
    }

    /// A count from `least` to `most`.
    pub(crate) fn count(&mut self, field: &'static str, least: usize, most: usize) -> Result<usize, KeepError> {
        let found = self.number(field, most as u64)? as usize;
        must(found >= least, field, || format!("is {found}, and must be at least {least}"))?;
        Ok(found)
    }

    /// Which of so many.
    pub(crate) fn tag(&mut self, field: &'static str, of: u8) -> Result<u8, KeepError> {
        let [tag] = self.array(field)?;
        must(tag < of, field, || format!("has number {tag}, which this program does not know"))?;
        Ok(tag)
    }

    pub(crate) fn flag(&mut self, field: &'static str) -> Result<bool, KeepError> {
        Ok(self.tag(field, 2)? == 1)
    }

    /// A finite number.
    pub(crate) fn float(&mut self, field: &'static str) -> Result<f64, KeepError> {
        self.float_that(field, "finite", |_| true)
    }

    /// A finite number for which `holds` is true.
    pub(crate) fn float_that(
        &mut self,
        field: &'static str,
        expected: &str,
        holds: impl Fn(f64) -> bool,
    ) -> Result<f64, KeepError> {
        self.raw_float(field, expected, |value| Real::is_finite(value) && holds(value))
    }

    /// A number that is not NaN and for which `holds` is true.
    pub(crate) fn raw_float(
        &mut self,
        field: &'static str,
        expected: &str,
        holds: impl Fn(f64) -> bool,
    ) -> Result<f64, KeepError> {
        let value = f64::from_bits(u64::from_le_bytes(self.array(field)?));
        must(!Real::is_nan(value) && holds(value), field, || format!("must be {expected}, and is {value}"))?;
        Ok(value)
    }

    /// Any number, or none: for what is only told.
    pub(crate) fn any_float(&mut self, field: &'static str) -> Result<f64, KeepError> {
        Ok(f64::from_bits(u64::from_le_bytes(self.array(field)?)))
    }

    /// So many finite numbers; the bytes have to be there before memory is taken.
    pub(crate) fn floats(&mut self, field: &'static str, count: usize) -> Result<Vec<f64>, KeepError> {
        self.values(field, count)
    }

    /// So many finite numbers of type `T`; the bytes have to be there before memory is taken.
    pub(crate) fn values<T: Real>(&mut self, field: &'static str, count: usize) -> Result<Vec<T>, KeepError> {
        let bytes = self.take(field, (count as u64).saturating_mul(size_of::<T>() as u64))?;
        let values: Option<Vec<T>> = bytes.chunks_exact(size_of::<T>()).map(finite).collect();
        values.ok_or_else(|| KeepError::content(field, "hold a number that is not finite"))
    }

    /// That so many bytes are left: before memory for things of at least this size is taken.
    pub(crate) fn must_have(&self, field: &'static str, count: usize, bytes: usize) -> Result<(), KeepError> {
        let left = self.bytes.len() - self.at;
        let fits = count.checked_mul(bytes).is_some_and(|needed| needed <= left);
        must(fits, field, || format!("are said to be {count}, and {left} bytes are left"))
    }

    pub(crate) fn block(&mut self, field: &'static str) -> Result<&'a [u8], KeepError> {
        let length = self.number(field, u64::MAX)?;
        self.take(field, length)
    }

    pub(crate) fn text(&mut self, field: &'static str) -> Result<&'a str, KeepError> {
        std::str::from_utf8(self.block(field)?).map_err(|_| KeepError::content(field, "is not UTF-8"))
    }

    /// The model that was given, or else the one in the bytes; either computes what the one did that ran.
    #[cfg(feature = "files")]
    pub(crate) fn model<T: Real>(&mut self) -> Result<Model<T>, Error> {
        let given = self.given.and_then(|given| given.downcast_ref::<Model<T>>());
        self.model_or(given)
    }

    /// The model in the bytes, whatever was given.
    #[cfg(feature = "files")]
    pub(crate) fn second_model<T: Real>(&mut self) -> Result<Model<T>, Error> {
        self.model_or(None)
    }

    #[cfg(feature = "files")]
    fn model_or<T: Real>(&mut self, given: Option<&Model<T>>) -> Result<Model<T>, Error> {
        let (kept, is_compiled, bytes) = self.model_parts::<T>()?;
        if let Some(model) = given {
            let given = model.fingerprint();
            return if given == kept { Ok(model.clone()) } else { Err(KeepError::Model { kept, given }.into()) };
        }
        if is_compiled {
            return Err(KeepError::Compiled { kept }.into());
        }
        let model = Model::from_bytes(bytes)?;
        let found = model.fingerprint();
        must(found == kept, "model", || format!("has fingerprint {found}, and {kept} is what ran"))?;
        Ok(model)
    }

    /// The model in the bytes, in floats.
    #[cfg(feature = "files")]
    pub(super) fn float_model<T: Real>(&mut self) -> Result<Model<T>, Error> {
        let (_, _, bytes) = self.model_parts::<T>()?;
        Model::from_bytes(bytes)
    }

    #[cfg(feature = "files")]
    fn model_parts<T: Real>(&mut self) -> Result<(Fingerprint, bool, &'a [u8]), KeepError> {
        let [size] = self.array("float type")?;
        let found = match size {
            4 => "f32",
            8 => "f64",
            _ => return Err(KeepError::content("float type", format!("has {size} bytes, not 4 or 8"))),
        };
        if found != T::NAME {
            return Err(KeepError::Precision { found, expected: T::NAME });
        }
        let kept = Fingerprint::from_bytes(self.array("model's fingerprint")?);
        Ok((kept, self.flag("mark of a compiled model")?, self.block("model")?))
    }

    /// A session of this model in the state that was kept.
    pub(crate) fn session<T: Real>(&mut self, model: &Model<T>) -> Result<Session<T>, Error> {
        let bytes = self.block("session")?;
        let checkpoint = Checkpoint::from_bytes(bytes)?;
        must(!checkpoint.has_sections_of_others(), "session", || "has sections, which nothing uses")?;
        // A session is as large as its graph says, which a long delay makes larger than the weights: the state has to be there.
        let delayed = model.graph().nodes().iter().map(|node| match node.op() {
            Op::Delay { steps, .. } => node.width().saturating_mul(*steps),
            _ => 0,
        });
        let delayed = delayed.fold(0, usize::saturating_add);
        must(delayed <= bytes.len(), "session", || format!("has {} bytes, and delays {delayed} values", bytes.len()))?;
        let mut session = model.session();
        session.resume(&checkpoint)?;
        Ok(session)
    }
}

/// `Err` unless it holds.
pub(crate) fn must<W: Display>(holds: bool, field: &'static str, why: impl FnOnce() -> W) -> Result<(), KeepError> {
    if holds { Ok(()) } else { Err(KeepError::content(field, why())) }
}

/// The number with these bytes, if it is finite. A signalling NaN is not converted: that would raise an exception.
fn finite<T: Real>(bytes: &[u8]) -> Option<T> {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        let value = f32::from_le_bytes(bytes);
        return Real::is_finite(value).then(|| T::from_f64(f64::from(value)));
    }
    let value = f64::from_le_bytes(bytes.try_into().expect("4 or 8 bytes"));
    Real::is_finite(value).then(|| T::from_f64(value))
}
