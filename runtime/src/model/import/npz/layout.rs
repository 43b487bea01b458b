//! How the readout's array is to be read: the only way that fits, or none.

use super::archive::dimensions;
use super::options::{ImportOptions, RowsOfWout};
use crate::error::FileError;
use crate::model::columns::ReadoutOn;

/// What else is known when the readout's layout is looked for.
pub(super) struct Known {
    pub(super) units: usize,
    /// Without the bias column.
    pub(super) columns_of_w_in: usize,
    /// Whether the intercept has an array of its own.
    pub(super) has_output_bias: bool,
    /// Whether the weights of the input have.
    pub(super) has_input: bool,
    /// Whether the file says so of the readout's array.
    pub(super) is_outputs_by_state: bool,
}

/// How the readout's array is to be read.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Layout {
    pub(super) rows: RowsOfWout,
    pub(super) on: ReadoutOn,
    pub(super) outputs: usize,
}

impl Layout {
    /// The only layout that fits; none or several are refused with what would tell.
    pub(super) fn of(options: &ImportOptions, shape: (usize, usize), known: &Known) -> Result<Self, FileError> {
        let rows = match options.rows_of_w_out {
            Some(rows) => vec![rows],
            None => vec![RowsOfWout::Outputs, RowsOfWout::Features],
        };
        let mut fitting = Vec::new();
        for rows in rows {
            let (outputs, columns) = if rows == RowsOfWout::Outputs { shape } else { (shape.1, shape.0) };
            let fed_back = if options.feedback_in_w_in { outputs } else { 0 };
            let Some(inputs) = known.columns_of_w_in.checked_sub(fed_back) else { continue };
            let fits =
                ReadoutOn::fitting(columns, inputs, known.units).into_iter().filter(|on| match options.readout_on {
                    Some(wanted) => wanted == *on,
                    // What has an array of its own is no column.
                    None => !(known.has_output_bias && on.has_bias() || known.has_input && on.has_input()),
                });
            let fits =
                fits.filter(|on| !known.is_outputs_by_state || (rows, *on) == (RowsOfWout::Outputs, ReadoutOn::State));
            fitting.extend(fits.map(|on| Self { rows, on, outputs }));
        }
        match fitting[..] {
            [layout] => Ok(layout),
            [] => Err(FileError::array(&options.w_out, Self::expected(options, known), dimensions(shape))),
            [first, ref more @ ..] => {
                let by_rows = more.iter().all(|layout| layout.on == first.on);
                let names: Vec<&str> = fitting.iter().map(|layout| layout.on.name()).collect();
                let (means, say) = if by_rows {
                    ("outputs x columns or columns x outputs".to_owned(), "rows_of_w_out")
                } else {
                    (names.join(", "), "readout_on")
                };
                Err(FileError::Ambiguous { array: options.w_out.clone(), shape: dimensions(shape), means, say })
            }
        }
    }

    fn expected(options: &ImportOptions, known: &Known) -> String {
        let (units, inputs) = (known.units, known.columns_of_w_in);
        match options.readout_on {
            Some(on) if options.feedback_in_w_in => format!("the columns of {on}"),
            Some(on) => format!("outputs x {} for {on}", on.columns(inputs, units)),
            None => format!(
                "outputs x {units} for the state, {} with a bias, {} with the input, {} with both",
                units + 1,
                units + inputs,
                units + inputs + 1
            ),
        }
    }
}
