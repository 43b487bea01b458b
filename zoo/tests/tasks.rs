//! Benchmark tasks keep their stored scores, and the search is what it says.

use std::fs;
use std::sync::Arc;

use forebay::random::Seed;
use forebay::{Precision, Refusal, Substrate, SubstrateError};
use forebay_substrate::{Capabilities, Loaded, Op, Support};
use forebay_zoo::search::{self, Search, SearchError};
use forebay_zoo::systems::Lorenz63;
use forebay_zoo::tasks::{self, Arithmetic, Laser, Part, Settings, Task, TaskError};
use ndarray::Array2;

fn mean(task: &dyn Task, seeds: u64) -> f64 {
    let settings = task.settings();
    let scores = (0..seeds).map(|seed| task.measure(&settings, seed, Part::Test).expect("the task runs").main());
    scores.sum::<f64>() / seeds as f64
}

/// Bounds are wider than the means over ten seeds in the README: few seeds are noisy, and training may differ in its last
/// bits between processors.
#[test]
fn stored_settings_reach_their_scores() {
    for (name, seeds, bound) in [
        ("narma10", 3, 0.156),
        ("mackey-glass", 2, 0.01),
        ("vowels", 3, 5.0),
        ("vowels-vote", 1, 4.0),
        ("sunspots", 2, 0.125),
    ] {
        let task = tasks::by_name(name).expect("the task exists");
        let found = mean(task.as_ref(), seeds);
        assert!(found <= bound, "{name}: {found}");
    }
    for (name, bound) in [("lorenz", 10.0), ("memory", 90.0)] {
        let task = tasks::by_name(name).expect("the task exists");
        let found = mean(task.as_ref(), 1);
        assert!(found >= bound, "{name}: {found}");
    }
    assert!(tasks::by_name("nothing").err().is_some_and(|e| e.to_string().contains("narma10")));
}

/// The real laser series may not be shipped. Its equations are those of Lorenz, its intensity the square of x.
fn stand_in() -> Array2<f64> {
    let orbit =
        Lorenz63 { dt: 0.08, substeps: 16, ..Lorenz63::default() }.generate(9_100, Seed(1)).expect("it is bounded");
    Array2::from_shape_fn((9_100, 1), |(t, _)| (orbit[[t, 0]] * orbit[[t, 0]] / 1.7).min(255.0).round())
}

#[test]
fn the_laser_task_runs_on_a_stand_in_and_beats_its_baselines() {
    let task = Laser::new(stand_in().view()).expect("the series is long enough");
    let error = mean(&task, 1);
    let baselines = task.baselines().expect("baselines fit");
    assert!(baselines.iter().all(|(_, baseline)| error < *baseline), "{error} against {baselines:?}");
    assert!(Laser::new(stand_in().slice(ndarray::s![..100, ..])).is_err());
}

/// Noise hides two digits; in closed loop on chaos each state digit buys time.
#[test]
fn digits_are_worth_what_the_ladder_says() -> Result<(), TaskError> {
    let score = |name: &str, digits: Option<(u8, u8)>, refit: bool| -> Result<f64, TaskError> {
        let task = tasks::by_name(name)?;
        let mut settings = task.digit_settings();
        settings.units = settings.units.min(300);
        let arithmetic = match digits {
            None => Arithmetic::F32,
            Some((state, weight)) => Arithmetic::Hybrid {
                substrate: forebay::open("software:akd1000")?,
                precision: Precision::new(state, weight).expect("allowed"),
                refit,
            },
        };
        Ok(task.measure_in(&settings, &arithmetic, 0, Part::Test)?.main())
    };
    let (float, two) = (score("sunspots", None, true)?, score("sunspots", Some((2, 2)), true)?);
    assert!((two / float - 1.0).abs() < 0.05, "NMSE {two} in 2 x 2 digits, {float} in f32");
    let (float, two) = (score("vowels", None, true)?, score("vowels", Some((2, 2)), true)?);
    assert!((two - float).abs() <= 1.0, "{two} errors in 2 x 2 digits, {float} in f32");
    let float = score("lorenz", None, true)?;
    let times = [1, 2, 3, 4].map(|digits| score("lorenz", Some((digits, 3)), true));
    let [one, two, three, four] = times;
    let times = [one?, two?, three?, four?];
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
    assert!(times[3] >= 0.8 * float, "{times:?}, {float} in f32");
    assert!(score("lorenz", Some((4, 3)), false)? < 0.8 * times[3], "training on hybrid states recovers most");
    Ok(())
}

/// Tables, rankings and plots take name, unit and direction from the task; a measurement has those scores.
#[test]
fn every_task_measures_what_it_says() -> Result<(), TaskError> {
    for task in tasks::all() {
        let settings = Settings { units: 10, ..task.settings() };
        let measured = task.measure_in(&settings, &Arithmetic::F32, 0, Part::Test)?;
        assert_eq!(measured.scores[0].metric, task.metric(), "{}", task.name());
        assert!(measured.of(task.digit_metric()).is_some_and(f64::is_finite), "{}", task.name());
        // A readout of floats is kept, or the measurement is refused: float scores are no answer.
        let kept = Arithmetic::Hybrid {
            substrate: forebay::open("software:akd1000")?,
            precision: Precision::new(1, 1).expect("allowed"),
            refit: false,
        };
        match task.measure_in(&settings, &kept, 0, Part::Test) {
            Ok(kept) => assert!(task.can_keep_readout() && kept.main() != measured.main(), "{}", task.name()),
            Err(TaskError::KeptReadout { .. }) => assert!(!task.can_keep_readout(), "{}", task.name()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A substrate that fails.
#[derive(Debug)]
struct Broken(Capabilities);

impl Substrate for Broken {
    fn capabilities(&self) -> &Capabilities {
        &self.0
    }

    fn supports(&self, op: &Op) -> Result<Support, Refusal> {
        forebay::open("software:akd1000").expect("software is there").supports(op)
    }

    fn load(&self, _: &[u8]) -> Result<Arc<dyn Loaded>, SubstrateError> {
        Err(SubstrateError::Unloaded)
    }
}

/// A device that fails once was written into the log as settings that do not work, for good.
#[test]
fn a_failing_device_stops_a_search_and_is_no_answer() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let software = forebay::open("software:akd1000").expect("software is there");
    let search = Search {
        seed: 5,
        trials: 2,
        seeds: 1,
        shard: 0,
        shards: 1,
        log: folder.path().join("log"),
        arithmetic: Arithmetic::Hybrid {
            substrate: Arc::new(Broken(software.capabilities().clone())),
            precision: Precision::default(),
            refit: true,
        },
        anew: false,
    };
    let stopped = search.run(tasks::by_name("narma10").expect("the task exists").as_ref(), |_| {});
    assert!(matches!(stopped, Err(SearchError::Trial { .. })), "{stopped:?}");
    let (_, trials) = search::read(&search.log).expect("a log").expect("it has a subject");
    assert!(trials.is_empty(), "{trials:?}");
}

#[test]
fn a_search_resumes_and_its_shards_add_up() -> Result<(), SearchError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let task = tasks::by_name("memory").expect("the task exists");
    let search = |trials, shard, shards, log: &str| Search {
        seed: 5,
        trials,
        seeds: 1,
        shard,
        shards,
        log: folder.path().join(log),
        arithmetic: Arithmetic::F64,
        anew: false,
    };
    let whole = search(4, 0, 1, "whole").run(task.as_ref(), |_| {})?.ranked;
    assert_eq!(whole.len(), 4);
    assert!(whole.windows(2).all(|w| w[0].score >= w[1].score), "larger capacities come first");

    // The same trials in two steps.
    search(2, 0, 1, "resumed").run(task.as_ref(), |_| {})?;
    let finished = std::sync::atomic::AtomicUsize::new(0);
    let resumed = search(4, 0, 1, "resumed").run(task.as_ref(), |_| {
        finished.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    })?;
    assert_eq!(finished.into_inner(), 2, "finished trials are not run again");
    assert_eq!((resumed.ranked, resumed.resumed), (whole.clone(), 2));

    // The same trials in two shards, their logs joined.
    for shard in 0..2 {
        search(4, shard, 2, &format!("shard {shard}")).run(task.as_ref(), |_| {})?;
    }
    let joined: String = (0..2)
        .map(|s| fs::read_to_string(folder.path().join(format!("shard {s}"))).expect("the log is there"))
        .collect();
    fs::write(folder.path().join("joined"), joined).expect("the folder is writable");
    let joined = search(4, 0, 1, "joined").run(task.as_ref(), |_| {})?;
    assert_eq!((joined.ranked, joined.resumed), (whole.clone(), 4));

    // Fewer trials of the same log are what fewer trials would have found.
    let fewer = search(3, 0, 1, "whole").run(task.as_ref(), |_| {})?;
    assert_eq!(fewer.beyond, 1);
    assert_eq!(fewer.ranked, search(3, 0, 1, "three").run(task.as_ref(), |_| {})?.ranked);

    // Logs of two searches do not add up, and a trial has one result.
    let text = |log: &str| fs::read_to_string(folder.path().join(log)).expect("the log is there");
    let write = |log: &str, text: String| fs::write(folder.path().join(log), text).expect("the folder is writable");
    let other = Search { seed: 6, ..search(1, 0, 1, "other") };
    other.run(task.as_ref(), |_| {})?;
    write("mixed", text("whole") + &text("other"));
    let mixed = search(4, 0, 1, "mixed").run(task.as_ref(), |_| {});
    assert!(matches!(mixed, Err(SearchError::OtherSearch { field: "seed", .. })), "{mixed:?}");
    let forged = text("whole").replacen("\"score\":", "\"score\":1", 1);
    assert_ne!(forged, text("whole"));
    write("twice", text("whole") + &forged);
    let twice = search(4, 0, 1, "twice").run(task.as_ref(), |_| {});
    assert!(matches!(twice, Err(SearchError::TwoResults { .. })), "{twice:?}");

    fs::write(folder.path().join("broken"), "{\"trial\": 1}\n").expect("the folder is writable");
    assert!(matches!(search::read(&folder.path().join("broken")), Err(SearchError::Line { line: 1, .. })));
    assert!(matches!(search(4, 2, 2, "x").run(task.as_ref(), |_| {}), Err(SearchError::Range { .. })));
    Ok(())
}
