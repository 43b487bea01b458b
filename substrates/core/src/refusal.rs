//! Why a substrate does not take an operation or a program, with the numbers.

/// A limit that a network exceeds.
///
/// `Display` gives the text that the device maker's compiler prints where that is known; [`kind`](Self::kind) is a
/// stable name for programs.
///
/// # Source
/// specs/device-program.md, limits.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// More inputs than a processor's input memory holds.
    #[error(
        "Cannot map layer '{layer}'. Input dimensions are too large to fit in a FNP. The maximum value is {limit}."
    )]
    Inputs {
        /// The layer.
        layer: String,
        /// Inputs of the layer.
        found: usize,
        /// The largest number that fits.
        limit: usize,
    },
    /// A number too wide for its register field.
    #[error(
        "Cannot map layer '{layer}'. Error: Attempted to write value {value} into a {bits}-bit field, which will cause an overflow.."
    )]
    Field {
        /// The layer.
        layer: String,
        /// The number.
        value: u64,
        /// Width of the field.
        bits: u8,
    },
    /// An input tensor wider or higher than can be declared.
    #[error("The maximum input {side} is {limit} (got {found}).")]
    InputSide {
        /// `width` or `height`.
        side: &'static str,
        /// The size given.
        found: usize,
        /// The largest size.
        limit: usize,
    },
    /// No processor of the kind is free.
    #[error(
        "Cannot map layer '{layer}'. Not enough hardware components of type {component} available. 1 is needed but 0 are available."
    )]
    Components {
        /// The layer.
        layer: String,
        /// `FNP3` or `FNP2`.
        component: &'static str,
    },
    /// A threshold outside signed 20 bits.
    #[error("Cannot map layer '{layer}'. Error: {found} cannot fit in a 20-bit signed integer.")]
    Threshold {
        /// The layer.
        layer: String,
        /// The threshold.
        found: i64,
    },
    /// A step outside 1/16 to below 65536.
    #[error("Cannot map layer '{layer}'. Error: act_step should be between 0 and 65535. Receives act_step {found}..")]
    Step {
        /// The layer.
        layer: String,
        /// The step.
        found: f32,
    },
    /// Inputs of a width that can be declared but not run.
    #[error("Cannot map layer '{layer}'. Input bitwidth should be 1, 2 or 4.")]
    InputBits {
        /// The layer.
        layer: String,
        /// The width given.
        found: u32,
    },
    /// A layer after raw potentials, or after inputs of more than 4 bits.
    #[error("FullyConnected cannot be added if previous layer's output requires more than 4 bits.")]
    AfterWideOutput {
        /// The layer.
        layer: String,
    },
    /// Weights of a width that a layer cannot have.
    #[error("Weight bits should be between 1 and 4 inclusive.")]
    WeightBits {
        /// The layer.
        layer: String,
        /// The width given.
        found: u32,
    },
    /// An operation that stays on the host.
    #[error("{op} is not done by the processor: {reason}")]
    Operation {
        /// The operation.
        op: &'static str,
        /// Why.
        reason: &'static str,
    },
}

impl Refusal {
    /// A stable name of the limit, for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Inputs { .. } => "inputs",
            Self::Field { .. } => "field",
            Self::InputSide { .. } => "input_side",
            Self::Components { .. } => "components",
            Self::Threshold { .. } => "threshold",
            Self::Step { .. } => "step",
            Self::InputBits { .. } => "input_bits",
            Self::AfterWideOutput { .. } => "after_wide_output",
            Self::WeightBits { .. } => "weight_bits",
            Self::Operation { .. } => "operation",
        }
    }
}
