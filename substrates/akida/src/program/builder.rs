//! From layers to a program.

use forebay_substrate::Refusal;

use super::write::{Record, data_capacity, write};
use super::{BuildError, Program};
use crate::device::{Device, MAX_INPUT_SIDE, NpKind};
use crate::layer::{Bits, InputShape, Layer};
use crate::neuron::{self, words_per_neuron};
use crate::packet::{Header, TARGET_REGISTERS, TARGET_WEIGHTS};
use crate::placement::{Place, Placer, Start};
use crate::registers::{LayerRegisters, Link, REGISTERS};

/// Collects the layers of a chain; all is checked in [`build`](Self::build).
///
/// # Examples
/// ```
/// use forebay_akida::{Bits, Device, InputShape, Layer, NpKind, ProgramBuilder};
///
/// let layer = Layer::potentials("sums", 16, 8, Bits::Four, vec![1; 128])?;
/// let program = ProgramBuilder::new(Device::Akd1000, InputShape::flat(16), Bits::Four).layer(layer).build()?;
/// assert_eq!(program.bytes().len(), 1064);
/// assert_eq!(program.layers()[0].np.kind, NpKind::Fnp3);
/// # Ok::<(), forebay_akida::BuildError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ProgramBuilder {
    device: Device,
    shape: InputShape,
    input_bits: Bits,
    start: Start,
    layers: Vec<Layer>,
}

/// Descriptors that the rings of a device hold in several passes.
const MOST_DESCRIPTORS: usize = 254;

/// Name of a layer that was given none.
pub(super) fn default_name(index: usize) -> String {
    format!("fc_{}", index + 1)
}

impl ProgramBuilder {
    /// A chain without layers.
    pub fn new(device: Device, shape: InputShape, input_bits: Bits) -> Self {
        Self { device, shape, input_bits, start: Start::default(), layers: Vec::new() }
    }

    /// Leaves the first processors of the lists alone, so that programs can sit side by side; such a program has a
    /// single pass.
    #[must_use]
    pub fn start_at(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// Adds the next layer.
    #[must_use]
    pub fn layer(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }

    /// Places and encodes the chain.
    ///
    /// # Errors
    /// [`BuildError::Refused`] for what the device cannot hold; the other variants for layers that do not fit together.
    pub fn build(&self) -> Result<Program, BuildError> {
        let places = self.check()?;
        let chain = self.links(&places);
        let last_pass = places[places.len() - 1].pass;
        // Before anything of that size is made: one more record for the input unit, and one at the end of each pass.
        let words: u64 = self.layers.iter().map(|layer| (memory_words(layer) + REGISTERS + 4) as u64).sum();
        let capacity = data_capacity(self.layers.len() + 2 + last_pass, words)?;
        let mut passes: Vec<Vec<Record>> = (0..=last_pass).map(|_| Vec::new()).collect();
        passes[0].push(Record { track: self.input_unit(), fnp2: None });
        for (index, place) in places.iter().enumerate() {
            passes[place.pass].push(self.record(index, &chain));
            let ends_pass = places.get(index + 1).is_some_and(|next| next.pass != place.pass);
            if ends_pass {
                passes[place.pass].push(Record::default());
            }
        }
        let descriptors =
            1 + passes.iter().map(|p| p.iter().filter(|r| !r.track.is_empty()).count()).max().unwrap_or(0);
        if passes.len() > 1 && passes.len() * descriptors + 1 > MOST_DESCRIPTORS {
            return Err(BuildError::Passes { passes: passes.len(), descriptors, limit: MOST_DESCRIPTORS });
        }
        let last = &self.layers[self.layers.len() - 1];
        let bytes = write(self.device, self.shape, self.input_bits, places[0].np, last, &passes, descriptors, capacity);
        Ok(Program::from_bytes(bytes).expect("what is built can be read"))
    }

    /// Checks as the maker's compiler does: the input, layers as they are added, then each as it is placed.
    fn check(&self) -> Result<Vec<Place>, BuildError> {
        let InputShape { width, height, channels } = self.shape;
        for (side, found) in [("width", width), ("height", height)] {
            if found > MAX_INPUT_SIDE {
                let (found, limit) = (found as usize, MAX_INPUT_SIDE as usize);
                return Err(Refusal::InputSide { side, found, limit }.into());
            }
        }
        if self.shape.is_empty() {
            return Err(BuildError::InputShape { width, height, channels });
        }
        let first = self.layers.first().ok_or(BuildError::Empty)?;
        let mut inputs = self.shape.len();
        let mut raw = false;
        for layer in &self.layers {
            if raw {
                return Err(Refusal::AfterWideOutput { layer: layer.name.clone() }.into());
            }
            layer.check()?;
            if layer.inputs != inputs {
                let (layer, found) = (layer.name.clone(), layer.inputs);
                return Err(BuildError::Shape { layer, what: "inputs", expected: inputs, found });
            }
            inputs = layer.units;
            raw = layer.activation.is_none();
        }
        let mut placer = Placer::new(self.device, self.start);
        let mut places = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            let limit = self.device.max_inputs();
            if layer.inputs > limit {
                return Err(Refusal::Inputs { layer: layer.name.clone(), found: layer.inputs, limit }.into());
            }
            places.push(placer.place(&layer.name, memory_words(layer))?);
            layer.check_fields(std::ptr::eq(layer, first).then_some(self.shape))?;
        }
        Ok(places)
    }

    /// Configuration of the unit that takes the inputs.
    fn input_unit(&self) -> Vec<u32> {
        let write = |start: u16, value: u32| {
            let [word0, word1] = Header { processor: None, target: TARGET_REGISTERS, start, words: 1 }.encode();
            [word0, word1, value]
        };
        let last = &self.layers[self.layers.len() - 1];
        let writes: &[(u16, u32)] = match self.device {
            Device::Akd1000 => &[(0x04, 1)],
            Device::Akd1500 if super::write::is_dense(self.device, last.units) => {
                &[(0x04, 0x19), (0x40, self.shape.channels), (0x44, 0)]
            }
            Device::Akd1500 => &[(0x04, 0x11), (0x40, self.shape.channels)],
        };
        writes.iter().flat_map(|&(start, value)| write(start, value)).collect()
    }

    /// The chain with its places.
    fn links(&self, places: &[Place]) -> Vec<Link> {
        let mut input_bits = self.input_bits;
        let layers = self.layers.iter().zip(places);
        let links = layers.map(|(layer, &Place { np, pass })| Link {
            inputs: layer.inputs,
            units: layer.units,
            weight_bits: layer.weight_bits,
            input_bits: std::mem::replace(&mut input_bits, layer.act_bits),
            act_bits: layer.act_bits,
            activation: layer.activation.is_some(),
            np,
            pass,
        });
        links.collect()
    }

    fn record(&self, index: usize, chain: &[Link]) -> Record {
        let np = chain[index].np;
        let memory = neuron::encode(&self.layers[index]);
        let registers = LayerRegisters::of(self.device, self.shape, chain, index);
        let processor = Some((np.col, np.row, np.id));
        let header = |target, words| Header { processor, target, start: 0, words }.encode();
        let mut track = Vec::with_capacity(REGISTERS + 4 + memory.len());
        track.extend(header(TARGET_REGISTERS, REGISTERS));
        track.extend(registers.encode(self.device));
        if np.kind == NpKind::Fnp2 {
            return Record { track, fnp2: Some((np, memory)) };
        }
        track.extend(header(TARGET_WEIGHTS, memory.len()));
        track.extend(memory);
        Record { track, fnp2: None }
    }
}

fn memory_words(layer: &Layer) -> usize {
    layer.units.saturating_mul(words_per_neuron(layer.weight_bits, layer.inputs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::info::forebay::program_info as info;
    use crate::layer::Staircase;
    use crate::program::read::word;

    fn layer(inputs: usize, units: usize, act_bits: Bits) -> Layer {
        let staircase = Staircase { thresholds: vec![0; units], steps: vec![1.0; units] };
        let weights = vec![1; inputs * units];
        Layer::activations("fc", inputs, units, Bits::Four, weights, act_bits, staircase).expect("legal weights")
    }

    /// Eleven layers on an AKD1500: what the maker's compiler was seen to make of so many, see specs/device-program.md,
    /// "registers". No fixture has more than one pass.
    #[test]
    fn a_second_pass_loops_through_the_first_processor() {
        let mut builder = ProgramBuilder::new(Device::Akd1500, InputShape::flat(40), Bits::Four);
        for index in 0..11 {
            let (inputs, units) = if index % 2 == 0 { (40, 33) } else { (33, 40) };
            builder = builder.layer(layer(inputs, units, if index == 7 { Bits::Two } else { Bits::Four }));
        }
        // The last layer of the first pass has 2-bit activations, so the ninth layer has 2-bit inputs.
        let program = builder.build().expect("it fits");
        let bytes = program.bytes();
        let info = info::size_prefixed_root_as_program_info(&bytes[..program.info_bytes()]).expect("just written");
        assert_eq!(info.max_descriptors(), 10);
        let passes = info.passes().expect("passes");
        let tracks = |pass: usize| -> Vec<usize> {
            let records = passes.get(pass).records().expect("records").iter();
            records.map(|record| record.tracks().expect("present, if empty").len()).collect()
        };
        assert_eq!(tracks(0), [1, 1, 1, 1, 1, 1, 1, 1, 1, 0]);
        assert_eq!(tracks(1), [1, 1, 1]);
        let external = passes.get(0).records().expect("records").iter().filter(|record| record.fnp2().is_some());
        assert_eq!(external.count(), 1);
        let dummy = info.dummy_header().expect("several passes have one");
        let at = program.info_bytes() + dummy.offset() as usize;
        assert_eq!((word(&bytes[at..]), word(&bytes[at + 4..]), dummy.words()), (0x88, 0x0001_0000, 2));
        let epg = info.epg().expect("registers");
        assert_eq!((epg.get(1).offset(), epg.get(1).value()), (0x0C, 0x012C_0010));

        let registers = |pass: usize, record: usize| -> Vec<u32> {
            let track = *passes.get(pass).records().expect("records").get(record).tracks().expect("a track").get(0);
            let start = program.info_bytes() + track.offset() as usize + 8;
            (0..REGISTERS).map(|k| word(&bytes[start + 4 * k..])).collect()
        };
        // The looping processor keeps room for the 40 inputs it reads: two blocks; eight layers, 2-bit activations.
        let first = registers(0, 1);
        assert_eq!((first[2], first[4], first[14]), (0, 2, 0x8000_0002));
        assert_eq!((first[32], first[34], first[35]), (9 << 24 | 1 << 4 | 7, 0x0001_0001, 1));
        assert_eq!(first[46], 0x0101);
        // The pass ends on the external processor in column 1 and goes on in column 1.
        let last = registers(0, 8);
        assert_eq!((last[44], last[45], last[47]), (0xFF08_0004, 9 << 24 | 0x0101, 0x0101));
        let ninth = registers(1, 0);
        assert_eq!((ninth[2], ninth[3] >> 24, ninth[3] & 0xF, ninth[4], ninth[32]), (0x80, 1, 1, 0, 0));
        assert_eq!(ninth[46], 0x0101);
        let eleventh = registers(1, 2);
        assert_eq!((eleventh[3] >> 24, eleventh[44], eleventh[45]), (3, 0x0608_0001, 0xFF10_0101));
        let np = |index: usize| program.layers()[index].np;
        assert_eq!((np(7).kind, np(8), program.layers()[8].pass), (NpKind::Fnp2, np(0), 1));
    }
    #[test]
    fn a_file_has_room_for_two_gigabytes() {
        // 50,000 units over 57,334 inputs of 4 bits: more than a FlatBuffer can have, and more than a test should allocate.
        let words = 50_000 * words_per_neuron(Bits::Four, 57_334) as u64;
        assert!(matches!(data_capacity(3, words), Err(BuildError::Size { limit: 2_147_483_648, .. })));
        assert!(data_capacity(3, words - words / 100).is_ok());
        assert!(data_capacity(3, u64::MAX).is_err());
    }
}
