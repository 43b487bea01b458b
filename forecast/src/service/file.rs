//! What `forebay forecast` saves: a service before and after the test part, with the names and the clock that it goes by.

use forebay::keep::{open, seal};
use serde::{Deserialize, Serialize};

use super::keep::kept;
use super::{Service, ServiceError};
use crate::table::ClockRule;

/// Name of the kind in the envelope.
const KIND: &str = "forecast";
const VERSION: u32 = 1;

/// Rows that may follow the last one with a target: those of a table.
const MOST_AHEAD: usize = 1 << 32;

/// The columns of a file by their roles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Columns {
    /// What is forecast.
    pub targets: Vec<String>,
    /// Inputs known up to now.
    pub past: Vec<String>,
    /// Inputs known ahead.
    pub ahead: Vec<String>,
}

/// A forecast that was scored, and all that it needs to go on.
#[derive(Clone, Debug)]
pub struct ForecastFile {
    /// What is told of it.
    pub header: Header,
    /// Before the test part: from here on, the test rows give the numbers that were scored.
    pub scored: Service,
    /// After the last row.
    pub newest: Service,
}

/// What is told of a forecast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The run that made it.
    pub run: String,
    /// The series.
    pub series: String,
    /// The columns.
    pub columns: Columns,
    /// The clock, from the last row of its file on; none where rows are steps.
    pub clock: Option<ClockRule>,
    /// The number of that row: rows of what is known ahead may follow the last one with a target.
    pub clock_row: usize,
    /// Features of the calendar that are known ahead of every row, after the columns known ahead.
    pub calendar: bool,
    /// Cells that meant a missing value in the file, beside the usual ones.
    pub missing: Vec<String>,
    /// Whether the day stands before the month in its dates, if that was said.
    pub day_first: Option<bool>,
    /// The column that tells series apart, and the value of this one; none if there is one series.
    pub id: Option<(String, String)>,
    /// Steps of every target's season; none without.
    pub seasons: Vec<Option<usize>>,
}

impl ForecastFile {
    /// The bytes of the file: an envelope (`specs/kept-files.md`) around the header in JSON and both services in the binary format of `postcard`.
    ///
    /// # Errors
    /// [`ServiceError::Kept`] for what no file holds.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ServiceError> {
        let header = serde_json::to_string(&self.header).map_err(|error| kept(&error.to_string()))?;
        let content = postcard::to_stdvec(&(header, &self.scored, &self.newest));
        let content = content.map_err(|error| kept(&error.to_string()))?;
        seal(KIND, VERSION, &content).map_err(|error| kept(&error.to_string()))
    }

    /// Reads the bytes of a file. Every changed bit is noticed, and nothing in the bytes is trusted.
    ///
    /// # Errors
    /// [`ServiceError::Kept`] for other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ServiceError> {
        let content = open(KIND, VERSION, bytes).map_err(|error| kept(&error.to_string()))?;
        let damaged = |error: &dyn std::fmt::Display| kept(&format!("the forecasts in it cannot be used: {error}"));
        let ((header, scored, newest), rest): ((String, Service, Service), &[u8]) =
            postcard::take_from_bytes(content).map_err(|error| damaged(&error))?;
        let header: Header = serde_json::from_str(&header).map_err(|error| damaged(&error))?;
        let columns = &header.columns;
        let fits = |service: &Service| {
            let names = columns.targets.iter().map(String::as_str);
            // Features of the calendar come on top of the columns known ahead.
            let ahead = service.inputs().1;
            let ahead_fits = if header.calendar { ahead > columns.ahead.len() } else { ahead == columns.ahead.len() };
            service.targets().eq(names) && service.inputs().0 == columns.past.len() && ahead_fits
        };
        let same = scored.settings() == newest.settings() && scored.inputs() == newest.inputs();
        if !(rest.is_empty() && fits(&scored) && fits(&newest) && same && scored.rows() <= newest.rows()) {
            return Err(kept("its parts do not belong together"));
        }
        let of_targets = || 0..columns.targets.len();
        let told = |service: &Service, target| service.told(target, service.settings().horizon).clone();
        if of_targets().any(|target| told(&scored, target) != told(&newest, target)) {
            return Err(kept("its parts are not of one fit"));
        }
        let seasons = of_targets().map(|target| scored.season(target).map(|season| season.steps));
        if !seasons.eq(header.seasons.iter().copied()) || (header.calendar && header.clock.is_none()) {
            return Err(kept("its header does not fit the forecasts"));
        }
        let rows = newest.rows();
        if header.clock.is_some()
            && !(rows..=rows.saturating_add(MOST_AHEAD)).contains(&header.clock_row.saturating_add(1))
        {
            return Err(kept("its clock is of other rows"));
        }
        Ok(Self { header, scored, newest })
    }
}
