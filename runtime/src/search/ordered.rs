//! Work side by side whose results are taken one by one, in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::threads;

/// Results that wait for those before them.
struct Desk<R, E, F> {
    due: usize,
    waiting: BTreeMap<usize, R>,
    /// The first failure so far, by index.
    failed: Option<(usize, E)>,
    take: F,
}

/// Does `work` of `0..count` on the threads of the pool that calls, begun in order, and gives results to `take` in order: each
/// as soon as all before it are there.
///
/// The first error in order ends it; all results before it are taken, none after it.
pub(super) fn ordered<R: Send, E: Send>(
    count: usize,
    work: impl Fn(usize) -> Result<R, E> + Sync,
    take: impl FnMut(R) -> Result<(), E> + Send,
) -> Result<(), E> {
    let next = AtomicUsize::new(0);
    let desk = Mutex::new(Desk { due: 0, waiting: BTreeMap::new(), failed: None, take });
    threads::each(0..threads::count().min(count), |_| {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count || lock(&desk).is_past(index) {
                break;
            }
            let result = work(index);
            lock(&desk).put(index, result);
        }
    });
    let desk = desk.into_inner().unwrap_or_else(PoisonError::into_inner);
    desk.failed.map_or(Ok(()), |(_, error)| Err(error))
}

/// A thread that panicked is told of by its pool.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<R, E, F: FnMut(R) -> Result<(), E>> Desk<R, E, F> {
    /// Whether nobody will take the result of `index`.
    fn is_past(&self, index: usize) -> bool {
        self.failed.as_ref().is_some_and(|(failed, _)| index > *failed)
    }

    fn put(&mut self, index: usize, result: Result<R, E>) {
        match result {
            _ if self.is_past(index) => return,
            Ok(result) => drop(self.waiting.insert(index, result)),
            Err(error) => self.failed = Some((index, error)),
        }
        while let Some(result) = self.waiting.remove(&self.due) {
            if self.is_past(self.due) {
                return;
            }
            if let Err(error) = (self.take)(result) {
                self.failed = Some((self.due, error));
                return;
            }
            self.due += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ordered;
    use crate::threads::Pool;

    /// What is taken, and the error, for results that take unequal time.
    fn taken(threads: usize, fails: &[usize], refuses: Option<usize>) -> (Vec<usize>, Result<(), String>) {
        let mut taken = Vec::new();
        let work = |index: usize| {
            std::thread::sleep(std::time::Duration::from_micros(300 * (7 - index as u64 % 7)));
            if fails.contains(&index) { Err(format!("work {index}")) } else { Ok(index) }
        };
        let take = |index| {
            if refuses == Some(index) {
                return Err(format!("take {index}"));
            }
            taken.push(index);
            Ok(())
        };
        let done = Pool::new(threads).expect("threads").install(|| ordered(40, work, take));
        (taken, done)
    }

    #[test]
    fn results_come_in_order_and_end_at_the_first_error() {
        for threads in [1, 2, 5] {
            assert_eq!(taken(threads, &[], None), ((0..40).collect(), Ok(())));
            assert_eq!(taken(threads, &[23, 11, 30], None), ((0..11).collect(), Err("work 11".to_owned())));
            assert_eq!(taken(threads, &[23], Some(9)), ((0..9).collect(), Err("take 9".to_owned())));
            assert_eq!(taken(threads, &[3], Some(9)), ((0..3).collect(), Err("work 3".to_owned())));
        }
    }
}
