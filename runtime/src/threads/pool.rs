//! Pools of threads that outlive `fork`.

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

/// Threads of the pool that the caller runs in, 1 outside of any.
pub(super) fn count() -> usize {
    // Outside of a pool, the number would be that of a global pool, which asking for it would start.
    if rayon::current_thread_index().is_none() || is_stranded() { 1 } else { rayon::current_num_threads() }
}

/// The items one by one: they are few and of unequal size, so that a thread that is done takes the next from another.
fn split<I: Send>(items: impl Iterator<Item = I>) -> impl IndexedParallelIterator<Item = I> {
    items.collect::<Vec<_>>().into_par_iter().with_max_len(1)
}

pub(super) fn map<I: Send, R: Send>(items: impl Iterator<Item = I>, f: &(impl Fn(I) -> R + Sync)) -> Vec<R> {
    split(items).map(f).collect()
}

pub(super) fn each<I: Send>(items: impl Iterator<Item = I>, f: &(impl Fn(I) + Sync)) {
    split(items).for_each(f);
}

pub(super) fn try_map<I: Send, R: Send, E: Send>(
    items: impl Iterator<Item = I>,
    f: &(impl Fn(I) -> Result<R, E> + Sync),
) -> Result<Vec<R>, E> {
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
