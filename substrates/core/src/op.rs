//! What a partitioner may ask a substrate for.

/// One primitive operation of a lowered graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// An integer product with `units * weight_digits` rows, one sample per state digit.
    MatMul {
        /// Columns.
        inputs: usize,
        /// Rows of the layer as it is stored (weight digits multiplied in).
        units: usize,
        /// Bits per stored weight: 1, 2 or 4.
        weight_bits: u8,
        /// Bits per input value: 1, 2 or 4.
        input_bits: u8,
    },
    /// `min(max(x, 0), max)` as a staircase of so many bits, straight after a product.
    BoundedRelu {
        /// Bits per activation: 1, 2 or 4.
        bits: u8,
    },
    /// A hyperbolic tangent.
    Tanh,
    /// `(1 - a) old + a new`.
    Leak,
    /// Adding a constant to a sum that stays raw.
    Bias,
    /// Joining values.
    Concat,
    /// Values of earlier steps.
    Delay,
    /// Products of values with each other.
    Products,
    /// A sum of floating-point numbers.
    FloatMatMul,
}

impl Op {
    /// The operation's name, for people.
    pub fn name(&self) -> &'static str {
        match self {
            Self::MatMul { .. } => "integer product",
            Self::BoundedRelu { .. } => "bounded relu",
            Self::Tanh => "tanh",
            Self::Leak => "leak",
            Self::Bias => "bias",
            Self::Concat => "concat",
            Self::Delay => "delay",
            Self::Products => "products",
            Self::FloatMatMul => "float product",
        }
    }
}

/// How a substrate runs an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Support {
    /// Whether the result is the mathematical one in every bit (products: as long as no potential saturates).
    pub exact: bool,
    /// What holds the operation, for example `FNP3`; empty if it needs nothing of its own.
    pub place: String,
    /// 32-bit words of neuron memory it takes.
    pub memory_words: u64,
    /// Words of neuron memory that a place of this kind has; `None` if no limit is known.
    pub memory_limit_words: Option<u64>,
}
