//! When to begin to measure.
//!
//! A rule looks at a chain from its start and says after how many trajectories it is in equilibrium. Two numbers judge it
//! together: when it stops, and the bias of what is measured from there on. A saving without the bias beside it means nothing, so
//! every rule is held against the fixed schedule of the same bias.

use std::sync::Arc;

use forebay::Substrate;
use forebay::random::Seed;
use ndarray::{Array2, Axis, concatenate, s};
use serde::Serialize;

use super::SteeringError;
use super::logistic::Logistic;
use super::reservoir::Features;
use crate::stats::{mean, quantile, sample_sd, square};

/// Trajectories whose mean is the first measurement.
const MEASURED: usize = 20;
/// Trajectories whose mean must be within one standard deviation for a chain to count as thermalised.
const NEXT: usize = 10;
/// Fewest trajectories of any rule.
const LEAST: usize = 20;
/// Bias in standard deviations that chains of this number and length cannot tell from none.
const UNRESOLVED: f64 = 0.25;
/// Trajectories in a row that a reservoir must find thermalised.
const IN_A_ROW: usize = 3;

/// Plaquettes of one chain from its start.
#[derive(Clone, Debug)]
pub struct Chain {
    /// P after each trajectory.
    pub plaquettes: Vec<f64>,
    /// Started cold rather than hot.
    pub is_cold: bool,
}

/// What is known of equilibrium from a long run of its own.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Equilibrium {
    /// Mean of P.
    pub mean: f64,
    /// Standard deviation of single values.
    pub sd: f64,
}

/// How one rule did over all chains.
#[derive(Clone, Debug, Serialize)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Mean trajectory at which it stops, with a 95 % interval by bootstrap over chains.
    pub stop: [f64; 3],
    /// Mean bias of the first 20 kept, hot starts, in standard deviations of P.
    pub bias_hot: f64,
    /// The same, cold starts.
    pub bias_cold: f64,
    /// Root mean square of the two, less what the noise of so few chains adds.
    pub rms_bias: f64,
    /// Share of chains stopped before their own t*.
    pub early: f64,
    /// Trajectories saved against the fixed schedule from which on the bias is no larger (or no larger than a quarter of a
    /// standard deviation, which such chains cannot resolve), with a 95 % interval by bootstrap over hot and cold chains,
    /// given the fit; none for fixed schedules themselves and the oracle.
    pub saved: Option<[f64; 3]>,
    /// Where each chain was stopped.
    pub stops: Vec<usize>,
}

/// Runs every rule on every chain; the reservoir is trained on one half of the chains and applied to the other, both ways.
///
/// # Errors
/// [`SteeringError::TooShort`] for fewer than two hot and two cold chains, or chains of fewer than 60 trajectories or of different
/// lengths. Hot and cold ones take turns in `chains`.
pub fn study(
    chains: &[Chain],
    equilibrium: Equilibrium,
    substrate: Option<&Arc<dyn Substrate>>,
    seed: Seed,
) -> Result<Vec<Rule>, SteeringError> {
    let length = chains.iter().map(|chain| chain.plaquettes.len()).min().unwrap_or(0);
    let cold = chains.iter().filter(|chain| chain.is_cold).count();
    if cold < 2 || chains.len() < cold + 2 || length < 60 || chains.iter().any(|chain| chain.plaquettes.len() != length)
    {
        let expected = "two or more hot and cold chains each, of one length, 60 or more".to_owned();
        return Err(SteeringError::TooShort { what: "the study of thermalisation", expected, found: length });
    }
    let oracle: Vec<usize> = chains.iter().map(|chain| thermalised(chain, equilibrium)).collect();
    let each = |stop: &dyn Fn(&[f64]) -> usize| chains.iter().map(|chain| stop(&chain.plaquettes)).collect::<Vec<_>>();
    let mut rules = vec![("oracle t*".to_owned(), oracle.clone())];
    for fixed in [20, 50, 100].into_iter().filter(|&fixed| fixed + MEASURED <= length) {
        rules.push((format!("fixed {fixed}"), vec![fixed; chains.len()]));
    }
    rules.push(("MSER-5, offline".to_owned(), each(&mser)));
    rules.push(("two windows of 10, z < 2".to_owned(), each(&two_windows)));
    rules.push(("halves of the whole, z < 1".to_owned(), each(&halves)));
    rules.push(("reservoir of 60, f32".to_owned(), reservoir(chains, &oracle, None, seed)?));
    if let Some(substrate) = substrate {
        rules.push(("reservoir of 60, int4".to_owned(), reservoir(chains, &oracle, Some(substrate), seed)?));
    }
    Ok(rules.into_iter().map(|(name, stops)| judge(name, stops, chains, &oracle, equilibrium, seed)).collect())
}

/// The first t from which the next 10 are within one standard deviation of equilibrium in their mean: needs to know it.
fn thermalised(chain: &Chain, equilibrium: Equilibrium) -> usize {
    let series = &chain.plaquettes;
    let is_there = |&t: &usize| (mean(&series[t..t + NEXT]) - equilibrium.mean).abs() < equilibrium.sd;
    (0..=series.len() - NEXT).find(is_there).unwrap_or(series.len())
}

/// The truncation that minimises the standard error of the rest, over means of 5, at most half of the chain. Sees all of it.
///
/// Source: White, Spratt, Proceedings of the Winter Simulation Conference (2000), as usually implemented; recalled.
fn mser(series: &[f64]) -> usize {
    let means: Vec<f64> = series.chunks_exact(5).map(mean).collect();
    let error = |skip: usize| {
        let rest = &means[skip..];
        let centre = mean(rest);
        rest.iter().map(|v| square(v - centre)).sum::<f64>() / square(rest.len() as f64)
    };
    let best = (0..=means.len() / 2).min_by(|&a, &b| error(a).total_cmp(&error(b))).unwrap_or(0);
    5 * best
}

/// Stops when the means of the last 10 and of the 10 before differ by less than two standard errors of independent values.
fn two_windows(series: &[f64]) -> usize {
    let is_flat = |&t: &usize| {
        let (a, b) = (&series[t - 20..t - 10], &series[t - 10..t]);
        (mean(a) - mean(b)).abs() < 2.0 * ((square(sample_sd(a)) + square(sample_sd(b))) / 10.0).sqrt()
    };
    (20..=series.len()).find(is_flat).unwrap_or(series.len())
}

/// Stops when the means of the two halves of all so far differ by less than one standard error of independent values.
fn halves(series: &[f64]) -> usize {
    let is_flat = |&t: &usize| {
        let (a, b) = series[..t].split_at(t / 2);
        let (va, vb) = (square(sample_sd(a)) / a.len() as f64, square(sample_sd(b)) / b.len() as f64);
        (mean(a) - mean(b)).abs() < (va + vb).sqrt()
    };
    (20..=series.len()).find(is_flat).unwrap_or(series.len())
}

/// Drifts of a chain over 1, 5 and 10 trajectories in units of its own short-term fluctuation: `[steps, 4]`. They do not tell
/// where P is, only how it moves; the sign of the start does not show in the last.
fn drifts(series: &[f64]) -> Array2<f64> {
    let window = |t: usize, width: usize| mean(&series[(t + 1).saturating_sub(width)..=t]);
    let changes: Vec<f64> = series.windows(2).map(|w| w[1] - w[0]).collect();
    Array2::from_shape_fn((series.len(), 4), |(t, c)| {
        let known = &changes[t.saturating_sub(20)..t.min(changes.len())];
        let spread = if known.len() < 2 { f64::NAN } else { sample_sd(known) };
        let drift = |width: usize| {
            let before = t.checked_sub(width).map(|earlier| window(earlier, width));
            before.map_or(0.0, |before| (window(t, width) - before) / spread)
        };
        let value = match c {
            0 => drift(1),
            1 => drift(5),
            2 => drift(10),
            _ => drift(10).abs(),
        };
        if value.is_finite() { libm::tanh(0.5 * value) } else { 0.0 }
    })
}

/// Where a reservoir on the drifts finds a chain thermalised three times in a row.
fn reservoir(
    chains: &[Chain],
    oracle: &[usize],
    substrate: Option<&Arc<dyn Substrate>>,
    seed: Seed,
) -> Result<Vec<usize>, SteeringError> {
    let inputs: Vec<Array2<f64>> = chains.iter().map(|chain| drifts(&chain.plaquettes)).collect();
    let mut features = Features::draw(4, 60, 0.3, seed.child("thermalisation"))?;
    if let Some(substrate) = substrate {
        // Ranges of integers are bounds that know nothing of outcomes: all chains may set them.
        let views: Vec<_> = inputs.iter().map(|input| input.view()).collect();
        let sample = concatenate(Axis(0), &views).expect("equal widths");
        features = features.on(Arc::clone(substrate), sample.view())?;
    }
    let states = inputs.iter().map(|input| features.along(input.view())).collect::<Result<Vec<_>, _>>()?;
    let mut stops = vec![0; chains.len()];
    for fold in 0..2 {
        let train: Vec<usize> = (0..chains.len()).filter(|i| fold_of(*i) != fold).collect();
        let views: Vec<_> = train.iter().map(|&i| states[i].slice(s![LEAST.., ..])).collect();
        let rows = concatenate(Axis(0), &views).expect("equal widths");
        let labels: Vec<bool> =
            train.iter().flat_map(|&i| (LEAST..chains[i].plaquettes.len()).map(move |t| t >= oracle[i])).collect();
        let model = Logistic::choose(rows.view(), &labels, &[1.0, 10.0, 100.0])?;
        for i in (0..chains.len()).filter(|&i| fold_of(i) == fold) {
            let mut in_a_row = 0;
            let mut found = states[i].rows().into_iter().enumerate().skip(LEAST).filter_map(|(t, state)| {
                in_a_row = if model.probability(state) > 0.5 { in_a_row + 1 } else { 0 };
                (in_a_row >= IN_A_ROW).then_some(t + 1)
            });
            stops[i] = found.next().unwrap_or(chains[i].plaquettes.len());
        }
    }
    Ok(stops)
}

/// Chains come in pairs, hot and cold: pairs go to the folds in turn, so that both folds have both.
fn fold_of(chain: usize) -> usize {
    (chain / 2) % 2
}

/// The bias of the first 20 kept from t on, in standard deviations; of the last 20 if fewer are left.
fn bias(chain: &Chain, t: usize, equilibrium: Equilibrium) -> f64 {
    let from = t.min(chain.plaquettes.len() - MEASURED);
    (mean(&chain.plaquettes[from..from + MEASURED]) - equilibrium.mean) / equilibrium.sd
}

/// Root mean square of the mean biases of hot and of cold chains, where each chain is stopped at its own place; the square of a
/// mean of n values is too large by their variance over n.
fn bias_of(picked: &[usize], chains: &[Chain], equilibrium: Equilibrium, stop: &dyn Fn(usize) -> usize) -> f64 {
    let square = |is_cold: bool| {
        let of = picked.iter().filter(|&&i| chains[i].is_cold == is_cold);
        let values: Vec<f64> = of.map(|&i| bias(&chains[i], stop(i), equilibrium)).collect();
        let noise = if values.len() > 1 { square(sample_sd(&values)) / values.len() as f64 } else { 0.0 };
        (square(mean(&values)) - noise).max(0.0)
    };
    (0.5 * (square(false) + square(true))).sqrt()
}

fn judge(
    name: String,
    stops: Vec<usize>,
    chains: &[Chain],
    oracle: &[usize],
    equilibrium: Equilibrium,
    seed: Seed,
) -> Rule {
    let of = |is_cold: bool| {
        let chosen = chains.iter().zip(&stops).filter(|(chain, _)| chain.is_cold == is_cold);
        mean(&chosen.map(|(chain, &t)| bias(chain, t, equilibrium)).collect::<Vec<_>>())
    };
    let mean_stop = |picked: &[usize]| mean(&picked.iter().map(|&i| stops[i] as f64).collect::<Vec<_>>());
    let last = chains[0].plaquettes.len() - MEASURED;
    let saved = |picked: &[usize]| {
        let own = bias_of(picked, chains, equilibrium, &|i| stops[i]).max(UNRESOLVED);
        let is_worse = |&t: &usize| bias_of(picked, chains, equilibrium, &|_| t) > own;
        // The first schedule that stays as good; one more than the longest if none does.
        (0..=last).rev().find(is_worse).map_or(0.0, |t| t as f64 + 1.0) - mean_stop(picked)
    };
    let all: Vec<usize> = (0..chains.len()).collect();
    let mut stream = seed.stream("bootstrap over chains");
    // Hot and cold chains are drawn apart, so that every resample has both.
    let mut draw = |is_cold: bool| {
        let own: Vec<usize> = all.iter().copied().filter(|&i| chains[i].is_cold == is_cold).collect();
        (0..own.len()).map(|_| own[stream.below(own.len() as u64) as usize]).collect::<Vec<_>>()
    };
    let resamples: Vec<Vec<usize>> = (0..1000).map(|_| [draw(false), draw(true)].concat()).collect();
    let interval = |statistic: &dyn Fn(&[usize]) -> f64| {
        let values: Vec<f64> = resamples.iter().map(|picked| statistic(picked)).collect();
        [statistic(&all), quantile(&values, 0.025), quantile(&values, 0.975)]
    };
    let early = stops.iter().zip(oracle).filter(|(stop, best)| stop < best).count() as f64 / stops.len() as f64;
    let is_rule = !name.starts_with("fixed") && !name.starts_with("oracle");
    Rule {
        stop: interval(&|picked| mean_stop(picked)),
        bias_hot: of(false),
        bias_cold: of(true),
        rms_bias: bias_of(&all, chains, equilibrium, &|i| stops[i]),
        early,
        saved: is_rule.then(|| interval(&saved)),
        name,
        stops,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EQUILIBRIUM: Equilibrium = Equilibrium { mean: 0.0, sd: 1.0 };

    /// Chains that relax exponentially from either side, with unit noise.
    fn chains(count: usize) -> Vec<Chain> {
        (0..count)
            .map(|i| {
                let mut noise = Seed(i as u64).stream("noise");
                let side = if i % 2 == 0 { -1.0 } else { 1.0 };
                let value = |t: usize| side * 20.0 * (-(t as f64) / 12.0).exp() + noise.normal();
                Chain { plaquettes: (0..120).map(value).collect(), is_cold: i % 2 == 1 }
            })
            .collect()
    }

    #[test]
    fn rules_are_judged_by_stop_and_bias() {
        let rules = study(&chains(24), EQUILIBRIUM, None, Seed(1)).expect("chains");
        let find = |name: &str| rules.iter().find(|rule| rule.name.starts_with(name)).expect("a rule");
        let (early, late) = (find("fixed 20"), find("fixed 100"));
        assert!(early.bias_hot < -1.0 && early.bias_cold > 1.0 && early.early > 0.9);
        assert!(late.rms_bias < 0.5 && late.early == 0.0);
        // 20 exp(-t/12) falls below 1 at t = 36; the mean of ten is there some steps earlier.
        assert!((25.0..40.0).contains(&find("oracle").stop[0]));
        let reservoir = find("reservoir");
        assert!(reservoir.stop[0] > 20.0 && reservoir.stop[0] < 80.0, "{reservoir:?}");
        assert!(find("fixed 50").saved.is_none());
        // Chains alike in all but noise: a fixed schedule is as good as any rule.
        assert!(reservoir.saved.expect("a rule")[1] < 10.0);
    }

    #[test]
    fn drifts_do_not_tell_the_level() {
        let series = &chains(2)[0].plaquettes;
        let moved: Vec<f64> = series.iter().map(|v| 4.0 * (v + 0.25)).collect();
        let (a, b) = (drifts(series), drifts(&moved));
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-9));
        assert!(drifts(&[1.0; 80]).iter().all(|v| *v == 0.0));
    }

    #[test]
    fn what_is_too_short_is_refused() {
        assert!(study(&chains(2), EQUILIBRIUM, None, Seed(1)).is_err());
        let mut uneven = chains(6);
        uneven[3].plaquettes.pop();
        assert!(study(&uneven, EQUILIBRIUM, None, Seed(1)).is_err());
    }
}
