//! Cases that every substrate must pass, written once and judged by [`reference`](crate::reference).
//!
//! A substrate crate calls [`check`] from its tests with a function that writes the program of a chain. A board is
//! checked by the same call.

use std::error::Error;
use std::sync::Arc;

use crate::reference::{Activation, Chain, Layer};
use crate::{Loaded, Precision, Substrate, SubstrateError, WeightPatch};

/// One case and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What was checked.
    pub case: String,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

/// Writes the program of a chain.
pub type Write<'a> = dyn Fn(&Chain) -> Result<Vec<u8>, Box<dyn Error>> + 'a;

/// Runs all cases on a substrate, in a fixed order.
///
/// What a substrate refuses counts as failed: every case fits every device.
pub fn check(substrate: &dyn Substrate, write: &Write<'_>) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for (name, chain) in chains() {
        let mut note = |case: &str, result: Result<(), Box<dyn Error>>| {
            outcomes.push(Outcome { case: format!("{name}: {case}"), failure: result.err().map(|e| chain_of(&*e)) });
        };
        match load(substrate, write, &chain) {
            Err(error) => note("loads", Err(error)),
            Ok(loaded) => {
                note("outputs, in batches and one by one", outputs(&*loaded, &chain));
                note("wrong inputs are errors", wrong_inputs(&*loaded, &chain));
                note("verifies and reads back", read_back(&*loaded));
                note("patched equals recompiled", patched(substrate, write, &*loaded, &chain));
                note("wrong patches change nothing", wrong_patches(&*loaded, &chain));
                note("unloads", unload(&*loaded, &chain));
            }
        }
    }
    for (state, weight) in [(1, 1), (2, 1), (1, 2), (2, 2), (3, 3), (4, 3)] {
        let precision = Precision::new(state, weight).expect("allowed");
        let result = product(substrate, write, precision);
        let case = format!("exact product of {state} state and {weight} weight digits");
        outcomes.push(Outcome { case, failure: result.err().map(|e| chain_of(&*e)) });
    }
    let corrupt = match substrate.load(b"not a program") {
        Err(SubstrateError::Corrupt(_)) => None,
        other => Some(format!("expected an error about corrupt bytes, found {other:?}")),
    };
    outcomes.push(Outcome { case: "bytes that are no program are refused".to_owned(), failure: corrupt });
    outcomes
}

/// A generator of test numbers: any sequence without pattern will do, but the same one everywhere.
struct Numbers(u64);

impl Numbers {
    /// Uniform in `low..=high`.
    fn next(&mut self, low: i64, high: i64) -> i64 {
        // SplitMix64 by Steele, Lea and Flood.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        low + (z % (high - low + 1) as u64) as i64
    }

    fn layer(&mut self, inputs: usize, units: usize, weight_bits: u8, activation: Option<u8>) -> Layer {
        let (low, high) = weight_range(weight_bits);
        let weights = (0..inputs * units).map(|_| self.next(low, high) as i8).collect();
        let activation = activation.map(|bits| Activation {
            bits,
            thresholds: (0..units).map(|_| self.next(-40, 40) as i32).collect(),
            steps_16: (0..units).map(|_| self.next(1, 300) as u32).collect(),
        });
        Layer { weight_bits, weights, units, activation }
    }

    fn inputs(&mut self, chain: &Chain, samples: usize) -> Vec<u8> {
        (0..samples * chain.inputs).map(|_| self.next(0, (1 << chain.input_bits) - 1) as u8).collect()
    }
}

fn weight_range(bits: u8) -> (i64, i64) {
    match bits {
        1 => (0, 1),
        2 => (-1, 1),
        _ => (-7, 7),
    }
}

fn chains() -> Vec<(String, Chain)> {
    let mut numbers = Numbers(1);
    let mut chains = Vec::new();
    for (weight_bits, input_bits) in [(1, 1), (1, 4), (2, 2), (2, 4), (4, 1), (4, 4)] {
        let layers = vec![numbers.layer(37, 11, weight_bits, None)];
        let name = format!("{weight_bits}-bit weights, {input_bits}-bit inputs");
        chains.push((name, Chain { inputs: 37, input_bits, layers }));
    }
    for bits in [1, 2, 4] {
        let layers = vec![numbers.layer(33, 20, 4, Some(bits)), numbers.layer(20, 7, 4, None)];
        chains.push((format!("{bits}-bit activations"), Chain { inputs: 33, input_bits: 4, layers }));
    }
    let layers = (0..7).map(|_| numbers.layer(16, 16, 4, Some(4))).collect();
    chains.push(("seven layers".to_owned(), Chain { inputs: 16, input_bits: 4, layers }));
    let layers = vec![numbers.layer(300, 300, 4, None)];
    chains.push(("external memory".to_owned(), Chain { inputs: 300, input_bits: 4, layers }));
    let extreme = |weight: i8| Layer { weight_bits: 4, weights: vec![weight; 6000], units: 1, activation: None };
    chains.push(("sums above 20 bits".to_owned(), Chain { inputs: 6000, input_bits: 4, layers: vec![extreme(7)] }));
    chains.push(("sums below 20 bits".to_owned(), Chain { inputs: 6000, input_bits: 4, layers: vec![extreme(-7)] }));
    let one = Layer { weight_bits: 4, weights: vec![-7], units: 1, activation: None };
    chains.push(("a single weight".to_owned(), Chain { inputs: 1, input_bits: 4, layers: vec![one] }));
    chains
}

fn load(substrate: &dyn Substrate, write: &Write<'_>, chain: &Chain) -> Result<Arc<dyn Loaded>, Box<dyn Error>> {
    Ok(substrate.load(&write(chain)?)?)
}

fn units(chain: &Chain) -> usize {
    chain.layers.last().map_or(0, |layer| layer.units)
}

fn outputs(loaded: &dyn Loaded, chain: &Chain) -> Result<(), Box<dyn Error>> {
    let mut numbers = Numbers(2);
    let largest = (1 << chain.input_bits) - 1;
    let mut inputs = vec![0; chain.inputs];
    inputs.extend(vec![largest; chain.inputs]);
    inputs.extend(numbers.inputs(chain, 3));
    let expected = chain.outputs(&inputs);
    let mut runner = loaded.runner()?;
    let mut found = vec![0; expected.len()];
    runner.run(&inputs, &mut found)?;
    same("outputs of a batch", &found, &expected)?;
    for (input, expected) in inputs.chunks_exact(chain.inputs).zip(expected.chunks_exact(units(chain))) {
        let mut found = vec![0; expected.len()];
        runner.run(input, &mut found)?;
        same("outputs of one sample", &found, expected)?;
    }
    runner.run(&[], &mut [])?;
    Ok(())
}

fn wrong_inputs(loaded: &dyn Loaded, chain: &Chain) -> Result<(), Box<dyn Error>> {
    let mut runner = loaded.runner()?;
    let mut outputs = vec![0; units(chain)];
    let mut inputs = vec![0; chain.inputs];
    expect("too many inputs", runner.run(&vec![0; chain.inputs + 1], &mut outputs), is_shape)?;
    expect("too many outputs", runner.run(&inputs, &mut vec![0; units(chain) + 1]), is_shape)?;
    inputs[chain.inputs - 1] = 1 << chain.input_bits;
    expect("an input out of range", runner.run(&inputs, &mut outputs), |e| matches!(e, SubstrateError::Range { .. }))
}

fn read_back(loaded: &dyn Loaded) -> Result<(), Box<dyn Error>> {
    loaded.verify()?;
    loaded.read_memory(0, 0..1)?;
    let is_index = |e: &SubstrateError| matches!(e, SubstrateError::Index { .. });
    expect("a layer that does not exist", loaded.read_memory(loaded.shape().layers, 0..1), is_index)?;
    expect("a word that does not exist", loaded.read_memory(0, 0..usize::MAX), is_index)
}

fn patched(
    substrate: &dyn Substrate,
    write: &Write<'_>,
    loaded: &dyn Loaded,
    chain: &Chain,
) -> Result<(), Box<dyn Error>> {
    let mut numbers = Numbers(3);
    let mut changed = chain.clone();
    let mut patches = Vec::new();
    for _ in 0..5 {
        let layer = numbers.next(0, chain.layers.len() as i64 - 1) as usize;
        let Layer { units, weight_bits, .. } = chain.layers[layer];
        let columns = chain.layers[layer].weights.len() / units;
        let (low, high) = weight_range(weight_bits);
        let (input, unit) = (numbers.next(0, columns as i64 - 1) as usize, numbers.next(0, units as i64 - 1) as usize);
        let value = numbers.next(low, high) as i8;
        changed.layers[layer].weights[unit * columns + input] = value;
        patches.push(WeightPatch { layer, input, unit, value });
    }
    loaded.patch(&patches)?;
    loaded.verify()?;
    outputs(loaded, &changed)?;
    let fresh = load(substrate, write, &changed)?;
    for (layer, definition) in changed.layers.iter().enumerate() {
        // A few words of every layer: the whole of a large one would take long on a slow device.
        let words = definition.units.min(64);
        let (new, old) = (fresh.read_memory(layer, 0..words)?, loaded.read_memory(layer, 0..words)?);
        if new != old {
            return Err(format!("layer {layer}: patched memory differs from recompiled memory").into());
        }
    }
    Ok(())
}

fn wrong_patches(loaded: &dyn Loaded, chain: &Chain) -> Result<(), Box<dyn Error>> {
    let before = loaded.read_memory(0, 0..4)?;
    let good = WeightPatch { layer: 0, input: 0, unit: 0, value: 1 };
    let is_index = |e: &SubstrateError| matches!(e, SubstrateError::Index { .. });
    let is_range = |e: &SubstrateError| matches!(e, SubstrateError::Range { .. });
    let mut other = good;
    other.layer = chain.layers.len();
    expect("a patch of no layer", loaded.patch(&[good, other]), is_index)?;
    other = WeightPatch { input: chain.inputs, ..good };
    expect("a patch of no input", loaded.patch(&[good, other]), is_index)?;
    other = WeightPatch { unit: chain.layers[0].units, ..good };
    expect("a patch of no unit", loaded.patch(&[good, other]), is_index)?;
    other = WeightPatch { value: -8, ..good };
    expect("a patch with no weight", loaded.patch(&[good, other]), is_range)?;
    if loaded.read_memory(0, 0..4)? != before {
        return Err("a failed patch changed the memory".into());
    }
    loaded.verify()?;
    Ok(())
}

fn unload(loaded: &dyn Loaded, chain: &Chain) -> Result<(), Box<dyn Error>> {
    let mut runner = loaded.runner()?;
    loaded.unload()?;
    let mut outputs = vec![0; units(chain)];
    let is_unloaded = |e: &SubstrateError| matches!(e, SubstrateError::Unloaded);
    expect("running what is unloaded", runner.run(&vec![0; chain.inputs], &mut outputs), is_unloaded)
}

fn product(substrate: &dyn Substrate, write: &Write<'_>, precision: Precision) -> Result<(), Box<dyn Error>> {
    let (inputs, rows) = (53, 9);
    let mut numbers = Numbers(4);
    let largest = i64::from(precision.weight_max());
    let mut weights: Vec<i32> = (0..inputs * rows).map(|_| numbers.next(-largest, largest) as i32).collect();
    weights[0] = precision.weight_max();
    weights[1] = -precision.weight_max();
    let digits = |d| weights.iter().map(move |&w| precision.weight_digit(w, d) as i8);
    let stored = (0..precision.weight_digits()).flat_map(digits).collect();
    let units = rows * precision.weight_digits();
    let layer = Layer { weight_bits: 4, weights: stored, units, activation: None };
    let loaded = load(substrate, write, &Chain { inputs, input_bits: 4, layers: vec![layer] })?;
    let (min, max) = precision.state_range();
    let mut x: Vec<i32> = (0..3 * inputs).map(|_| numbers.next(i64::from(min), i64::from(max)) as i32).collect();
    x[..inputs].fill(min);
    x[inputs..2 * inputs].fill(max);
    let mut multiplier = loaded.multiplier(precision)?;
    let mut found = vec![0; 3 * rows];
    // Twice: the second call also sees a patch.
    for round in 0..2 {
        multiplier.multiply(&x, &mut found)?;
        let expected = x.chunks_exact(inputs).flat_map(|x| {
            weights.chunks_exact(inputs).map(move |w| w.iter().zip(x).map(|(&w, &x)| i64::from(w) * i64::from(x)).sum())
        });
        same("products", &found, &expected.collect::<Vec<i64>>())?;
        if round == 0 {
            // The lowest digit of the last weight of the last row.
            let lowest = precision.weight_digit(weights[rows * inputs - 1], 0);
            let value = if lowest == 3 { -2 } else { 3 };
            weights[rows * inputs - 1] += i32::from(value) - lowest;
            loaded.patch(&[WeightPatch { layer: 0, input: inputs - 1, unit: rows - 1, value }])?;
        }
    }
    let too_large = vec![max + 1; inputs];
    let is_range = |e: &SubstrateError| matches!(e, SubstrateError::Range { .. });
    expect("a state out of range", multiplier.multiply(&too_large, &mut found[..rows]), is_range)
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &[T], expected: &[T]) -> Result<(), Box<dyn Error>> {
    match found.iter().zip(expected).position(|(found, expected)| found != expected) {
        None if found.len() == expected.len() => Ok(()),
        None => Err(format!("{what}: {} values, expected {}", found.len(), expected.len()).into()),
        Some(i) => Err(format!("{what}: found {:?} at {i}, expected {:?}", found[i], expected[i]).into()),
    }
}

fn expect<T: std::fmt::Debug>(
    what: &str,
    result: Result<T, SubstrateError>,
    is_right: impl Fn(&SubstrateError) -> bool,
) -> Result<(), Box<dyn Error>> {
    match result {
        Err(error) if is_right(&error) => Ok(()),
        other => Err(format!("{what} gives {other:?}").into()),
    }
}

fn is_shape(error: &SubstrateError) -> bool {
    matches!(error, SubstrateError::Shape { .. })
}

/// The error with its sources.
fn chain_of(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
