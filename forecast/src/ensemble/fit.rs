//! From a series to members, their weights, and where they stand at its end.

use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay::threads;

use super::Ensemble;
use super::bank::{Bank, Learnt, Shown, Summed};
use super::engine::{self, Engine, Mean, Naive, Range};
use super::error::EnsembleError;
use super::folds::Folds;
use super::inputs::{Beside, Inputs};
use super::layout::Layout;
use super::past::{Past, Waiting};
use super::scale::Scale;
use super::shift::Watch;
use super::smoothing::{self, Smoothed, Smoother};
use super::source::{Drive, Source};
use super::told::{LeftOut, Member, MemberTold, Told};
use super::weights::Products;

/// Units of a reservoir of a long series.
const UNITS: usize = 150;

/// The last rows that settings of the reservoir and of the smoother are chosen on.
const CHOICE: usize = 20_000;

/// Leak rates and input scalings that are tried for the reservoir on values.
const TRIED: [(f64, f64); 6] = [(0.1, 0.3), (0.1, 1.0), (0.3, 0.3), (0.3, 1.0), (0.8, 0.3), (0.8, 1.0)];

/// All that a series makes.
pub(super) struct Fitted {
    pub(super) scale: Scale,
    pub(super) engine: Engine,
    pub(super) beside: Beside,
    pub(super) weights: Vec<f64>,
    pub(super) watch: Option<Watch>,
    pub(super) told: Told,
    /// Out of fold, by target: the combined forecast, in the scale.
    pub(super) rolled: Vec<(usize, f64)>,
}

/// Members that are being put together.
struct Members {
    told: Vec<MemberTold>,
    /// Out of fold, for the targets from the first one on.
    forecasts: Vec<Vec<f64>>,
    left_out: Vec<LeftOut>,
}

impl Members {
    fn push(&mut self, member: Member, forecasts: Vec<f64>) -> &mut MemberTold {
        let (penalties, smoothing, reservoir) = (Vec::new(), None, None);
        self.told.push(MemberTold { member, weight: 0.0, rmse: None, penalties, smoothing, reservoir });
        self.forecasts.push(forecasts);
        self.told.last_mut().expect("just pushed")
    }

    fn leave_out(&mut self, member: Member, why: impl Into<String>) {
        self.left_out.push(LeftOut { member, why: why.into() });
    }
}

/// Fits all members to a series that begins with a value.
pub(super) fn fit(
    settings: &Ensemble,
    series: &[f64],
    inputs: &Inputs<'_>,
    leading: usize,
) -> Result<Fitted, EnsembleError> {
    let (rows, horizon) = (series.len(), settings.horizon);
    let scale = Scale::of(series)?;
    let known: Vec<bool> = series.iter().map(|value| !value.is_nan()).collect();
    let folds = Folds::new(rows, horizon);
    // Members that learn nothing are judged on all there is if nothing else is.
    let first = if folds.count() > 0 { folds.first() } else { (horizon + 1).min(rows) };
    let season = settings.season.filter(|&season| 3 * season <= 2 * first).unwrap_or(1);
    let mut values = Vec::with_capacity(rows);
    for value in series {
        let stand_in = || engine::stand_in(season, values.len(), |lag| values[values.len() - 1 - lag]);
        values.push(if value.is_nan() { stand_in() } else { scale.inward(*value) });
    }
    let mut beside = Beside::new(inputs, horizon, leading + rows, leading, folds.first())?;
    let mut features = Vec::with_capacity(rows * beside.width());
    for row in leading..leading + rows {
        let past = inputs.past.columns().into_iter().map(|column| column[row]);
        let ahead = inputs.ahead.columns().into_iter().map(|column| column[row + horizon]);
        beside.advance(past, ahead, &mut features);
    }
    let shown = Shown { values: &values, known: &known, beside: &features, width: beside.width(), horizon };
    let mut members = Members { told: Vec::new(), forecasts: Vec::new(), left_out: Vec::new() };

    let naive = Naive { season, seasonal: Naive::lag(horizon, season).filter(|lag| lag + horizon <= first) };
    add_naive(&mut members, shown, naive, first);
    if season > 1 && naive.seasonal.is_none() {
        let why = if horizon.is_multiple_of(season) {
            "whole seasons before the row that is forecast is the newest row: that is persistence".to_owned()
        } else {
            format!("{first} rows before the first forecast do not hold a season and {horizon} steps")
        };
        members.leave_out(Member::SeasonalNaive, why);
    }
    let (smoother, banks) = if folds.count() > 0 {
        let smoother = add_smoother(&mut members, shown, season, &folds);
        let banks = add_banks(&mut members, settings, shown, season, &folds)?;
        (Some(smoother), banks)
    } else {
        for member in [Member::Smoothing, Member::Linear, Member::Esn, Member::Reservoir] {
            members.leave_out(member, format!("{rows} rows are too few for rolling origins {horizon} ahead"));
        }
        (None, Banks::default())
    };

    let (errors, range) = judge(&mut members, shown, first);
    let count = members.told.len();
    let weights = if errors.count() > 0 {
        errors.weights(horizon)
    } else {
        (0..count).map(|m| f64::from(u8::from(m == 0))).collect()
    };
    let rolled = (first..rows).map(|target| {
        let of_members = members.forecasts.iter().map(|forecasts| forecasts[target - first]);
        (target, of_members.zip(&weights).map(|(forecast, weight)| forecast * weight).sum())
    });
    let rolled = rolled.collect();
    let rmse = errors.rmse();
    for ((told, &weight), rmse) in members.told.iter_mut().zip(&weights).zip(rmse) {
        told.weight = weight;
        told.rmse = (errors.count() > 0).then(|| scale.stretch(rmse));
    }
    let level_wanders = wanders(&values);
    let watch = if level_wanders { None } else { Watch::new(&values, &known) };
    let (low, high) = range.bounds();
    let told = Told {
        leading,
        rows,
        inputs: beside.columns(),
        known: known.iter().filter(|known| **known).count(),
        horizon,
        season: Some(season).filter(|season| *season > 1),
        season_left_out: settings.season.filter(|asked| *asked != season),
        origins: folds.blocks()[1..].iter().map(|block| leading + block.start).collect(),
        errors: errors.count(),
        members: members.told,
        left_out: members.left_out,
        level_wanders,
        range: (scale.outward(low), scale.outward(high)),
    };
    let engine = stand(shown, naive, smoother, banks, errors, range);
    Ok(Fitted { scale, engine, beside, weights, watch, told, rolled })
}

/// Persistence, the mean and the last season.
fn add_naive(members: &mut Members, shown: Shown<'_>, naive: Naive, first: usize) {
    let rows = shown.values.len();
    let value = |target: usize, lag: usize| shown.values[target - shown.horizon - lag];
    members.push(Member::Persistence, (first..rows).map(|target| value(target, 0)).collect());
    let (mut mean, mut means) = (Mean::default(), Vec::with_capacity(rows));
    for (&value, &known) in shown.values.iter().zip(shown.known) {
        if known {
            mean.push(value);
        }
        means.push(mean.get());
    }
    members.push(Member::Mean, (first..rows).map(|target| means[target - shown.horizon]).collect());
    if let Some(lag) = naive.seasonal {
        members.push(Member::SeasonalNaive, (first..rows).map(|target| value(target, lag)).collect());
    }
}

fn add_smoother(members: &mut Members, shown: Shown<'_>, season: usize, folds: &Folds) -> (Smoother, Vec<f64>) {
    let Smoothed { smoother, pending, forecasts } =
        smoothing::fit(shown.values, shown.known, shown.horizon, season, folds);
    members.push(Member::Smoothing, forecasts).smoothing = Some(smoother.smoothing());
    (smoother, pending)
}

/// The regressions, with and without reservoirs.
fn add_banks(
    members: &mut Members,
    settings: &Ensemble,
    shown: Shown<'_>,
    season: usize,
    folds: &Folds,
) -> Result<Banks, EnsembleError> {
    let (rows, horizon) = (shown.values.len(), shown.horizon);
    let layout = Layout::full(horizon, season, folds.first());
    let units = UNITS.min(rows * 4 / 25);
    let mut banks = Banks::default();
    let are_few = rows < 16 * horizon || units < 5;
    if are_few || settings.networks == 0 {
        let why = if are_few {
            format!("{rows} rows are too few for a reservoir {horizon} ahead")
        } else {
            "no networks were asked for".to_owned()
        };
        members.leave_out(Member::Esn, why.clone());
        members.leave_out(Member::Reservoir, why);
        let summed = Summed::new(Source::plain(layout, shown.width), shown, folds)?;
        let (penalties, _) = summed.search(false, None);
        banks.add(members, Member::Linear, vec![summed.learn(vec![penalties], shown, folds)?]);
        return Ok(banks);
    }
    let (on_changes, on_values) = threads::join(
        || on_changes(settings, shown, folds, (layout, season, units)),
        || on_values(settings, shown, folds, units),
    );
    let (all, recipe) = on_changes?;
    banks.add(members, Member::Linear, all);
    members.told.last_mut().expect("just added").reservoir = Some(recipe.to_string());
    let (all, recipe) = on_values?;
    banks.add(members, Member::Reservoir, all);
    members.told.last_mut().expect("just added").reservoir = Some(recipe.to_string());
    Ok(banks)
}

/// Banks, and which member each of their readouts belongs to, with its share.
#[derive(Default)]
struct Banks {
    all: Vec<Bank>,
    parts: Vec<(usize, f64)>,
}

impl Banks {
    /// Adds networks that differ by their seeds: their mean is a member. If the first has two readouts, its first is the linear
    /// regression, without a reservoir.
    fn add(&mut self, members: &mut Members, first: Member, networks: Vec<Learnt>) {
        let share = 1.0 / networks.len() as f64;
        let mut mean: Vec<f64> = Vec::new();
        for (number, Learnt { bank, mut forecasts }) in networks.into_iter().enumerate() {
            let last = forecasts.pop().expect("a readout");
            if let Some(linear) = forecasts.pop() {
                members.push(first, linear).penalties = bank.readouts[0].penalties.told();
                self.parts.push((members.told.len() - 1, 1.0));
            }
            if number == 0 {
                let member = if bank.readouts.len() > 1 { Member::Esn } else { first };
                members.push(member, Vec::new()).penalties = bank.readouts[bank.readouts.len() - 1].penalties.told();
                mean = vec![0.0; last.len()];
            }
            mean.iter_mut().zip(&last).for_each(|(mean, forecast)| *mean += share * forecast);
            self.parts.push((members.told.len() - 1, share));
            self.all.push(bank);
        }
        if let Some(forecasts) = members.forecasts.last_mut() {
            *forecasts = mean;
        }
    }
}

/// The seed of a network.
fn seed(settings: &Ensemble, kind: &str, network: usize) -> u64 {
    Seed(settings.seed).child(kind).child(&network.to_string()).0
}

/// The linear regression, and the same with reservoirs that see changes.
fn on_changes(
    settings: &Ensemble,
    shown: Shown<'_>,
    folds: &Folds,
    (layout, season, units): (Layout, usize, usize),
) -> Result<(Vec<Learnt>, Reservoir), EnsembleError> {
    let recipe = Reservoir::new(units).spectral_radius(0.9).leak_rate(0.6).input_scaling(0.6);
    let drive = Drive::Invariant { horizon: shown.horizon, season };
    let before = &shown.values[..folds.first()];
    let all = threads::try_map(0..settings.networks, |network| {
        let seed = seed(settings, "changes", network);
        Summed::new(Source::with_reservoir((layout.clone(), shown.width), &recipe, drive, seed, before)?, shown, folds)
    })?;
    let (linear, _) = all[0].search(false, None);
    let (esn, _) = all[0].search(true, Some(&linear));
    let all = threads::try_map(all.into_iter().enumerate(), |(network, summed)| {
        let penalties = if network == 0 { vec![linear.clone(), esn.clone()] } else { vec![esn.clone()] };
        summed.learn(penalties, shown, folds)
    })?;
    Ok((all, recipe))
}

/// Reservoirs on values: the leak rate and input scaling with the least error out of fold.
fn on_values(
    settings: &Ensemble,
    shown: Shown<'_>,
    folds: &Folds,
    units: usize,
) -> Result<(Vec<Learnt>, Reservoir), EnsembleError> {
    let drive = if wanders(shown.values) { Drive::Departure } else { Drive::Value };
    let recipe = |(leak, scaling): (f64, f64)| {
        Reservoir::new(units).spectral_radius(0.95).leak_rate(leak).input_scaling(scaling)
    };
    let layout = Layout::small(shown.horizon, 3);
    let run = |tried: (f64, f64), network: usize, shown: Shown<'_>, folds: &Folds| {
        let before = &shown.values[..folds.first()];
        let seed = seed(settings, "values", network);
        let source = Source::with_reservoir((layout.clone(), shown.width), &recipe(tried), drive, seed, before)?;
        Summed::new(source, shown, folds)
    };
    let part = shown.last(CHOICE);
    let part_folds = Folds::new(part.values.len(), shown.horizon);
    let tried =
        threads::try_map(TRIED, |tried| Ok::<_, EnsembleError>(run(tried, 0, part, &part_folds)?.search(true, None)))?;
    let best = (1..TRIED.len()).fold(0, |best, other| if tried[other].1 < tried[best].1 { other } else { best });
    let all = threads::try_map(0..settings.networks, |network| run(TRIED[best], network, shown, folds))?;
    let penalties =
        if part.values.len() == shown.values.len() { tried[best].0.clone() } else { all[0].search(true, None).0 };
    let all = threads::try_map(all, |summed| summed.learn(vec![penalties.clone()], shown, folds))?;
    Ok((all, recipe(TRIED[best])))
}

/// Clips all forecasts out of fold to the range that was known, and gives the products of their errors.
fn judge(members: &mut Members, shown: Shown<'_>, first: usize) -> (Products, Range) {
    let (mut products, mut range) = (Products::new(members.told.len()), Range::new());
    for (t, (&value, &known)) in shown.values.iter().zip(shown.known).enumerate() {
        if known {
            range.push(value);
        }
        let target = t + shown.horizon;
        if target < first || target >= shown.values.len() {
            continue;
        }
        let mut errors = Vec::with_capacity(members.forecasts.len());
        for forecasts in &mut members.forecasts {
            let forecast = &mut forecasts[target - first];
            *forecast = range.clip(*forecast);
            errors.push(shown.values[target] - *forecast);
        }
        if shown.known[target] {
            products.push(&errors);
        }
    }
    (products, range)
}

/// Whether more than a twentieth of the second half leaves the range of the first half, widened by a tenth.
fn wanders(values: &[f64]) -> bool {
    let (first, second) = values.split_at(values.len() / 2);
    let mut range = Range::new();
    for &value in first {
        range.push(value);
    }
    let outside = second.iter().filter(|value| range.is_left_by(**value, 0.1)).count();
    20 * outside > second.len()
}

/// The engine at the end of the series, with what members forecast from the last rows.
fn stand(
    shown: Shown<'_>,
    naive: Naive,
    smoother: Option<(Smoother, Vec<f64>)>,
    banks: Banks,
    errors: Products,
    range: Range,
) -> Engine {
    let Banks { all: banks, parts } = banks;
    let mut past = Past::new(engine::longest(&banks, naive));
    let mut mean = Mean::default();
    let rows = shown.values.len();
    let count = errors.members();
    let mut forecasts = Waiting::new(count, shown.horizon);
    let pending: Vec<Vec<Vec<f64>>> = banks.iter().map(Bank::pending).collect();
    let (smoother, smooth) = smoother.unzip();
    let (mut newest, mut moved) = (Vec::new(), Vec::new());
    for (t, (&value, &known)) in shown.values.iter().zip(shown.known).enumerate() {
        past.push(value);
        if known {
            mean.push(value);
        }
        if let Some(waited) = (t + shown.horizon).checked_sub(rows) {
            newest.clear();
            newest.extend([past.at(0), mean.get()]);
            newest.extend(naive.seasonal.map(|lag| past.at(lag)));
            newest.extend(smooth.as_ref().map(|pending| pending[waited]));
            newest.resize(count, 0.0);
            let of_readouts = pending.iter().flat_map(|pending| &pending[waited]);
            of_readouts.zip(&parts).for_each(|(forecast, (member, share))| newest[*member] += share * forecast);
            moved.clear();
            for forecast in &mut newest {
                let within = range.clip(*forecast);
                moved.push(within != *forecast);
                *forecast = within;
            }
            forecasts.push(&newest);
        }
    }
    Engine { past, mean, range, naive, smoother, banks, parts, forecasts, errors, newest, moved }
}
