//! A program in memory: shared by its runners, patched in place.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use forebay_akida::Program;
use forebay_kernels::Form;
use forebay_kernels::integer::IntegerScratch;
use forebay_substrate::precision::{check_product, check_shape};
use forebay_substrate::{Loaded, Multiplier, OutputKind, Precision, ProgramShape, Runner, SubstrateError, WeightPatch};

use crate::layer::ExactLayer;
use crate::product::{Product, ProductScratch};

/// A program on the software substrate.
#[derive(Debug)]
pub(crate) struct LoadedProgram {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    shape: ProgramShape,
    form: Form,
    memory: RwLock<Option<Memory>>,
    /// Number of patch calls so far.
    generation: AtomicU64,
}

/// What is there while the program is loaded.
#[derive(Debug)]
struct Memory {
    /// The bytes, patched with the layers.
    program: Program,
    layers: Vec<ExactLayer>,
    /// Products of several digits that somebody asked for.
    products: Vec<Product>,
}

/// Samples that run together: their values between two layers should stay in cache.
const BLOCK: usize = 64;

impl LoadedProgram {
    pub(crate) fn new(program: Program, form: Form) -> Self {
        let layers: Vec<ExactLayer> = (0..program.layers().len())
            .map(|index| ExactLayer::new(&program.layer(index).expect("an index below the number of layers")))
            .collect();
        let (first, last) = (&program.layers()[0], &program.layers()[layers.len() - 1]);
        let output = if last.has_activation {
            OutputKind::Activations { bits: last.act_bits.count() as u8 }
        } else {
            OutputKind::Potentials
        };
        let shape = ProgramShape {
            inputs: first.inputs,
            input_bits: program.input_bits().count() as u8,
            units: last.units,
            output,
            layers: layers.len(),
        };
        let memory = RwLock::new(Some(Memory { program, layers, products: Vec::new() }));
        Self { shared: Arc::new(Shared { shape, form, memory, generation: AtomicU64::new(0) }) }
    }
}

impl Shared {
    // A panic cannot leave the memory half changed: all checks come before the first change.
    fn read(&self) -> RwLockReadGuard<'_, Option<Memory>> {
        self.memory.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Option<Memory>> {
        self.memory.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<R>(&self, use_it: impl FnOnce(&Memory) -> Result<R, SubstrateError>) -> Result<R, SubstrateError> {
        self.read().as_ref().ok_or(SubstrateError::Unloaded).and_then(use_it)
    }
}

impl Loaded for LoadedProgram {
    fn shape(&self) -> &ProgramShape {
        &self.shared.shape
    }

    fn runner(&self) -> Result<Box<dyn Runner>, SubstrateError> {
        self.shared.with(|_| Ok(()))?;
        Ok(Box::new(SoftwareRunner::new(Arc::clone(&self.shared))))
    }

    fn multiplier(&self, precision: Precision) -> Result<Box<dyn Multiplier>, SubstrateError> {
        check_shape(self.shape(), precision)?;
        let mut memory = self.shared.write();
        let memory = memory.as_mut().ok_or(SubstrateError::Unloaded)?;
        if !memory.products.iter().any(|product| product.precision() == precision) {
            memory.products.push(Product::new(&memory.layers[0], precision));
        }
        let shared = Arc::clone(&self.shared);
        Ok(Box::new(SoftwareMultiplier { shared, precision, scratch: ProductScratch::default() }))
    }

    fn patch(&self, patches: &[WeightPatch]) -> Result<(), SubstrateError> {
        let mut memory = self.shared.write();
        let Memory { program, layers, products } = memory.as_mut().ok_or(SubstrateError::Unloaded)?;
        for (index, patch) in patches.iter().enumerate() {
            program.check_patch(patch).map_err(|error| error.at(index))?;
        }
        for patch in patches {
            let &WeightPatch { layer, input, unit, value } = patch;
            let old = layers[layer].get(unit, input);
            program.patch(patch).expect("the patch was checked");
            layers[layer].set(unit, input, value);
            for product in &mut *products {
                product.set(unit, input, old, value);
            }
        }
        layers.iter_mut().for_each(ExactLayer::settle);
        self.shared.generation.fetch_add(1, Ordering::Release);
        Ok(())
    }

    fn verify(&self) -> Result<(), SubstrateError> {
        self.shared.with(|memory| {
            for (index, layer) in memory.layers.iter().enumerate() {
                let Some(mut stored) = memory.program.layer(index) else { continue };
                stored.weights = layer.weights();
                let found = stored.neuron_words();
                let expected = memory.program.neuron_words(index);
                if let Some((word, (expected, found))) =
                    expected.zip(found).enumerate().find(|(_, (expected, found))| expected != found)
                {
                    return Err(SubstrateError::Mismatch { layer: index, word, expected, found });
                }
            }
            Ok(())
        })
    }

    fn read_memory(&self, layer: usize, words: Range<usize>) -> Result<Vec<u32>, SubstrateError> {
        self.shared.with(|memory| {
            let Some(placed) = memory.program.layers().get(layer) else {
                return Err(SubstrateError::Index { what: "layer", index: layer, count: memory.layers.len() });
            };
            let count = placed.units * placed.words_per_neuron;
            if words.start > words.end || words.end > count {
                return Err(SubstrateError::Index { what: "word", index: words.end, count });
            }
            Ok(memory.program.neuron_words(layer).skip(words.start).take(words.len()).collect())
        })
    }

    fn unload(&self) -> Result<(), SubstrateError> {
        *self.shared.write() = None;
        Ok(())
    }
}

/// One stream of samples.
#[derive(Debug)]
struct SoftwareRunner {
    shared: Arc<Shared>,
    /// Outputs of the layer that ran last, and its inputs.
    sums: Vec<i32>,
    values: Vec<u8>,
    scratch: IntegerScratch,
}

impl SoftwareRunner {
    fn new(shared: Arc<Shared>) -> Self {
        Self { shared, sums: Vec::new(), values: Vec::new(), scratch: IntegerScratch::default() }
    }
}

impl Runner for SoftwareRunner {
    fn run(&mut self, inputs: &[u8], outputs: &mut [i32]) -> Result<(), SubstrateError> {
        let Self { shared, sums, values, scratch } = self;
        shared.shape.check_run(inputs, outputs)?;
        let ProgramShape { inputs: width, units, .. } = shared.shape;
        let form = shared.form;
        shared.with(|memory| {
            for (block, outputs) in inputs.chunks(BLOCK * width).zip(outputs.chunks_mut(BLOCK * units)) {
                let samples = block.len() / width;
                let (last, inner) = memory.layers.split_last().expect("a program has a layer");
                for (index, layer) in inner.iter().enumerate() {
                    sums.resize(samples * layer.units(), 0);
                    layer.run(form, samples, if index == 0 { block } else { values }, sums, scratch);
                    values.clear();
                    values.extend(sums.iter().map(|&level| level as u8));
                }
                last.run(form, samples, if inner.is_empty() { block } else { values }, outputs, scratch);
            }
            Ok(())
        })
    }

    fn generation(&self) -> u64 {
        self.shared.generation.load(Ordering::Acquire)
    }
}

/// One stream of products.
#[derive(Debug)]
struct SoftwareMultiplier {
    shared: Arc<Shared>,
    precision: Precision,
    scratch: ProductScratch,
}

impl Multiplier for SoftwareMultiplier {
    fn multiply(&mut self, x: &[i32], y: &mut [i64]) -> Result<(), SubstrateError> {
        let Self { shared, precision, scratch } = self;
        let rows = shared.shape.units / precision.weight_digits();
        let samples = check_product(x, y, shared.shape.inputs, rows, *precision)?;
        shared.with(|memory| {
            let product = memory.products.iter().find(|product| product.precision() == *precision);
            let product = product.expect("made with the multiplier, and only unloaded with the rest");
            product.multiply(shared.form, &memory.layers[0], samples, x, y, scratch);
            Ok(())
        })
    }
}
