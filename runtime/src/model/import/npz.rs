//! One reservoir and its readout as arrays in a `.npz` archive.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{Cursor, Read, Write};

use forebay_kernels::Real;
use ndarray::{Array2, s};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::{activation_text, all_zero, noted, parse_activation};
use crate::error::Error;
use crate::error::{FileError, shortened_name};
use crate::model::Model;
use crate::model::columns::ReadoutOn;
use crate::model::npy::{NpyArray, npy_to_bytes, text_from_npy, text_to_npy};
use crate::model::single::{Parts, Single};
use crate::reservoir::Activation;
use crate::weights::Weights;

const NPZ: &str = ".npz of ESN weights";

/// What the rows of the readout's array are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowsOfWout {
    /// `[outputs, columns]`, as in `W_out x`.
    Outputs,
    /// `[columns, outputs]`, as in `x W_out`.
    Features,
}

/// Names and layout of what foreign files hold.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportOptions {
    /// Recurrent weights; `W`.
    pub w: String,
    /// Input weights; `Win`.
    pub w_in: String,
    /// Feedback weights; `Wfb`.
    pub w_feedback: String,
    /// Readout weights; `Wout`.
    pub w_out: String,
    /// Bias of the units; `bias`.
    pub bias: String,
    /// Leak rate; `lr`.
    pub leak: String,
    /// Intercept of the readout, if it has an array of its own; `Wout_bias` if there is one.
    pub output_bias: Option<String>,
    /// Whether the first column of the input weights is the bias.
    pub bias_in_w_in: bool,
    /// Whether the last columns of the input weights, one per output, are the feedback weights.
    pub feedback_in_w_in: bool,
    /// Whether states are rows, `x W + u Win`: both arrays are transposed.
    pub row_vectors: bool,
    /// What the rows of the readout's array are; by default told from its shape.
    pub rows_of_w_out: Option<RowsOfWout>,
    /// What the columns of the readout stand for; by default told from their number.
    pub readout_on: Option<ReadoutOn>,
    /// The units' function, if the file does not say; tanh by default.
    pub activation: Option<Activation>,
    /// Arrays and keys that may be left out of the model; what else is not used is refused.
    pub ignored: Vec<String>,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            w: "W".to_owned(),
            w_in: "Win".to_owned(),
            w_feedback: "Wfb".to_owned(),
            w_out: "Wout".to_owned(),
            bias: "bias".to_owned(),
            leak: "lr".to_owned(),
            output_bias: None,
            bias_in_w_in: false,
            feedback_in_w_in: false,
            row_vectors: false,
            rows_of_w_out: None,
            readout_on: None,
            activation: None,
            ignored: Vec::new(),
        }
    }
}

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
    /// the columns of a [`ReadoutOn`]; `Wout_input` `[outputs, inputs]` beside a Wout of the state; bias one value or `[N]`; lr
    /// one value or `[N]`; activation a text. Wout, Wfb, bias, lr and activation may be missing: no readout (its outputs are
    /// zero), no feedback, no bias, no leak, tanh; but what is named otherwise than by default must be there.
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

        let w_out = archive.optional(&options.w_out, &names.w_out)?.map(NpyArray::into_matrix);
        let output_bias_name = options.output_bias.as_deref().unwrap_or(OUTPUT_BIAS);
        let has_output_bias = archive.has(output_bias_name);
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

fn append<T: Real>(archive: &mut ZipWriter<Cursor<Vec<u8>>>, name: &str, array: &Array2<T>) -> Result<(), FileError> {
    append_bytes(archive, name, &npy_to_bytes(array.view()))
}

fn append_bytes(archive: &mut ZipWriter<Cursor<Vec<u8>>>, name: &str, bytes: &[u8]) -> Result<(), FileError> {
    let large = u32::try_from(bytes.len()).is_err();
    // The default time of change is a fixed date, so that equal arrays give equal bytes.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).large_file(large);
    archive.start_file(format!("{name}.npy"), options).map_err(|e| FileError::format(NPZ, &e))?;
    archive.write_all(bytes).map_err(|e| FileError::format(NPZ, &e))
}

/// What else is known when the readout's layout is looked for.
struct Known {
    units: usize,
    /// Without the bias column.
    columns_of_w_in: usize,
    /// Whether the intercept has an array of its own.
    has_output_bias: bool,
    /// Whether the weights of the input have.
    has_input: bool,
    /// Whether the file says so of the readout's array.
    is_outputs_by_state: bool,
}

/// How the readout's array is to be read.
#[derive(Clone, Copy, PartialEq)]
struct Layout {
    rows: RowsOfWout,
    on: ReadoutOn,
    outputs: usize,
}

impl Layout {
    /// The only layout that fits; none or several are refused with what would tell.
    fn of(options: &ImportOptions, shape: (usize, usize), known: &Known) -> Result<Self, FileError> {
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

/// The arrays of an archive by name, unpacked one at a time.
struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// Bytes that may still be unpacked: a small archive can claim a thousand times its size, or the same array many
    /// times.
    budget: u64,
    /// Names that were asked for and are there.
    used: BTreeSet<String>,
}

/// Arrays may unpack to this, or to the size of the archive if that is more.
const LARGEST_UNPACKED: u64 = 1 << 30;

impl<'a> Archive<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, FileError> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|e| FileError::format(NPZ, &e))?;
        Ok(Self { zip, budget: LARGEST_UNPACKED.max(bytes.len() as u64), used: BTreeSet::new() })
    }

    fn required(&mut self, name: &str) -> Result<NpyArray, FileError> {
        match self.find(name)? {
            Some(array) => Ok(array),
            None => Err(self.missing(name)),
        }
    }

    /// An array that may be missing, unless the caller gave it a name of his own.
    fn optional(&mut self, name: &str, default: &str) -> Result<Option<NpyArray>, FileError> {
        match self.find(name)? {
            None if name != default => Err(self.missing(name)),
            found => Ok(found),
        }
    }

    fn vector(&mut self, name: &str, default: &str, lengths: &[usize]) -> Result<Option<Vec<f64>>, FileError> {
        let Some(array) = self.optional(name, default)? else { return Ok(None) };
        let found = dimensions(array.dim());
        match array.into_vector() {
            Some(values) if lengths.contains(&values.len()) => Ok(Some(values)),
            _ => {
                let one_of = lengths.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
                Err(FileError::array(name, format!("{one_of} values in one row or column"), found))
            }
        }
    }

    /// Whether an array of this name is there, read or not.
    fn has(&self, name: &str) -> bool {
        self.zip.index_for_name(&format!("{name}.npy")).is_some()
    }

    fn find(&mut self, name: &str) -> Result<Option<NpyArray>, FileError> {
        self.content(name)?.map(|content| NpyArray::parse(name, &content)).transpose()
    }

    /// The text of an array that is one.
    fn text(&mut self, name: &str) -> Result<Option<String>, FileError> {
        self.content(name)?.map(|content| text_from_npy(name, &content)).transpose()
    }

    fn content(&mut self, name: &str) -> Result<Option<Vec<u8>>, FileError> {
        let fail = |why: &dyn std::fmt::Display| FileError::format(NPZ, &format!("array {name:?}: {why}"));
        let entry = match self.zip.by_name(&format!("{name}.npy")) {
            Ok(entry) => entry,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(fail(&error)),
        };
        let size = entry.size();
        self.budget = self.budget.checked_sub(size).ok_or_else(|| {
            let left = self.budget;
            fail(&format!("it unpacks to {size} bytes, {left} are allowed: save it without compression"))
        })?;
        let mut content = Vec::new();
        // One byte more than claimed reaches the end of an honest entry, where its checksum is compared.
        entry.take(size + 1).read_to_end(&mut content).map_err(|e| fail(&e))?;
        self.used.insert(name.to_owned());
        Ok(Some(content))
    }

    /// Refuses what nothing used, unless it may be left out.
    fn finish(&self, ignored: &[String]) -> Result<(), FileError> {
        let names = self.zip.file_names().flatten();
        let mut unused: Vec<String> = (names.map(|name| name.strip_suffix(".npy").unwrap_or(&name).to_owned()))
            .filter(|name| !self.used.contains(name) && !ignored.contains(name))
            .collect();
        unused.sort_unstable();
        FileError::unless_unused("arrays", &unused)
    }

    fn missing(&self, name: &str) -> FileError {
        let plain = |name: Cow<'_, str>| shortened_name(name.strip_suffix(".npy").unwrap_or(&name));
        let mut names: Vec<String> = self.zip.file_names().flatten().map(plain).collect();
        names.sort_unstable();
        if names.iter().any(|name| name == "indptr") {
            return FileError::format(
                NPZ,
                &"it is one sparse matrix of SciPy: save dense arrays by numpy.savez instead",
            );
        }
        let more = names.len().saturating_sub(MOST_NAMES);
        names.truncate(MOST_NAMES);
        if more > 0 || names.is_empty() {
            names.push(if more > 0 { format!("{more} more") } else { "nothing".to_owned() });
        }
        let available = names.join(", ");
        FileError::Missing { array: name.to_owned(), available }
    }
}

/// Names listed in an error.
const MOST_NAMES: usize = 12;

fn twice(what: &'static str, one: &str, other: &str) -> Error {
    FileError::Twice { what, one: one.to_owned(), other: other.to_owned() }.into()
}

fn dimensions((rows, columns): (usize, usize)) -> String {
    format!("{rows} x {columns}")
}
