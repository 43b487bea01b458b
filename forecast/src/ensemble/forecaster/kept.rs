//! A forecaster in bytes, and what these are compared with when they are read.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use super::{Forecast, Forecaster, KEPT, Served, Told, next_renewal};
use crate::ensemble::engine::{Engine, KeptEngine, Naive};
use crate::ensemble::inputs::{Beside, KeptBeside};
use crate::ensemble::kept::{Frame, KeepError, MOST_ROWS, finite, must, must_be};
use crate::ensemble::scale::Scale;
use crate::ensemble::shift::{KeptWatch, Watch};
use crate::ensemble::told::Member;
use crate::ensemble::weights;

/// What is written of a [`Forecaster`]: all that later calls depend on, but for what follows from the rest.
///
/// [`TryFrom`] says what cannot be in one that was read; formats of `serde` may leave that out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeptForecaster {
    told: Told,
    scale: Scale,
    limits: (f64, f64),
    rows: usize,
    offset: f64,
    weights: Vec<f64>,
    beside: KeptBeside,
    watch: Option<KeptWatch>,
    /// Before the streak, if there is one.
    engine: KeptEngine,
    /// Rows since the first surprise, with the features of their inputs: they are taken again.
    streak: Vec<(Option<f64>, Vec<f64>)>,
    members_moved: usize,
    /// Whether the last shift was found with the newest row.
    has_shifted: bool,
    served: Served,
    calibration: Vec<(f64, f64)>,
}

impl TryFrom<&Forecaster> for KeptForecaster {
    type Error = KeepError;

    /// # Errors
    /// [`KeepError::Content`] after a step that failed on the way, or for what could not be read again.
    fn try_from(forecaster: &Forecaster) -> Result<Self, KeepError> {
        let Forecaster { told, before, streak, watch, rows, newest, .. } = forecaster;
        let values = watch.as_ref().map_or(Vec::new(), Watch::streak);
        let engine = before.as_deref().unwrap_or(&forecaster.engine);
        let streak: Vec<_> = match before {
            Some(_) => values.iter().copied().zip(streak.iter().cloned()).collect(),
            None => Vec::new(),
        };
        let taken = rows - told.leading - streak.len();
        must(engine.past.rows() == taken && streak.len() == values.len(), "last step", || "failed on the way")?;
        let kept = Self {
            told: told.clone(),
            scale: forecaster.scale,
            limits: forecaster.limits,
            rows: *rows,
            offset: forecaster.offset,
            weights: forecaster.weights.clone(),
            beside: forecaster.beside.kept(),
            watch: watch.as_ref().map(Watch::kept),
            engine: engine.kept()?,
            streak,
            members_moved: newest.members_moved,
            has_shifted: newest.shift.is_some(),
            served: forecaster.served.clone(),
            calibration: forecaster.calibration.clone(),
        };
        // What could not be read again is noticed now, while it is still there.
        Forecaster::try_from(kept.clone())?;
        Ok(kept)
    }
}

impl TryFrom<KeptForecaster> for Forecaster {
    type Error = KeepError;

    /// # Errors
    /// [`KeepError::Content`], which names the part that cannot be.
    fn try_from(kept: KeptForecaster) -> Result<Self, KeepError> {
        kept.check()?;
        let members = kept.told.members.len();
        let (naive, season) = (kept.naive()?, kept.told.season.unwrap_or(1));
        let KeptForecaster { told, scale, limits, rows, offset, weights, streak, served, calibration, .. } = kept;
        let (horizon, fitted) = (told.horizon, told.rows);
        let beside = Beside::open(kept.beside, horizon, rows - told.leading)?;
        must(beside.columns() == told.inputs, "inputs", || format!("are not the {:?} that are told", told.inputs))?;
        let taken = rows - streak.len();
        let frame = Frame::new(horizon, season, (fitted, taken - told.leading), beside.width());
        let engine = Engine::open(kept.engine, naive, members, &frame)?;
        let newest = Forecast {
            row: 0,
            value: f64::NAN,
            clipped_from: None,
            members_moved: 0,
            shift: served.shifts.last().copied().filter(|_| kept.has_shifted),
            refitted: false,
        };
        let mut made = Self {
            scale,
            offset,
            engine,
            beside,
            weights,
            watch: kept.watch.map(Watch::open).transpose()?,
            before: None,
            streak: Vec::new(),
            limits,
            rows: taken,
            horizon,
            renew_at: next_renewal(told.leading + fitted),
            newest,
            told,
            served,
            calibration,
        };
        made.skip_renewals();
        for (value, features) in streak {
            made.take_again(value, features)?;
        }
        must_be("rows of the streak", made.streak.len(), Some(rows - taken))?;
        made.tell_again(kept.members_moved)?;
        Ok(made)
    }
}

impl KeptForecaster {
    /// What can be said of the numbers before memory is taken.
    fn check(&self) -> Result<(), KeepError> {
        let Self { told, limits, rows, offset, weights, streak, served, calibration, .. } = self;
        let (horizon, fitted) = (told.horizon, told.rows);
        let counts = [horizon, fitted, told.leading, *rows];
        must(counts.iter().all(|count| *count <= MOST_ROWS), "rows", || format!("are more than {MOST_ROWS}"))?;
        must(horizon > 0 && horizon < fitted, "horizon", || format!("is {horizon} in {fitted} rows"))?;
        // From the first forecast out of fold on, or few if there is none.
        let most = calibration.len().saturating_add(horizon).saturating_add(4).saturating_mul(4);
        must(fitted <= most, "rows of the fit", || format!("are {fitted}, and at most {most} can be"))?;
        let season = told.season.unwrap_or(2);
        must((2..=fitted).contains(&season), "season", || format!("has {season} steps in {fitted} rows"))?;
        let first = told.leading + fitted;
        must(*rows >= first && served.rows == rows - first, "rows since the fit", || {
            format!("are {} from row {first} to {rows}", served.rows)
        })?;
        must(streak.len() <= served.rows, "streak", || format!("has {} of {} rows", streak.len(), served.rows))?;
        let counts = [served.missing, served.refits, served.clipped, served.moved];
        must(counts.iter().all(|count| *count <= served.rows), "counts since the fit", || "are above the rows")?;
        let shifts = served.shifts.len();
        must(shifts <= KEPT && (shifts > 0 || !self.has_shifted), "shifts", || format!("are {shifts}"))?;
        let (lower, upper) = limits;
        must(lower < upper, "limits", || format!("are {lower} and {upper}"))?;
        finite("shift of level", [offset])?;
        self.scale.check()?;
        let members = told.members.len();
        must_be("forecasts that wait", self.engine.waiting(), members.checked_mul(horizon))?;
        weights::check(weights, members)
    }

    /// What the members say that learn nothing; every member is there once, and those whose place is known are in it.
    fn naive(&self) -> Result<Naive, KeepError> {
        let told = &self.told;
        let members: Vec<Member> = told.members.iter().map(|told| told.member).collect();
        let number = |member: &Member| Member::ALL.iter().position(|other| other == member);
        let ascend = members.is_sorted_by(|a, b| number(a) < number(b));
        must(ascend && members.starts_with(&[Member::Persistence, Member::Mean]), "members", || {
            format!("are {members:?}, out of order")
        })?;
        let smooths = members.contains(&Member::Smoothing);
        must(smooths == self.engine.has_smoother(), "smoothing", || "is not as the members say")?;
        let lag = Naive::lag(told.horizon, told.season.unwrap_or(1));
        let seasonal = lag.filter(|_| members.contains(&Member::SeasonalNaive));
        must(seasonal.is_some() == members.contains(&Member::SeasonalNaive), "seasonal naive", || "has no season")?;
        Ok(Naive { season: told.season.unwrap_or(1), seasonal })
    }
}

impl Forecaster {
    /// To the next row that readouts are learnt anew at.
    fn skip_renewals(&mut self) {
        while self.renew_at <= self.rows {
            self.renew_at = next_renewal(self.renew_at);
        }
    }

    /// Takes a row of the streak as it was taken, all else being known already.
    fn take_again(&mut self, value: Option<f64>, features: Vec<f64>) -> Result<(), KeepError> {
        must_be("features of inputs", features.len(), Some(self.beside.width()))?;
        finite("streak", features.iter().chain(&value))?;
        self.take(value, features).map_err(|why| KeepError::content("streak", why))?;
        must(self.before.is_some(), "streak", || "is none")?;
        self.rows += 1;
        if self.rows >= self.renew_at {
            self.engine.refit();
            self.skip_renewals();
        }
        Ok(())
    }

    /// Makes the forecast from the newest row again.
    fn tell_again(&mut self, members_moved: usize) -> Result<(), KeepError> {
        let members = self.told.members.len();
        must(members_moved <= members, "members that were moved", || format!("are {members_moved} of {members}"))?;
        let first = self.told.leading + self.told.rows;
        let renewals = std::iter::successors(Some(next_renewal(first)), |row| Some(next_renewal(*row)));
        let mut refits = 0;
        let mut refitted = false;
        for row in renewals.take_while(|row| *row <= self.rows) {
            (refits, refitted) = (refits + 1, row == self.rows);
        }
        must_be("refits", self.served.refits, Some(refits))?;
        let shift = self.newest.shift;
        let together = self.combine(&self.engine.newest, self.rows - 1);
        self.newest = Forecast { members_moved, shift, refitted, ..together };
        Ok(())
    }
}

impl Serialize for Forecaster {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        KeptForecaster::try_from(self).map_err(ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Forecaster {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(KeptForecaster::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}
