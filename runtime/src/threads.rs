//! Threads: those of a pool that the caller owns, or none.
//!
//! What can be split (streams, patches, blocks of a Gram matrix, seeds, trials) runs on the threads of the pool that it is
//! called in, and outside of any pool on the caller's thread alone. No pool is started behind the caller's back, and no
//! result depends on the number of threads: pieces and their order are fixed, and of several errors the first in order is
//! told.
//!
//! A [`Pool`] outlives `fork`: a child process has none of its parent's threads, so the pool is made again there at its first
//! use.
//!
//! ```
//! use forebay::threads::{self, Pool};
//!
//! assert_eq!(threads::count(), 1);
//! let pool = Pool::new(2)?;
//! let squares = pool.install(|| threads::map(0..4, |k| k * k));
//! assert_eq!(squares, [0, 1, 4, 9]);
//! # Ok::<(), forebay::Error>(())
//! ```

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::{ThreadPool, ThreadPoolBuilder, prelude::*};

use crate::error::Error;

/// Threads that work is split over while [`install`](Self::install) runs.
#[derive(Debug)]
pub struct Pool {
    threads: usize,
    home: Home,
}

/// The threads of one process. A fork of it that uses the pool hangs its own behind.
#[derive(Debug)]
struct Home {
    process: u32,
    /// `None` only while it is dropped.
    pool: Option<ThreadPool>,
    child: OnceLock<Box<Home>>,
}

thread_local! {
    /// The process that a pool's thread was started in; 0 in all other threads.
    static STARTED_IN: Cell<u32> = const { Cell::new(0) };
}

impl Pool {
    /// Starts `threads` threads.
    ///
    /// # Errors
    /// [`Error::Range`] for none or for more than can be counted (65,535 on 64-bit machines); [`Error::Threads`] if the
    /// system does not give them.
    pub fn new(threads: usize) -> Result<Self, Error> {
        let most = rayon::max_num_threads();
        if threads == 0 || threads > most {
            let expected = format!("1 to {most}");
            return Err(Error::Range { what: "the number of threads", expected, found: threads.to_string() });
        }
        Ok(Self { threads, home: Home::start(threads)? })
    }

    /// One thread per core that this process may run on, 1 if the system does not tell.
    ///
    /// # Errors
    /// [`Error::Threads`] if the system does not give them.
    pub fn of_all_cores() -> Result<Self, Error> {
        Self::new(std::thread::available_parallelism().map_or(1, usize::from))
    }

    /// Number of threads.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Runs `work` on a thread of the pool; what it splits is split over all of them.
    ///
    /// In a child of `fork`, the first call starts the threads again. If the system does not give them there, or if the
    /// fork was made inside of `install`, `work` runs on the caller's thread alone: slower, with the same results.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match self.here() {
            Some(pool) if !is_stranded() => pool.install(work),
            _ => work(),
        }
    }

    /// The threads of the current process.
    fn here(&self) -> Option<&ThreadPool> {
        let process = std::process::id();
        let mut home = &self.home;
        while let Some(child) = home.child.get() {
            home = child;
        }
        if home.process != process {
            // Made before the cell is touched: a fork finds it empty or full, never being filled by a thread it has not.
            let made = Box::new(Home::start(self.threads).ok()?);
            // Another thread of this process may have been faster; then its threads are used and ours end.
            let _ = home.child.set(made);
            home = home.child.get()?;
        }
        home.pool.as_ref()
    }
}

impl Home {
    fn start(threads: usize) -> Result<Self, Error> {
        let process = std::process::id();
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("forebay-{index}"))
            .start_handler(move |_| STARTED_IN.set(process))
            .build()
            .map_err(|error| Error::Threads { threads, why: error.to_string() })?;
        Ok(Self { process, pool: Some(pool), child: OnceLock::new() })
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // The threads of another process cannot be told to end, and a lock that one of them held stays locked.
        if self.process != std::process::id() {
            std::mem::forget(self.pool.take());
        }
    }
}

/// Whether this is a pool's thread in a fork: the pool's other threads do not exist.
fn is_stranded() -> bool {
    let started_in = STARTED_IN.get();
    started_in != 0 && started_in != std::process::id()
}

/// Threads that work is split over here: those of the pool that the caller runs in, 1 outside of any.
pub fn count() -> usize {
    // Outside of a pool, the number would be that of a global pool, which asking for it would start.
    if rayon::current_thread_index().is_none() || is_stranded() { 1 } else { rayon::current_num_threads() }
}

/// Whether to split work of that many items, if their number is known.
fn is_split(items: (usize, Option<usize>)) -> bool {
    items.1 != Some(0) && items.1 != Some(1) && count() > 1
}

/// The items one by one: they are few and of unequal size, so that a thread that is done takes the next from another.
fn split<I: Send>(items: impl Iterator<Item = I>) -> impl IndexedParallelIterator<Item = I> {
    items.collect::<Vec<_>>().into_par_iter().with_max_len(1)
}

/// `f` of every item, in the items' order.
pub fn map<I, R>(items: I, f: impl Fn(I::Item) -> R + Sync) -> Vec<R>
where
    I: IntoIterator<Item: Send>,
    R: Send,
{
    let items = items.into_iter();
    if is_split(items.size_hint()) { split(items).map(&f).collect() } else { items.map(f).collect() }
}

/// `f` of every item, in the items' order, or the first error in that order.
///
/// Items after one that failed may be left out.
///
/// # Errors
/// What `f` returns for the first item that fails.
pub fn try_map<I, R, E>(items: I, f: impl Fn(I::Item) -> Result<R, E> + Sync) -> Result<Vec<R>, E>
where
    I: IntoIterator<Item: Send>,
    R: Send,
    E: Send,
{
    let items = items.into_iter();
    if !is_split(items.size_hint()) {
        return items.map(f).collect();
    }
    let first_failed = AtomicUsize::new(usize::MAX);
    let one = |(index, item)| {
        // All before the first failure are done, so it is the same one on any number of threads.
        (index < first_failed.load(Ordering::Relaxed)).then(|| {
            let result = f(item);
            if result.is_err() {
                first_failed.fetch_min(index, Ordering::Relaxed);
            }
            result
        })
    };
    let results: Vec<Option<Result<R, E>>> = split(items.enumerate()).map(one).collect();
    results.into_iter().flatten().collect()
}

/// Calls `f` with every item, in order on one thread and side by side on several. On one thread it allocates nothing.
pub fn each<I>(items: I, f: impl Fn(I::Item) + Sync)
where
    I: IntoIterator<Item: Send>,
{
    let items = items.into_iter();
    if is_split(items.size_hint()) {
        split(items).for_each(&f);
    } else {
        items.for_each(f);
    }
}

/// Like [`each`], and gives the first error in the items' order; items after it may be left out.
///
/// # Errors
/// What `f` returns for the first item that fails.
pub fn try_each<I, E>(items: I, f: impl Fn(I::Item) -> Result<(), E> + Sync) -> Result<(), E>
where
    I: IntoIterator<Item: Send>,
    E: Send,
{
    let mut items = items.into_iter();
    if is_split(items.size_hint()) { try_map(items, f).map(|_| ()) } else { items.try_for_each(f) }
}

/// The results of both, side by side where there are threads for it.
pub fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    if count() > 1 { rayon::join(a, b) } else { (a(), b()) }
}
