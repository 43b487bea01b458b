//! Faults on purpose, by name and seed.

use std::fmt;
use std::str::FromStr;

use forebay_akida::chip::address::{CONFIG_DMA, CORE, EVENT_DMA, HRC_DMA};
use forebay_akida::chip::dma::{buf_mon_status, desc_status};
use forebay_akida::chip::top::ip_version;

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A job ends later than it should, up to twelve seconds.
    LateCompletion,
    /// A job never ends.
    MissingCompletion,
    /// A bit of a status register always reads 0 or 1.
    StuckBits,
    /// Reads give all ones for a while, as on a link that is down.
    AllOnes,
    /// The version register names another chip.
    WrongVersion,
    /// The output's header tells a length that cannot be.
    CorruptHeader,
    /// Events are missing at the end of an output.
    ShortOutput,
    /// A bit of a processor's weight memory changes by itself.
    FlippedBit,
    /// The PCIe DMA engine ends a transfer without its interrupt.
    LostInterrupt,
    /// The PCIe DMA engine is sent to an address that is not mapped.
    UnmappedDma,
    /// The device is gone for good.
    Removal,
    /// The device resets itself in the middle of a job.
    Reset,
}

/// A name that is no fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no fault named {name:?}; there is {}", Fault::ALL.map(|fault| fault.to_string()).join(", "))]
pub struct UnknownFault {
    /// The name given.
    pub name: String,
}

impl Fault {
    /// All faults.
    pub const ALL: [Self; 12] = [
        Self::LateCompletion,
        Self::MissingCompletion,
        Self::StuckBits,
        Self::AllOnes,
        Self::WrongVersion,
        Self::CorruptHeader,
        Self::ShortOutput,
        Self::FlippedBit,
        Self::LostInterrupt,
        Self::UnmappedDma,
        Self::Removal,
        Self::Reset,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::LateCompletion => "late-completion",
            Self::MissingCompletion => "missing-completion",
            Self::StuckBits => "stuck-bits",
            Self::AllOnes => "all-ones",
            Self::WrongVersion => "wrong-version",
            Self::CorruptHeader => "corrupt-header",
            Self::ShortOutput => "short-output",
            Self::FlippedBit => "flipped-bit",
            Self::LostInterrupt => "lost-interrupt",
            Self::UnmappedDma => "unmapped-dma",
            Self::Removal => "removal",
            Self::Reset => "reset",
        }
    }

    fn is_of_a_job(self) -> bool {
        use Fault::{CorruptHeader, FlippedBit, LateCompletion, MissingCompletion, Reset, ShortOutput};
        matches!(self, LateCompletion | MissingCompletion | CorruptHeader | ShortOutput | FlippedBit | Reset)
    }

    /// Whether it happens in the PCIe DMA engine.
    pub(crate) fn is_of_a_transfer(self) -> bool {
        matches!(self, Self::LostInterrupt | Self::UnmappedDma)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(name: &str) -> Result<Self, UnknownFault> {
        Self::ALL.into_iter().find(|fault| fault.name() == name).ok_or_else(|| UnknownFault { name: name.to_owned() })
    }
}

/// A fault with its time and its details.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Injection {
    /// What goes wrong.
    pub fault: Fault,
    /// With which job, register read or transfer, counted from 0.
    pub at: u64,
    /// Chooses details: how late, which bit.
    pub seed: u64,
}

impl Injection {
    /// A fault at a time that the seed chooses, among the first hundred or so occasions.
    pub fn seeded(fault: Fault, seed: u64) -> Self {
        let most = match fault {
            _ if fault.is_of_a_job() => 24,
            _ if fault.is_of_a_transfer() => 12,
            Fault::WrongVersion => 1,
            _ => 120,
        };
        Self { fault, at: mix(seed) % most, seed }
    }
}

/// What befalls one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobFault {
    Late { nanoseconds: u64 },
    Missing,
    Header { choice: u64 },
    Short { choice: u64 },
    FlippedBit { choice: u64 },
    Reset,
}

/// What befalls one transfer of the PCIe DMA engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TransferFault {
    LostInterrupt,
    Unmapped,
}

/// The faults of a device, and how far it is on its way to them.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    injections: Vec<Injection>,
    jobs: u64,
    reads: u64,
    transfers: u64,
    gone: bool,
    /// Until when reads give all ones, on the chip's clock.
    ones_until: u64,
    /// A register, bits of it, and what they read.
    stuck: Option<(u32, u32, u32)>,
    /// Injections that happened.
    pub(crate) happened: Vec<Fault>,
}

impl Faults {
    pub(crate) fn add(&mut self, injection: Injection) {
        self.injections.push(injection);
    }

    /// Takes the injections whose time has come.
    fn due(&mut self, now: u64, kind: impl Fn(Fault) -> bool) -> Option<Injection> {
        let at = self.injections.iter().position(|injection| kind(injection.fault) && injection.at <= now)?;
        let injection = self.injections.remove(at);
        self.happened.push(injection.fault);
        Some(injection)
    }

    pub(crate) fn on_job(&mut self, is_config: bool) -> Option<JobFault> {
        let now = self.jobs;
        self.jobs += 1;
        let is_output = |fault| matches!(fault, Fault::CorruptHeader | Fault::ShortOutput);
        // What befalls outputs waits for a job that has some.
        let injection = self.due(now, |fault| fault.is_of_a_job() && !(is_config && is_output(fault)))?;
        let choice = mix(injection.seed ^ 0x5EED);
        Some(match injection.fault {
            // Up to twelve seconds: some within a driver's deadline, some beyond.
            Fault::LateCompletion => JobFault::Late { nanoseconds: choice % 12_000_000_000 },
            Fault::MissingCompletion => JobFault::Missing,
            Fault::CorruptHeader => JobFault::Header { choice },
            Fault::ShortOutput => JobFault::Short { choice },
            Fault::FlippedBit => JobFault::FlippedBit { choice },
            _ => JobFault::Reset,
        })
    }

    pub(crate) fn on_transfer(&mut self) -> Option<TransferFault> {
        let now = self.transfers;
        self.transfers += 1;
        let injection = self.due(now, Fault::is_of_a_transfer)?;
        Some(if injection.fault == Fault::LostInterrupt {
            TransferFault::LostInterrupt
        } else {
            TransferFault::Unmapped
        })
    }

    /// What a register read gives instead of `value`.
    pub(crate) fn on_read(&mut self, clock: u64, address: u32, value: u32) -> u32 {
        let now = self.reads;
        self.reads += 1;
        let is_version = address == CORE + ip_version::OFFSET;
        let of_reads = |fault| matches!(fault, Fault::StuckBits | Fault::AllOnes | Fault::Removal);
        if let Some(injection) = self.due(now, |f| of_reads(f) || (is_version && f == Fault::WrongVersion)) {
            let choice = mix(injection.seed ^ 0x5EED);
            match injection.fault {
                Fault::StuckBits => self.stuck = Some(stuck(choice)),
                // Up to four tenths of a second.
                Fault::AllOnes => self.ones_until = clock + choice % 400_000_000,
                Fault::Removal => self.gone = true,
                _ => return [0xBCA2_0100, 0x1234_5678, 0xBC00_0001, 0x0000_0001][choice as usize % 4],
            }
        }
        if self.gone || clock < self.ones_until {
            return u32::MAX;
        }
        match self.stuck {
            Some((register, mask, bits)) if register == address => value & !mask | bits,
            _ => value,
        }
    }

    /// A reset frees what was stuck, half of the time: the choice is the fault's own.
    pub(crate) fn note_reset(&mut self) {
        if let Some((register, mask, _)) = self.stuck
            && mix(u64::from(register ^ mask)) & 1 == 0
        {
            self.stuck = None;
        }
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.gone
    }

    /// The device is gone from now on.
    pub(crate) fn remove(&mut self) {
        self.gone = true;
    }
}

/// A bit of one of the registers that drivers poll.
fn stuck(choice: u64) -> (u32, u32, u32) {
    let dma = [CONFIG_DMA, EVENT_DMA, HRC_DMA][(choice >> 8) as usize % 3];
    let register = [desc_status::OFFSET, buf_mon_status::OFFSET][(choice >> 16) as usize % 2];
    let mask = 1 << (choice >> 24 & 31);
    (dma + register, mask, if choice >> 32 & 1 == 1 { mask } else { 0 })
}

/// A number that looks nothing like its seed.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ z >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for fault in Fault::ALL {
            assert_eq!(fault.to_string().parse(), Ok(fault));
        }
        assert!("gremlins".parse::<Fault>().is_err());
    }
}
