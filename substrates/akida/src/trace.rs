//! Every access that crossed a bus: recorded, printed with names and fields, compared.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bus::{Bus, BusError, Counters, Identity, Memory};
use crate::chip;

/// One access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub enum Step {
    /// A register was read.
    Read {
        /// Device address.
        address: u32,
        /// What came.
        value: u32,
    },
    /// A register was written.
    Write {
        /// Device address.
        address: u32,
        /// What was written.
        value: u32,
    },
    /// Memory was read.
    ReadBlock {
        /// Device address.
        address: u32,
        /// What came.
        bytes: Vec<u8>,
    },
    /// Memory was written.
    WriteBlock {
        /// Device address.
        address: u32,
        /// What was written.
        bytes: Vec<u8>,
    },
    /// Time passed.
    Wait {
        /// Microseconds.
        micros: u64,
    },
    /// The device was reset from outside.
    Reset,
}

/// The accesses of a [`Traced`] bus, shared with who wants to see them.
#[derive(Clone, Debug, Default)]
pub struct Trace(Arc<Mutex<Vec<Step>>>);

impl Trace {
    /// The accesses since the last call.
    pub fn take(&self) -> Vec<Step> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn push(&self, step: Step) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(step);
    }
}

impl fmt::Display for Step {
    /// One line: what, where, the fields of registers, the first words of blocks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let register = |f: &mut fmt::Formatter<'_>, op: &str, address: u32, value: u32| match chip::locate(address) {
            Some((block, register)) => write!(f, "{op:6} {address:08x}  {}.{}", block.name, register.describe(value)),
            None => write!(f, "{op:6} {address:08x}  {value:#010x}"),
        };
        let block = |f: &mut fmt::Formatter<'_>, op: &str, address: u32, bytes: &[u8]| {
            write!(f, "{op:6} {address:08x}  {} bytes:", bytes.len())?;
            for word in bytes.chunks(4).take(8) {
                f.write_str(" ")?;
                word.iter().rev().try_for_each(|byte| write!(f, "{byte:02x}"))?;
            }
            f.write_str(if bytes.len() > 32 { " .." } else { "" })
        };
        match self {
            Self::Read { address, value } => register(f, "read", *address, *value),
            Self::Write { address, value } => register(f, "write", *address, *value),
            Self::ReadBlock { address, bytes } => block(f, "read", *address, bytes),
            Self::WriteBlock { address, bytes } => block(f, "write", *address, bytes),
            Self::Wait { micros } => write!(f, "wait   {micros} us"),
            Self::Reset => f.write_str("reset"),
        }
    }
}

/// A bus that records what crosses it.
#[derive(Debug)]
pub struct Traced<B> {
    inner: B,
    trace: Trace,
}

impl<B: Bus> Traced<B> {
    /// Records the accesses of `inner` from now on.
    pub fn new(inner: B) -> (Self, Trace) {
        let trace = Trace::default();
        (Self { inner, trace: trace.clone() }, trace)
    }
}

impl<B: Bus> Bus for Traced<B> {
    fn read(&mut self, address: u32) -> Result<u32, BusError> {
        let value = self.inner.read(address)?;
        self.trace.push(Step::Read { address, value });
        Ok(value)
    }

    fn write(&mut self, address: u32, value: u32) -> Result<(), BusError> {
        self.trace.push(Step::Write { address, value });
        self.inner.write(address, value)
    }

    fn read_block(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), BusError> {
        self.inner.read_block(address, bytes)?;
        self.trace.push(Step::ReadBlock { address, bytes: bytes.to_vec() });
        Ok(())
    }

    fn write_block(&mut self, address: u32, bytes: &[u8]) -> Result<(), BusError> {
        self.trace.push(Step::WriteBlock { address, bytes: bytes.to_vec() });
        self.inner.write_block(address, bytes)
    }

    fn identity(&self) -> &Identity {
        self.inner.identity()
    }

    fn memory(&self) -> Memory {
        self.inner.memory()
    }

    fn now(&self) -> Duration {
        self.inner.now()
    }

    fn pause(&mut self, time: Duration) {
        self.trace.push(Step::Wait { micros: time.as_micros() as u64 });
        self.inner.pause(time);
    }

    fn reset(&mut self) -> Result<(), BusError> {
        self.trace.push(Step::Reset);
        self.inner.reset()
    }

    fn counters(&self) -> Counters {
        self.inner.counters()
    }
}

/// The first difference between what was written in two traces, in order. Reads and waits are not compared: they leave
/// nothing behind.
pub fn first_difference(left: &[Step], right: &[Step]) -> Option<(Option<Step>, Option<Step>)> {
    let effects = |steps: &[Step]| -> Vec<Step> {
        let is_effect = |step: &&Step| matches!(step, Step::Write { .. } | Step::WriteBlock { .. } | Step::Reset);
        steps.iter().filter(is_effect).cloned().collect()
    };
    let (left, right) = (effects(left), effects(right));
    let length = left.len().max(right.len());
    (0..length).map(|at| (left.get(at).cloned(), right.get(at).cloned())).find(|(l, r)| l != r)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accesses_are_told_with_names() {
        let step = Step::Write { address: 0xFCC3_0000, value: 0x8200_0500 };
        assert_eq!(
            step.to_string(),
            "write  fcc30000  config-dma.CTRL = 0x82000500 (RUN, INT_EN, WR_INFO_HDR, HEADER_BYTES 0x20)"
        );
        let block = Step::WriteBlock { address: 0x2400_0040, bytes: vec![0x88, 0, 0, 0, 4, 0, 1, 0] };
        assert_eq!(block.to_string(), "write  24000040  8 bytes: 00000088 00010004");
    }

    #[test]
    fn traces_are_compared_by_what_they_change() {
        let (read, write) = (Step::Read { address: 0, value: 1 }, |value| Step::Write { address: 4, value });
        assert_eq!(first_difference(&[read.clone(), write(1)], &[write(1)]), None);
        assert_eq!(first_difference(&[write(1)], &[write(2)]), Some((Some(write(1)), Some(write(2)))));
        assert_eq!(first_difference(&[write(1)], &[]), Some((Some(write(1)), None)));
    }
}
