//! Nothing raises a floating-point exception that a simulation code may have turned into a signal: not a step, not training,
//! not the refusal of NaN or infinity.
//!
//! The check for finite numbers once multiplied by zero, which is invalid for infinity: the program that asked for traps was
//! killed where it should have got an error. Without the test harness: every form runs in a process of its own.

#[cfg(not(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64")))]
fn main() {
    println!("NOT RUN: traps are turned on by glibc on x86-64");
}

#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
fn main() -> Result<(), forebay::Error> {
    linux::main()
}

#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
mod linux {
    use std::process::Command;
    use std::sync::Arc;

    use forebay::conductor::{Base, ConductorSettings, HeadKind, Layout};
    use forebay::drift::{self, DriftMonitor, View};
    use forebay::evolve::Window;
    use forebay::graph::Graph;
    use forebay::metrics::{self, MetricError};
    use forebay::model::Model;
    use forebay::parallel::PatchGrid;
    use forebay::random::Seed;
    use forebay::reservoir::Reservoir;
    use forebay::train::classify::{Classifier, Pooling};
    use forebay::train::online::{Lms, OnlineLearner, Rls};
    use forebay::train::{Ridge, Selection, Series, Training};
    use forebay::{Compiler, Conductor, Error, Form, ParallelReservoirs, Precision, Real};
    use forebay_akida::Device;
    use forebay_kernels::{Activation, Leak, leaky_update, softmax};
    use forebay_software::Software;
    use ndarray::{Array2, ArrayView2, s};

    #[link(name = "m")]
    unsafe extern "C" {
        fn feenableexcept(exceptions: i32) -> i32;
        fn feclearexcept(exceptions: i32) -> i32;
        fn fetestexcept(exceptions: i32) -> i32;
    }

    const INVALID: i32 = 1;
    const DIVBYZERO: i32 = 4;
    const OVERFLOW: i32 = 8;
    const ALL: i32 = INVALID | DIVBYZERO | OVERFLOW;

    /// Set in a process that does the work: `flags` or `traps`.
    const MODE: &str = "FOREBAY_TEST_TRAPS";

    pub(super) fn main() -> Result<(), Error> {
        match std::env::var(MODE).as_deref() {
            Ok("flags") => work(false),
            Ok(_) => {
                // A trap that is not on would let everything pass.
                // SAFETY: sets bits of the calling thread's control register; threads started later inherit them.
                assert!(unsafe { feenableexcept(ALL) } >= 0, "traps cannot be turned on");
                if std::env::var(MODE).as_deref() == Ok("proof") {
                    std::hint::black_box(std::hint::black_box(f64::INFINITY) * std::hint::black_box(0.0));
                    return Ok(());
                }
                work(true)
            }
            Err(_) => {
                let program = std::env::current_exe().expect("this program has a path");
                let run = |mode: &str, form: Form| {
                    let child = Command::new(&program).env(MODE, mode).env("FOREBAY_KERNEL", form.name()).output();
                    let child = child.expect("this program starts");
                    let told = String::from_utf8_lossy(&child.stdout).into_owned();
                    (child.status, told + &String::from_utf8_lossy(&child.stderr))
                };
                assert!(
                    !run("proof", Form::SCALAR).0.success(),
                    "the trap is on: infinity times zero ends the process"
                );
                let mut failed = false;
                for form in Form::available() {
                    for mode in ["flags", "traps"] {
                        let (status, told) = run(mode, form);
                        println!("{form}, {mode}: {status}");
                        if !status.success() {
                            println!("{told}");
                            failed = true;
                        }
                    }
                }
                assert!(!failed, "a floating-point exception was raised");
                Ok(())
            }
        }
    }

    /// Does everything; with `trapped` it gets to the end or is killed, without it tells what was raised.
    fn work(trapped: bool) -> Result<(), Error> {
        let mut raised = Vec::new();
        let mut part = |name: &str, result: Result<(), Error>| {
            // SAFETY: reads and clears bits of the calling thread's status register.
            let flags = unsafe { fetestexcept(ALL) };
            // SAFETY: as above.
            unsafe { feclearexcept(ALL) };
            result?;
            let names = [(INVALID, "invalid"), (DIVBYZERO, "division by zero"), (OVERFLOW, "overflow")];
            let told: Vec<&str> = names.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, name)| *name).collect();
            println!("{name}: {}", if told.is_empty() { "nothing".to_owned() } else { told.join(", ") });
            if !told.is_empty() {
                raised.push(name.to_owned());
            }
            Ok::<(), Error>(())
        };
        part("start", Ok(()))?;
        part("f32", all_of::<f32>())?;
        part("f64", all_of::<f64>())?;
        part("tanh of f32", tanh::<f32>())?;
        part("tanh of f64", tanh::<f64>())?;
        part("activations of f32", activations::<f32>())?;
        part("activations of f64", activations::<f64>())?;
        part("checks of f32", finite::<f32>())?;
        part("checks of f64", finite::<f64>())?;
        for (name, density) in [("dense", 1.0), ("sparse", 0.1)] {
            part(&format!("steps in f32, {name}"), model::<f32>(density).and_then(|model| steps(&model)))?;
            part(&format!("steps in f64, {name}"), model::<f64>(density).and_then(|model| steps(&model)))?;
        }
        let digits = Precision::new(2, 2).expect("allowed");
        let substrate = Arc::new(Software::new(Device::Akd1000)?);
        let seen = wave::<f32>(100);
        let compiler = Compiler::new(substrate).precision(digits).calibrate(seen.view());
        part("steps in digits", model::<f32>(1.0).and_then(|model| steps(&compiler.compile(&model)?)))?;
        let wave = wave::<f64>(700);
        for (name, ridge) in [
            ("one penalty", Ridge::from(1e-6)),
            ("a grid", Ridge::decades(-6, 2)),
            ("folds", Ridge::Grid { values: vec![1e-6, 1e-2], selection: Selection::KFold(3) }),
        ] {
            let training = Training::new().washout(20).ridge(ridge);
            part(&format!("training, {name}"), train::<f64>(&training, wave.view()))?;
            part(&format!("training in f32, {name}"), train::<f32>(&training, wave.mapv(|v| v as f32).view()))?;
        }
        part("online learning", online(wave.view()))?;
        part("patches", patches())?;
        part("classifiers", classifier(wave.view()))?;
        part("heads under trust", heads(wave.view()))?;
        part("drift", drift())?;
        part("windows and scores", scores(wave.view()))?;
        assert!(raised.is_empty(), "raised: {raised:?}");
        println!("to the end, {}", if trapped { "with traps" } else { "without a flag" });
        Ok(())
    }

    /// Numbers to be refused; a signalling NaN, too, whose every use in arithmetic is invalid.
    fn refused<T: Real>() -> Vec<T> {
        let signalling: T = if T::NAME == "f32" {
            // As bits: converting it would make it quiet, and is invalid.
            reinterpret(&f32::from_bits(0x7FA0_0000))
        } else {
            reinterpret(&f64::from_bits(0x7FF4_0000_0000_0000))
        };
        let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        values.into_iter().map(T::from_f64).chain([signalling]).collect()
    }

    fn reinterpret<T: Copy + 'static>(value: &dyn std::any::Any) -> T {
        *value.downcast_ref().expect("the type that was asked for")
    }

    /// Every exponent, both signs, ends of the mantissa.
    fn extremes<T: Real>() -> Vec<T> {
        let of_f32 = (0..255_u32).flat_map(|e| [0, 1, 0x40_0000, 0x7F_FFFF].map(|m| f32::from_bits(e << 23 | m)));
        let of_f64 = (0..2047_u64).flat_map(|e| [0, 1, (1 << 52) - 1].map(|m| f64::from_bits(e << 52 | m)));
        let positive: Vec<T> = if T::NAME == "f32" {
            of_f32.map(|v| reinterpret(&v)).collect()
        } else {
            of_f64.map(|v| reinterpret(&v)).collect()
        };
        positive.iter().copied().chain(positive.iter().map(|&v| -v)).collect()
    }

    fn form() -> Form {
        Form::from_env().expect("the parent names one that there is")
    }

    #[expect(clippy::unnecessary_wraps, reason = "jobs have one signature")]
    fn tanh<T: Real>() -> Result<(), Error> {
        for mut values in [extremes::<T>(), vec![T::from_f64(f64::INFINITY), T::from_f64(f64::NEG_INFINITY)]] {
            forebay_kernels::tanh(form(), &mut values);
            assert!(values.iter().all(|v| v.to_f64().abs() <= 1.0));
        }
        Ok(())
    }

    /// Of finite numbers of every size.
    #[expect(clippy::unnecessary_wraps, reason = "jobs have one signature")]
    fn activations<T: Real>() -> Result<(), Error> {
        let (values, old) = (extremes::<T>(), vec![T::ZERO; extremes::<T>().len()]);
        let mut results = old.clone();
        let slope = T::from_f64(0.01);
        for activation in [
            Activation::Identity,
            Activation::BoundedRelu { max: T::ONE },
            Activation::Sigmoid,
            Activation::Relu,
            Activation::LeakyRelu { slope },
            Activation::Softplus,
        ] {
            leaky_update(form(), activation, &values, Leak::uniform(T::ONE), &old, &mut results);
            assert!(results.iter().all(|v| v.is_finite()), "{activation:?}");
        }
        // A width that no vector divides, and one that all do.
        for values in [&values[..values.len() - 1], &values[..1024]] {
            softmax(form(), values, &mut results[..values.len()]);
            assert!(results[..values.len()].iter().all(|v| v.is_finite()));
        }
        for n in 1..40 {
            let values = vec![-values[values.len() / 2 - 1]; n];
            softmax(form(), &values, &mut results[..n]);
            assert!((results[0].to_f64() * n as f64 - 1.0).abs() < 1e-5);
        }
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "jobs have one signature")]
    fn finite<T: Real>() -> Result<(), Error> {
        let values = extremes::<T>();
        assert!(forebay_kernels::all_finite(form(), &values));
        for bad in refused::<T>() {
            for place in [0, 5, values.len() - 1] {
                let mut values = values.clone();
                values[place] = bad;
                assert!(!forebay_kernels::all_finite(form(), &values));
            }
        }
        Ok(())
    }

    /// Numbers are made without arithmetic that raises.
    #[expect(clippy::unnecessary_wraps, reason = "jobs have one signature")]
    fn all_of<T: Real>() -> Result<(), Error> {
        assert_eq!((extremes::<T>().len(), refused::<T>().len()), (if T::NAME == "f32" { 2040 } else { 12_282 }, 4));
        Ok(())
    }

    fn model<T: Real>(density: f64) -> Result<Model<T>, Error> {
        let mut g = Graph::builder();
        let u = g.input("u", 3);
        let x = g.reservoir_with_feedback("x", u, Reservoir::new(70).density(density).leak_rate(0.3), "y");
        let past = g.delay("past", u, 2);
        let d = g.dense("d", past, 5, 1.0);
        let d = g.bounded_relu("d_relu", d, 1.0);
        g.readout("y", [u, x, d], 2);
        Model::generate(g.build()?, 1)
    }

    fn wave<T: Real>(steps: usize) -> Array2<T> {
        Array2::from_shape_fn((steps, 3), |(t, k)| T::from_f64(((t * 37 + k * 11) % 101) as f64 / 50.0 - 1.0))
    }

    /// Steps of a session and of a batch, and what both refuse.
    fn steps<T: Real>(model: &Model<T>) -> Result<(), Error> {
        let weights = Array2::from_shape_fn((2, 78), |(i, j)| T::from_f64(((i * 78 + j) % 13) as f64 * 0.01 - 0.06));
        let model = model.with_readout("y", weights.view(), ndarray::arr1(&[T::ONE, -T::ONE]).view())?;
        let wave = wave::<T>(50);
        let mut session = model.session();
        let mut batch = model.batch(5)?;
        batch.run(wave.view().into_shape_with_order((5, 10, 3)).expect("150 numbers"))?;
        session.run(wave.view())?;
        for row in wave.rows() {
            let row = row.to_vec();
            batch.step(&row.repeat(5))?;
            session.step(&row)?;
            for bad in refused::<T>() {
                for place in 0..3 {
                    let mut row = row.clone();
                    row[place] = bad;
                    refuses(session.step(&row));
                    refuses(batch.step(&row.repeat(5)));
                    refuses(session.run(ArrayView2::from_shape((1, 3), &row).expect("3 numbers")));
                }
                refuses(session.step_forced(&row, &[T::ONE, bad]));
            }
        }
        // The largest numbers that units and readouts stand.
        session.step(&[T::from_f64(1e30), T::from_f64(-1e30), T::from_f64(1e-30)])?;
        Ok(())
    }

    fn refuses<R>(result: Result<R, Error>) {
        assert!(matches!(result, Err(Error::NonFinite { .. })), "numbers that are not finite are refused as such");
    }

    fn train<T: Real>(training: &Training, wave: ArrayView2<'_, T>) -> Result<(), Error> {
        let model = model::<T>(0.3)?;
        let fit = |inputs: ArrayView2<'_, T>, targets: ArrayView2<'_, T>| {
            training.fit(&model, &[Series::new(inputs, targets)])
        };
        let (inputs, targets) = (wave.slice(s![..699, ..]), wave.slice(s![1.., ..2]));
        fit(inputs, targets)?;
        for bad in refused::<T>() {
            let (mut bad_inputs, mut bad_targets) = (inputs.to_owned(), targets.to_owned());
            bad_inputs[[300, 1]] = bad;
            bad_targets[[698, 1]] = bad;
            refuses(fit(bad_inputs.view(), targets));
            refuses(fit(inputs, bad_targets.view()));
        }
        Ok(())
    }

    fn online(wave: ArrayView2<'_, f64>) -> Result<(), Error> {
        fn learn(learner: &mut impl OnlineLearner, wave: ArrayView2<'_, f64>) -> Result<(), Error> {
            for row in wave.rows() {
                let row = row.to_vec();
                learner.update(&row, &[0.5])?;
                for bad in refused::<f64>() {
                    refuses(learner.update(&[1.0, bad, 0.0], &[0.5]));
                    refuses(learner.update(&row, &[bad]));
                }
            }
            Ok(())
        }
        learn(&mut Rls::new(3, 1, 0.99, 1e-3)?, wave)?;
        learn(&mut Lms::new(3, 1, 0.5)?, wave)
    }

    fn patches() -> Result<(), Error> {
        let grid = PatchGrid::new(60, 10, 3)?;
        let mut run = ParallelReservoirs::generate(grid, Reservoir::new(40), 1)?.start()?;
        let mut series = Array2::from_shape_fn((20, 60), |(t, k)| ((t * 37 + k * 11) % 101) as f64 / 50.0 - 1.0);
        run.warm_up(series.view())?;
        run.forecast(10)?;
        for bad in refused::<f64>() {
            let mut row = vec![0.5; 60];
            row[17] = bad;
            refuses(run.step(&row));
            series[[5, 7]] = bad;
            refuses(run.warm_up(series.view()));
        }
        Ok(())
    }

    fn classifier(wave: ArrayView2<'_, f64>) -> Result<(), Error> {
        let model = model::<f64>(0.3)?;
        let mut parts: Vec<Array2<f64>> = (0..20).map(|k| wave.slice(s![k * 30..k * 30 + 25, ..]).to_owned()).collect();
        let labels: Vec<usize> = (0..20).map(|k| k % 3).collect();
        for ridge in [Ridge::from(0.0), Ridge::decades(-4, 2)] {
            let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
            Classifier::fit(&model, "y", &[Pooling::Mean], &ridge, &views, &labels, 3)?.classify(parts[0].view())?;
        }
        for bad in refused::<f64>() {
            parts[7][[3, 1]] = bad;
            let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
            refuses(Classifier::fit(&model, "y", &[Pooling::Mean], &Ridge::from(1.0), &views, &labels, 3));
        }
        Ok(())
    }

    fn heads(wave: ArrayView2<'_, f64>) -> Result<(), Error> {
        let layout = Layout::new([
            ("value", HeadKind::Regression { outputs: 1, base: Base::Mean }),
            ("class", HeadKind::Classification { classes: 3 }),
            ("chance", HeadKind::Probability),
        ]);
        let truth = |row: usize| [wave[[row, 0]], ((row * 37) % 3) as f64, f64::from(u8::from(wave[[row, 1]] > 0.0))];
        let targets = Array2::from_shape_fn((699, 3), |(t, k)| truth(t + 1)[k]);
        let mut g = Graph::builder();
        let u = g.input("u", 3);
        let x = g.reservoir("x", u, Reservoir::new(40));
        g.readout("none", [x], 1);
        let (model, settings) = (Model::<f64>::generate(g.build()?, 1)?, ConductorSettings::default());
        let series = Series::new(wave.slice(s![..699, ..]), targets.view());
        let mut conductor = Conductor::fit(&model, &["x"], &layout, &series, &settings)?.0;
        for t in 0..699 {
            conductor.step(&wave.row(t).to_vec())?;
            for (name, truth) in ["value", "class", "chance"].into_iter().zip(truth(t + 1)) {
                for bad in refused::<f64>() {
                    refuses(conductor.observe(name, &[bad]));
                }
                conductor.observe(name, &[truth])?;
                conductor.trust(name)?;
            }
        }
        Ok(())
    }

    /// Truths may be missing here: NaN and infinity are passed over.
    fn drift() -> Result<(), Error> {
        let mut noise = Seed(1).stream("noise");
        let usual = Array2::from_shape_simple_fn((1000, 2), || noise.normal());
        for view in [View::Value, View::Magnitude] {
            let settings = drift::DriftSettings { view, ..drift::DriftSettings::default() };
            let mut monitor = DriftMonitor::calibrate(settings, usual.view())?;
            for t in 0..900 {
                let mut sample = usual.row(t).to_vec();
                match t {
                    600.. => sample.fill(1e300),
                    _ if t % 3 == 0 => sample[t % 2] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY][t % 7 % 3],
                    _ => {}
                }
                monitor.observe(&sample)?;
            }
        }
        Ok(())
    }

    fn scores(wave: ArrayView2<'_, f64>) -> Result<(), Error> {
        let digit = Precision::new(1, 1).expect("allowed");
        Window::new(wave.slice(s![..100, ..]), wave.slice(s![100..200, ..1]), digit)?.baseline(1e-3)?;
        let is_refused = |score: Result<f64, MetricError>| {
            assert!(matches!(score, Err(MetricError::NonFinite { .. })), "{score:?}");
        };
        let (truth, forecast) = (wave.slice(s![..600, ..]), wave.slice(s![1..601, ..]));
        for bad in refused::<f64>() {
            let mut with_bad = truth.to_owned();
            with_bad[[77, 2]] = bad;
            refuses(Window::new(with_bad.view(), truth, digit));
            refuses(Window::new(truth, with_bad.view(), digit));
            for score in [metrics::mse, metrics::rmse, metrics::mae, metrics::nmse, metrics::nrmse, metrics::r2] {
                assert!(score(truth, forecast).is_ok_and(f64::is_finite));
                is_refused(score(truth, with_bad.view()));
                is_refused(score(with_bad.view(), forecast));
            }
            assert!(metrics::spread(with_bad.view()).is_nan());
        }
        Ok(())
    }
}
