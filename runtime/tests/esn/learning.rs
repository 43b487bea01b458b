//! Learning on while the network runs, against the closed form of what it minimises.

use forebay::fingerprint::Fingerprint;
use forebay::keep::Keep;
use forebay::train::Series;
use forebay::train::online::weights_of;
use forebay::{Esn, HybridEsn};
use ndarray::{Array2, Axis, concatenate, s};

use crate::{bits, refused, series};

/// Solves `a x = b` by elimination with row pivots.
fn solve(mut a: Array2<f64>, mut b: Array2<f64>) -> Array2<f64> {
    let n = a.nrows();
    for k in 0..n {
        let pivot = (k..n).max_by(|&i, &j| a[[i, k]].abs().total_cmp(&a[[j, k]].abs())).unwrap();
        for j in 0..n {
            a.swap([k, j], [pivot, j]);
        }
        for j in 0..b.ncols() {
            b.swap([k, j], [pivot, j]);
        }
        for i in (0..n).filter(|&i| i != k) {
            let factor = a[[i, k]] / a[[k, k]];
            for j in k..n {
                a[[i, j]] -= factor * a[[k, j]];
            }
            for j in 0..b.ncols() {
                b[[i, j]] -= factor * b[[k, j]];
            }
        }
    }
    Array2::from_shape_fn(b.dim(), |(i, j)| b[[i, j]] / a[[i, i]])
}

/// `[1 | u | x]` of every step.
fn features(esn: &HybridEsn<f64>, inputs: &Array2<f64>) -> Array2<f64> {
    let mut esn = esn.clone();
    let states = esn.states(inputs.view()).unwrap();
    concatenate![Axis(1), Array2::ones((inputs.nrows(), 1)), *inputs, states]
}

/// `argmin sum_i lambda^(t-i) |y_i - W phi_i|^2 + lambda^t ridge |W - W0|^2`.
fn closed_form(phi: &Array2<f64>, y: &Array2<f64>, start: &Array2<f64>, forgetting: f64, ridge: f64) -> Array2<f64> {
    let steps = phi.nrows();
    let weights = Array2::from_shape_fn(phi.dim(), |(i, _)| forgetting.powi((steps - 1 - i) as i32));
    let weighted = phi * &weights;
    let gram = weighted.t().dot(phi) + Array2::<f64>::eye(phi.ncols()) * (ridge * forgetting.powi(steps as i32));
    let residuals = y - &phi.dot(&start.t());
    start + &solve(gram, weighted.t().dot(&residuals)).t()
}

fn close(a: &Array2<f64>, b: &Array2<f64>, tolerance: f64) {
    let scale = b.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    let off = a.iter().zip(b).fold(0.0_f64, |most, (a, b)| most.max((a - b).abs()));
    assert!(off <= tolerance * scale, "off by {off:e} of {scale}");
}

#[test]
fn an_untrained_network_ends_with_ridge_regression() {
    let (inputs, targets) = (series(1, 200, 2), series(2, 200, 3));
    let mut esn = Esn::new(15).untrained(2, 3).unwrap();
    esn.learn_online(1.0, 1e-2).unwrap();
    let phi = features(&esn, &inputs);
    esn.partial_fit(inputs.view(), targets.view()).unwrap();
    let right = closed_form(&phi, &targets, &Array2::zeros((3, 18)), 1.0, 1e-2);
    close(&weights_of(esn.model(), "output").unwrap(), &right, 1e-8);
}

#[test]
fn a_trained_network_moves_from_its_weights() {
    let (inputs, targets) = (series(1, 300, 2), series(2, 300, 3));
    for (forgetting, ridge) in [(1.0, 1e-2), (0.97, 1.0), (1.0, 100.0)] {
        let mut esn = Esn::new(15).fit(inputs.view(), targets.view()).unwrap();
        let start = weights_of(esn.model(), "output").unwrap();
        esn.learn_online(forgetting, ridge).unwrap();
        let (more, wanted) = (series(3, 60, 2), series(4, 60, 3));
        let phi = features(&esn, &more);
        let outputs = esn.partial_fit(more.view(), wanted.view()).unwrap();
        let learnt = weights_of(esn.model(), "output").unwrap();
        close(&learnt, &closed_form(&phi, &wanted, &start, forgetting, ridge), 1e-7);
        // The first output is that of the weights before; what stands at the end is that of the weights after.
        close(&outputs.slice(s![..1, ..]).to_owned(), &phi.slice(s![..1, ..]).dot(&start.t()), 1e-12);
        let last = Array2::from_shape_vec((1, 3), esn.session().outputs().to_vec()).unwrap();
        close(&last, &phi.slice(s![59.., ..]).dot(&learnt.t()), 1e-12);
    }
}

/// The default is the penalty of the training; a text elsewhere says so.
#[test]
fn the_penalty_is_that_of_the_training() {
    let (inputs, targets) = (series(1, 300, 2), series(2, 300, 3));
    let (more, wanted) = (series(3, 60, 2), series(4, 60, 3));
    let learnt = |esn: &mut HybridEsn<f64>| {
        esn.partial_fit(more.view(), wanted.view()).unwrap();
        bits(weights_of(esn.model(), "output").unwrap())
    };
    let trained = Esn::new(15).ridge(0.5).fit(inputs.view(), targets.view()).unwrap();
    let (mut silent, mut told) = (trained.clone(), trained);
    told.learn_online(1.0, 0.5).unwrap();
    assert_eq!(learnt(&mut silent), learnt(&mut told));
    let untrained = Esn::new(15).ridge(0.5).untrained(2, 3).unwrap();
    let (mut silent, mut told) = (untrained.clone(), untrained);
    told.learn_online(1.0, 1e-6).unwrap();
    assert_eq!(learnt(&mut silent), learnt(&mut told));
}

#[test]
fn pieces_are_the_whole() {
    let (inputs, targets) = (series(1, 90, 2), series(2, 90, 3));
    for feedback in [false, true] {
        let mut whole = Esn::new(15).feedback(feedback).untrained(2, 3).unwrap();
        let mut pieces = whole.clone();
        whole.learn_online(0.95, 1e-3).unwrap();
        pieces.learn_online(0.95, 1e-3).unwrap();
        let at_once = whole.partial_fit(inputs.view(), targets.view()).unwrap();
        let mut outputs = Vec::new();
        for (from, to) in [(0, 1), (1, 2), (2, 30), (30, 30), (30, 90)] {
            let (u, y) = (inputs.slice(s![from..to, ..]), targets.slice(s![from..to, ..]));
            outputs.extend(pieces.partial_fit(u, y).unwrap());
        }
        assert_eq!(bits(outputs), bits(at_once));
        assert_eq!(Fingerprint::of_model(whole.model()), Fingerprint::of_model(pieces.model()));
        let next = [0.3, 0.1];
        assert_eq!(bits(whole.step(&next).unwrap().to_vec()), bits(pieces.step(&next).unwrap().to_vec()));
    }
}

/// Puts the weights of the second network to the first.
type Replace = fn(&mut HybridEsn<f64>, &HybridEsn<f64>);

/// Learning that goes on with another network's covariance would look right and be wrong.
#[test]
fn other_weights_are_a_new_start() {
    let (inputs, targets) = (series(1, 300, 2), series(2, 300, 3));
    let (more, wanted) = (series(3, 60, 2), series(4, 60, 3));
    let trained = Esn::new(15).ridge(0.1).fit(inputs.view(), targets.view()).unwrap();
    let fresh = {
        let mut esn = trained.clone();
        esn.partial_fit(more.view(), wanted.view()).unwrap();
        bits(weights_of(esn.model(), "output").unwrap())
    };
    let state = trained.clone().session().snapshot();
    let replaced: [Replace; 2] = [
        |esn, trained| esn.set_model(trained.model().clone()).unwrap(),
        |esn, trained| esn.session().set_model(trained.model().clone()).unwrap(),
    ];
    for replace in replaced {
        let mut esn = trained.clone();
        esn.partial_fit(wanted.slice(s![.., ..2]), wanted.view()).unwrap();
        replace(&mut esn, &trained);
        esn.session().restore(&state).unwrap();
        esn.partial_fit(more.view(), wanted.view()).unwrap();
        assert_eq!(bits(weights_of(esn.model(), "output").unwrap()), fresh);
    }
}

#[test]
fn a_call_that_fails_has_taught_nothing() {
    let (inputs, targets) = (series(1, 60, 2), series(2, 60, 3));
    let mut esn = Esn::new(15).untrained::<f64>(2, 3).unwrap();
    esn.partial_fit(inputs.view(), targets.view()).unwrap();
    let mut other = esn.clone();
    let mut holed = targets.clone();
    holed[[59, 2]] = f64::INFINITY;
    let mut vast = targets.clone();
    vast[[59, 2]] = 1.7e308;
    vast[[58, 2]] = -1.7e308;
    refused(esn.partial_fit(inputs.view(), holed.view()));
    refused(esn.partial_fit(inputs.view(), targets.slice(s![..59, ..])));
    refused(esn.partial_fit(inputs.slice(s![.., ..1]), targets.view()));
    refused(esn.partial_fit(inputs.view(), vast.view()));
    refused(esn.learn_online(1.5, 1.0));
    refused(esn.learn_online(1.0, 0.0));
    for esn in [&mut esn, &mut other] {
        esn.partial_fit(inputs.view(), targets.view()).unwrap();
    }
    assert_eq!(Fingerprint::of_model(esn.model()), Fingerprint::of_model(other.model()));
    assert_eq!(esn.session().snapshot(), other.session().snapshot());
}

/// A single step after which the network's own output is beyond its numbers: what it taught is taken back.
#[test]
fn a_step_whose_output_overflows_has_taught_nothing() {
    let mut failed = 0;
    for seed in 0..60 {
        let (u, y) = (series(seed, 30, 2), series(seed + 1000, 30, 1));
        let mut esn = Esn::new(15).seed(seed).untrained::<f64>(2, 1).unwrap();
        esn.learn_online(1.0, 1e-30).unwrap();
        let mut other = esn.clone();
        // Learnt whole, the largest number comes back rounded, in some networks upwards.
        let largest = ndarray::array![[f64::MAX]];
        if esn.partial_fit(u.slice(s![..1, ..]), largest.view()).is_ok() {
            continue;
        }
        failed += 1;
        for esn in [&mut esn, &mut other] {
            esn.partial_fit(u.view(), y.view()).unwrap();
        }
        assert_eq!(Fingerprint::of_model(esn.model()), Fingerprint::of_model(other.model()));
        assert_eq!(esn.session().snapshot(), other.session().snapshot());
    }
    assert!(failed > 0, "no output overflowed");
}

#[test]
fn a_fit_ends_what_was_learnt_online() {
    let (inputs, targets) = (series(1, 300, 2), series(2, 300, 3));
    let pair = Series::new(inputs.view(), targets.view());
    let training = forebay::train::Training::new();
    let mut esn = Esn::new(15).untrained::<f64>(2, 3).unwrap();
    let mut other = esn.clone();
    esn.partial_fit(inputs.view(), targets.view()).unwrap();
    for esn in [&mut esn, &mut other] {
        esn.fit(&training, &[pair]).unwrap();
        esn.partial_fit(inputs.view(), targets.view()).unwrap();
    }
    assert_eq!(Fingerprint::of_model(esn.model()), Fingerprint::of_model(other.model()));
}

/// After a training the forgetting that was asked for had gone back to none, without a word.
#[test]
fn settings_of_learning_outlive_what_was_learnt() {
    let (inputs, targets) = (series(1, 300, 2), series(2, 300, 3));
    let (more, wanted) = (series(3, 60, 2), series(4, 60, 3));
    let pair = Series::new(inputs.view(), targets.view());
    let training = forebay::train::Training::new();
    let learnt = |mut esn: HybridEsn<f64>| {
        esn.partial_fit(more.view(), wanted.view()).unwrap();
        bits(weights_of(esn.model(), "output").unwrap())
    };
    let mut esn = Esn::new(15).untrained::<f64>(2, 3).unwrap();
    esn.learn_online(0.9, 0.5).unwrap();
    esn.partial_fit(inputs.view(), targets.view()).unwrap();
    esn.fit(&training, &[pair]).unwrap();
    let mut told = esn.clone();
    told.learn_online(0.9, 0.5).unwrap();
    let mut default = esn.clone();
    default.learn_online(1.0, 1e-6).unwrap();
    let mut replaced = esn.clone();
    replaced.set_model(esn.model().clone()).unwrap();
    let expected = learnt(told);
    assert_ne!(expected, learnt(default));
    assert_eq!(learnt(esn), expected);
    assert_eq!(learnt(replaced), expected);
}

/// The same readout on other states: their covariance is another.
#[test]
fn the_same_readout_on_another_placement_is_a_new_start() {
    let (inputs, targets) = (series(1, 300, 2), series(2, 300, 3));
    let (more, wanted) = (series(3, 60, 2), series(4, 60, 3));
    let mut esn = Esn::new(15).reads_input(false).fit(inputs.view(), targets.view()).unwrap();
    esn.learn_online(1.0, 0.5).unwrap();
    esn.partial_fit(more.view(), wanted.view()).unwrap();
    let compiled = forebay::Compiler::new(forebay::open("software:akd1000").unwrap()).compile(esn.model()).unwrap();
    esn.session().set_model(compiled).unwrap();
    let mut fresh = esn.clone();
    fresh.learn_online(1.0, 0.5).unwrap();
    for esn in [&mut esn, &mut fresh] {
        esn.partial_fit(more.view(), wanted.view()).unwrap();
    }
    let of = |esn: &HybridEsn<f64>| bits(weights_of(esn.model(), "output").unwrap());
    assert_eq!(of(&esn), of(&fresh));
}

/// Errors of weights that have seen their truth are small whatever has changed.
#[test]
fn a_ladder_is_not_shown_outputs_that_have_seen_their_truth() {
    use forebay::drift::{DriftMonitor, DriftSettings, Ladder, Policy};
    let (inputs, targets) = (series(1, 300, 2), series(2, 300, 3));
    let mut esn = Esn::new(15).fit(inputs.view(), targets.view()).unwrap();
    let mut numbers = forebay::random::Seed(5).stream("errors");
    let errors = Array2::from_shape_simple_fn((2000, 3), || 0.1 * numbers.normal());
    let monitor = DriftMonitor::calibrate(DriftSettings::default(), errors.view()).unwrap();
    let mut ladder = Ladder::new(monitor, Policy::default(), 0.1).unwrap();
    let (input, truth) = ([0.1, 0.2], [0.0, 0.1, 0.2]);
    let row = |values: &[f64]| Array2::from_shape_vec((1, values.len()), values.to_vec()).unwrap();
    esn.partial_fit(row(&input).view(), row(&truth).view()).unwrap();
    assert!(refused(ladder.observe(&mut esn, &input, &truth)).contains("have not seen their truth"));
    // Nor after somebody has looked at them, nor after they were kept.
    let _ = esn.session().outputs();
    let mut kept = HybridEsn::<f64>::from_bytes(&esn.to_bytes().unwrap()).unwrap();
    for esn in [&mut esn, &mut kept] {
        assert!(refused(ladder.observe(esn, &input, &truth)).contains("have not seen their truth"));
    }
    // A step over a series is a step.
    kept.states(row(&input).view()).unwrap();
    ladder.observe(&mut kept, &input, &truth).unwrap();
    esn.step(&input).unwrap();
    ladder.observe(&mut esn, &input, &truth).unwrap();
}
