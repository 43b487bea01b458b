//! Search of settings: what is drawn, what is learnt, who goes on, and the same result on any number of threads.

use std::collections::BTreeMap;
use std::sync::Mutex;

use forebay::search::{
    Better, Budgets, Candidate, CandidateError, Range, RangeError, Sampler, SearchError, Shard, Space, SpaceError,
    Study, Subject, Tpe, TrialError, Value,
};
use forebay::threads::Pool;
use proptest::prelude::*;

fn space(text: &str) -> Space {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn study(text: &str, trials: u64) -> Study {
    Study::new(Subject::new("a function", "value", Better::Smaller), space(text), trials)
}

/// The numbers that a space of one setting draws.
fn drawn(range: &str, count: u64) -> Vec<Value> {
    let space = space(&format!("x={range}"));
    (0..count).map(|trial| space.draw(3, trial).get("x").expect("it is there").clone()).collect()
}

fn kolmogorov_distance(mut values: Vec<f64>, cumulative: impl Fn(f64) -> f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let count = values.len() as f64;
    let distance = |(rank, &x): (usize, &f64)| {
        let expected = cumulative(x);
        (expected - rank as f64 / count).max((rank + 1) as f64 / count - expected)
    };
    values.iter().enumerate().map(distance).fold(0.0, f64::max)
}

#[test]
fn numbers_are_distributed_as_their_range_says() {
    let numbers = |range: &str| -> Vec<f64> {
        let number = |value| if let Value::Number(number) = value { number } else { panic!("{value:?}") };
        drawn(range, 20_000).into_iter().map(number).collect()
    };
    let bound = 1.95 / 20_000_f64.sqrt(); // passed with a chance of 0.999
    let linear = numbers("-2..3");
    assert!(linear.iter().all(|x| (-2.0..=3.0).contains(x)));
    assert!(kolmogorov_distance(linear, |x| (x + 2.0) / 5.0) < bound);
    let logarithmic = numbers("1e-6..1e2,log");
    assert!(logarithmic.iter().all(|x| (1e-6..=1e2).contains(x)));
    assert!(kolmogorov_distance(logarithmic, |x| (x.log10() + 6.0) / 8.0) < bound);
}

/// Chances of whole numbers and labels against their closed forms, by the 0.999 quantile of chi squared.
#[test]
fn whole_numbers_and_labels_are_distributed_as_their_range_says() {
    let count = 30_000;
    let check = |range: &str, chances: BTreeMap<String, f64>, quantile: f64| {
        let mut counts: BTreeMap<String, f64> = chances.keys().map(|key| (key.clone(), 0.0)).collect();
        for value in drawn(range, count) {
            *counts.get_mut(&value.to_string()).unwrap_or_else(|| panic!("{range} gave {value}")) += 1.0;
        }
        let term =
            |(key, chance): (&String, &f64)| (counts[key] - chance * count as f64).powi(2) / (chance * count as f64);
        let chi_squared: f64 = chances.iter().map(term).sum();
        assert!(chi_squared < quantile, "{range}: {counts:?}");
    };
    check("-1..4,int", (-1..=4).map(|k| (k.to_string(), 1.0 / 6.0)).collect(), 20.52);
    let chance = |k: f64| ((k + 0.5) / (k - 0.5)).ln() / (8.5_f64 / 0.5).ln();
    check("1..8,int,log", (1..=8).map(|k| (k.to_string(), chance(f64::from(k)))).collect(), 24.32);
    check("a|b|c", ["a", "b", "c"].map(|label| (label.to_owned(), 1.0 / 3.0)).into(), 13.82);
}

#[test]
fn a_draw_depends_on_seed_trial_and_its_own_setting_alone() {
    let one = space("x=0..1 y=0..1");
    let more = space("a=p|q y=0..1 z=1..9,int x=0..1");
    for trial in [0, 1, 17, u64::MAX] {
        assert_eq!(one.draw(5, trial).get("x"), more.draw(5, trial).get("x"));
        assert_eq!(one.draw(5, trial).get("y"), more.draw(5, trial).get("y"));
        assert_ne!(one.draw(5, trial), one.draw(6, trial));
        assert_ne!(one.draw(5, trial), one.draw(5, trial ^ 2));
        assert_ne!(one.draw(5, trial).get("x"), one.draw(5, trial).get("y"));
    }
}

#[test]
fn texts_that_are_no_ranges_are_refused_by_what_is_wrong() {
    let number = |text: &str| RangeError::Number { text: text.to_owned() };
    let cases = [
        ("1.5..0.5", RangeError::Order { low: 1.5, high: 0.5 }),
        ("1..1", RangeError::Order { low: 1.0, high: 1.0 }),
        ("0..1,log", RangeError::Logarithm { low: 0.0 }),
        ("-1..1,log", RangeError::Logarithm { low: -1.0 }),
        ("0..9,int,log", RangeError::Logarithm { low: 0.0 }),
        ("0..x", number("x")),
        ("..1", number("")),
        ("0...1", RangeError::Order { low: 0.0, high: 0.1 }),
        ("0..inf", number("inf")),
        ("NaN..1", number("NaN")),
        ("0..1e999", number("inf")),
        ("-1e308..1e308", RangeError::Width { low: -1e308, high: 1e308 }),
        ("1..2.5,int", RangeError::Integer { text: "2.5".to_owned() }),
        ("1..9007199254740993,int", RangeError::Integer { text: "9007199254740993".to_owned() }),
        ("0..1,lin", RangeError::Word { word: "lin".to_owned() }),
        ("0..1,", RangeError::Word { word: String::new() }),
        ("1..2,log,log", RangeError::Word { word: "log".to_owned() }),
        ("", RangeError::Label { label: String::new() }),
        ("a||b", RangeError::Label { label: String::new() }),
        ("a|b|a", RangeError::Twice { label: "a".to_owned() }),
        ("0.5,1.5", RangeError::Label { label: "0.5,1.5".to_owned() }),
    ];
    for (text, expected) in cases {
        // "0...1" is a range from 0 to .1 by the letter.
        if text == "0...1" {
            assert_eq!(text.parse(), Range::linear(0.0, 0.1));
            continue;
        }
        assert_eq!(text.parse::<Range>(), Err(expected), "{text}");
    }
    let many: Vec<String> = (0..1001).map(|k| k.to_string()).collect();
    assert_eq!(Range::choice(many), Err(RangeError::Labels { found: 1001 }));
    let spaces = [
        ("", SpaceError::Settings { found: 0 }),
        ("units", SpaceError::Form { text: "units".to_owned() }),
        ("=0..1", SpaceError::Name { name: String::new() }),
        ("1a=0..1", SpaceError::Name { name: "1a".to_owned() }),
        ("a=0..1 a=0..2", SpaceError::Twice { name: "a".to_owned() }),
        ("a=1..0", SpaceError::Range { name: "a".to_owned(), source: RangeError::Order { low: 1.0, high: 0.0 } }),
    ];
    for (text, expected) in spaces {
        assert_eq!(text.parse::<Space>(), Err(expected), "{text}");
    }
}

#[test]
fn values_are_of_the_kind_that_is_asked_for() {
    let values = space("x=0..1 n=3..4,int fixed=0.9 size=100|200 shape=a|b").draw(1, 0);
    assert_eq!(values.number("fixed"), Ok(0.9));
    assert_eq!(values.number("n").map(|n| n as usize), values.count("n"));
    assert!([Ok(100), Ok(200)].contains(&values.count("size")));
    assert!(matches!(values.label("shape"), Ok("a" | "b")));
    for wrong in [values.number("shape").err(), values.count("x").err(), values.label("x").map(drop).err()] {
        assert!(matches!(wrong, Some(CandidateError::Kind { .. })), "{wrong:?}");
    }
    assert!(
        matches!(values.number("y"), Err(CandidateError::Missing { available, .. }) if available.contains("shape"))
    );
}

/// A bowl with its minimum 0 off the middle, flat in one direction, and with one label better than the other.
fn quadratic(values: &Candidate) -> Result<f64, TrialError> {
    let (x, y, n) = (values.number("x")?, values.number("y")?, values.number("n")?);
    let label = if values.label("l")? == "b" { 0.0 } else { 0.5 };
    Ok((x - 0.7).powi(2) + 0.1 * (y.log10() + 3.0).powi(2) + (n / 100.0 - 0.8).powi(2) + label)
}

/// Branin's function on its usual domain; its three minima are 0.397887.
fn branin(values: &Candidate) -> Result<f64, TrialError> {
    use std::f64::consts::PI;
    let (x, y) = (values.number("x")?, values.number("y")?);
    let a = y - 5.1 / (4.0 * PI * PI) * x * x + 5.0 / PI * x - 6.0;
    Ok(a * a + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * x.cos() + 10.0)
}

fn median_best(
    space: &str,
    sampler: Sampler,
    score: impl Fn(&Candidate) -> Result<f64, TrialError> + Sync + Copy,
) -> Result<f64, SearchError> {
    let best = |seed| {
        let found = study(space, 80).seed(seed).sampler(sampler).run(|values, _| score(values))?;
        Ok(found.best().and_then(forebay::search::Trial::score).expect("a score"))
    };
    let mut bests = (0..9).map(best).collect::<Result<Vec<f64>, SearchError>>()?;
    bests.sort_by(f64::total_cmp);
    Ok(bests[4])
}

#[test]
fn a_model_of_the_scores_beats_chance() -> Result<(), SearchError> {
    let tpe = Sampler::Tpe(Tpe::default());
    let mixed = "x=-1..1 y=1e-6..1,log n=1..100,int l=a|b|c";
    let (model, chance) = (median_best(mixed, tpe, quadratic)?, median_best(mixed, Sampler::Random, quadratic)?);
    assert!(model < 0.5 * chance, "{model} {chance}");
    let plane = "x=-5..10 y=0..15";
    let (model, chance) = (median_best(plane, tpe, branin)?, median_best(plane, Sampler::Random, branin)?);
    assert!(model - 0.397_887 < 0.5 * (chance - 0.397_887) && model > 0.397_887, "{model} {chance}");
    Ok(())
}

/// Trials of one batch see the same scores, and no later ones: with scores of the second batch changed, the third changes.
#[test]
fn a_batch_sees_the_scores_before_it_alone() -> Result<(), SearchError> {
    let sampler = Sampler::Tpe(Tpe { startup: 4, batch: 4, ..Tpe::default() });
    let tried = |bend: u64| {
        let count = Mutex::new(0_u64);
        let found = study("x=0..1", 12).sampler(sampler).run(|values, _| {
            let mut count = count.lock().expect("one thread");
            *count += 1;
            let x = values.number("x")?;
            Ok(if *count - 1 == bend { -1.0 } else { (x - 0.4).abs() })
        })?;
        let mut ranked = found.ranked;
        ranked.sort_by_key(|trial| trial.trial);
        Ok::<_, SearchError>(ranked.into_iter().map(|trial| trial.values).collect::<Vec<_>>())
    };
    let plain = tried(u64::MAX)?;
    // The second batch is trials 4 to 7; its own scores change nothing in it, and something after it: its worst becomes the best.
    let worst = (4..8).max_by(|a, b| {
        let of = |k: &usize| (plain[*k].number("x").expect("a number") - 0.4).abs();
        of(a).total_cmp(&of(b))
    });
    let bent = tried(worst.expect("four trials") as u64)?;
    assert_eq!(plain[..8], bent[..8]);
    assert_ne!(plain[8..], bent[8..]);
    Ok(())
}

/// Who is scored with which budget, by the rule taken literally.
#[test]
fn halving_goes_on_with_the_best_of_each_rung() -> Result<(), SearchError> {
    // More budget turns the order of scores around, so that promotion by the wrong rung's scores would show.
    let score = |values: &Candidate, budget: u64| -> Result<f64, TrialError> {
        let x = values.number("x")?;
        if x > 0.8 {
            return Err(TrialError::Settings("too large".to_owned()));
        }
        Ok(if budget == 3 { -x } else { x })
    };
    for chains in [1, 2] {
        let calls = Mutex::new(Vec::new());
        let study = study("x=0..1", 20).budgets(Budgets::halving(1, 10, 3)).chains(chains);
        let found = study.run(|values, budget| {
            calls.lock().expect("one thread").push((budget, values.number("x")?));
            score(values, budget)
        })?;
        let mut expected = Vec::new();
        let mut rung: Vec<(u64, f64)> =
            (0..20).map(|k| (k, space("x=0..1").draw(1, k).number("x").expect("a number"))).collect();
        for budget in [1, 3, 10] {
            expected.extend(rung.iter().map(|(_, x)| (budget, *x)));
            let mut next = Vec::new();
            for chain in 0..chains {
                let mut of_chain: Vec<_> = rung.iter().copied().filter(|(k, _)| k % chains == chain).collect();
                let most = of_chain.len().div_ceil(3);
                of_chain.retain(|(_, x)| *x <= 0.8);
                of_chain.sort_by(|a, b| if budget == 3 { b.1.total_cmp(&a.1) } else { a.1.total_cmp(&b.1) });
                next.extend(of_chain.into_iter().take(most));
            }
            next.sort_by_key(|(k, _)| *k);
            rung = next;
        }
        assert_eq!(calls.into_inner().expect("one thread"), expected, "{chains} chain(s)");
        assert_eq!(found.ranked.len(), 20);
        let best = found.best().expect("a score");
        assert_eq!(best.budget, 10, "scores of smaller budgets are not compared with those of the largest");
        assert!(found.ranked.iter().filter(|trial| trial.budget == 10).all(|trial| trial.score() >= best.score()));
    }
    Ok(())
}

#[test]
fn what_has_no_score_is_never_good() -> Result<(), SearchError> {
    let failing = |values: &Candidate, _| -> Result<f64, TrialError> {
        match values.label("x")? {
            "nan" => Ok(f64::NAN),
            "low" => Ok(f64::NEG_INFINITY),
            "bad" => Err(TrialError::Settings("it is bad".to_owned())),
            _ => Ok(1e300),
        }
    };
    for better in [Better::Smaller, Better::Larger] {
        for sampler in [Sampler::Random, Sampler::Tpe(Tpe { startup: 3, ..Tpe::default() })] {
            let subject = Subject::new("failures", "value", better);
            let study = Study::new(subject, space("x=nan|low|bad|good"), 40).sampler(sampler);
            let found = study.run(failing)?;
            let good = found.ranked.iter().take_while(|trial| trial.outcome.is_ok()).count();
            assert!(good > 0 && found.ranked[..good].iter().all(|trial| trial.score() == Some(1e300)));
            for trial in &found.ranked[good..] {
                let reason = trial.outcome.clone().expect_err("failed ones come last");
                let expected = match trial.values.label("x").expect("a label") {
                    "nan" => "the score is NaN",
                    "low" => "the score is -inf",
                    _ => "it is bad",
                };
                assert_eq!(reason, expected);
            }
        }
    }
    let all_fail = study("x=0..1", 5).run(|_, _| Ok(f64::NAN))?;
    assert!(all_fail.best().is_none() && all_fail.ranked.len() == 5);
    Ok(())
}

#[test]
fn no_result_depends_on_threads() -> Result<(), SearchError> {
    let slow = |values: &Candidate, budget: u64| -> Result<f64, TrialError> {
        let x = values.number("x")?;
        std::thread::sleep(std::time::Duration::from_micros((x * 1500.0) as u64));
        if x > 0.9 { Err(TrialError::Settings("large".to_owned())) } else { Ok((x - 0.5).abs() / budget as f64) }
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tpe = Sampler::Tpe(Tpe { startup: 5, candidates: 8, batch: 4 });
    for (name, sampler, budgets, chains) in [
        ("random", Sampler::Random, Budgets::fixed(1), 1),
        ("tpe", tpe, Budgets::fixed(1), 1),
        ("halving", tpe, Budgets::halving(1, 9, 3), 2),
    ] {
        let mut logs = Vec::new();
        for threads in [1, 2, 5] {
            let path = folder.path().join(format!("{name} {threads}"));
            let study = study("x=0..1", 40).sampler(sampler).budgets(budgets).chains(chains);
            let pool = Pool::new(threads).expect("threads");
            let found = pool.install(|| study.run_logged(&path, false, slow, |_| {}))?;
            logs.push((std::fs::read(&path).expect("a log"), found));
        }
        assert!(logs.windows(2).all(|pair| pair[0] == pair[1]), "{name}");
    }
    Ok(())
}

/// What stops a search is the first such trial in order, on any number of threads; it is in no log.
#[test]
fn a_device_that_fails_stops_the_search() {
    for threads in [1, 4] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("log");
        let x = |k| space("x=0..1").draw(1, k).number("x").expect("a number");
        let broken = [x(7), x(11)];
        let objective = |values: &Candidate, _| {
            let x = values.number("x")?;
            if broken.contains(&x) { Err(TrialError::stop("the device is gone")) } else { Ok(x) }
        };
        let pool = Pool::new(threads).expect("threads");
        let stopped = pool.install(|| study("x=0..1", 30).run_logged(&path, false, objective, |_| {}));
        let Err(SearchError::Trial { trial: 7, source }) = stopped else { panic!("{stopped:?}") };
        assert_eq!(source.to_string(), "the device is gone");
        let (_, trials) = forebay::search::read(&path).expect("a log");
        assert_eq!(trials.len(), 7);
    }
}

#[test]
fn counts_out_of_range_are_refused() {
    let plain = || study("x=0..1", 10);
    let tpe = |startup, candidates, batch| plain().sampler(Sampler::Tpe(Tpe { startup, candidates, batch }));
    let ranges = [
        study("x=0..1", 0),
        study("x=0..1", u64::MAX),
        tpe(0, 24, 4),
        tpe(10, 0, 4),
        tpe(10, 24, 0),
        plain().budgets(Budgets::fixed(0)),
        plain().budgets(Budgets::halving(5, 4, 2)),
        plain().budgets(Budgets::halving(1, 4, 1)),
        plain().budgets(Budgets::halving(2, 4, 3)),
        plain().chains(0),
        plain().chains(11),
        plain().shard(Shard { index: 3, of: 3 }),
        plain().shard(Shard { index: 0, of: 0 }),
    ];
    for study in ranges {
        let refused = study.run(|_, _| panic!("nothing is tried"));
        assert!(matches!(refused, Err(SearchError::Range { .. })), "{refused:?}");
    }
    let shards = tpe(10, 24, 4).shard(Shard { index: 0, of: 3 }).check();
    assert!(matches!(shards, Err(SearchError::Shards { shards: 3, chains: 1 })), "{shards:?}");
    assert!(tpe(10, 24, 4).chains(6).shard(Shard { index: 0, of: 3 }).check().is_ok());
    let extreme = tpe(u64::MAX, 1, u64::MAX).chains(10).run(|values, _| Ok(values.number("x")?));
    assert_eq!(extreme.map(|found| found.ranked.len()).ok(), Some(10));
}

fn ranges() -> impl Strategy<Value = Range> {
    let numbers = (-1e6..1e6_f64, 1e-6..1e6_f64);
    prop_oneof![
        numbers.clone().prop_map(|(low, width)| Range::linear(low, low + width).expect("in order")),
        (1e-300..1e3_f64, 1.001..1e9_f64).prop_map(|(low, f)| Range::logarithmic(low, low * f).expect("in order")),
        (-1000..1000_i64, 1..5000_i64).prop_map(|(low, width)| Range::integer(low, low + width).expect("in order")),
        (1..1000_i64, 1..5000_i64).prop_map(|(low, w)| Range::integer_logarithmic(low, low + w).expect("in order")),
        (1..9_usize).prop_map(|n| Range::choice((0..n).map(|k| format!("l{k}"))).expect("labels")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_range_holds_what_it_gives_and_reads_back(range in ranges(), t in 0.0..=1.0_f64) {
        prop_assert!(range.contains(&range.at(t)), "{} of {range}", range.at(t));
        prop_assert_eq!(range.to_string().parse::<Range>(), Ok(range));
    }

    #[test]
    fn text_is_refused_or_reads_back(text in "[a-c0-9.|,= elogint-]{0,24}") {
        if let Ok(space) = text.parse::<Space>() {
            prop_assert_eq!(space.to_string().parse::<Space>(), Ok(space));
        }
    }
}
