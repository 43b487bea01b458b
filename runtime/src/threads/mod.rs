//! Threads: those of a pool that the caller owns, or none.
//!
//! What can be split (streams, patches, blocks of a Gram matrix, seeds, trials) runs on the threads of the pool that it is
//! called in, and outside of any pool on the caller's thread alone. No pool is started behind the caller's back, and no
//! result depends on the number of threads: pieces and their order are fixed, and of several errors the first in order is
//! told.
//!
//! A [`Pool`] outlives `fork`: a child process has none of its parent's threads, so the pool is made again there at its first
//! use. Without the feature `threads` there are none, and all runs on the caller's thread.
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

#[cfg(feature = "threads")]
mod pool;

#[cfg(feature = "threads")]
pub use pool::Pool;
/// Threads that work is split over here: those of the pool that the caller runs in, 1 outside of any.
pub fn count() -> usize {
    #[cfg(feature = "threads")]
    return pool::count();
    #[cfg(not(feature = "threads"))]
    1
}

/// Whether to split work of that many items, if their number is known.
#[cfg(feature = "threads")]
fn is_split(items: (usize, Option<usize>)) -> bool {
    items.1 != Some(0) && items.1 != Some(1) && count() > 1
}

/// `f` of every item, in the items' order.
pub fn map<I, R>(items: I, f: impl Fn(I::Item) -> R + Sync) -> Vec<R>
where
    I: IntoIterator<Item: Send>,
    R: Send,
{
    let items = items.into_iter();
    #[cfg(feature = "threads")]
    if is_split(items.size_hint()) {
        return pool::map(items, &f);
    }
    items.map(f).collect()
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
    #[cfg(feature = "threads")]
    if is_split(items.size_hint()) {
        return pool::try_map(items, &f);
    }
    items.map(f).collect()
}

/// Calls `f` with every item, in order on one thread and side by side on several. On one thread it allocates nothing.
pub fn each<I>(items: I, f: impl Fn(I::Item) + Sync)
where
    I: IntoIterator<Item: Send>,
{
    let items = items.into_iter();
    #[cfg(feature = "threads")]
    if is_split(items.size_hint()) {
        return pool::each(items, &f);
    }
    items.for_each(f);
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
    #[cfg(feature = "threads")]
    if is_split(items.size_hint()) {
        return pool::try_map(items, &f).map(|_| ());
    }
    items.try_for_each(f)
}

/// The results of both, side by side where there are threads for it.
pub fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    #[cfg(feature = "threads")]
    if count() > 1 {
        return rayon::join(a, b);
    }
    (a(), b())
}
