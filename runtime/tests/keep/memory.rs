//! Memory is taken in proportion to the bytes there are.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use forebay::Error;
use forebay::graph::Graph;
use forebay::keep::Keep;
use forebay::model::Model;
use forebay::reservoir::Reservoir;
use forebay::train::online::{Lms, OnlineFeedback, OnlineTrainer};

use crate::things::{around, cases, content_start, deep, sealed};

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

/// Notes the largest piece that the current thread asks for.
struct Watching;

// SAFETY: every call goes to the system allocator unchanged; noting a size touches no memory of the allocator's.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.with(|largest| largest.set(largest.get().max(layout.size())));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watching = Watching;

/// Large numbers in the place of every eight bytes, one after the other.
#[test]
fn no_length_in_a_file_is_believed() -> Result<(), Error> {
    for case in cases()? {
        (case.load)(&case.bytes, 0)?;
        LARGEST.with(|largest| largest.set(0));
        (case.load)(&case.bytes, 0)?;
        let allowed = 4 * LARGEST.with(Cell::get).max(case.bytes.len());
        let (start, end) = (content_start(&case.bytes), case.bytes.len() - 32);
        for at in start..end - 8 {
            for number in [1_u64 << 50, 1 << 34, 1 << 16] {
                let mut bytes = case.bytes.clone();
                bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
                let bytes = sealed(bytes);
                LARGEST.with(|largest| largest.set(0));
                drop((case.load)(&bytes, 0));
                let largest = LARGEST.with(Cell::get);
                assert!(largest <= allowed, "{} at {}: {largest} bytes for {number:x}", case.name, at - start);
            }
        }
    }
    Ok(())
}

/// A delay is a few bytes in a graph and long in a session: a state as short as that is refused before there is one.
#[test]
fn a_session_is_no_longer_than_its_bytes() -> Result<(), Error> {
    const STEPS: usize = 500_000;
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    g.delay("past", u, STEPS);
    let x = g.reservoir("x", u, Reservoir::new(4));
    g.readout("y", [x], 1);
    let model = Model::<f64>::generate(g.build()?, 1)?;
    let trainer = OnlineTrainer::new(&model, "y", Lms::new(5, 1, 0.5)?, OnlineFeedback::Own)?;
    let bytes = trainer.to_bytes()?;
    let (start, model_bytes) = (content_start(&bytes), model.to_bytes()?.len());
    assert!(bytes.len() > 2 * STEPS * 8, "the state is there");
    // Float type, fingerprint, mark, length and model; then the session.
    let before = &bytes[start..start + 1 + 32 + 1 + 8 + model_bytes];
    let session = deep::<f64>()?.session().checkpoint().to_bytes();
    let short = [before, &(session.len() as u64).to_le_bytes(), &session].concat();
    let short = around(&bytes, &short);
    LARGEST.with(|largest| largest.set(0));
    let error = OnlineTrainer::<f64, Lms>::from_bytes(&short).expect_err("the state is missing");
    let largest = LARGEST.with(Cell::get);
    assert!(error.to_string().contains("delays 1000000 values"), "{error}");
    assert!(largest < 100_000, "{largest} bytes");
    Ok(())
}
