//! A service as bytes, and back.
//!
//! The content of the envelope (`specs/kept-files.md`) is what `serde` makes of the parts in the binary format of `postcard`.

use forebay::keep::{open, seal};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::{Season, Service, ServiceError, Settings, Target};

/// Name of the kind in the envelope.
const KIND: &str = "forecast service";
const VERSION: u32 = 1;

/// What a service is made of, before it is known to fit together.
#[derive(Deserialize)]
struct Parts {
    settings: Settings,
    rows: usize,
    inputs: (usize, usize),
    known: Vec<Vec<f64>>,
    targets: Vec<Target>,
}

impl<'de> Deserialize<'de> for Service {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::try_from(Parts::deserialize(from)?).map_err(D::Error::custom)
    }
}

impl TryFrom<Parts> for Service {
    type Error = ServiceError;

    fn try_from(parts: Parts) -> Result<Self, ServiceError> {
        let Parts { settings, rows, inputs, known, targets } = parts;
        let must = |holds: bool, why: &str| if holds { Ok(()) } else { Err(kept(why)) };
        let horizon = settings.horizon;
        must(horizon > 0 && !targets.is_empty(), "it forecasts nothing")?;
        for target in &targets {
            let naive_is_size = target.naive.is_none_or(|naive| naive > 0.0 && naive.is_finite());
            must(
                target.directs.len() == horizon && naive_is_size,
                "a target does not have a forecast for every step ahead",
            )?;
            let season = target.season.map(|season| season.steps);
            let season_fits = match settings.season {
                Season::Without => season.is_none(),
                Season::Steps(steps) => season == Some(steps),
                Season::Find => true,
            };
            must(season_fits, "a target has another season than its settings")?;
            for (place, direct) in target.directs.iter().enumerate() {
                let fits = direct.rows() == rows
                    && direct.horizon() == place + 1
                    && direct.fits(&settings, season)
                    && direct.inputs() == inputs;
                must(fits, "a forecast does not belong to its place")?;
            }
        }
        let known_fits = if inputs.1 == 0 { known.is_empty() } else { known.len() == horizon };
        must(known_fits && known.iter().all(|row| row.len() == inputs.1), "what is known ahead has another size")?;
        must(known.iter().flatten().all(|value| !value.is_infinite()), "what is known ahead is infinite")?;
        Ok(Self { settings, rows, inputs, known, targets })
    }
}

impl Service {
    /// The bytes of a file that is enough to go on with the same bits, on every machine.
    ///
    /// # Errors
    /// [`ServiceError::Kept`] for what no file holds.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ServiceError> {
        let content = postcard::to_stdvec(self).map_err(|error| kept(&error.to_string()))?;
        seal(KIND, VERSION, &content).map_err(|error| kept(&error.to_string()))
    }

    /// Reads the bytes that [`to_bytes`](Self::to_bytes) gives. Every changed bit is noticed, and nothing in the bytes is trusted.
    ///
    /// # Errors
    /// [`ServiceError::Kept`] for other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ServiceError> {
        let content = open(KIND, VERSION, bytes).map_err(|error| kept(&error.to_string()))?;
        let (found, rest): (Self, &[u8]) = postcard::take_from_bytes(content)
            .map_err(|error| kept(&format!("the forecasts in it cannot be used: {error}")))?;
        if rest.is_empty() { Ok(found) } else { Err(kept("bytes follow that nothing uses")) }
    }
}

pub(super) fn kept(why: &str) -> ServiceError {
    ServiceError::Kept { why: why.to_owned() }
}
