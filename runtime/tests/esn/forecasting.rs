//! Forecasts: which row belongs to which time, outputs and inputs that are joined, and what is left as it was.

use forebay::execute::ClosedLoop;
use forebay::random::Seed;
use forebay::{Esn, HybridEsn};
use ndarray::{Array2, ArrayView2, s};

use crate::{bits, refused, series};

fn trained(series: ArrayView2<'_, f64>) -> HybridEsn<f64> {
    Esn::new(60).ridge(1e-8).washout(50).fit_next(series).unwrap()
}

/// An off-by-one here forecasts well, and the wrong hour.
#[test]
fn the_first_row_is_the_step_after_the_series() {
    let all = series(3, 700, 2);
    let mut esn = trained(all.slice(s![..600, ..]));
    let forecast = esn.forecast(100).unwrap();
    let off = |shift: usize| {
        let wrong = &forecast.slice(s![..3, ..]) - &all.slice(s![600 - shift..603 - shift, ..]);
        wrong.mapv(f64::abs).mean().unwrap()
    };
    assert!(off(0) < 0.05 && off(0) < 0.25 * off(1), "{} {}", off(0), off(1));
}

#[test]
fn a_forecast_is_the_loop_by_hand_and_goes_on() {
    let all = series(3, 600, 2);
    let mut esn = trained(all.view());
    let mut hand = esn.model().session();
    let mut outputs = hand.run(all.view()).unwrap().row(599).to_vec();
    let mut other = esn.clone();
    let forecast = esn.forecast(10).unwrap();
    for row in forecast.rows() {
        assert_eq!(bits(row.to_vec()), bits(outputs.clone()));
        outputs = hand.step(&outputs).unwrap().to_vec();
    }
    let [first, second] = [4, 6].map(|steps| other.forecast(steps).unwrap());
    assert_eq!(bits(first.into_iter().chain(second)), bits(forecast.iter().copied()));
    assert_eq!(esn.session().snapshot(), other.session().snapshot());
    // The older call begins one step later.
    let mut later = trained(all.view());
    assert_eq!(bits(later.predict_free(9).unwrap()), bits(forecast.slice(s![1.., ..]).iter().copied()));
}

/// Any outputs to any inputs, the others from outside, against a loop by hand.
#[test]
fn chosen_outputs_become_chosen_inputs() {
    let mut numbers = Seed(9).stream("pairs");
    for round in 0..40_u64 {
        let mut pick = |most: usize| (numbers.uniform_in(0.0, most as f64) as usize).min(most - 1);
        let (inputs, outputs) = (1 + pick(5), 1 + pick(4));
        let mut free: Vec<usize> = (0..inputs).collect();
        let pairs: Vec<(usize, usize)> =
            (0..pick(inputs + 1)).map(|_| (pick(outputs), free.swap_remove(pick(free.len())))).collect();
        free.sort_unstable();
        let esn = Esn::new(20).feedback(round % 2 == 0).washout(10);
        let (u, y) = (series(round, 80, inputs), series(round + 100, 80, outputs));
        let mut esn = esn.fit(u.view(), y.view()).unwrap();
        let mut hand = esn.clone();
        let outside = series(round + 200, 15, free.len());
        let forecast = esn.forecast_with(&ClosedLoop::new(pairs.clone()), outside.view()).unwrap();
        for (row, outside) in forecast.rows().into_iter().zip(outside.rows()) {
            let last = hand.session().outputs().to_vec();
            assert_eq!(bits(row.to_vec()), bits(last.clone()), "{pairs:?} of {inputs}");
            let mut features = vec![0.0; inputs];
            for &(output, input) in &pairs {
                features[input] = last[output];
            }
            free.iter().zip(outside).for_each(|(&input, &value)| features[input] = value);
            hand.step(&features).unwrap();
        }
    }
}

#[test]
fn any_state_is_a_start() {
    let all = series(3, 600, 2);
    let mut esn = trained(all.view());
    let kept = esn.session().snapshot();
    let checkpoint = esn.session().checkpoint();
    let forecast = esn.forecast(20).unwrap();
    esn.session().restore(&kept).unwrap();
    assert_eq!(bits(esn.forecast(20).unwrap()), bits(forecast.iter().copied()));
    let mut other = esn.fork();
    other.session().resume(&checkpoint).unwrap();
    assert_eq!(bits(other.forecast(20).unwrap()), bits(forecast));
}

#[test]
fn what_no_loop_can_use_is_told_and_nothing_has_changed() {
    let all = series(3, 600, 2);
    let mut esn = trained(all.view());
    let before = esn.session().snapshot();
    let none = Array2::<f64>::zeros((5, 0));
    let one = Array2::<f64>::zeros((5, 1));
    let mut holed = one.clone();
    holed[[3, 0]] = f64::NAN;
    let told = [
        (ClosedLoop::new([(2, 0)]), one.view(), "the output of a closed loop must be below 2, found 2"),
        (ClosedLoop::new([(0, 7)]), one.view(), "the input of a closed loop must be below 2, found 7"),
        (
            ClosedLoop::new([(1, 1), (0, 1)]),
            none.view(),
            "an input of a closed loop has one output: outputs 0 and 1 both become input 1",
        ),
        (ClosedLoop::new([(0, 0)]), none.view(), "what is known from outside needs [steps, 1], found [5, 0]"),
        (ClosedLoop::all(2), one.view(), "what is known from outside needs [steps, 0], found [5, 1]"),
        (
            ClosedLoop::new([(0, 0)]),
            holed.view(),
            "what is known from outside holds NaN at index 3: every value must be finite",
        ),
    ];
    for (closed, outside, text) in told {
        assert_eq!(refused(esn.forecast_with(&closed, outside)), text);
        assert_eq!(esn.session().snapshot(), before);
    }
    let mut rest = esn.fork();
    assert!(refused(rest.forecast(3)).contains("there is none"));
    let mut wide = Esn::new(20).untrained::<f64>(3, 1).unwrap();
    wide.step(&[0.0; 3]).unwrap();
    assert!(refused(wide.forecast(3)).contains("3 inputs and 1 outputs"));
}

#[test]
fn heads_and_inputs_are_joined_by_name() {
    let esn = Esn::new(20).untrained::<f64>(2, 2).unwrap();
    let graph = esn.model().graph();
    assert_eq!(ClosedLoop::between(graph, "output", "input").unwrap(), ClosedLoop::all(2));
    let text = refused(ClosedLoop::between(graph, "outputs", "input"));
    assert_eq!(text, "no readout named \"outputs\"; there is output");
    let text = refused(ClosedLoop::between(graph, "output", "reservoir"));
    assert_eq!(text, "no input named \"reservoir\"; there is input");
}

/// A weight that grows in a loop must not leave the network half way.
#[test]
fn a_forecast_that_overflows_has_changed_nothing() {
    let mut esn = HybridEsn::<f64>::builder()
        .w_in(ndarray::array![[1.0]])
        .w_res(ndarray::array![[0.0]])
        .activation(forebay::reservoir::Activation::Identity)
        .w_out(ndarray::array![[1e200]])
        .build()
        .unwrap();
    esn.step(&[1.0]).unwrap();
    let before = esn.session().snapshot();
    assert!(refused(esn.forecast(10)).contains("overflowed"));
    assert_eq!(esn.session().snapshot(), before);
}

/// On disk a state without outputs became one whose outputs are zero, and a refused forecast a wrong one.
#[test]
fn a_state_without_outputs_stays_one_on_disk() {
    use forebay::keep::Keep;
    let all = series(3, 600, 2);
    let mut esn = trained(all.view());
    let state = esn.state().to_vec();
    esn.reset();
    esn.set_state(&state).unwrap();
    assert!(refused(esn.forecast(3)).contains("there is none"));
    let mut kept = HybridEsn::<f64>::from_bytes(&esn.to_bytes().unwrap()).unwrap();
    assert!(refused(kept.forecast(3)).contains("there is none"));
    let mut resumed = esn.fork();
    resumed.session().resume(&esn.session().checkpoint()).unwrap();
    assert!(refused(resumed.forecast(3)).contains("there is none"));
    for esn in [&mut esn, &mut kept, &mut resumed] {
        esn.step(&[0.1, 0.2]).unwrap();
        assert_eq!(esn.session().checkpoint().sections().count(), 0);
    }
    let forecast = esn.forecast(5).unwrap();
    assert_eq!(bits(kept.forecast(5).unwrap()), bits(forecast.iter().copied()));
    assert_eq!(bits(resumed.forecast(5).unwrap()), bits(forecast));
}
