//! From records to the bytes of the two buffers.
//!
//! The order in which parts are created is that of the maker's compiler, because a `FlatBuffers` writer lays parts out in
//! the order they come.

use flatbuffers::{FlatBufferBuilder, WIPOffset};

use super::{BuildError, VERSION};
use crate::device::{DENSE_OUTPUT_UNITS, Device, Np};
use crate::generated::data::forebay::program_data as data;
use crate::generated::info::forebay::program_info as info;
use crate::layer::{Bits, InputShape, Layer};

/// What configures one layer, or the input unit.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    /// Configuration packets; empty for the record that ends a pass.
    pub(super) track: Vec<u32>,
    /// Weights in external memory.
    pub(super) fnp2: Option<(Np, Vec<u32>)>,
}

/// Most bytes of one buffer: offsets in it are signed.
const MOST_BYTES: u64 = 1 << 31;
/// Bytes that the tables of a record take at most, and those around all records.
const TABLES: (u64, u64) = (128, 4096);

/// Bytes that the second buffer takes at most, so that it never grows while it is written.
///
/// # Errors
/// [`BuildError::Size`] if they are more than a buffer can have.
pub(super) fn data_capacity(records: usize, words: u64) -> Result<usize, BuildError> {
    let needed = words.saturating_mul(4).saturating_add(TABLES.0 * records as u64 + TABLES.1);
    if needed > MOST_BYTES {
        return Err(BuildError::Size { needed, limit: MOST_BYTES });
    }
    Ok(needed as usize)
}

/// Where a run of words is in the second buffer.
#[derive(Clone, Copy)]
struct Span {
    offset: u32,
    words: u32,
}

/// A run of words while the buffer grows: its distance from the end, and its length.
type End = (u32, u32);
/// Those of a record's track and of its weights in external memory.
type Ends = (Option<End>, Option<(Np, End)>);

/// Spans of a record.
struct RecordSpans {
    track: Option<Span>,
    fnp2: Option<(Np, Span)>,
}

/// Whether a device puts out a dense tensor.
pub(super) fn is_dense(device: Device, units: usize) -> bool {
    device == Device::Akd1500 && units <= DENSE_OUTPUT_UNITS
}

#[expect(clippy::too_many_arguments, reason = "each is a field of the one table")]
pub(super) fn write(
    device: Device,
    shape: InputShape,
    input_bits: Bits,
    first: Np,
    last: &Layer,
    passes: &[Vec<Record>],
    descriptors: usize,
    data_capacity: usize,
) -> Vec<u8> {
    let (data, spans, dummy) = write_data(passes, data_capacity);
    let mut bytes = write_info(device, shape, input_bits, first, last, &spans, dummy, descriptors);
    bytes.extend(data);
    bytes
}

/// The second buffer, and where its parts are.
fn write_data(passes: &[Vec<Record>], capacity: usize) -> (Vec<u8>, Vec<Vec<RecordSpans>>, Span) {
    let mut fbb = FlatBufferBuilder::with_capacity(capacity);
    // Distances from the end of the buffer, which is not known yet.
    let mut ends: Vec<Vec<Ends>> = Vec::new();
    let mut tables = Vec::new();
    for records in passes {
        let mut record_tables = Vec::new();
        let mut pass_ends = Vec::new();
        for Record { track, fnp2 } in records {
            let mut track_tables = Vec::new();
            let mut track_end = None;
            if !track.is_empty() {
                let words = fbb.create_vector(track);
                track_end = Some((words.value(), track.len() as u32));
                track_tables.push(data::Track::create(&mut fbb, &data::TrackArgs { words: Some(words) }));
            }
            let mut fnp2_end = None;
            let fnp2_table = fnp2.as_ref().map(|(np, words)| {
                let vector = fbb.create_vector(words);
                fnp2_end = Some((*np, (vector.value(), words.len() as u32)));
                let ident = data::NpIdent::new(np.col, np.row, np.id);
                data::Fnp2::create(&mut fbb, &data::Fnp2Args { np: Some(&ident), words: Some(vector) })
            });
            let tracks = Some(fbb.create_vector(&track_tables));
            record_tables.push(data::Record::create(&mut fbb, &data::RecordArgs { tracks, fnp2: fnp2_table }));
            pass_ends.push((track_end, fnp2_end));
        }
        let records = Some(fbb.create_vector(&record_tables));
        tables.push(data::Pass::create(&mut fbb, &data::PassArgs { records }));
        ends.push(pass_ends);
    }
    let passes = Some(fbb.create_vector(&tables));
    // In several passes, filler descriptors read one register of the input unit.
    let dummy =
        if tables.len() > 1 { data::ConfigHeader::new(0x88, 0x0001_0000) } else { data::ConfigHeader::new(0, 0) };
    let root = data::ProgramData::create(
        &mut fbb,
        &data::ProgramDataArgs { passes, learning: None, dummy_header: Some(&dummy) },
    );
    fbb.finish_size_prefixed(root, None);
    let bytes = fbb.finished_data().to_vec();
    let length = bytes.len() as u32;
    // A vector begins with its length; the words come after it.
    let span = |(end, words): End| Span { offset: length - end + 4, words };
    let spans = ends.into_iter().map(|records| {
        let records = records
            .into_iter()
            .map(|(track, fnp2)| RecordSpans { track: track.map(span), fnp2: fnp2.map(|(np, end)| (np, span(end))) });
        records.collect()
    });
    let root = data::size_prefixed_root_as_program_data(&bytes).expect("just written");
    let place = root._tab.vtable().get(data::ProgramData::VT_DUMMY_HEADER);
    // Locations count from behind the size prefix in `bytes`, offsets from the prefix.
    let dummy = Span { offset: (root._tab.loc() + usize::from(place)) as u32, words: 2 };
    let spans = spans.collect();
    (bytes, spans, dummy)
}

#[expect(clippy::too_many_arguments, reason = "each is a field of the one table")]
fn write_info(
    device: Device,
    shape: InputShape,
    input_bits: Bits,
    first: Np,
    last: &Layer,
    spans: &[Vec<RecordSpans>],
    dummy: Span,
    descriptors: usize,
) -> Vec<u8> {
    let mut fbb = FlatBufferBuilder::with_capacity(4096 + 8 * last.units);
    let [vendor, product, major, minor] = device.version();
    let device_version =
        info::DeviceVersion::create(&mut fbb, &info::DeviceVersionArgs { vendor, product, major, minor });
    let track = |span: Span| info::TrackSpan::new(span.offset, span.words);
    let mut passes: Vec<WIPOffset<info::Pass<'_>>> = Vec::new();
    for records in spans {
        let mut tables = Vec::new();
        for record in records {
            let tracks: Vec<info::TrackSpan> = record.track.map(track).into_iter().collect();
            let tracks = Some(fbb.create_vector(&tracks));
            let fnp2 = record
                .fnp2
                .map(|(np, span)| info::Fnp2Track::new(&track(span), &info::NpIdent::new(np.col, np.row, np.id)));
            tables.push(info::Record::create(&mut fbb, &info::RecordArgs { tracks, fnp2: fnp2.as_ref() }));
        }
        let records = Some(fbb.create_vector(&tables));
        let args = info::PassArgs { records, skip_store: None, skip_load: None };
        passes.push(info::Pass::create(&mut fbb, &args));
    }
    let raw = last.activation.is_none();
    let version = Some(fbb.create_string(VERSION));
    let input_dims = Some(fbb.create_vector(&[shape.width, shape.height, shape.channels]));
    let output_dims = Some(fbb.create_vector(&[1, 1, last.units as u32]));
    let scaled = if raw { last.units } else { 0 };
    let output_shift = Some(fbb.create_vector(&vec![0_i32; scaled]));
    let output_scales = Some(fbb.create_vector(&vec![1.0_f32; scaled]));
    let epg = Some(fbb.create_vector(&event_generator(device, shape, first, passes.len() > 1)));
    let passes = Some(fbb.create_vector(&passes));
    let input_scales = Some(fbb.create_vector::<f32>(&[]));
    let input_zero_points = Some(fbb.create_vector::<u8>(&[]));
    let input_type = match device {
        Device::Akd1500 => info::IoType::Dense,
        Device::Akd1000 if shape.is_flat() => info::IoType::FnpSparse,
        Device::Akd1000 => info::IoType::CnpSparse,
    };
    let output_type = if is_dense(device, last.units) { info::IoType::Dense } else { info::IoType::FnpSparse };
    let root = info::ProgramInfo::create(
        &mut fbb,
        &info::ProgramInfoArgs {
            version,
            device_version: Some(device_version),
            input_dims,
            output_dims,
            input_type,
            output_type,
            output_bits: if raw { 32 } else { last.act_bits.count() as u8 },
            activation: !raw,
            output_shift,
            output_scales,
            max_descriptors: descriptors as u8,
            epg,
            passes,
            dummy_header: Some(&track(dummy)),
            input_bits: input_bits.count() as u8,
            input_scales,
            input_zero_points,
            ..info::ProgramInfoArgs::default()
        },
    );
    fbb.finish_size_prefixed(root, None);
    fbb.finished_data().to_vec()
}

/// Registers of the event packet generator; most are constant in all programs seen.
fn event_generator(device: Device, shape: InputShape, first: Np, several_passes: bool) -> [info::RegisterValue; 6] {
    let mode = match device {
        Device::Akd1000 => 0x0002_0200,
        Device::Akd1500 => 0x0002_1200,
    };
    let col = u32::from(first.col);
    [
        (0x00, mode | if shape.is_flat() { 2 } else { 0 }),
        (0x0C, if several_passes { 0x012C_0010 } else { 0x10 }),
        (0x10, col << 24 | col << 16 | 1),
        (0x14, 0x100),
        (0x18, 0x01FE_0001),
        (0x1C, 0x027F_FFFF),
    ]
    .map(|(offset, value)| info::RegisterValue::new(offset, value))
}
