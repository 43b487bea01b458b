//! A step with 1, 11 and 36 heads on one pass, and 11 passes with a head each; 128 units.

use divan::{Bencher, black_box};
use forebay::conductor::{Base, ConductorSettings, Definition, HeadKind, Layout};
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay::train::Series;
use forebay::{Conductor, Real};
use ndarray::Array2;

fn main() {
    divan::main();
}

/// Heads of one output each, trained on noise: speed does not depend on the values.
fn conductor<T: Real>(heads: usize) -> Conductor<T> {
    let mut g = Graph::builder();
    let u = g.input("u", 3);
    let x = g.reservoir("x", u, Reservoir::new(128).density(1.0).unscaled());
    g.readout("none", [x], 1);
    let model = Model::generate(g.build().expect("the graph fits together"), 1).expect("the reservoir can be drawn");
    let kind = HeadKind::Regression { outputs: 1, base: Base::Mean };
    let layout = Layout { heads: (0..heads).map(|i| Definition::new(format!("head {i}"), kind)).collect() };
    let mut noise = Seed(1).stream("noise");
    let mut uniform = || T::from_f64(noise.uniform_in(-1.0, 1.0));
    let inputs = Array2::from_shape_simple_fn((300, 3), &mut uniform);
    let targets = Array2::from_shape_simple_fn((300, heads), &mut uniform);
    let series = Series::new(inputs.view(), targets.view());
    Conductor::fit(&model, &["x"], &layout, &series, &ConductorSettings::default()).expect("the series fits").0
}

#[divan::bench(types = [f32, f64], args = [1, 11, 36], sample_count = 400)]
fn one_pass<T: Real>(bencher: Bencher<'_, '_>, heads: usize) {
    let mut conductor = conductor::<T>(heads);
    let input = [T::from_f64(0.1); 3];
    bencher.bench_local(|| conductor.step(black_box(&input)).map(|y| y[0]));
}

#[divan::bench(types = [f32, f64], sample_count = 400)]
fn eleven_passes<T: Real>(bencher: Bencher<'_, '_>) {
    let mut conductors = vec![conductor::<T>(1); 11];
    let input = [T::from_f64(0.1); 3];
    bencher.bench_local(|| {
        for conductor in &mut conductors {
            black_box(conductor.step(black_box(&input)).map(|y| y[0])).expect("it steps");
        }
    });
}

/// The truth of 11 heads, and their trust over full windows of 256 predictions.
#[divan::bench(sample_count = 400)]
fn truth_and_trust_of_eleven_heads(bencher: Bencher<'_, '_>) {
    let mut conductor = conductor::<f32>(11);
    let names: Vec<String> = conductor.heads().map(|head| head.name.clone()).collect();
    let mut step = || {
        conductor.step(&[0.1; 3]).expect("it steps");
        let mut trusted = 0;
        for name in &names {
            conductor.observe(name, &[0.3]).expect("it is the last step's");
            trusted += usize::from(conductor.trust(name).expect("it is there").is_trusted);
        }
        trusted
    };
    for _ in 0..256 {
        black_box(step());
    }
    bencher.bench_local(step);
}
