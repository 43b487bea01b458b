//! Benchmark tasks keep their stored scores, and the search is what it says.

use std::sync::Arc;

use forebay::random::Seed;
use forebay::search::{self, SearchError};
use forebay::{Precision, Refusal, Substrate, SubstrateError};
use forebay_substrate::{Capabilities, Loaded, Op, Support};
use forebay_zoo::search::TaskSearch;
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
    let arithmetic = Arithmetic::Hybrid {
        substrate: Arc::new(Broken(software.capabilities().clone())),
        precision: Precision::default(),
        refit: true,
    };
    let task = tasks::by_name("narma10").expect("the task exists");
    let search = TaskSearch::new(task.as_ref(), arithmetic);
    let (study, log) = (search.study(search.space().expect("ranges"), 2, 1), folder.path().join("log"));
    let stopped = study.run_logged(&log, false, |values, seeds| search.measure(values, seeds), |_| {});
    assert!(matches!(stopped, Err(SearchError::Trial { .. })), "{stopped:?}");
    let (_, trials) = search::read(&log).expect("a log");
    assert!(trials.is_empty(), "{trials:?}");
}

/// A search scores what the task measures, and says so in its log.
#[test]
fn a_search_of_a_task_measures_the_task() -> Result<(), Box<dyn std::error::Error>> {
    let task = tasks::by_name("memory")?;
    let search = TaskSearch::new(task.as_ref(), Arithmetic::F64);
    let found = search.study(search.space()?, 3, 2).seed(5).run(|values, seeds| search.measure(values, seeds))?;
    assert!(found.ranked.windows(2).all(|w| w[0].score() >= w[1].score()), "larger capacities come first");
    let best = found.best().ok_or("no score")?;
    let settings = search.settings(&best.values)?;
    assert!((0.8..=0.999).contains(&settings.spectral_radius) && settings.leak_rate == 1.0, "{settings:?}");
    let main = |seed| Ok::<_, TaskError>(task.measure(&settings, seed, Part::Validation)?.main());
    assert_eq!(best.score(), Some(f64::midpoint(main(0)?, main(1)?)));
    let subject = search.subject();
    assert_eq!((subject.task.as_str(), subject.better), ("memory", task.metric().better));
    assert!(subject.arithmetic.contains("f64") && subject.details["protocol"] == task.protocol());
    // The ranges of every task are ranges of a search, and settings lie in them.
    for task in tasks::all() {
        let search = TaskSearch::new(task.as_ref(), Arithmetic::F64);
        let values = search.space()?.draw(1, 0);
        assert_eq!(search.settings(&values)?.units, task.settings().units);
    }
    Ok(())
}
