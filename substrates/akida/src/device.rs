//! What is known of the two chips: processors, limits, identity.
//!
//! Source tags as in specs/device-program.md: \[T\] measured on programs of the maker's compiler.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// A neural processor chip of the first generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Device {
    /// AKD1000: 18 processors with weights of their own, 4 with weights in external memory; one pass.
    Akd1000,
    /// AKD1500: 7 and 1, in as many passes as it takes.
    Akd1500,
}

/// A name that is no device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no device named {name:?}; there is AKD1000, AKD1500")]
pub struct UnknownDevice {
    /// The name given.
    pub name: String,
}

/// Where the weights of a fully connected processor are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum NpKind {
    /// In external memory, without a limit that is known.
    Fnp2,
    /// In its own memory of 10752 words.
    Fnp3,
}

/// One neural processor: column, row and id within its node of the mesh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Np {
    /// Column of the mesh.
    pub col: u8,
    /// Row of the mesh.
    pub row: u8,
    /// Number within the node, 0..=3.
    pub id: u8,
    /// Where its weights are.
    pub kind: NpKind,
}

/// Words of neuron memory of an FNP3: 7168 rows of 48 payload bits \[T\].
pub const FNP3_WORDS: usize = 10_752;

/// Largest width and height that an input tensor can be declared with \[T\].
pub const MAX_INPUT_SIDE: u32 = 4096;

/// Units up to which an AKD1500 puts out a dense tensor \[T\].
pub const DENSE_OUTPUT_UNITS: usize = 2047;

impl Device {
    /// Both devices.
    pub const ALL: [Self; 2] = [Self::Akd1000, Self::Akd1500];

    /// Most inputs of one layer \[T\].
    pub fn max_inputs(self) -> usize {
        match self {
            Self::Akd1000 => 57_334,
            Self::Akd1500 => 81_920,
        }
    }

    /// Processors with weights of their own, in the order they are taken \[T\].
    pub fn fnp3(self) -> &'static [Np] {
        match self {
            Self::Akd1000 => &AKD1000_FNP3,
            Self::Akd1500 => &AKD1500_FNP3,
        }
    }

    /// Processors with weights in external memory, in the order they are taken \[T\].
    pub fn fnp2(self) -> &'static [Np] {
        match self {
            Self::Akd1000 => &AKD1000_FNP2,
            Self::Akd1500 => &AKD1500_FNP2,
        }
    }

    /// Column and row of the node whose DMA engines carry events (id 0) and configuration (id 1) \[T\].
    pub fn dma(self) -> (u8, u8) {
        match self {
            Self::Akd1000 => (3, 1),
            Self::Akd1500 => (1, 1),
        }
    }

    /// Vendor, product, major and minor revision as a program names them \[T\].
    pub fn version(self) -> [u8; 4] {
        match self {
            Self::Akd1000 => [0xBC, 0, 0, 2],
            Self::Akd1500 => [0xBC, 0xA1, 3, 9],
        }
    }

    /// Whether a long chain continues in further passes.
    pub fn has_passes(self) -> bool {
        self == Self::Akd1500
    }

    /// The device of these version bytes.
    pub fn from_version(version: [u8; 4]) -> Option<Self> {
        Self::ALL.into_iter().find(|device| device.version() == version)
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Akd1000 => "AKD1000",
            Self::Akd1500 => "AKD1500",
        })
    }
}

impl FromStr for Device {
    type Err = UnknownDevice;

    fn from_str(name: &str) -> Result<Self, UnknownDevice> {
        let found = Self::ALL.into_iter().find(|device| device.to_string() == name);
        found.ok_or_else(|| UnknownDevice { name: name.to_owned() })
    }
}

impl NpKind {
    /// Words of neuron memory; `None` where the memory is external and no limit is known.
    pub fn memory_words(self) -> Option<usize> {
        match self {
            Self::Fnp2 => None,
            Self::Fnp3 => Some(FNP3_WORDS),
        }
    }
}

impl fmt::Display for NpKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fnp2 => "FNP2",
            Self::Fnp3 => "FNP3",
        })
    }
}

const fn fnp3(col: u8, row: u8) -> Np {
    Np { col, row, id: 0, kind: NpKind::Fnp3 }
}

const fn fnp2(col: u8, row: u8, id: u8) -> Np {
    Np { col, row, id, kind: NpKind::Fnp2 }
}

const AKD1000_FNP3: [Np; 18] = [
    fnp3(1, 3),
    fnp3(1, 4),
    fnp3(1, 5),
    fnp3(2, 3),
    fnp3(2, 4),
    fnp3(2, 5),
    fnp3(3, 2),
    fnp3(3, 3),
    fnp3(3, 4),
    fnp3(3, 5),
    fnp3(4, 2),
    fnp3(4, 3),
    fnp3(4, 4),
    fnp3(4, 5),
    fnp3(5, 2),
    fnp3(5, 3),
    fnp3(5, 4),
    fnp3(5, 5),
];
const AKD1000_FNP2: [Np; 4] = [fnp2(4, 1, 0), fnp2(4, 1, 1), fnp2(4, 1, 2), fnp2(4, 1, 3)];
const AKD1500_FNP3: [Np; 7] = [fnp3(1, 3), fnp3(2, 1), fnp3(2, 2), fnp3(2, 3), fnp3(3, 1), fnp3(3, 2), fnp3(3, 3)];
const AKD1500_FNP2: [Np; 1] = [fnp2(1, 2, 0)];
