//! Short-term memory capacity of a linear reservoir.

use forebay::Real;
use forebay::graph::Graph;
use forebay::metrics;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::{Activation, Reservoir, Topology};
use forebay::train::{Series, Training};
use ndarray::{Array2, s};

use super::{Arithmetic, Measurement, Metric, Part, Settings, Space, Span, Task, TaskError};

/// Memory capacity of 100 linear units.
pub struct MemoryCapacity;

const DELAYS: usize = 200;
const WASHOUT: usize = 500;
const TRAIN: usize = 6000;
const TEST: usize = 6000;

const CAPACITY: Metric = Metric::gain("memory capacity", "steps");

impl Task for MemoryCapacity {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn protocol(&self) -> &'static str {
        "Memory capacity (Jaeger 2001): 100 linear units, input uniform in -1..1, readouts on the state alone for the \
         input of k = 1..200 steps ago; washout 500, 6,000 steps for training, the next 6,000 for the score. Score: sum \
         of squared correlation coefficients. Its limit is the number of units; unrelated steps add about 200/6,000."
    }

    fn metric(&self) -> Metric {
        CAPACITY
    }

    fn settings(&self) -> Settings {
        Settings {
            units: 100,
            topology: Topology::Orthogonal,
            spectral_radius: 0.99,
            leak_rate: 1.0,
            input_scaling: 1.0,
            bias_scaling: 0.0,
            ridge: 1e-9,
            squares: false,
            activation: Activation::Identity,
        }
    }

    fn space(&self) -> Space {
        Space {
            spectral_radius: Span::linear(0.8, 0.999),
            leak_rate: Span::linear(1.0, 1.0),
            input_scaling: Span::linear(1.0, 1.0),
            bias_scaling: Span::linear(0.0, 0.0),
            ridge: Span::logarithmic(1e-12, 1e-3),
            topologies: &[Topology::Orthogonal, Topology::Cycle, Topology::Random { density: 0.1 }],
        }
    }

    fn measure_in(
        &self,
        settings: &Settings,
        arithmetic: &Arithmetic,
        seed: u64,
        part: Part,
    ) -> Result<Measurement, TaskError> {
        match arithmetic {
            Arithmetic::F64 => run::<f64>(settings, arithmetic, seed, part),
            Arithmetic::F32 | Arithmetic::Hybrid { .. } => run::<f32>(settings, arithmetic, seed, part),
        }
    }
}

fn run<T: Real>(settings: &Settings, arithmetic: &Arithmetic, seed: u64, part: Part) -> Result<Measurement, TaskError> {
    let split = WASHOUT + TRAIN;
    let steps = split + TEST;
    let mut stream = Seed(seed).child(part.stream()).stream("input");
    let history: Vec<f64> = (0..DELAYS + steps).map(|_| stream.uniform_in(-1.0, 1.0)).collect();
    let input = Array2::from_shape_fn((steps, 1), |(t, _)| T::from_f64(history[DELAYS + t]));
    let delayed = Array2::from_shape_fn((steps, DELAYS), |(t, k)| T::from_f64(history[DELAYS + t - k - 1]));
    let recipe = Reservoir::new(settings.units)
        .topology(settings.topology)
        .spectral_radius(settings.spectral_radius)
        .leak_rate(settings.leak_rate)
        .input_scaling(settings.input_scaling)
        .bias_scaling(settings.bias_scaling)
        .activation(settings.activation);
    let mut g = Graph::builder();
    let u = g.input("input", 1);
    let x = g.reservoir("reservoir", u, recipe);
    g.readout("output", [x], DELAYS);
    let model = arithmetic.compile(Model::generate(g.build()?, seed)?, input.slice(s![..split, ..]))?;
    let series = Series::new(input.slice(s![..split, ..]), delayed.slice(s![..split, ..]));
    let (trained, _) = Training::new().washout(WASHOUT).ridge(settings.ridge).fit(&model, &[series])?;
    let trained = arithmetic.deploy(trained, input.slice(s![..split, ..]))?;
    let recalled = trained.session().run(input.view())?;
    let capacity = metrics::memory_capacity(delayed.slice(s![split.., ..]), recalled.slice(s![split.., ..]))?;
    Ok(Measurement::default().with(CAPACITY, capacity))
}
