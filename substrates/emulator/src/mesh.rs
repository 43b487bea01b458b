//! The processors, and how values find their way through them.
//!
//! # Source
//! Processor lists: specs/device-interface.md \[T\]. Routing by layer number and columns: specs/device-program.md.

use std::collections::BTreeMap;

use forebay_akida::Device;
use forebay_akida::packet::{Header, TARGET_REGISTERS, TARGET_WEIGHTS};

use crate::processor::{Destination, LayerView, Processor, REGISTERS, WEIGHT_WORDS};
use crate::violation::Violation;

type Ident = (u8, u8, u8);

/// All processors, and the input unit (HRC).
#[derive(Debug)]
pub(crate) struct Mesh {
    device: Device,
    processors: BTreeMap<Ident, Processor>,
    /// Registers of the input unit by byte offset, and its other memories.
    input_unit: BTreeMap<u32, u32>,
    input_memory: BTreeMap<(u8, u16), Vec<u32>>,
}

/// What comes out of one pass.
pub(crate) enum Outcome {
    /// Activations for the next pass.
    Kept(Vec<u8>),
    /// What leaves the device, and whether it is activations.
    Output(Vec<i32>, bool),
}

/// Register of the input unit that says how data come and go.
const INPUT_MODE: u32 = 0x04;
/// Outputs are dense.
const DENSE_OUTPUT: u32 = 0x08;
/// Channels of a dense input.
const INPUT_CHANNELS: u32 = 0x40;

/// Where the nodes are whose slot 0 has weights of its own; their slots 1 to 3 are for convolutions.
const AKD1000_NODES: [(u8, u8); 18] = [
    (1, 3),
    (1, 4),
    (1, 5),
    (2, 3),
    (2, 4),
    (2, 5),
    (3, 2),
    (3, 3),
    (3, 4),
    (3, 5),
    (4, 2),
    (4, 3),
    (4, 4),
    (4, 5),
    (5, 2),
    (5, 3),
    (5, 4),
    (5, 5),
];
const AKD1500_NODES: [(u8, u8); 7] = [(1, 3), (2, 1), (2, 2), (2, 3), (3, 1), (3, 2), (3, 3)];

impl Mesh {
    pub(crate) fn new(device: Device) -> Self {
        Self { device, processors: BTreeMap::new(), input_unit: BTreeMap::new(), input_memory: BTreeMap::new() }
    }

    /// Forgets what all were told.
    pub(crate) fn erase(&mut self) {
        self.erase_processors();
        self.input_unit.clear();
        self.input_memory.clear();
    }

    /// Forgets what the processors were told: between two passes.
    pub(crate) fn erase_processors(&mut self) {
        self.processors.clear();
    }

    /// Flips a bit of some weight memory that is in use; false if none is.
    pub(crate) fn flip(&mut self, choice: u64) -> bool {
        let mut used: Vec<&mut u32> =
            self.processors.values_mut().flat_map(|processor| processor.weights.iter_mut()).collect();
        if used.is_empty() {
            return false;
        }
        let at = (choice >> 5) as usize % used.len();
        *used[at] ^= 1 << (choice & 31);
        true
    }

    fn exists(&self, (col, row, id): Ident) -> bool {
        let (nodes, others): (&[(u8, u8)], &[Ident]) = match self.device {
            Device::Akd1000 => (&AKD1000_NODES, &[(3, 1, 2), (3, 1, 3), (4, 1, 0), (4, 1, 1), (4, 1, 2), (4, 1, 3)]),
            Device::Akd1500 => (&AKD1500_NODES, &[(1, 2, 0), (1, 2, 1), (1, 2, 2), (1, 2, 3)]),
        };
        (id < 4 && nodes.contains(&(col, row))) || others.contains(&(col, row, id))
    }

    fn has_weights(&self, (col, row, id): Ident) -> bool {
        let nodes: &[(u8, u8)] = match self.device {
            Device::Akd1000 => &AKD1000_NODES,
            Device::Akd1500 => &AKD1500_NODES,
        };
        id == 0 && nodes.contains(&(col, row))
    }

    fn check(&self, (col, row, id): Ident) -> Result<(), Violation> {
        if self.exists((col, row, id)) { Ok(()) } else { Err(Violation::NoProcessor { col, row, id }) }
    }

    /// A packet arrived.
    pub(crate) fn write(&mut self, header: &Header, payload: &[u32]) -> Result<(), Violation> {
        let Some(ident) = header.processor else {
            if header.target == TARGET_REGISTERS {
                let start = u32::from(header.start);
                self.input_unit.extend((0..).map(|at| start + 4 * at).zip(payload.iter().copied()));
            } else {
                self.input_memory.insert((header.target, header.start), payload.to_vec());
            }
            return Ok(());
        };
        self.check(ident)?;
        let has_weights = self.has_weights(ident);
        let processor = self.processors.entry(ident).or_default();
        let (start, (col, row, id)) = (usize::from(header.start), ident);
        let wrong = |what| Err(Violation::Processor { col, row, id, what });
        match header.target {
            TARGET_REGISTERS => {
                let registers = processor.registers.get_or_insert_with(|| Box::new([0; REGISTERS]));
                match registers.get_mut(start..start + payload.len()) {
                    Some(place) => place.copy_from_slice(payload),
                    None => return wrong("registers beyond the last one"),
                }
            }
            TARGET_WEIGHTS if !has_weights => return wrong("weights for a processor without a memory for them"),
            TARGET_WEIGHTS => {
                let end = start + payload.len();
                if end > WEIGHT_WORDS {
                    return wrong("weights beyond the end of the memory");
                }
                if processor.weights.len() < end {
                    processor.weights.resize(end, 0);
                }
                processor.weights[start..end].copy_from_slice(payload);
            }
            target => {
                processor.others.insert((target, header.start), payload.to_vec());
            }
        }
        Ok(())
    }

    /// What was written where a header points; zeros where nothing was.
    pub(crate) fn read(&self, header: &Header) -> Result<Vec<u32>, Violation> {
        let mut words = vec![0; header.words];
        let Some(ident) = header.processor else {
            for (at, word) in (0..).zip(&mut words) {
                let offset = u32::from(header.start) + 4 * at;
                *word = self.input_unit.get(&offset).copied().unwrap_or(0);
            }
            return Ok(words);
        };
        self.check(ident)?;
        let Some(processor) = self.processors.get(&ident) else { return Ok(words) };
        let kept: &[u32] = match header.target {
            TARGET_REGISTERS => processor.registers.as_ref().map_or(&[], |registers| &registers[..]),
            TARGET_WEIGHTS => &processor.weights,
            target => processor.others.get(&(target, header.start)).map_or(&[], |words| &words[..]),
        };
        let kept = kept.get(usize::from(header.start)..).unwrap_or(&[]);
        for (word, kept) in words.iter_mut().zip(kept) {
            *word = *kept;
        }
        Ok(words)
    }

    /// Whether outputs are dense.
    pub(crate) fn is_output_dense(&self) -> bool {
        self.device == Device::Akd1500 && self.input_unit.get(&INPUT_MODE).is_some_and(|mode| mode & DENSE_OUTPUT != 0)
    }

    /// Channels of a dense input, as the input unit was told.
    pub(crate) fn input_channels(&self) -> Option<u32> {
        self.input_unit.get(&INPUT_CHANNELS).copied()
    }

    pub(crate) fn is_input_unit_set(&self) -> bool {
        self.input_unit.contains_key(&INPUT_MODE)
    }

    /// The one processor that takes a layer's number in a range of columns.
    pub(crate) fn find(&self, number: u32, low: u32, high: u32) -> Result<(Ident, LayerView), Violation> {
        let mut found = Vec::new();
        for (&(col, row, id), processor) in &self.processors {
            let Some(registers) = &processor.registers else { continue };
            if registers[3] >> 24 != number || !(low..=high).contains(&col.into()) {
                continue;
            }
            let view = LayerView::of(registers).map_err(|what| Violation::Processor { col, row, id, what })?;
            found.push(((col, row, id), view));
        }
        match found[..] {
            [one] => Ok(one),
            _ => Err(Violation::Route { layer: number, low, high, found: found.len() }),
        }
    }

    /// Sends values through the layers of a pass. `image` reads the external weights of a processor by its id.
    pub(crate) fn pass(
        &self,
        first: (Ident, LayerView),
        inputs: Vec<u8>,
        image: &mut dyn FnMut(u8, usize) -> Result<Vec<u32>, Violation>,
    ) -> Result<Outcome, Violation> {
        let (mut ident, mut view) = first;
        let mut values = inputs;
        loop {
            let (col, row, id) = ident;
            let wrong = |what| Violation::Processor { col, row, id, what };
            let most = (1_u8 << view.input_bits) - 1;
            if values.iter().any(|&value| value > most) {
                return Err(Violation::Input { what: "a value wider than the layer's inputs" });
            }
            let words = view.memory_words();
            let external;
            let memory = if view.is_external {
                external = image(id, words)?;
                &external
            } else {
                let memory = &self.processors[&ident].weights;
                memory.get(..words).ok_or(wrong("weights that were not all written"))?
            };
            let outputs = view.compute(&values, memory);
            let levels = |outputs: Vec<i32>| outputs.into_iter().map(|level| level as u8).collect();
            match view.next {
                Destination::Output => return Ok(Outcome::Output(outputs, view.activation.is_some())),
                Destination::Pass => return Ok(Outcome::Kept(levels(outputs))),
                Destination::Layer { number, low, high } => {
                    if number != view.number + 1 {
                        return Err(wrong("events for a layer that is not the next"));
                    }
                    let act_bits = view.activation.unwrap_or(0);
                    let from = u32::from(col);
                    (ident, view) = self.find(number, low, high)?;
                    let (col, row, id) = ident;
                    let wrong = |what| Violation::Processor { col, row, id, what };
                    if view.input_bits != act_bits {
                        return Err(wrong("inputs of another width than the layer before puts out"));
                    }
                    if !(view.sources.0..=view.sources.1).contains(&from) {
                        return Err(wrong("events from a column that it does not listen to"));
                    }
                    if outputs.len() > 32 * view.blocks {
                        return Err(wrong("more events than its input memory has room for"));
                    }
                    values = levels(outputs);
                }
            }
        }
    }
}
