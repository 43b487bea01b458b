//! A search: which trials, with what values and budgets, in what order.

use std::path::Path;
use std::vec::IntoIter;

use super::error::{LineError, SearchError, TrialError};
use super::log::{Header, Log, Logged};
use super::ordered::ordered;
use super::sampler::{Budgets, Sampler, at_least_one};
use super::space::{Candidate, Space};
use super::tpe;
use super::trial::{Found, Shard, Subject, Trial, ranked};

/// Most trials of a search.
const MOST_TRIALS: u64 = 10_000_000;
/// Trials that are handed to threads at once where they do not depend on one another.
const AT_ONCE: u64 = 1024;
/// Most characters of a reason that are kept.
const LONGEST_REASON: usize = 1000;

/// A search for the values with the best score. See the [module](super) for an example.
///
/// The log, the ranking and the winner depend on what is set here and on the objective alone: not on the number of threads,
/// nor on how often the search was stopped and resumed.
#[derive(Clone, Debug)]
pub struct Study {
    header: Header,
    trials: u64,
}

/// A trial to be scored.
struct Ask {
    trial: u64,
    budget: u64,
    values: Candidate,
}

/// All that was walked through.
pub(super) struct Walked {
    /// In the log's order.
    pub(super) finished: Vec<Trial>,
    resumed: usize,
    beyond: usize,
}

impl Study {
    /// A random search with budget 1 and seed 1.
    pub fn new(subject: Subject, space: Space, trials: u64) -> Self {
        Self { header: Header::new(subject, space, 1, Sampler::Random, Budgets::fixed(1)), trials }.settled()
    }

    /// Of a log's header, for as many trials.
    pub(super) fn of(header: Header, trials: u64) -> Self {
        let trials = header.trials.unwrap_or(trials);
        Self { header, trials }.settled()
    }

    /// Seed of all that is drawn.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.header.seed = seed;
        self
    }

    /// How values are chosen; by default at random.
    #[must_use]
    pub fn sampler(mut self, sampler: Sampler) -> Self {
        self.header.sampler = sampler;
        self
    }

    /// With what budgets trials are scored; by default all with 1.
    #[must_use]
    pub fn budgets(mut self, budgets: Budgets) -> Self {
        self.header.budgets = budgets;
        self.settled()
    }

    /// Number of chains, 1 by default: trial k is of chain `k mod chains`, and depends on the scores of trials of its chain
    /// alone. So TPE and halving can be split into as many shards, or into a divisor of it; each chain learns from its own
    /// trials only.
    #[must_use]
    pub fn chains(mut self, chains: u64) -> Self {
        self.header.chains = chains;
        self
    }

    /// Which trials this run does; by default all.
    #[must_use]
    pub fn shard(mut self, shard: Shard) -> Self {
        self.header.shard = shard;
        self
    }

    /// What a log of this search begins with.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// With halving, who is scored further depends on the number of trials; without it, a log can go on with more.
    fn settled(mut self) -> Self {
        self.header.trials = self.header.budgets.is_halving().then_some(self.trials);
        self
    }

    /// Whether all counts are in their ranges, and shards and chains fit together.
    ///
    /// # Errors
    /// [`SearchError::Range`], [`SearchError::Shards`].
    pub fn check(&self) -> Result<(), SearchError> {
        let Header { sampler, budgets, chains, shard, .. } = &self.header;
        let range = |what, expected, found| Err(SearchError::Range { what, expected, found });
        if self.trials == 0 || self.trials > MOST_TRIALS {
            return range("the number of trials", format!("1 to {MOST_TRIALS}"), self.trials);
        }
        sampler.check()?;
        budgets.check()?;
        at_least_one("the number of chains", *chains)?;
        at_least_one("the number of shards", shard.of)?;
        if *chains > self.trials {
            return range("the number of chains", format!("at most that of trials, {}", self.trials), *chains);
        }
        if shard.index >= shard.of {
            let expected = format!("0 to {} ({} shards)", shard.of - 1, shard.of);
            return range("the shard", expected, shard.index);
        }
        let is_free = *sampler == Sampler::Random && !budgets.is_halving();
        if !is_free && !chains.is_multiple_of(shard.of) {
            return Err(SearchError::Shards { shards: shard.of, chains: *chains });
        }
        Ok(())
    }

    /// Runs all trials of the shard on the threads of the [pool](crate::threads) that calls.
    ///
    /// The objective gets the values and the budget, and gives a score, or says why there is none. It may be called from
    /// several threads at once, and its result must not depend on anything else. A score that is not finite is a failure.
    ///
    /// # Errors
    /// [`SearchError::Range`], [`SearchError::Shards`]; [`SearchError::Trial`] if the objective stops the search, of the first
    /// trial in order that does.
    pub fn run(
        &self,
        objective: impl Fn(&Candidate, u64) -> Result<f64, TrialError> + Sync,
    ) -> Result<Found, SearchError> {
        self.check()?;
        let walked = self.walk(Vec::new(), Path::new(""), |asks, finished| {
            let take = |trial| {
                finished.push(trial);
                Ok(())
            };
            ordered(asks.len(), |index| measure(&asks[index], &objective), take)
        })?;
        Ok(self.found(walked, 0))
    }

    /// Like [`run`](Self::run), with a log: what is in it is not run again, what is finished is added to it, in order. `told` is
    /// called after each line that is added. With `anew`, the log is begun anew, whatever is in it.
    ///
    /// A process may be killed at any time: started again, the search ends with the same log as if nothing had happened. A torn
    /// last line is dropped and told of in [`Found::torn`].
    ///
    /// # Errors
    /// As [`run`](Self::run); [`SearchError`] for a log that cannot be used, of another search, damaged, or in use. Such a log is
    /// left as it is. Trials that were finished before an error are in the log.
    pub fn run_logged(
        &self,
        path: &Path,
        anew: bool,
        objective: impl Fn(&Candidate, u64) -> Result<f64, TrialError> + Sync,
        mut told: impl FnMut(&Trial) + Send,
    ) -> Result<Found, SearchError> {
        self.check()?;
        let (mut log, known, torn) = Log::open(path, &self.header, anew)?;
        let walked = self.walk(known, path, |asks, finished| {
            let take = |trial: Trial| {
                log.append(&trial)?;
                told(&trial);
                finished.push(trial);
                Ok(())
            };
            ordered(asks.len(), |index| measure(&asks[index], &objective), take)
        })?;
        log.finish()?;
        Ok(self.found(walked, torn))
    }

    fn found(&self, walked: Walked, torn: u64) -> Found {
        let Walked { finished, resumed, beyond } = walked;
        Found { ranked: ranked(finished, self.header.subject.better), resumed, beyond, torn }
    }

    /// Goes through all trials of the shard in order: first those that are known, which must be what this search would try;
    /// the others are left to `work`, which adds them.
    fn walk(
        &self,
        known: Vec<Logged>,
        path: &Path,
        mut work: impl FnMut(Vec<Ask>, &mut Vec<Trial>) -> Result<(), SearchError>,
    ) -> Result<Walked, SearchError> {
        let count = known.len();
        let mut known = known.into_iter();
        let mut finished: Vec<Trial> = Vec::new();
        let mut before = 0;
        for (rung, budget) in self.header.budgets.rungs().into_iter().enumerate() {
            let start = finished.len();
            let numbers = if rung == 0 { Vec::new() } else { self.promoted(&finished[before..start]) };
            let mut next = 0;
            loop {
                let asks = if rung == 0 {
                    self.first_asks(next, budget, &finished)
                } else {
                    let from = numbers.len().min(next as usize);
                    let some = &numbers[from..numbers.len().min(from + AT_ONCE as usize)];
                    some.iter().map(|(trial, values)| Ask { trial: *trial, budget, values: values.clone() }).collect()
                };
                if asks.is_empty() {
                    break;
                }
                next = if rung == 0 { asks.last().map_or(0, |ask| ask.trial + 1) } else { next + asks.len() as u64 };
                let open = replay(asks, &mut known, &mut finished, path)?;
                if !open.is_empty() {
                    work(open, &mut finished)?;
                }
            }
            before = start;
        }
        let resumed = count - known.len();
        let beyond = known.len();
        self.check_beyond(known, path)?;
        Ok(Walked { finished, resumed, beyond })
    }

    /// Verifies that trials are all of a search: those of a merged log.
    pub(super) fn verify(
        &self,
        known: Vec<Logged>,
        path: &Path,
        missing: impl Fn(u64, u64) -> SearchError,
    ) -> Result<Vec<Trial>, SearchError> {
        self.check()?;
        Ok(self.walk(known, path, |asks, _| Err(missing(asks[0].trial, asks[0].budget)))?.finished)
    }

    /// The trials of the shard from number `from` on that depend on the same earlier ones, a bounded number of them.
    fn first_asks(&self, from: u64, budget: u64, finished: &[Trial]) -> Vec<Ask> {
        let Header { subject, space, seed, sampler, chains, shard, .. } = &self.header;
        let first = from + (shard.index + shard.of - from % shard.of) % shard.of;
        let until = |length: u64| (first / length).saturating_add(1).saturating_mul(length).min(self.trials);
        let of_shard = |until: u64| (first..until).step_by(shard.of.min(MOST_TRIALS) as usize);
        let ask = |trial, values| Ask { trial, budget, values };
        match sampler {
            Sampler::Random => {
                let end = self.trials.min(first.saturating_add(AT_ONCE.saturating_mul(shard.of)));
                of_shard(end).map(|trial| ask(trial, space.draw(*seed, trial))).collect()
            }
            Sampler::Tpe(settings) => {
                let mut models: Vec<(u64, Option<tpe::Model<'_>>)> = Vec::new();
                let end = until(chains.saturating_mul(settings.batch));
                let mut asks = Vec::new();
                for trial in of_shard(end) {
                    let chain = trial % chains;
                    // Chains come round and round: after the first turn, every model is there.
                    let known = models.iter().position(|(of, _)| *of == chain);
                    let place = known.unwrap_or_else(|| {
                        let of_chain: Vec<&Trial> = finished.iter().filter(|t| t.trial % chains == chain).collect();
                        models.push((chain, tpe::Model::of(space, settings, subject.better, &of_chain)));
                        models.len() - 1
                    });
                    let model = models[place].1.as_ref();
                    let values = model.map_or_else(|| space.draw(*seed, trial), |model| model.propose(*seed, trial));
                    asks.push(ask(trial, values));
                }
                asks
            }
        }
    }

    /// Who is scored with the next budget: of each chain's trials of a rung, the best 1 in `factor`, in order of number.
    fn promoted(&self, rung: &[Trial]) -> Vec<(u64, Candidate)> {
        let Header { budgets, chains, subject, .. } = &self.header;
        let mut by_chain: Vec<&Trial> = rung.iter().collect();
        let loss = |trial: &Trial| trial.score().map_or(f64::INFINITY, |score| subject.better.loss(score));
        by_chain.sort_by(|a, b| {
            let by_score = || loss(a).total_cmp(&loss(b)).then(a.trial.cmp(&b.trial));
            (a.trial % chains).cmp(&(b.trial % chains)).then_with(by_score)
        });
        let mut chosen = Vec::new();
        for chain in by_chain.chunk_by(|a, b| a.trial % chains == b.trial % chains) {
            let most = (chain.len() as u64).div_ceil(budgets.factor) as usize;
            let scored = chain.iter().filter(|trial| trial.outcome.is_ok()).take(most);
            chosen.extend(scored.map(|trial| (trial.trial, trial.values.clone())));
        }
        chosen.sort_by_key(|(trial, _)| *trial);
        chosen
    }

    /// Lines after the last trial of this search: later trials of the same one, or none of it.
    fn check_beyond(&self, known: IntoIter<Logged>, path: &Path) -> Result<(), SearchError> {
        let shard = self.header.shard;
        let first = self.trials + (shard.index + shard.of - self.trials % shard.of) % shard.of;
        let budget = self.header.budgets.largest;
        for (position, Logged { line, trial }) in known.enumerate() {
            let expected = first.saturating_add((position as u64).saturating_mul(shard.of));
            let expected = (!self.header.budgets.is_halving()).then_some((expected, budget));
            check_order(expected, line, &trial, path)?;
        }
        Ok(())
    }
}

/// Takes from the log what it has of `asks`; gives the others.
fn replay(
    asks: Vec<Ask>,
    known: &mut IntoIter<Logged>,
    finished: &mut Vec<Trial>,
    path: &Path,
) -> Result<Vec<Ask>, SearchError> {
    let mut open = Vec::new();
    for ask in asks {
        let Some(Logged { line, trial }) = known.next() else {
            open.push(ask);
            continue;
        };
        check_order(Some((ask.trial, ask.budget)), line, &trial, path)?;
        if trial.values != ask.values {
            let why = LineError::Values { trial: ask.trial };
            return Err(SearchError::Line { path: path.to_owned(), line, why });
        }
        finished.push(trial);
    }
    Ok(open)
}

fn check_order(expected: Option<(u64, u64)>, line: usize, found: &Trial, path: &Path) -> Result<(), SearchError> {
    if expected == Some((found.trial, found.budget)) {
        return Ok(());
    }
    let why = LineError::Order { expected, found: found.trial, found_budget: found.budget };
    Err(SearchError::Line { path: path.to_owned(), line, why })
}

fn measure(
    ask: &Ask,
    objective: &(impl Fn(&Candidate, u64) -> Result<f64, TrialError> + Sync),
) -> Result<Trial, SearchError> {
    let Ask { trial, budget, values } = ask;
    let outcome = match objective(values, *budget) {
        Ok(score) if score.is_finite() => Ok(score),
        Ok(score) => Err(format!("the score is {score}")),
        Err(TrialError::Settings(reason)) => Err(reason.chars().take(LONGEST_REASON).collect()),
        Err(TrialError::Stop(source)) => return Err(SearchError::Trial { trial: *trial, source }),
    };
    Ok(Trial { trial: *trial, budget: *budget, values: values.clone(), outcome })
}
