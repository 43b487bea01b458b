//! How much memory training and long runs take.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use forebay::Error;
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::reservoir::Reservoir;
use forebay::train::{Series, Training};
use ndarray::Array2;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// Follows how much is allocated, and how much was at most.
struct Following;

// SAFETY: every call goes to the system allocator unchanged; counting touches no memory of the allocator's.
unsafe impl GlobalAlloc for Following {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(now, Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Following = Following;

/// Rows that a Gram matrix gathers before it multiplies them.
const CHUNK: usize = 512;

// One test: the counters are those of the whole process.
#[test]
fn training_keeps_one_gram_matrix_and_steps_keep_nothing() -> Result<(), Error> {
    let (units, steps) = (2000, 3000);
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let x = g.reservoir("x", u, Reservoir::new(units).density(0.1).unscaled());
    g.readout("y", [x], 1);
    let model = Model::<f64>::generate(g.build()?, 1)?;
    let inputs = Array2::from_shape_fn((steps, 1), |(t, _)| ((t * 37) % 101) as f64 / 101.0);
    let targets = Array2::from_shape_fn((steps, 1), |(t, _)| ((t * 53) % 89) as f64 / 89.0);
    let series = Series::new(inputs.view(), targets.view());

    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    let (trained, _) = Training::new().ridge(1e-3).fit(&model, &[series])?;
    let taken = PEAK.load(Relaxed) - before;
    // The states of all steps alone would be 48 MB.
    let (gram, chunk) = (8 * units * units, 8 * CHUNK * units);
    let allowed = (gram + chunk + model.bytes()) as f64 * 1.3;
    assert!(((taken + model.bytes()) as f64) < allowed, "{taken} bytes beside weights of {}", model.bytes());

    let mut session = trained.session();
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    for t in 0..2000 {
        session.step(&[f64::from(t % 7)])?;
    }
    assert_eq!(PEAK.load(Relaxed), before);
    Ok(())
}
