//! What the columns of a readout's matrix stand for.

use ndarray::{Array2, ArrayView2, Axis, s};

/// What the columns of `W_out` stand for, in their order.
///
/// ```
/// use forebay::ReadoutOn;
///
/// // With one input, four columns over two units can be any of four orders: nothing in the numbers tells.
/// assert_eq!(ReadoutOn::fitting(4, 1, 2).len(), 4);
/// assert_eq!(ReadoutOn::from_columns(4, 1, 2), None);
/// assert_eq!(ReadoutOn::from_columns(2, 1, 2), Some(ReadoutOn::State));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadoutOn {
    /// `y = W_out x`: N columns.
    #[default]
    State,
    /// `y = W_out [1; x]`: 1 + N columns.
    BiasState,
    /// `y = W_out [x; 1]`: N + 1 columns.
    StateBias,
    /// `y = W_out [u; x]`: inputs + N columns.
    InputState,
    /// `y = W_out [x; u]`: N + inputs columns.
    StateInput,
    /// `y = W_out [1; u; x]`: 1 + inputs + N columns.
    BiasInputState,
    /// `y = W_out [1; x; u]`: 1 + N + inputs columns.
    BiasStateInput,
    /// `y = W_out [u; x; 1]`: inputs + N + 1 columns.
    InputStateBias,
    /// `y = W_out [x; u; 1]`: N + inputs + 1 columns.
    StateInputBias,
}

/// A block of columns.
#[derive(Clone, Copy, PartialEq)]
enum Block {
    One,
    Input,
    State,
}

/// A readout taken apart.
pub(crate) struct Readout<T> {
    /// Over `[u; x]`, or over x.
    pub(crate) weights: Array2<T>,
    pub(crate) reads_input: bool,
    pub(crate) bias: Option<Vec<T>>,
}

impl ReadoutOn {
    /// Every layout.
    pub const ALL: [Self; 9] = [
        Self::State,
        Self::BiasState,
        Self::StateBias,
        Self::InputState,
        Self::StateInput,
        Self::BiasInputState,
        Self::BiasStateInput,
        Self::InputStateBias,
        Self::StateInputBias,
    ];

    fn blocks(self) -> &'static [Block] {
        use Block::{Input, One, State};
        match self {
            Self::State => &[State],
            Self::BiasState => &[One, State],
            Self::StateBias => &[State, One],
            Self::InputState => &[Input, State],
            Self::StateInput => &[State, Input],
            Self::BiasInputState => &[One, Input, State],
            Self::BiasStateInput => &[One, State, Input],
            Self::InputStateBias => &[Input, State, One],
            Self::StateInputBias => &[State, Input, One],
        }
    }

    /// Its name on the command line and in messages, such as `bias-input-state`.
    pub fn name(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::BiasState => "bias-state",
            Self::StateBias => "state-bias",
            Self::InputState => "input-state",
            Self::StateInput => "state-input",
            Self::BiasInputState => "bias-input-state",
            Self::BiasStateInput => "bias-state-input",
            Self::InputStateBias => "input-state-bias",
            Self::StateInputBias => "state-input-bias",
        }
    }

    /// The layouts that have `columns` columns for these sizes.
    pub fn fitting(columns: usize, inputs: usize, units: usize) -> Vec<Self> {
        Self::ALL.into_iter().filter(|on| on.columns(inputs, units) == columns).collect()
    }

    /// The layout that has `columns` columns for these sizes, if exactly one does.
    pub fn from_columns(columns: usize, inputs: usize, units: usize) -> Option<Self> {
        match Self::fitting(columns, inputs, units)[..] {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Number of columns for these sizes.
    pub fn columns(self, inputs: usize, units: usize) -> usize {
        self.blocks().iter().map(|block| block.width(inputs, units)).sum()
    }

    /// Whether a column is the intercept.
    pub fn has_bias(self) -> bool {
        self.blocks().contains(&Block::One)
    }

    /// Whether columns read the input.
    pub fn has_input(self) -> bool {
        self.blocks().contains(&Block::Input)
    }

    /// Takes `[outputs, columns]` apart; the number of columns is that of the layout.
    pub(crate) fn split<T: Copy>(self, w_out: ArrayView2<'_, T>, inputs: usize, units: usize) -> Readout<T> {
        debug_assert_eq!(w_out.ncols(), self.columns(inputs, units), "checked by the caller");
        let block = |wanted: Block| {
            let before = self.blocks().iter().take_while(|block| **block != wanted);
            let start: usize = before.map(|block| block.width(inputs, units)).sum();
            w_out.slice(s![.., start..start + wanted.width(inputs, units)])
        };
        let weights = if self.has_input() {
            let parts = [block(Block::Input), block(Block::State)];
            ndarray::concatenate(Axis(1), &parts).expect("blocks of one matrix have its rows")
        } else {
            block(Block::State).to_owned()
        };
        let bias = self.has_bias().then(|| block(Block::One).iter().copied().collect());
        Readout { weights, reads_input: self.has_input(), bias }
    }
}

impl Block {
    fn width(self, inputs: usize, units: usize) -> usize {
        match self {
            Self::One => 1,
            Self::Input => inputs,
            Self::State => units,
        }
    }
}

impl std::fmt::Display for ReadoutOn {
    /// Its [`name`](Self::name).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::ReadoutOn;

    /// Whatever the order of its columns, a readout computes the same of the same features.
    #[test]
    fn every_order_is_the_same_readout() {
        let (inputs, units) = (2, 3);
        let one = [0.5];
        let (u, x) = ([2.0, 3.0], [5.0, 7.0, 11.0]);
        for on in ReadoutOn::ALL {
            let mut column = Vec::new();
            for word in on.name().split('-') {
                column.extend_from_slice(match word {
                    "bias" => &one,
                    "input" => &u[..],
                    _ => &x[..],
                });
            }
            let w_out = Array2::from_shape_vec((1, column.len()), column).unwrap();
            let readout = on.split(w_out.view(), inputs, units);
            let expected = if on.has_input() { array![[2.0, 3.0, 5.0, 7.0, 11.0]] } else { array![[5.0, 7.0, 11.0]] };
            assert_eq!(readout.weights, expected, "{on}");
            assert_eq!(readout.bias, on.has_bias().then(|| vec![0.5]), "{on}");
            assert_eq!(readout.reads_input, on.has_input());
        }
    }
}
