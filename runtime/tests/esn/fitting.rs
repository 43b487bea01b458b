//! Training: the same weights as through the graph, the state at the end of the series.

use forebay::fingerprint::Fingerprint;
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::{Activation, Reservoir};
use forebay::train::{Noise, Series, Training};
use forebay::{Esn, HybridEsn};
use ndarray::{Array2, s};

use crate::{bits, refused, series};

/// The same network, put together by hand.
fn by_hand(feedback: bool, reads_input: bool) -> Model<f64> {
    let recipe = Reservoir::new(40).spectral_radius(0.7).leak_rate(0.6).activation(Activation::Sigmoid);
    let mut g = Graph::builder();
    let u = g.input("input", 2);
    let x = if feedback {
        g.reservoir_with_feedback("reservoir", u, recipe, "output")
    } else {
        g.reservoir("reservoir", u, recipe)
    };
    g.readout("output", if reads_input { vec![u, x] } else { vec![x] }, 3);
    Model::generate(g.build().unwrap(), 5).unwrap()
}

fn settings(feedback: bool, reads_input: bool) -> Esn {
    let esn = Esn::new(40).spectral_radius(0.7).leak_rate(0.6).activation(Activation::Sigmoid).seed(5);
    esn.feedback(feedback).reads_input(reads_input).washout(20).ridge(1e-4)
}

#[test]
fn a_fit_is_the_training_of_the_graph() {
    let (inputs, targets) = (series(1, 300, 2), series(2, 300, 3));
    for feedback in [false, true] {
        for reads_input in [false, true] {
            let esn = settings(feedback, reads_input).fit(inputs.view(), targets.view()).unwrap();
            let training = Training::new().washout(20).ridge(1e-4);
            let pair = Series::new(inputs.view(), targets.view());
            let (model, report) = training.fit(&by_hand(feedback, reads_input), &[pair]).unwrap();
            assert_eq!(Fingerprint::of_model(esn.model()), Fingerprint::of_model(&model), "{feedback} {reads_input}");
            assert_eq!(esn.report(), Some(&report));
        }
    }
}

/// A network that was trained at rest would begin every forecast with a transient.
#[test]
fn a_network_stands_at_the_end_of_its_last_series() {
    let (inputs, targets) = (series(1, 300, 2), series(2, 300, 3));
    for feedback in [false, true] {
        let parts = [200, 300].map(|end| Series::new(inputs.slice(s![..end, ..]), targets.slice(s![..end, ..])));
        let mut esn = settings(feedback, true).fit_series(&parts).unwrap();
        let mut session = esn.model().session();
        for (u, y) in inputs.rows().into_iter().zip(targets.rows()) {
            session.step_forced(&u.to_vec(), &y.to_vec()).unwrap();
        }
        assert_eq!(bits(esn.state().to_vec()), bits(session.node("reservoir").unwrap().to_vec()));
        assert_eq!(bits(esn.session().outputs().to_vec()), bits(session.outputs().to_vec()));
        let next = [0.1, -0.2];
        assert_eq!(bits(esn.step(&next).unwrap().to_vec()), bits(session.step(&next).unwrap().to_vec()));
    }
}

#[test]
fn every_setting_reaches_the_network() {
    let (inputs, targets) = (series(1, 300, 2), series(2, 300, 3));
    let plain = || Esn::new(40);
    let fit = |esn: Esn| Fingerprint::of_model(esn.fit(inputs.view(), targets.view()).unwrap().model());
    let others = [
        plain().spectral_radius(0.5),
        plain().leak_rate(0.5),
        plain().input_scaling(0.5),
        plain().bias_scaling(0.5),
        plain().density(0.5),
        plain().topology(forebay::reservoir::Topology::Cycle),
        plain().activation(Activation::Softplus),
        plain().seed(1),
        plain().reads_input(false),
        plain().feedback(true),
        plain().ridge(1.0),
        plain().washout(50),
        plain().noise(Noise::new(Seed(3)).states(0.01)),
        plain().reservoir(Reservoir::new(41)),
        plain().training(Training::new().ridge(0.1)),
    ];
    let mut prints = vec![fit(plain())];
    assert_eq!(prints[0], fit(Esn::of(Reservoir::new(40))));
    for esn in others {
        let print = fit(esn.clone());
        assert!(!prints.contains(&print), "{esn:?} is another one's network");
        prints.push(print);
    }
}

#[test]
fn states_are_those_of_every_step() {
    let inputs = series(1, 50, 2);
    let mut esn: HybridEsn<f64> = settings(true, true).untrained(2, 3).unwrap();
    let mut other = esn.fork();
    let states = esn.states(inputs.view()).unwrap();
    assert_eq!(states.dim(), (50, 40));
    for (u, x) in inputs.rows().into_iter().zip(states.rows()) {
        other.step(&u.to_vec()).unwrap();
        assert_eq!(bits(x.to_vec()), bits(other.state().to_vec()));
    }
    assert_eq!(bits(esn.state().to_vec()), bits(other.state().to_vec()));
}

#[test]
fn a_failed_fit_changes_nothing() {
    let (inputs, targets) = (series(1, 300, 2), series(2, 300, 3));
    let mut esn = settings(false, true).fit(inputs.view(), targets.view()).unwrap();
    let before = (Fingerprint::of_model(esn.model()), esn.session().snapshot());
    let mut holed = targets.clone();
    holed[[7, 1]] = f64::NAN;
    for (inputs, targets) in [(inputs.view(), holed.view()), (inputs.view(), targets.slice(s![..299, ..]))] {
        esn.fit(&Training::new(), &[Series::new(inputs, targets)]).unwrap_err();
        assert_eq!((Fingerprint::of_model(esn.model()), esn.session().snapshot()), before);
    }
}

#[test]
fn what_cannot_be_trained_is_told() {
    let (inputs, targets) = (series(1, 300, 2), series(2, 300, 3));
    let none = Array2::<f64>::zeros((300, 0));
    let one = Array2::<f64>::zeros((1, 2));
    assert_eq!(refused(Esn::new(10).fit_series::<f64>(&[])), "training needs at least one series, found none");
    for esn in [Esn::new(0), Esn::new(10).spectral_radius(-1.0), Esn::new(10).leak_rate(0.0), Esn::new(10).ridge(-1.0)]
    {
        refused(esn.fit(inputs.view(), targets.view()));
    }
    refused(Esn::new(10).fit(none.view(), targets.view()));
    refused(Esn::new(10).fit(inputs.view(), none.view()));
    refused(Esn::new(10).fit(inputs.slice(s![..10, ..]), targets.view()));
    refused(Esn::new(10).fit_next(one.view()));
    refused(Esn::new(10).fit_next(none.view()));
    refused(Esn::new(10).fit_next(Array2::<f64>::zeros((0, 2)).view()));
    refused(Esn::new(10).fit_next(Array2::from_elem((300, 1), f64::INFINITY).view()));
}

/// The last target of a forecast one step ahead is not known yet; its place in the feedback was taken by a zero.
#[test]
fn where_the_last_target_is_not_known_feedback_is_the_networks_own() {
    let (inputs, mut targets) = (series(1, 300, 2), series(2, 300, 3));
    targets[[299, 1]] = f64::NAN;
    let mut esn = settings(true, true).masked_targets(true).fit(inputs.view(), targets.view()).unwrap();
    let mut session = esn.model().session();
    for t in 0..299 {
        session.step_forced(&inputs.row(t).to_vec(), &targets.row(t).to_vec()).unwrap();
    }
    let mut probe = session.clone();
    let own = probe.step(&inputs.row(299).to_vec()).unwrap()[1];
    let teacher = [targets[[299, 0]], own, targets[[299, 2]]];
    session.step_forced(&inputs.row(299).to_vec(), &teacher).unwrap();
    let next = [0.1, -0.2];
    assert_eq!(bits(esn.step(&next).unwrap().to_vec()), bits(session.step(&next).unwrap().to_vec()));
}

/// A forecast began with the output of the readout from before.
#[test]
fn another_model_has_its_own_outputs_at_once() {
    let (inputs, targets) = (series(1, 300, 2), series(2, 300, 2));
    for feedback in [false, true] {
        let recipe = Esn::new(30).feedback(feedback).seed(3);
        let mut esn = recipe.untrained::<f64>(2, 2).unwrap();
        esn.run(inputs.view()).unwrap();
        let pair = Series::new(inputs.view(), targets.view());
        let (model, _) = Training::new().fit(esn.model(), &[pair]).unwrap();
        let (weights, bias) = model.readout("output").unwrap();
        let (last, state) = (inputs.row(299).to_owned(), ndarray::Array1::from(esn.state().to_vec()));
        let features = ndarray::concatenate![ndarray::Axis(0), last, state];
        let expected = weights.dot(&features) + &bias;
        esn.set_model(model).unwrap();
        let first = esn.forecast(2).unwrap();
        for (found, expected) in first.row(0).iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        assert!(first.row(0).iter().all(|y| *y != 0.0));
    }
}

/// A checkpoint does not hold the input that a readout reads, so other weights have no outputs until the next step; those of the
/// weights before stood there and were taken for theirs.
#[test]
fn another_model_after_a_checkpoint_does_not_show_the_outputs_of_the_one_before() {
    let (inputs, targets) = (series(1, 300, 2), series(2, 300, 2));
    let mut esn = Esn::new(30).seed(3).fit(inputs.view(), targets.view()).unwrap();
    esn.run(inputs.view()).unwrap();
    let checkpoint = esn.session().checkpoint();
    let mut resumed = esn.fork();
    resumed.session().resume(&checkpoint).unwrap();
    assert_eq!(resumed.session().outputs(), esn.session().outputs());
    let pair = Series::new(inputs.view(), targets.view());
    let (other, _) = Training::new().ridge(10.0).fit(esn.model(), &[pair]).unwrap();
    resumed.set_model(other).unwrap();
    assert_eq!(resumed.session().outputs(), [0.0, 0.0]);
    assert_eq!(resumed.session().node("output").unwrap(), [0.0, 0.0]);
    refused(resumed.forecast(1));
    resumed.step(&[0.1, 0.2]).unwrap();
    resumed.forecast(1).unwrap();
}
