//! Local parallel reservoirs: what is refused, and the same bits on any number of threads, ranks and substrates.

use std::sync::mpsc::{Receiver, Sender, channel};

use forebay::checkpoint::{Checkpoint, CheckpointError};
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::parallel::{Halo, ParallelReservoirs, PatchGrid};
use forebay::reservoir::{Activation, Reservoir};
use forebay::train::Training;
use forebay::{Error, Precision};
use ndarray::{Array2, s};

const POINTS: usize = 48;

/// Logistic maps on a ring, each pulled towards its neighbours' mean: chaotic in time and space.
fn maps(steps: usize) -> Array2<f64> {
    let mut series = Array2::from_shape_fn((steps, POINTS), |(_, i)| 0.5 + 0.3 * (i as f64).sin());
    for step in 1..steps {
        let map = |i: usize| 3.7 * series[[step - 1, i]] * (1.0 - series[[step - 1, i]]);
        let row: Vec<f64> = (0..POINTS)
            .map(|i| 0.6 * map(i) + 0.2 * (map((i + 1) % POINTS) + map((i + POINTS - 1) % POINTS)))
            .collect();
        series.row_mut(step).assign(&ndarray::aview1(&row));
    }
    series
}

/// Twelve patches, so that a rank has several groups of them and the last group is not full.
fn drawn(overlap: usize) -> Result<ParallelReservoirs, Error> {
    let recipe = Reservoir::new(80).spectral_radius(0.4).input_scaling(0.5).bias_scaling(0.3);
    ParallelReservoirs::generate(PatchGrid::new(POINTS, 12, overlap)?, recipe, 3)
}

fn trained(series: &Array2<f64>, overlap: usize) -> Result<ParallelReservoirs, Error> {
    let training = Training::new().washout(20).ridge(1e-7);
    Ok(drawn(overlap)?.fit(series.view(), (0..12).step_by(3), &training)?.0)
}

fn bits(values: &Array2<f64>) -> Vec<u64> {
    values.iter().map(|v| v.to_bits()).collect()
}

/// Ranks that are threads, each with the channels' ends that it needs.
struct Ring {
    rank: usize,
    to: Vec<Sender<Vec<f64>>>,
    from: Vec<Receiver<Vec<f64>>>,
}

impl Ring {
    fn of(ranks: usize) -> Vec<Ring> {
        let mut ring: Vec<Ring> = (0..ranks).map(|rank| Ring { rank, to: vec![], from: vec![] }).collect();
        for from in 0..ranks {
            for to in 0..ranks {
                let (sender, receiver) = channel();
                ring[from].to.push(sender);
                ring[to].from.push(receiver);
            }
        }
        ring
    }

    fn send(&self, to: usize, values: &[f64]) {
        self.to[to].send(values.to_vec()).expect("all ranks live as long as each other");
    }

    fn receive(&self, from: usize, values: &mut [f64]) {
        values.copy_from_slice(&self.from[from].recv().expect("all ranks live as long as each other"));
    }
}

impl Halo for Ring {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.to.len()
    }

    fn exchange(
        &mut self,
        left_edge: &[f64],
        right_edge: &[f64],
        from_left: &mut [f64],
        from_right: &mut [f64],
    ) -> Result<(), Error> {
        let (left, right) = ((self.rank + self.size() - 1) % self.size(), (self.rank + 1) % self.size());
        self.send(right, right_edge);
        self.receive(left, from_left);
        self.send(left, left_edge);
        self.receive(right, from_right);
        Ok(())
    }

    fn gather(&mut self, own: &[f64], all: &mut [f64]) -> Result<(), Error> {
        (0..self.size()).for_each(|to| self.send(to, own));
        all.chunks_exact_mut(own.len()).enumerate().for_each(|(from, values)| self.receive(from, values));
        Ok(())
    }
}

/// Runs `work` once per rank, side by side.
fn on_ranks<R: Send>(ranks: usize, work: impl Fn(Ring) -> Result<R, Error> + Sync) -> Result<Vec<R>, Error> {
    std::thread::scope(|scope| {
        let started: Vec<_> = Ring::of(ranks).into_iter().map(|ring| scope.spawn(|| work(ring))).collect();
        started.into_iter().map(|rank| rank.join().expect("no rank panics")).collect()
    })
}

#[test]
fn patches_forecast_what_one_session_each_would() -> Result<(), Error> {
    let known = maps(300);
    for overlap in [0, 3, 4, 9] {
        let trained = trained(&known, overlap)?;
        let grid = *trained.grid();
        let mut run = trained.start()?;
        run.warm_up(known.view())?;
        assert_eq!(run.steps(), 300);
        let forecast = run.forecast(20)?;

        let mut sessions: Vec<_> = (0..grid.patches()).map(|_| trained.model().session()).collect();
        let mut row = Array2::zeros((1, POINTS));
        for (patch, session) in sessions.iter_mut().enumerate() {
            session.run(grid.seen_by(patch, known.view())?.view())?;
            let points = patch * grid.width()..(patch + 1) * grid.width();
            row.slice_mut(s![0, points]).iter_mut().zip(session.outputs()).for_each(|(to, &from)| *to = from);
        }
        for found in forecast.rows() {
            assert_eq!(found, row.row(0), "overlap {overlap}");
            let seen: Vec<_> = (0..grid.patches()).map(|p| grid.seen_by(p, row.view())).collect::<Result<_, _>>()?;
            for (patch, session) in sessions.iter_mut().enumerate() {
                let outputs = session.step(seen[patch].as_slice().expect("one row"))?;
                let points = patch * grid.width()..(patch + 1) * grid.width();
                row.slice_mut(s![0, points]).iter_mut().zip(outputs).for_each(|(to, &from)| *to = from);
            }
        }
    }
    Ok(())
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() -> Result<(), Error> {
    let series = maps(400);
    let on = |threads: usize| {
        let pool = forebay::threads::Pool::new(threads)?;
        pool.install(|| {
            let mut run = trained(&series, 4)?.start()?;
            run.warm_up(series.view())?;
            run.forecast(200)
        })
    };
    let expected = bits(&on(1)?);
    assert_eq!(bits(&on(2)?), expected);
    assert_eq!(bits(&on(5)?), expected);
    Ok(())
}

#[test]
fn bits_do_not_depend_on_the_number_of_ranks() -> Result<(), Error> {
    let series = maps(300);
    let forecast = |ring: Ring| {
        let mut run = trained(&series, 4)?.start_on(ring)?;
        run.warm_up(series.view())?;
        run.forecast(100)
    };
    let mut run = trained(&series, 4)?.start()?;
    run.warm_up(series.view())?;
    let expected = bits(&run.forecast(100)?);
    for ranks in [1, 2, 3, 4, 12] {
        for found in on_ranks(ranks, forecast)? {
            assert_eq!(bits(&found), expected, "{ranks} ranks");
        }
    }
    Ok(())
}

/// A simulation code on each rank knows its own points only.
#[test]
fn steps_with_own_points_equal_a_warm_up_with_the_whole_grid() -> Result<(), Error> {
    let series = maps(120);
    let model = trained(&series, 4)?;
    let mut whole = model.start()?;
    whole.warm_up(series.view())?;
    let parts = on_ranks(3, |ring| {
        let points = ring.rank * POINTS / 3..(ring.rank + 1) * POINTS / 3;
        let mut run = model.start_on(ring)?;
        for row in series.rows() {
            run.step(&row.to_vec()[points.clone()])?;
        }
        Ok(run.profile().to_vec())
    })?;
    assert_eq!(parts.concat(), whole.profile());
    Ok(())
}

/// Every rank keeps its own patches; what was kept goes on as what was not.
#[test]
fn runs_go_on_from_their_checkpoints() -> Result<(), Error> {
    let series = maps(120);
    let model = trained(&series, 4)?;
    for ranks in [1, 2, 3, 12] {
        let kept = on_ranks(ranks, |ring| {
            let mut run = model.start_on(ring)?;
            run.warm_up(series.view())?;
            run.forecast(7)?;
            let bytes = run.checkpoint().to_bytes();
            Ok((bytes, run.forecast(30)?))
        })?;
        let found = on_ranks(ranks, |ring| {
            let bytes = &kept[ring.rank].0;
            let mut run = model.start_on(ring)?;
            run.resume(&Checkpoint::from_bytes(bytes)?)?;
            assert_eq!(run.steps(), 127);
            assert_eq!(&run.checkpoint().to_bytes(), bytes);
            run.forecast(30)
        })?;
        for ((_, expected), found) in kept.iter().zip(&found) {
            assert_eq!(bits(found), bits(expected), "{ranks} ranks");
        }
        // A rank that takes up its neighbour's would forecast smoothly, and the wrong places.
        if ranks > 1 {
            let refused = on_ranks(ranks, |ring| {
                let other = Checkpoint::from_bytes(&kept[(ring.rank + 1) % ranks].0)?;
                Ok(model.start_on(ring)?.resume(&other).err())
            })?;
            let is_named = |e: &Option<Error>| {
                matches!(e, Some(Error::Checkpoint(CheckpointError::Patches { checkpoint: Some(_), .. })))
            };
            assert!(refused.iter().all(is_named), "{refused:?}");
        }
    }
    Ok(())
}

/// A job that is ended while its ranks write leaves files of two steps: each is whole, and together they are no state.
#[test]
fn ranks_resume_from_one_step_or_none_does() -> Result<(), Error> {
    let series = maps(60);
    let model = trained(&series, 4)?;
    let kept = on_ranks(3, |ring| {
        let mut run = model.start_on(ring)?;
        run.warm_up(series.view())?;
        let first = run.checkpoint();
        run.forecast(1)?;
        Ok([first, run.checkpoint()])
    })?;
    let resumed = |choice: [usize; 3], broken: Option<usize>| {
        on_ranks(3, |ring| {
            let rank = ring.rank;
            let mut run = model.start_on(ring)?;
            let before = run.checkpoint();
            let of = if broken == Some(rank) { (rank + 1) % 3 } else { rank };
            let error = run.resume(&kept[of][choice[rank]]).err();
            assert_eq!(run.checkpoint() == before, error.is_some());
            Ok(error)
        })
    };
    assert!(resumed([1, 1, 1], None)?.iter().all(Option::is_none));
    let errors = resumed([0, 0, 1], None)?;
    for (error, (own, rank, found)) in errors.into_iter().zip([(60, 2, 61), (60, 2, 61), (61, 0, 60)]) {
        let expected = CheckpointError::Ranks { own, rank, found: Some(found) };
        assert!(matches!(&error, Some(Error::Checkpoint(error)) if *error == expected), "{error:?}");
    }
    let errors = resumed([0; 3], Some(1))?;
    assert!(matches!(&errors[1], Some(Error::Checkpoint(CheckpointError::Patches { .. }))), "{errors:?}");
    for error in [&errors[0], &errors[2]] {
        let expected = CheckpointError::Ranks { own: 60, rank: 1, found: None };
        assert!(matches!(error, Some(Error::Checkpoint(error)) if *error == expected), "{errors:?}");
    }
    Ok(())
}

#[test]
fn checkpoints_of_something_else_leave_a_run_as_it_was() -> Result<(), Error> {
    let series = maps(60);
    let (model, other) = (drawn(4)?, trained(&series, 4)?);
    let mut run = model.start()?;
    run.warm_up(series.view())?;
    let before = run.checkpoint();
    let mut session = model.model().session();
    session.run(model.grid().seen_by(0, series.view())?.view())?;
    let half = on_ranks(2, |ring| Ok(model.start_on(ring)?.checkpoint()))?.swap_remove(0);
    let narrow = drawn(3)?.start()?.checkpoint();
    let forged =
        session.checkpoint().with_section("forebay: patches", before.section("forebay: patches").expect("there"));
    for (name, checkpoint) in [
        ("a session", session.checkpoint()),
        ("one of two ranks", half),
        ("another overlap", narrow),
        ("other weights", other.start()?.checkpoint()),
        ("one patch said to be all", forged),
    ] {
        assert!(matches!(run.resume(&checkpoint), Err(Error::Checkpoint(_))), "{name}");
        assert_eq!(run.checkpoint(), before, "{name}");
    }
    // Back to rest, and on.
    run.resume(&model.start()?.checkpoint())?;
    assert_eq!((run.steps(), run.profile()), (0, &[0.0; POINTS][..]));
    run.resume(&before)?;
    assert_eq!(run.checkpoint(), before);
    // All patches are no state of one session.
    assert!(matches!(session.resume(&before), Err(Error::Checkpoint(CheckpointError::Values { .. }))));
    Ok(())
}

#[test]
fn ranks_take_the_readout_of_the_first() -> Result<(), Error> {
    let series = maps(200);
    let (model, untrained) = (trained(&series, 4)?, drawn(4)?);
    let forecasts = on_ranks(2, |ring| {
        let mut run = if ring.rank == 0 { &model } else { &untrained }.start_on(ring)?;
        run.warm_up(series.view())?;
        run.forecast(10)
    })?;
    let mut run = model.start()?;
    run.warm_up(series.view())?;
    assert_eq!(forecasts[1], run.forecast(10)?);
    Ok(())
}

#[test]
fn ranks_that_do_not_fit_are_refused_on_all_of_them() -> Result<(), Error> {
    let (model, other) = (drawn(4)?, drawn(3)?);
    let refused = on_ranks(5, |ring| Ok(model.start_on(ring).err()))?;
    assert!(refused.iter().all(|e| matches!(e, Some(Error::Range { what: "the number of ranks", .. }))), "{refused:?}");
    let refused = on_ranks(12, |ring| Ok(drawn(5)?.start_on(ring).err()))?;
    assert!(refused.iter().all(|e| matches!(e, Some(Error::Range { what: "the overlap", .. }))), "{refused:?}");
    // Other reservoirs of the same shape once got the readout of rank 0 as if theirs were its own, and forecast their patches wrongly.
    let recipe = Reservoir::new(80).spectral_radius(0.4).input_scaling(0.5).bias_scaling(0.3);
    let of = |recipe: Reservoir, seed| ParallelReservoirs::generate(*model.grid(), recipe, seed);
    for other in [other, of(recipe.clone(), 4)?, of(recipe.activation(Activation::Sigmoid), 3)?] {
        let refused = on_ranks(2, |ring| Ok(if ring.rank == 0 { &model } else { &other }.start_on(ring).err()))?;
        assert!(refused.iter().all(|e| matches!(e, Some(Error::Misuse { .. }))), "{refused:?}");
    }
    Ok(())
}

#[test]
fn software_and_emulator_give_the_same_bits() -> Result<(), Error> {
    let series = maps(90);
    let precision = Precision::new(2, 2).expect("allowed");
    let forecast = |address: &str| {
        let compiled = drawn(4)?.with_substrate(forebay::open(address)?, precision, series.view())?;
        assert!(compiled.model().plan().is_some(), "something is placed");
        let (trained, _) = compiled.fit(series.view(), [0], &Training::new().washout(10).ridge(1e-3))?;
        let mut run = trained.start()?;
        run.warm_up(series.slice(s![70.., ..]))?;
        run.forecast(10)
    };
    let software = forecast("software:akd1000")?;
    assert_eq!(bits(&forecast("emulator:akd1000")?), bits(&software));
    let spread = software.iter().fold(0.0, |most: f64, v| most.max((v - software[[0, 0]]).abs()));
    assert!(spread > 0.1, "a forecast, not a constant: {spread}");
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() -> Result<(), Error> {
    let series = maps(60);
    let model = drawn(4)?;
    let grid = *model.grid();
    assert!(matches!(model.fit(series.slice(s![.., 1..]), 0..12, &Training::new()), Err(Error::Shape { .. })));
    assert!(matches!(model.fit(series.view(), [12], &Training::new()), Err(Error::Range { .. })));
    assert!(matches!(model.fit(series.view(), [], &Training::new()), Err(Error::Train(_))));
    assert!(matches!(model.fit(series.slice(s![..0, ..]), 0..12, &Training::new()), Err(Error::Train(_))));
    let mut broken = series.clone();
    broken[[7, 5]] = f64::NAN;
    let at = 7 * POINTS + 5;
    assert!(
        matches!(model.fit(broken.view(), [3], &Training::new()), Err(Error::NonFinite { index, .. }) if index == at)
    );
    let wider = PatchGrid::new(POINTS, 12, 5)?;
    assert!(matches!(ParallelReservoirs::with_model(wider, model.model().clone()), Err(Error::Shape { .. })));

    let mut run = model.start()?;
    assert!(matches!(run.forecast(1), Err(Error::Misuse { .. })), "at rest");
    run.warm_up(series.view())?;
    let before = (run.steps(), run.profile().to_vec());
    assert!(matches!(run.warm_up(broken.view()), Err(Error::NonFinite { .. })));
    assert!(matches!(run.warm_up(series.slice(s![.., 1..])), Err(Error::Shape { .. })));
    assert!(matches!(run.step(&[f64::INFINITY; POINTS]), Err(Error::NonFinite { .. })));
    assert!(matches!(run.step(&[0.0; 3]), Err(Error::Shape { .. })));
    assert_eq!((run.steps(), run.profile().to_vec()), before);
    assert_eq!(run.grid(), &grid);
    assert_eq!(run.forecast(0)?.dim(), (0, POINTS));
    Ok(())
}

/// Some patches have stepped when another overflows; no later forecast may go on from such a mixture.
#[test]
fn a_step_that_fails_on_the_way_leaves_the_run_at_rest() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let x = g.reservoir("x", u, Reservoir::new(20).activation(Activation::Identity).input_scaling(10.0));
    g.readout("y", [x], 2);
    let model = ParallelReservoirs::with_model(PatchGrid::new(20, 10, 0)?, Model::generate(g.build()?, 1)?)?;
    let mut run = model.start()?;
    run.step(&[0.5; 20])?;
    let mut values = [0.5; 20];
    values[19] = f64::MAX;
    assert!(matches!(run.step(&values), Err(Error::Overflow { .. })));
    assert_eq!((run.steps(), run.profile()), (0, &[0.0; 20][..]));
    assert!(matches!(run.forecast(1), Err(Error::Misuse { .. })));
    run.step(&[0.5; 20])?;
    assert_eq!(run.forecast(1)?.dim(), (1, 20));
    Ok(())
}
