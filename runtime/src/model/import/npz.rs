//! One reservoir and its readout as arrays in a `.npz` archive.

use std::borrow::Cow;
use std::io::{Cursor, Read, Write};

use forebay_kernels::Real;
use ndarray::{Array2, s};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::{Parts, Plain, all_zero};
use crate::error::Error;
use crate::esn::ReadoutOn;
use crate::model::Model;
use crate::model::file::{FileError, shortened_name};
use crate::model::npy::{NpyArray, npy_to_bytes};
use crate::reservoir::Activation;

const NPZ: &str = ".npz of ESN weights";

/// Names and layout of the arrays in a `.npz` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NpzOptions {
    /// Recurrent weights; `W`.
    pub w: String,
    /// Input weights; `Win`.
    pub w_in: String,
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
    /// What the columns of the readout stand for; by default told from their number.
    pub readout_on: Option<ReadoutOn>,
}

impl Default for NpzOptions {
    fn default() -> Self {
        Self {
            w: "W".to_owned(),
            w_in: "Win".to_owned(),
            w_out: "Wout".to_owned(),
            bias: "bias".to_owned(),
            leak: "lr".to_owned(),
            output_bias: None,
            bias_in_w_in: false,
            readout_on: None,
        }
    }
}

const OUTPUT_BIAS: &str = "Wout_bias";

impl<T: Real> Model<T> {
    /// Reads the arrays of a `.npz` file by the names in `options`. The activation is tanh. The nodes are named `input`,
    /// `reservoir` and `output`.
    ///
    /// # Shapes
    /// W `[N, N]`; Win `[N, inputs]`, or `[N, 1 + inputs]` with the bias in front ([`NpzOptions::bias_in_w_in`]); Wout
    /// `[outputs, columns]` with the columns of [`ReadoutOn`], or its transpose if it fits only so; bias `[N]`, `[N, 1]` or
    /// `[1, N]`; lr one value or `[N]`. Wout, bias and lr may be missing: no readout (its outputs are zero), no bias, no
    /// leak; but what is named otherwise than by default must be there.
    ///
    /// # Errors
    /// [`Error::File`] for bytes that are no `.npz`, a missing array, an array of another shape or type, a readout whose
    /// columns could mean two things, arrays that unpack to more than 1 GiB and more than the file.
    pub fn from_npz(bytes: &[u8], options: &NpzOptions) -> Result<Self, Error> {
        let mut archive = Archive::open(bytes)?;
        let names = NpzOptions::default();
        let w_res = archive.required(&options.w)?.into_matrix();
        let units = w_res.nrows();
        if w_res.ncols() != units {
            return Err(FileError::array(&options.w, format!("{units} x {units}"), dimensions(w_res.dim())).into());
        }
        let mut w_in = archive.required(&options.w_in)?.into_matrix();
        if w_in.nrows() != units || w_in.ncols() <= usize::from(options.bias_in_w_in) {
            let columns = if options.bias_in_w_in { "(1 + inputs)" } else { "inputs" };
            let found = dimensions(w_in.dim());
            return Err(FileError::array(&options.w_in, format!("{units} x {columns}"), found).into());
        }
        let inputs = w_in.ncols() - usize::from(options.bias_in_w_in);
        let mut bias = archive.vector(&options.bias, &names.bias, &[units])?;
        if options.bias_in_w_in {
            if bias.is_some() {
                return Err(twice("the bias", &options.bias, &options.w_in));
            }
            bias = Some(w_in.column(0).to_vec());
            w_in = w_in.slice(s![.., 1..]).to_owned();
        }
        let leak = archive.vector(&options.leak, &names.leak, &[1, units])?;
        let w_out = archive.optional(&options.w_out, &names.w_out)?;
        let (w_out, readout_on) = match w_out {
            None => (None, ReadoutOn::State),
            Some(array) => {
                let (w_out, on) = orient(&options.w_out, array.into_matrix(), inputs, units, options.readout_on)?;
                (Some(w_out), on)
            }
        };
        let outputs = w_out.as_ref().map_or(1, Array2::nrows);
        let output_bias_name = options.output_bias.as_deref().unwrap_or(OUTPUT_BIAS);
        let output_bias = archive.vector(output_bias_name, OUTPUT_BIAS, &[outputs])?;
        if output_bias.is_some() && readout_on.has_bias() {
            return Err(twice("the readout's intercept", output_bias_name, &options.w_out));
        }
        Plain {
            w_in,
            w_res,
            bias: bias.unwrap_or_else(|| vec![0.0; units]),
            leak: leak.unwrap_or_else(|| vec![1.0]),
            activation: Activation::Tanh,
            w_out,
            output_bias,
            readout_on,
        }
        .into_model()
    }

    /// The `.npz` that [`from_npz`](Self::from_npz) reads with default options: W, Win, bias, lr, and Wout with columns
    /// `[1; u; x]`, or `x` alone for a readout of the state, whose intercept then is `Wout_bias`.
    ///
    /// # Errors
    /// [`Error::File`] if the model is not one reservoir with tanh and one readout.
    pub fn to_npz(&self) -> Result<Vec<u8>, Error> {
        let parts = Parts::of(self, NPZ)?;
        if parts.activation != Activation::Tanh {
            let why = format!("its activation is {}, the format means tanh", parts.activation);
            return Err(FileError::NotExpressible { format: NPZ, why }.into());
        }
        let column = |values: &[T]| Array2::from_shape_fn((values.len(), 1), |(row, _)| values[row]);
        let intercept = column(&parts.readout.bias);
        let mut w_out = parts.readout.to_dense();
        if parts.reads_input {
            // With one input, [u; x] has as many columns as [1; x]; [1; u; x] has its number for itself.
            w_out = ndarray::concatenate![ndarray::Axis(1), intercept, w_out];
        }
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        append(&mut archive, "W", &parts.reservoir.w_res.to_dense())?;
        append(&mut archive, "Win", &parts.reservoir.w_in.to_dense())?;
        append(&mut archive, "Wout", &w_out)?;
        if !parts.reads_input && !all_zero(&parts.readout.bias) {
            append(&mut archive, OUTPUT_BIAS, &intercept)?;
        }
        append(&mut archive, "bias", &column(&parts.reservoir.bias))?;
        append(&mut archive, "lr", &column(parts.reservoir.leak.rates()))?;
        Ok(archive.finish().map_err(|e| FileError::format(NPZ, &e))?.into_inner())
    }
}

fn append<T: Real>(archive: &mut ZipWriter<Cursor<Vec<u8>>>, name: &str, array: &Array2<T>) -> Result<(), FileError> {
    let bytes = npy_to_bytes(array.view());
    let large = u32::try_from(bytes.len()).is_err();
    // The default time of change is a fixed date, so that equal arrays give equal bytes.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).large_file(large);
    archive.start_file(format!("{name}.npy"), options).map_err(|e| FileError::format(NPZ, &e))?;
    archive.write_all(&bytes).map_err(|e| FileError::format(NPZ, &e))
}

/// Turns the readout so that its columns are features, and says which.
fn orient(
    name: &str,
    w_out: Array2<f64>,
    inputs: usize,
    units: usize,
    wanted: Option<ReadoutOn>,
) -> Result<(Array2<f64>, ReadoutOn), FileError> {
    let fits = |columns: usize| match wanted {
        Some(on) => Some(on).filter(|on| on.columns(inputs, units) == columns),
        None => ReadoutOn::from_columns(columns, inputs, units),
    };
    if let Some(on) = fits(w_out.ncols()) {
        return Ok((w_out, on));
    }
    if let Some(on) = fits(w_out.nrows()) {
        return Ok((w_out.reversed_axes(), on));
    }
    let expected = match wanted {
        Some(on) => format!("outputs x {} for {on:?}", on.columns(inputs, units)),
        // With one input, [1; x] and [u; x] look alike.
        None if inputs == 1 && [w_out.ncols(), w_out.nrows()].contains(&(units + 1)) => {
            "columns that tell [1; x] from [u; x] (set readout_on)".to_owned()
        }
        None => format!(
            "outputs x {units} for the state, {} with a bias, {} with the input, {} with both",
            units + 1,
            units + inputs,
            units + inputs + 1
        ),
    };
    Err(FileError::array(name, expected, dimensions(w_out.dim())))
}

/// The arrays of an archive by name, unpacked one at a time.
struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// Bytes that may still be unpacked: a small archive can claim a thousand times its size, or the same array many
    /// times.
    budget: u64,
}

/// Arrays may unpack to this, or to the size of the archive if that is more.
const LARGEST_UNPACKED: u64 = 1 << 30;

impl<'a> Archive<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, FileError> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|e| FileError::format(NPZ, &e))?;
        Ok(Self { zip, budget: LARGEST_UNPACKED.max(bytes.len() as u64) })
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

    fn find(&mut self, name: &str) -> Result<Option<NpyArray>, FileError> {
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
        NpyArray::parse(name, &content).map(Some)
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
