//! A process trains, forks, and trains in the child: nobody hangs, all get the same bits.
//!
//! A global pool of threads, started by the first training, did not exist in the child, which waited for it for ever.
//! Without the test harness, so that the process has the threads that it starts itself and no others.

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("NOT RUN: fork is tried on Linux");
}

#[cfg(target_os = "linux")]
fn main() -> Result<(), forebay::Error> {
    linux::main()
}

#[cfg(target_os = "linux")]
mod linux {
    use std::time::{Duration, Instant};

    use forebay::graph::Graph;
    use forebay::model::Model;
    use forebay::reservoir::Reservoir;
    use forebay::threads::{self, Pool};
    use forebay::train::{Ridge, Series, Training};
    use forebay::{Error, ParallelReservoirs, parallel::PatchGrid};
    use ndarray::{Array2, Array3, s};

    unsafe extern "C" {
        fn fork() -> i32;
        fn waitpid(pid: i32, status: *mut i32, options: i32) -> i32;
        fn kill(pid: i32, signal: i32) -> i32;
        fn _exit(code: i32) -> !;
    }

    const NO_HANG: i32 = 1;
    const SIGKILL: i32 = 9;
    const PATIENCE: Duration = Duration::from_secs(100);

    pub(super) fn main() -> Result<(), Error> {
        let expected = job()?;
        assert_eq!(threads_of_process(), 1, "outside of a pool no thread is started");

        // The parent has used no pool, and a fork neither.
        in_a_fork("outside of a pool", &|| job().is_ok_and(|found| found == expected));

        let pool = Pool::new(2)?;
        let same = |pool: &Pool| pool.install(job).is_ok_and(|found| found == expected);
        assert!(same(&pool), "a pool changes no bit");
        assert_eq!(threads_of_process(), 3);

        in_a_fork("in the parent's pool, and outside of it", &|| {
            // The second time in the threads that the first one started.
            same(&pool) && same(&pool) && threads_of_process() == 3 && job().is_ok_and(|found| found == expected)
        });
        in_a_fork("in a fork of a fork", &|| {
            let here = same(&pool);
            in_a_fork("the inner one", &|| same(&pool));
            here && same(&pool)
        });
        in_a_fork("a pool that ends in the child", &|| {
            let owned = Pool::new(2);
            owned.is_ok_and(|owned| {
                let done = same(&owned);
                in_a_fork("the inner one", &|| same(&owned));
                drop(owned);
                done
            })
        });
        pool.install(|| {
            assert_eq!(threads::count(), 2);
            in_a_fork("from a thread of the pool", &|| {
                threads::count() == 1 && same(&pool) && job().is_ok_and(|found| found == expected)
            });
        });
        assert!(same(&pool), "the parent goes on");
        println!("a process that forks trains on: ok");
        Ok(())
    }

    /// The bits of everything that is split over threads: Gram matrices, folds, streams, patches.
    fn job() -> Result<Vec<u64>, Error> {
        let mut g = Graph::builder();
        let u = g.input("u", 2);
        // More than one block of the Gram matrix.
        let x = g.reservoir("x", u, Reservoir::new(300).density(0.1));
        g.readout("y", [x], 1);
        let model = Model::<f64>::generate(g.build()?, 1)?;
        let wave = Array2::from_shape_fn((700, 2), |(t, k)| ((t * 37 + k * 11) % 101) as f64 / 50.0 - 1.0);
        let series = [Series::new(wave.slice(s![..699, ..]), wave.slice(s![1.., ..1]))];
        let mut numbers = Vec::new();
        for ridge in [Ridge::from(1e-6), Ridge::decades(-6, -2)] {
            let (trained, _) = Training::new().washout(50).ridge(ridge).fit(&model, &series)?;
            let (weights, bias) = trained.readout("y")?;
            numbers.extend(weights.iter().chain(&bias));
            let streams = Array3::from_shape_fn((5, 20, 2), |(s, t, k)| wave[[s + t, k]]);
            numbers.extend(trained.batch(1)?.run(streams.view())?.iter());
        }
        let mut run = ParallelReservoirs::generate(PatchGrid::new(60, 6, 3)?, Reservoir::new(20), 1)?.start()?;
        for t in 0..20 {
            numbers.extend(run.step(&[f64::from(t) * 1e-2; 60])?);
        }
        Ok(numbers.into_iter().map(f64::to_bits).collect())
    }

    fn threads_of_process() -> usize {
        std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
    }

    /// Fails if `work` in a child process is false or takes too long.
    fn in_a_fork(name: &str, work: &dyn Fn() -> bool) {
        // SAFETY: the child calls `work` and ends; of what other threads may have held, Rust's allocator is the only lock
        // that it takes, and glibc's malloc is usable in a child of `fork`.
        let child = unsafe { fork() };
        assert!(child >= 0, "fork fails");
        if child == 0 {
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or(false);
            // SAFETY: ends this process; nothing of it is used afterwards.
            unsafe { _exit(i32::from(!done)) }
        }
        let start = Instant::now();
        let mut status = 0;
        // SAFETY: our own child, and a pointer to a live integer.
        while unsafe { waitpid(child, &raw mut status, NO_HANG) } == 0 {
            if start.elapsed() > PATIENCE {
                // SAFETY: our own child, not waited for yet, so the number is still its.
                unsafe {
                    kill(child, SIGKILL);
                    waitpid(child, &raw mut status, 0);
                }
                panic!("{name}: the child hangs");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(status, 0, "{name}: the child's numbers differ, or it failed");
    }
}
