//! One reservoir and its readout as arrays in a `.npz` archive.

mod archive;
mod layout;
mod options;

use std::io::Cursor;

use forebay_kernels::Real;
use ndarray::{Array2, s};
use zip::ZipWriter;

use self::archive::{Archive, NPZ, append, append_bytes, dimensions};
use self::layout::{Known, Layout};
pub use self::options::{ImportOptions, RowsOfWout};
use super::{activation_text, all_zero, noted, parse_activation};
use crate::error::Error;
use crate::error::{FileError, shortened_name};
use crate::model::Model;
use crate::model::npy::{NpyArray, text_to_npy};
use crate::model::single::{Parts, Single};
use crate::reservoir::Activation;
use crate::weights::Weights;

const OUTPUT_BIAS: &str = "Wout_bias";
/// Readout weights of the input, in archives that this crate writes.
const OUTPUT_INPUT: &str = "Wout_input";
const ACTIVATION: &str = "activation";
/// Says what Wout is, in archives that this crate writes.
const LAYOUT: &str = "Wout_layout";
const OUTPUTS_BY_STATE: &str = "outputs x state";

impl<T: Real> Model<T> {
    /// Reads the arrays of a `.npz` file by the names in `options`. The nodes are named `input`, `reservoir` and `output`.
    ///
    /// # Shapes
    /// W `[N, N]`; Win `[N, inputs]`, with the bias in front ([`ImportOptions::bias_in_w_in`]) or the feedback behind
    /// ([`ImportOptions::feedback_in_w_in`]) if so said; Wfb `[N, outputs]`; Wout `[outputs, columns]` or its transpose, with
    /// the columns of a [`ReadoutOn`](crate::model::ReadoutOn); `Wout_input` `[outputs, inputs]` beside a Wout of the state; bias one value or `[N]`; lr
    /// one value or `[N]`; activation a text. Wout, Wfb, bias, lr and activation may be missing: no readout (its outputs are
    /// zero), no feedback, no bias, no leak, tanh; but what is named otherwise than by default must be there, and Wout where another
    /// part of the readout is.
    ///
    /// Nothing in a square W tells whether it is meant for `W x` or `x W` ([`ImportOptions::row_vectors`]): `W x` is taken.
    ///
    /// # Errors
    /// [`Error::File`] for bytes that are no `.npz`, a missing array, an array of another shape or type, a readout whose
    /// columns could mean two things, arrays that nothing uses, arrays that unpack to more than 1 GiB and more than the file.
    pub fn from_npz(bytes: &[u8], options: &ImportOptions) -> Result<Self, Error> {
        let mut archive = Archive::open(bytes)?;
        let names = ImportOptions::default();
        let w_res = archive.required(&options.w)?.into_matrix();
        let units = w_res.nrows();
        if w_res.ncols() != units {
            return Err(FileError::array(&options.w, format!("{units} x {units}"), dimensions(w_res.dim())).into());
        }
        let w_in = archive.required(&options.w_in)?.into_matrix();
        let (w_res, mut w_in) =
            if options.row_vectors { (w_res.reversed_axes(), w_in.reversed_axes()) } else { (w_res, w_in) };
        if w_in.nrows() != units || w_in.ncols() <= usize::from(options.bias_in_w_in) {
            return Err(not_w_in(options, w_in.dim(), units).into());
        }

        if options.feedback_in_w_in && archive.has(&options.w_feedback) {
            return Err(twice("the feedback", &options.w_feedback, &options.w_in));
        }

        let bias = archive.vector(&options.bias, &names.bias, &[1, units])?;
        let mut bias = bias.map(|bias| if bias.len() == 1 { vec![bias[0]; units] } else { bias });
        let mut told = Told::default();
        if options.bias_in_w_in {
            if bias.is_some() {
                return Err(twice("the bias", &options.bias, &options.w_in));
            }
            bias = Some(w_in.column(0).to_vec());
            w_in = w_in.slice(s![.., 1..]).to_owned();
        }
        told.unless(bias.is_some(), "no bias");
        let leak = archive.vector(&options.leak, &names.leak, &[1, units])?;
        told.unless(leak.is_some(), "no leak");

        let output_bias_name = options.output_bias.as_deref().unwrap_or(OUTPUT_BIAS);
        let has_output_bias = archive.has(output_bias_name);
        // Parts of a readout are none without its weights of the state.
        let has_parts = has_output_bias || archive.has(OUTPUT_INPUT) || archive.has(LAYOUT);
        let missing = if has_parts { "" } else { &names.w_out };
        let w_out = archive.optional(&options.w_out, missing)?.map(NpyArray::into_matrix);
        let of_input = archive.optional(OUTPUT_INPUT, OUTPUT_INPUT)?.map(NpyArray::into_matrix);
        let said = archive.text(LAYOUT)?;
        if let Some(said) = said.as_deref().filter(|said| *said != OUTPUTS_BY_STATE) {
            return Err(FileError::array(LAYOUT, format!("{OUTPUTS_BY_STATE:?}"), shortened_name(said)).into());
        }
        let layout = w_out
            .as_ref()
            .map(|w_out| {
                let known = Known {
                    units,
                    columns_of_w_in: w_in.ncols(),
                    has_output_bias,
                    has_input: of_input.is_some(),
                    is_outputs_by_state: said.is_some(),
                };
                Layout::of(options, w_out.dim(), &known)
            })
            .transpose()?;
        let outputs = layout.as_ref().map_or(1, |layout| layout.outputs);
        let output_bias = archive.vector(output_bias_name, OUTPUT_BIAS, &[outputs])?;
        let w_feedback = archive.optional(&options.w_feedback, &names.w_feedback)?.map(NpyArray::into_matrix);
        let w_feedback = feedback(options, &mut w_in, w_feedback, outputs)?;
        let inputs = w_in.ncols();

        let (w_out, reads_input, merged_bias) = if let (Some(w_out), Some(layout)) = (w_out, layout) {
            let w_out = if layout.rows == RowsOfWout::Features { w_out.reversed_axes() } else { w_out };
            let readout = layout.on.split(w_out.view(), inputs, units);
            told.say(format!("readout of {}", layout.on));
            match of_input {
                None => (readout.weights, readout.reads_input, readout.bias),
                Some(of_input) => (beside(&of_input, &readout.weights, inputs)?, true, readout.bias),
            }
        } else {
            told.say("no readout: its outputs are zero".to_owned());
            (Array2::zeros((1, units)), false, None)
        };
        if output_bias.is_some() && merged_bias.is_some() {
            return Err(twice("the readout's intercept", output_bias_name, &options.w_out));
        }
        let output_bias = output_bias.or(merged_bias);
        told.unless(output_bias.is_some(), "no intercept");

        let in_file = archive.text(ACTIVATION)?.map(|text| parse_activation(&text)).transpose()?;
        let activation = activation(in_file, options, &mut told)?;
        archive.finish(&options.ignored)?;
        let narrow = |values: Vec<f64>| values.into_iter().map(T::from_f64).collect::<Vec<T>>();
        let what = format!(
            "{} of {units} x {units}, {} of {units} x {inputs}{}; {}",
            options.w,
            options.w_in,
            if w_feedback.is_some() { ", with feedback" } else { "" },
            told.0.join(", ")
        );
        Single {
            w_in: Weights::Dense(w_in.mapv(T::from_f64)),
            w_res: Weights::Dense(w_res.mapv(T::from_f64)),
            w_feedback: w_feedback.map(|w| Weights::Dense(w.mapv(T::from_f64))),
            bias: narrow(bias.unwrap_or_else(|| vec![0.0; units])),
            leak: narrow(leak.unwrap_or_else(|| vec![1.0])),
            activation,
            w_out: w_out.mapv(T::from_f64),
            reads_input,
            output_bias: narrow(output_bias.unwrap_or_else(|| vec![0.0; outputs])),
        }
        .into_builder()?
        .provenance(noted(what))
        .build()
    }

    /// The `.npz` that [`from_npz`](Self::from_npz) reads with default options: W, Win, bias, lr and activation; Wout over
    /// the state, `[outputs, N]` (`Wout_layout` says so); if there are any, `Wout_input` over the input, the intercept `Wout_bias`, and Wfb. Each part of the
    /// readout has a name, so that nobody has to guess an order of columns.
    ///
    /// Seed, training report and notes are not part of the format.
    ///
    /// # Errors
    /// [`Error::File`] if the model is not one reservoir and one readout.
    pub fn to_npz(&self) -> Result<Vec<u8>, Error> {
        let parts = Parts::of(self, NPZ)?;
        let column = |values: &[T]| Array2::from_shape_fn((values.len(), 1), |(row, _)| values[row]);
        let w_out = parts.readout.to_dense();
        let of_state = w_out.ncols() - parts.units;
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        append(&mut archive, "W", &parts.reservoir.w_res.to_dense())?;
        append(&mut archive, "Win", &parts.reservoir.w_in.to_dense())?;
        if let Some(w_feedback) = &parts.reservoir.w_feedback {
            append(&mut archive, "Wfb", &w_feedback.to_dense())?;
        }
        append(&mut archive, "Wout", &w_out.slice(s![.., of_state..]).to_owned())?;
        if parts.reads_input {
            append(&mut archive, OUTPUT_INPUT, &w_out.slice(s![.., ..of_state]).to_owned())?;
        }
        if !all_zero(&parts.readout.bias) {
            append(&mut archive, OUTPUT_BIAS, &column(&parts.readout.bias))?;
        }
        append(&mut archive, "bias", &column(&parts.reservoir.bias))?;
        append(&mut archive, "lr", &column(parts.reservoir.leak.rates()))?;
        append_bytes(&mut archive, LAYOUT, &text_to_npy(OUTPUTS_BY_STATE))?;
        append_bytes(&mut archive, ACTIVATION, &text_to_npy(&activation_text(parts.activation)))?;
        Ok(archive.finish().map_err(|e| FileError::format(NPZ, &e))?.into_inner())
    }
}

/// What was taken, for the note.
#[derive(Default)]
struct Told(Vec<String>);

impl Told {
    fn say(&mut self, what: String) {
        self.0.push(what);
    }

    fn unless(&mut self, is_there: bool, what: &str) {
        if !is_there {
            self.0.push(what.to_owned());
        }
    }
}

/// Weights of the input and of the state in one matrix, that of the input first.
fn beside(of_input: &Array2<f64>, of_state: &Array2<f64>, inputs: usize) -> Result<Array2<f64>, FileError> {
    let expected = (of_state.nrows(), inputs);
    if of_input.dim() != expected {
        return Err(FileError::array(OUTPUT_INPUT, dimensions(expected), dimensions(of_input.dim())));
    }
    let both = ndarray::concatenate(ndarray::Axis(1), &[of_input.view(), of_state.view()]);
    Ok(both.expect("both have a row per output"))
}

/// What the file says, or the options, if they do not disagree.
fn activation(in_file: Option<Activation>, options: &ImportOptions, told: &mut Told) -> Result<Activation, Error> {
    match (in_file, options.activation) {
        (Some(one), Some(other)) if one != other => Err(twice("the activation", ACTIVATION, "the options")),
        (Some(activation), _) | (None, Some(activation)) => Ok(activation),
        (None, None) => {
            told.say("tanh, of which the file says nothing".to_owned());
            Ok(Activation::Tanh)
        }
    }
}

/// Feedback weights from an array of their own, or from the last columns of the input weights, which lose them.
fn feedback(
    options: &ImportOptions,
    w_in: &mut Array2<f64>,
    own: Option<Array2<f64>>,
    outputs: usize,
) -> Result<Option<Array2<f64>>, Error> {
    let units = w_in.nrows();
    match own {
        Some(own) => {
            let own = if options.row_vectors { own.reversed_axes() } else { own };
            if own.dim() == (units, outputs) {
                Ok(Some(own))
            } else {
                let expected = format!("{units} x {outputs}, a column per output");
                Err(FileError::array(&options.w_feedback, expected, dimensions(own.dim())).into())
            }
        }
        None if options.feedback_in_w_in => {
            let Some(inputs) = w_in.ncols().checked_sub(outputs).filter(|&inputs| inputs > 0) else {
                let expected = format!("columns of inputs, then {outputs} of feedback");
                return Err(FileError::array(&options.w_in, expected, dimensions(w_in.dim())).into());
            };
            let fed_back = w_in.slice(s![.., inputs..]).to_owned();
            *w_in = w_in.slice(s![.., ..inputs]).to_owned();
            Ok(Some(fed_back))
        }
        None => Ok(None),
    }
}

fn not_w_in(options: &ImportOptions, (rows, columns): (usize, usize), units: usize) -> FileError {
    let expected = if options.bias_in_w_in { format!("{units} x (1 + inputs)") } else { format!("{units} x inputs") };
    let hint = if columns == units { " (if states are rows, x W, say so: row_vectors)" } else { "" };
    FileError::array(&options.w_in, expected, format!("{}{hint}", dimensions((rows, columns))))
}

fn twice(what: &'static str, one: &str, other: &str) -> Error {
    FileError::Twice { what, one: one.to_owned(), other: other.to_owned() }.into()
}
