//! `forebay fingerprint`: hashes of devices and models, and statistics of measured responses.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand};
use forebay::Real;
use forebay::fingerprint::puf::Evaluation;
use forebay::fingerprint::{DeviceFingerprint, Fingerprint};
use forebay::model::Model;
use forebay::model::file::ModelHeader;
use ndarray::Array3;
use serde_json::{Value, json};

use super::devices::device_address;
use super::models::{self, NpzNames};
use super::substrates;
use crate::output;

/// Hashes: which device this is, whether it computes as the exact software does, which model a file holds.
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  forebay fingerprint --substrate vfio:0000:a1:00.0
  forebay fingerprint --model model.forebay --json
  forebay fingerprint puf responses.csv      a row per reading: device,repeat,bits

Ends with exit code 2 if the device differs from the software. Not a PUF, not secret, no entropy.
Tested on silicon: no."
)]
pub(crate) struct FingerprintCommand {
    #[command(subcommand)]
    what: Option<What>,
    /// software:.., emulator:.., vfio:.., node:.., a PCI address, or auto
    #[arg(long, value_name = "ADDRESS", default_value = "software:akd1000")]
    substrate: String,
    /// Also the fingerprint of this .forebay, .json or .npz file
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    names: NpzNames,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Do measured responses tell boards apart? Figures of merit of physical unclonable functions
    Puf {
        /// CSV, a row per reading: device, repeat, bits as 0 and 1
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl FingerprintCommand {
    pub(super) fn run(self) -> Result<()> {
        match &self.what {
            Some(What::Puf { file, json }) => puf(file, *json),
            None => self.device(),
        }
    }

    fn device(&self) -> Result<()> {
        // The model first: a device may take long.
        let model = self.model.as_deref().map(|path| self.hashes(path)).transpose()?;
        let taken = DeviceFingerprint::at(&device_address(&substrates::chosen(&self.substrate)))?;
        let twin = taken.twin()?;
        let differences = taken.differences(&twin);
        if self.json {
            output::print_json(&json!({
                "device": taken,
                "conformance": taken.conformance(),
                "software": twin.conformance(),
                "equals_software": taken.matches(&twin),
                "differences": differences,
                "model": model,
                "min_entropy": taken.min_entropy(),
                "about": "not a PUF, not secret, no entropy",
                "tested_on_silicon": false,
            }))?;
        } else {
            let equals = match (self.substrate.starts_with("software"), differences.is_empty()) {
                (true, true) => "is what this is: nothing compared; boards: forebay devices",
                (_, true) => "equal",
                (_, false) => "DIFFERENT",
            };
            let mut text = format!("software twin {equals}\n");
            if let Some(model) = &model {
                let field = |name: &str| model[name].as_str().unwrap_or("-").to_owned();
                text += &format!("weights       {} ({})\n", field("weights"), field("precision"));
                text += &format!("model         {}\n", field("model"));
            }
            output::print(&format!("{text}{taken}"))?;
        }
        if let Some(first) = differences.first() {
            let count = output::count(differences.len(), "test program");
            bail!("{} differs from the exact software, or failed, in {count}, first in {first}", taken.identity.name);
        }
        Ok(())
    }

    /// Fingerprints of a model in the float type of its file.
    fn hashes(&self, path: &Path) -> Result<Value> {
        let is_narrow = ModelHeader::read(path).is_ok_and(|(header, _)| header.precision == "f32");
        if is_narrow { self.hashes_in::<f32>(path) } else { self.hashes_in::<f64>(path) }
    }

    fn hashes_in<T: Real>(&self, path: &Path) -> Result<Value> {
        let model: Model<T> = models::load(path, &self.names)?;
        let (weights, whole) = (Fingerprint::of_weights(&model), Fingerprint::of_model(&model));
        Ok(json!({"precision": T::NAME, "weights": weights, "model": whole}))
    }
}

fn puf(file: &Path, as_json: bool) -> Result<()> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let responses = responses(&bytes).with_context(|| format!("cannot use {}", file.display()))?;
    let evaluation = Evaluation::of(responses.view())?;
    if !as_json {
        return output::print(&evaluation.to_string());
    }
    let mut told = serde_json::to_value(&evaluation)?;
    told["tells_devices_apart"] = evaluation.tells_devices_apart().into();
    told["tested_on_silicon"] = false.into();
    output::print_json(&told)
}

/// Reads `device,repeat,bits` rows, with or without a header, in any order: `[devices, repeats, bits]`.
fn responses(bytes: &[u8]) -> Result<Array3<bool>> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let mut devices: BTreeMap<String, BTreeMap<String, Vec<bool>>> = BTreeMap::new();
    let mut length = None;
    for (index, record) in reader.records().enumerate() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        let cells: Vec<&str> = record.iter().collect();
        let [device, repeat, bits] = cells[..] else {
            bail!("line {line} has {}, it needs device,repeat,bits", output::count(cells.len(), "cell"));
        };
        if index == 0 && bits.eq_ignore_ascii_case("bits") {
            continue;
        }
        let bit = |byte| match byte {
            b'0' => Some(false),
            b'1' => Some(true),
            _ => None,
        };
        let bits: Option<Vec<bool>> = bits.bytes().map(bit).collect();
        let bits = bits.with_context(|| format!("line {line}: bits are written as 0 and 1 without blanks"))?;
        let expected = *length.get_or_insert(bits.len());
        ensure!(
            bits.len() == expected && expected > 0,
            "line {line} has {}, the first reading has {expected}: every reading needs the same, at least one",
            output::count(bits.len(), "bit")
        );
        let readings = devices.entry(device.to_owned()).or_default();
        let is_new = readings.insert(repeat.to_owned(), bits).is_none();
        ensure!(is_new, "line {line}: reading {repeat:?} of device {device:?} is there twice");
    }
    let Some((first, readings)) = devices.first_key_value() else {
        bail!("there is no reading: it needs rows of device,repeat,bits");
    };
    let repeats = readings.len();
    if let Some((other, readings)) = devices.iter().find(|(_, readings)| readings.len() != repeats) {
        let (here, there) = (output::count(repeats, "reading"), readings.len());
        bail!("device {first:?} has {here}, device {other:?} has {there}: every device needs the same");
    }
    let shape = (devices.len(), repeats, length.unwrap_or(0));
    let bits = devices.into_values().flat_map(BTreeMap::into_values).flatten().collect();
    Ok(Array3::from_shape_vec(shape, bits)?)
}
