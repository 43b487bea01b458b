//! A step allocates nothing, in any kind of graph.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use forebay::conductor::{Base, ConductorSettings, HeadKind, Layout as Heads};
use forebay::graph::{Graph, Products};
use forebay::model::Model;
use forebay::parallel::{ParallelReservoirs, PatchGrid};
use forebay::reservoir::Reservoir;
use forebay::train::Series;
use forebay::train::online::{OnlineFeedback, OnlineTrainer, Rls};
use forebay::{Conductor, Error, HybridEsn};
use ndarray::Array2;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// Counts what the current thread allocates.
struct Counting;

// SAFETY: every call goes to the system allocator unchanged; counting touches no memory of the allocator's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(run: impl FnOnce() -> Result<(), Error>) -> Result<u64, Error> {
    let before = ALLOCATIONS.with(Cell::get);
    run()?;
    Ok(ALLOCATIONS.with(Cell::get) - before)
}

#[test]
fn the_counter_counts() -> Result<(), Error> {
    let count = allocations(|| {
        std::hint::black_box(vec![1_u8; 100]);
        Ok(())
    })?;
    assert_eq!(count, 1);
    Ok(())
}

#[test]
fn hybrid_esn_steps_without_allocating() -> Result<(), Error> {
    let mut esn = HybridEsn::from_weights(&[0.1_f32; 200], &vec![0.01; 10_000], &[0.1; 100], 0.5)?;
    let count = allocations(|| {
        for t in 0..1000 {
            esn.step(&[t as f32 * 1e-3, 0.5])?;
        }
        Ok(())
    })?;
    assert_eq!(count, 0);
    Ok(())
}

/// Fused digits, single planes, and a chain that stays on the processor.
#[test]
fn steps_on_a_substrate_allocate_nothing() -> Result<(), Error> {
    let substrate = forebay::open("software:akd1000")?;
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let x = g.reservoir("x", u, Reservoir::new(70));
    let a = g.dense("a", u, 20, 1.0);
    let a = g.bounded_relu("a_relu", a, 1.0);
    g.readout("y", [x, a], 2);
    let model = Model::<f32>::generate(g.build()?, 1)?;
    let data = ndarray::Array2::from_shape_fn((50, 2), |(t, k)| ((t + k) as f32).sin());
    for (state, weight) in [(1, 1), (2, 2), (4, 3)] {
        let precision = forebay::Precision::new(state, weight).expect("allowed");
        let compiler = forebay::Compiler::new(substrate.clone()).precision(precision).calibrate(data.view());
        let hybrid = compiler.compile(&model)?;
        let (mut session, mut batch) = (hybrid.session(), hybrid.batch(5)?);
        // The first step gets runners from the substrate and sizes buffers.
        session.step(&[0.1, 0.2])?;
        batch.step(&[0.1; 10])?;
        let count = allocations(|| {
            for t in 0..100 {
                session.step(&[t as f32 * 1e-3, 0.5])?;
                batch.step(&[0.2; 10])?;
            }
            Ok(())
        })?;
        assert_eq!(count, 0, "{state} x {weight} digits");
    }
    Ok(())
}

#[test]
fn any_graph_and_any_batch_steps_without_allocating() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let past = g.delay("past", u, 3);
    let a = g.reservoir_with_feedback("a", past, Reservoir::new(70).density(1.0), "y");
    let b = g.reservoir("b", a, Reservoir::new(90).density(0.1));
    let p = g.products("p", b, Products::Squares);
    g.readout("y", [p, u], 2);
    let model = Model::<f64>::generate(g.build()?, 1)?;
    let mut session = model.session();
    let mut batch = model.batch(7)?;
    // The first step may size scratch buffers.
    batch.step(&[0.1; 14])?;
    let count = allocations(|| {
        for t in 0..100 {
            session.step(&[f64::from(t) * 1e-3, 0.5])?;
            batch.step(&[0.2; 14])?;
        }
        Ok(())
    })?;
    assert_eq!(count, 0);
    Ok(())
}

#[test]
fn heads_learn_without_allocating() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let x = g.reservoir_with_feedback("x", u, Reservoir::new(30), "y");
    g.readout("y", [x], 2);
    g.readout("z", [u, x], 1);
    let model = Model::<f32>::generate(g.build()?, 1)?;
    let (y, z) = (Rls::new(31, 2, 0.99, 1e-3)?, Rls::new(32, 1, 0.99, 1e-3)?);
    let mut trainer = OnlineTrainer::new(&model, "y", y, OnlineFeedback::Own)?.with_head("z", z)?;
    let count = allocations(|| {
        for t in 0..100 {
            trainer.step(&[t as f32 * 1e-3], &[0.1, 0.2, 0.3])?;
        }
        Ok(())
    })?;
    assert_eq!(count, 0);
    Ok(())
}

#[test]
fn runs_into_an_array_allocate_nothing() -> Result<(), Error> {
    let mut esn = HybridEsn::from_weights(&[0.1_f32; 50], &[0.01; 2500], &[0.1; 50], 0.5)?;
    let (inputs, mut outputs) = (Array2::zeros((20, 1)), Array2::zeros((20, 1)));
    let count = allocations(|| esn.run_into(inputs.view(), outputs.view_mut()))?;
    assert_eq!(count, 0);
    Ok(())
}

/// Outside of a pool; threads cost what handing out work to them costs.
#[test]
fn local_reservoirs_step_without_allocating() -> Result<(), Error> {
    let mut run = ParallelReservoirs::generate(PatchGrid::new(60, 10, 3)?, Reservoir::new(50), 1)?.start()?;
    // The first step may size scratch buffers.
    run.step(&[0.1; 60])?;
    let count = allocations(|| {
        for t in 0..100 {
            run.step(&[f64::from(t) * 1e-3; 60])?;
        }
        Ok(())
    })?;
    assert_eq!(count, 0);
    Ok(())
}

/// Stepping, late truth and trust of heads of every kind.
#[test]
fn many_heads_allocate_nothing() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let x = g.reservoir("x", u, Reservoir::new(50));
    g.readout("none", [x], 1);
    let model = Model::<f32>::generate(g.build()?, 1)?;
    let value = HeadKind::Regression { outputs: 2, base: Base::Persistence };
    let mut layout =
        Heads::new([("a", value), ("b", HeadKind::Classification { classes: 3 }), ("c", HeadKind::Probability)]);
    layout.heads[0].trust.horizon = Some(1);
    let inputs = Array2::from_shape_fn((400, 1), |(t, _)| (0.1 * t as f32).sin());
    let targets = Array2::from_shape_fn((400, 4), |(t, k)| ((t + k) % 2) as f32);
    let series = Series::new(inputs.view(), targets.view());
    let (mut conductor, _) = Conductor::fit(&model, &["x"], &layout, &series, &ConductorSettings::default())?;
    let count = allocations(|| {
        for t in 0..400 {
            conductor.step(&[0.1 * t as f32 % 1.0])?;
            if let Some(step) = conductor.steps().checked_sub(11) {
                conductor.observe_at("a", step, &[0.5, 0.25])?;
                conductor.observe_at("b", step, &[1.0])?;
                conductor.observe_at("c", step, &[0.0])?;
            }
            conductor.trusted("a")?;
        }
        Ok(())
    })?;
    assert_eq!(count, 0);
    Ok(())
}
