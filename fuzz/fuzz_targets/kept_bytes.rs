//! Kept bytes are refused in one line, or they are a thing that goes on; also where the checksum is right over wrong content.
#![no_main]

use forebay::drift::{DriftMonitor, Watched};
use forebay::keep::{Keep, KeepError, kind};
use forebay::train::classify::Classifier;
use forebay::train::online::{Lms, OnlineLearner, OnlineTrainer, Rls};
use forebay::train::sequence::SequenceRegression;
use forebay::{Conductor, Error, HybridEsn, ParallelReservoirs};
use libfuzzer_sys::fuzz_target;
use ndarray::Array2;

fuzz_target!(|bytes: &[u8]| {
    // A fuzzer does not find a hash: the error names the right one, so put that at the end and read again.
    let mut bytes = bytes.to_vec();
    if let Err(KeepError::Checksum { computed, .. }) = kind(&bytes) {
        let end = bytes.len() - computed.as_bytes().len();
        bytes.truncate(end);
        bytes.extend(computed.as_bytes());
    }
    exact(&bytes, learn::<Rls>);
    exact(&bytes, learn::<Lms>);
    exact(&bytes, |monitor: &mut DriftMonitor| {
        let samples = vec![0.5; monitor.channels()];
        (0..40).for_each(|_| drop(monitor.observe(&samples)));
    });
    read(&bytes, |trainer: &mut OnlineTrainer<f64, Rls>| {
        let graph = trainer.session().model().graph();
        let inputs = vec![0.5; graph.inputs()];
        let targets = vec![0.25; trainer.learners().map(|(_, learner)| learner.outputs()).sum()];
        (0..3).for_each(|_| drop(trainer.step(&inputs, &targets)));
    });
    read(&bytes, |trainer: &mut OnlineTrainer<f32, Lms>| drop(trainer.session().outputs().to_vec()));
    read(&bytes, |classifier: &mut Classifier<f64>| drop(classifier.scores(Array2::zeros((5, 1)).view())));
    read(&bytes, |trained: &mut SequenceRegression<f64>| drop(trained.predict(Array2::zeros((5, 1)).view())));
    read(&bytes, |conductor: &mut Conductor<f64>| {
        let inputs = vec![0.5; conductor.model().graph().inputs()];
        let names: Vec<String> = conductor.heads().map(|head| head.name.clone()).collect();
        for _ in 0..3 {
            drop(conductor.step(&inputs));
            names.iter().for_each(|name| drop((conductor.observe(name, &[1.0]), conductor.trust(name))));
        }
    });
    read(&bytes, |esn: &mut HybridEsn<f64>| {
        let (inputs, targets) = (Array2::zeros((2, esn.inputs())), Array2::zeros((2, esn.outputs())));
        drop(esn.partial_fit(inputs.view(), targets.view()));
        drop(esn.run(inputs.view()));
    });
    read(&bytes, |reservoirs: &mut ParallelReservoirs| {
        drop(reservoirs.grid().inputs());
        drop(reservoirs.model().session());
    });
    read(&bytes, |Watched { esn, ladder }: &mut Watched<f64>| {
        let (inputs, truth) = (vec![0.5; esn.inputs()], vec![0.25; esn.outputs()]);
        for _ in 0..3 {
            drop(esn.step(&inputs).map(<[f64]>::len));
            drop(ladder.observe(esn, &inputs, &truth));
        }
    });
});

fn learn<L: OnlineLearner>(learner: &mut L) {
    let (features, target) = (vec![0.5; learner.features()], vec![0.25; learner.outputs()]);
    (0..3).for_each(|_| drop(learner.update(&features, &target)));
}

/// Every bit is this crate's to say: what is read is written back the same.
fn exact<A: Keep>(bytes: &[u8], go_on: impl FnOnce(&mut A)) {
    read(bytes, |thing: &mut A| {
        assert_eq!(thing.to_bytes().expect("it was read"), bytes);
        go_on(thing);
    });
}

fn read<A: Keep>(bytes: &[u8], go_on: impl FnOnce(&mut A)) {
    match A::from_bytes(bytes) {
        Ok(mut thing) => go_on(&mut thing),
        Err(error) => {
            assert!(!matches!(error, Error::Keep(KeepError::Checksum { .. })), "{error}");
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
}
