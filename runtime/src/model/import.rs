//! Weights from elsewhere, and back: JSON objects, `.npz` archives and `.npy` arrays.

mod json;
mod npz;

pub use super::npy::{npy_from_bytes, npy_to_bytes, read_npy, write_npy};
pub use npz::{ImportOptions, RowsOfWout};

use std::path::Path;

use forebay_kernels::Real;
use serde_json::Value;

use super::{Model, Provenance};
use crate::disk::{read_file, read_start, write_aside};
use crate::error::Error;
use crate::error::FileError;
use crate::reservoir::Activation;

impl<T: Real> Model<T> {
    /// Reads a model file of any known kind; what it is, its first bytes tell: this crate's own format, JSON, `.npz`.
    ///
    /// What was taken from a foreign file, and what it did not say, is in the note `import` of the model's
    /// [`Provenance`].
    ///
    /// # Errors
    /// As [`load`](Self::load), [`from_json`](Self::from_json), [`from_npz`](Self::from_npz); files of other programs are
    /// refused by what they are.
    pub fn import(path: &Path, options: &ImportOptions) -> Result<Self, Error> {
        match Kind::of(&read_start(path)?) {
            Kind::Forebay => {
                options.check_other("a model file", &ImportOptions::default())?;
                Self::load(path)
            }
            Kind::Json => {
                let known = ImportOptions {
                    activation: options.activation,
                    ignored: options.ignored.clone(),
                    ..ImportOptions::default()
                };
                options.check_other("JSON of a model", &known)?;
                json::read(&read_file(path)?, options.activation, &options.ignored)
            }
            Kind::Npz => Self::from_npz(&read_file(path)?, options),
            Kind::Foreign { what, instead } => {
                Err(FileError::format("model", &format!("it is {what}: {instead}")).into())
            }
        }
    }

    /// The float type that a file's numbers are meant in, `f32` or `f64`, if it says one.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read.
    pub fn precision_of(path: &Path) -> Result<Option<String>, Error> {
        let precision = match Kind::of(&read_start(path)?) {
            Kind::Forebay => super::file::ModelHeader::read(path).ok().map(|(header, _)| header.precision),
            Kind::Json => json::precision(&read_file(path)?),
            Kind::Npz | Kind::Foreign { .. } => None,
        };
        Ok(precision.filter(|precision| ["f32", "f64"].contains(&precision.as_str())))
    }

    /// Writes a model file of the kind its extension names, aside first, then renamed.
    ///
    /// # Errors
    /// As [`save`](Self::save), [`to_json`](Self::to_json), [`to_npz`](Self::to_npz).
    pub fn export(&self, path: &Path) -> Result<(), Error> {
        match extension(path).as_str() {
            "json" => write_aside(path, self.to_json()?.as_bytes()),
            "npz" => write_aside(path, &self.to_npz()?),
            _ => self.save(path),
        }
    }
}

fn extension(path: &Path) -> String {
    path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// What a file is.
#[derive(Debug, PartialEq)]
enum Kind {
    Forebay,
    Json,
    Npz,
    Foreign { what: &'static str, instead: &'static str },
}

impl Kind {
    /// Told from the first bytes; what is unknown is left to the reader of this crate's own format, which says why not.
    fn of(start: &[u8]) -> Self {
        const ARRAYS: &str = "save its weights as arrays by numpy.savez (W, Win, Wout, bias, lr)";
        let foreign = |what, instead| Self::Foreign { what, instead };
        match start {
            // The length of the header comes before the header's brace; its first bytes may be anything, those of a pickle too.
            [_, _, _, _, _, 0, 0, 0, b'{', ..] => Self::Forebay,
            [b'P', b'K', 3 | 5, 4 | 6, ..] => Self::Npz,
            [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => foreign("one .npy array", ARRAYS),
            [0x80, 2..=5, ..] => foreign("a Python pickle, which runs code when it is read", ARRAYS),
            [0x89, b'H', b'D', b'F', ..] => foreign("an HDF5 file", ARRAYS),
            [0x1f, 0x8b, ..] => foreign("compressed by gzip", "unpack it first"),
            _ => match start.trim_ascii_start() {
                [b'{' | b'[' | b'"', ..] => Self::Json,
                _ => Self::Forebay,
            },
        }
    }
}

impl ImportOptions {
    /// Refuses options that a kind of file has no use for: `used` are those that it has.
    fn check_other(&self, kind: &'static str, used: &Self) -> Result<(), FileError> {
        if self == used {
            return Ok(());
        }
        Err(FileError::format(
            kind,
            &"names of arrays, orders and functions are said of a .npz: leave these options out",
        ))
    }
}

/// The note on what was taken from a foreign file.
const NOTE: &str = "import";

fn noted(what: String) -> Provenance {
    let mut provenance = Provenance::default();
    provenance.notes.insert(NOTE.to_owned(), Value::String(what));
    provenance
}

/// Reads the text of an activation: its name, or the JSON object that the model file has for it.
fn parse_activation(text: &str) -> Result<Activation, FileError> {
    let of_name = serde_json::from_value(Value::String(text.to_owned()));
    of_name.or_else(|_| serde_json::from_str(text)).map_err(|_| {
        let expected = r#"a name such as tanh, or {"bounded_relu": {"max": 2.0}}"#;
        FileError::array("activation", expected, crate::error::shortened_name(text))
    })
}

/// The text that [`parse_activation`] reads.
fn activation_text(activation: Activation) -> String {
    match serde_json::to_value(activation) {
        Ok(Value::String(name)) => name,
        Ok(value) => value.to_string(),
        Err(error) => unreachable!("an activation is written as JSON: {error}"),
    }
}

fn all_zero<T: Real>(values: &[T]) -> bool {
    values.iter().all(|value| *value == T::ZERO)
}

#[cfg(test)]
mod tests {
    use super::{Kind, activation_text, parse_activation};
    use crate::reservoir::Activation;

    #[test]
    fn files_are_told_by_what_they_are() {
        assert_eq!(Kind::of(b"PK\x03\x04"), Kind::Npz);
        assert_eq!(Kind::of(b" \n{\"w_in\":"), Kind::Json);
        assert_eq!(Kind::of(b"{\"w_in\": {}"), Kind::Json);
        assert_eq!(Kind::of(b"\x60\0\0\0\0\0\0\0{\"__metadata__\""), Kind::Forebay);
        assert_eq!(Kind::of(b""), Kind::Forebay);
        for (start, name) in [
            (&b"\x93NUMPY\x01\0"[..], ".npy"),
            (b"\x80\x04\x95", "pickle"),
            (b"\x89HDF\r\n\x1a\n", "HDF5"),
            (b"\x1f\x8b\x08", "gzip"),
        ] {
            assert!(matches!(Kind::of(start), Kind::Foreign { what, .. } if what.contains(name)));
        }
    }

    #[test]
    fn activations_have_a_text() {
        for activation in [Activation::Tanh, Activation::Identity, Activation::BoundedRelu { max: 0.1 }] {
            assert_eq!(parse_activation(&activation_text(activation)).unwrap(), activation);
        }
        assert!(parse_activation("tan").is_err());
    }
}
