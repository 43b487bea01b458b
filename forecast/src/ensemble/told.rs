//! What an ensemble did with a series, for a report.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::smoothing::Smoothing;

/// A way to forecast.
///
/// In every format it is its [`name`](Self::name), so that one that is added later moves no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Member {
    /// The last value.
    Persistence,
    /// The mean of all values so far.
    Mean,
    /// The value of the same phase in the last season.
    SeasonalNaive,
    /// Exponential smoothing with a damped trend and a season.
    Smoothing,
    /// Ridge regression on lags, seasonal lags and Fourier terms.
    Linear,
    /// The same with the states of a reservoir, whose inputs do not change with the level.
    Esn,
    /// Ridge regression on the states of a reservoir and four lags.
    Reservoir,
}

impl Member {
    /// All there are, in the order of [`Told::members`].
    pub(super) const ALL: [Self; 7] =
        [Self::Persistence, Self::Mean, Self::SeasonalNaive, Self::Smoothing, Self::Linear, Self::Esn, Self::Reservoir];

    /// In files and reports: `persistence`, `mean`, `seasonal_naive`, `smoothing`, `linear`, `esn`, `reservoir`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Persistence => "persistence",
            Self::Mean => "mean",
            Self::SeasonalNaive => "seasonal_naive",
            Self::Smoothing => "smoothing",
            Self::Linear => "linear",
            Self::Esn => "esn",
            Self::Reservoir => "reservoir",
        }
    }
}

impl Serialize for Member {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let known = Self::ALL.into_iter().find(|member| member.name() == name);
        known.ok_or_else(|| de::Error::custom(format_args!("no member of a forecast is called {name:?}")))
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Persistence => "persistence",
            Self::Mean => "expanding mean",
            Self::SeasonalNaive => "seasonal naive",
            Self::Smoothing => "exponential smoothing",
            Self::Linear => "linear autoregression",
            Self::Esn => "echo state network on changes",
            Self::Reservoir => "echo state network",
        })
    }
}

/// A member of the combination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemberTold {
    /// Which one.
    pub member: Member,
    /// Its weight, from 0 to 1; all together are 1.
    pub weight: f64,
    /// Root mean square of its errors on the rolling origins, in units of the series; none where there were none.
    pub rmse: Option<f64>,
    /// Groups of features and their penalties, as shares of the features' sums of squares.
    pub penalties: Vec<(String, f64)>,
    /// Constants of exponential smoothing.
    pub smoothing: Option<Smoothing>,
    /// The reservoir, in a line.
    pub reservoir: Option<String>,
}

/// A member that was left out, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Which one.
    pub member: Member,
    /// The reason, as part of a sentence.
    pub why: String,
}

/// What was made of a series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// Rows before the first value, which nothing was learnt from.
    pub leading: usize,
    /// Rows from the first value on.
    pub rows: usize,
    /// Rows of these that have a value; in the others, the value before (with the change of a season ago) stood in as an input, and nothing was
    /// learnt or scored.
    pub known: usize,
    /// Inputs known up to now, and those known ahead.
    pub inputs: (usize, usize),
    /// Steps ahead.
    pub horizon: usize,
    /// Steps of the season that was used.
    pub season: Option<usize>,
    /// A season that was asked for and not used, because the first fold does not hold it one and a half times.
    pub season_left_out: Option<usize>,
    /// First rows of the blocks that were forecast from what precedes them, counted from the start of the series.
    pub origins: Vec<usize>,
    /// Errors that the weights come from.
    pub errors: usize,
    /// The members and their weights.
    pub members: Vec<MemberTold>,
    /// Those that were left out, and why.
    pub left_out: Vec<LeftOut>,
    /// Whether the level wanders: later rows leave the range of earlier ones. Then shifts of level are not looked for.
    pub level_wanders: bool,
    /// Forecasts of members are kept between these, in units of the series: the range so far and half of it on either side. It grows with new values.
    pub range: (f64, f64),
}

/// A shift of level that was found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    /// The first row at the new level, counted from the start of the series.
    pub row: usize,
    /// How far, in units of the series.
    pub by: f64,
}

/// What was done while rows came in after the fit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Served {
    /// Rows that came in.
    pub rows: usize,
    /// Rows of these without a value.
    pub missing: usize,
    /// How often readouts were learnt anew.
    pub refits: usize,
    /// How many forecasts were moved into the limits.
    pub clipped: usize,
    /// How many forecasts have members that were moved into the range so far, widened by half of it on either side.
    pub moved: usize,
    /// Shifts of level, the last hundred.
    pub shifts: Vec<Shift>,
}
