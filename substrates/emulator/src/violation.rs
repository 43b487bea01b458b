//! What a host, or a program, does wrong.

/// Something that the interface does not allow.
///
/// Violations are always noted; in strict mode the access that led to one fails, too.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A register access that is no aligned 32-bit word.
    #[error("{bytes} bytes at register {address:#010x}: registers are aligned words of 4 bytes")]
    Width {
        /// Device address.
        address: u32,
        /// Length of the access.
        bytes: usize,
    },
    /// A register that does not exist.
    #[error("there is no register at {address:#010x}")]
    NoRegister {
        /// Device address.
        address: u32,
    },
    /// A write to a register that only the device writes.
    #[error("{register} is read-only")]
    ReadOnly {
        /// Its name.
        register: String,
    },
    /// Nothing answers at an address.
    #[error("nothing answers at {address:#010x} ({bytes} bytes)")]
    Unmapped {
        /// Device address.
        address: u32,
        /// Length of the access.
        bytes: usize,
    },
    /// Memory that was read before anything was written there.
    #[error("{bytes} bytes at {address:#010x} are read by the {by}, and not all of them were written before")]
    Unwritten {
        /// Device address.
        address: u32,
        /// Length of the access.
        bytes: usize,
        /// Who read.
        by: &'static str,
    },
    /// A controller that was started without a ring.
    #[error("{dma} was started without a ring")]
    NoRing {
        /// Which controller.
        dma: &'static str,
    },
    /// A container past the end of its ring.
    #[error("{dma}: container {index} of a ring of {length}")]
    RingOverrun {
        /// Which controller.
        dma: &'static str,
        /// The container.
        index: u32,
        /// Containers there are.
        length: u32,
    },
    /// A container that was valid and not yet taken was written over.
    #[error("{dma}: the ring is full: container {index} was not taken yet")]
    RingFull {
        /// Which controller.
        dma: &'static str,
        /// The container.
        index: u32,
    },
    /// A descriptor that no driver writes.
    #[error("{dma}: container {index} holds no descriptor: {words:08x?}")]
    Descriptor {
        /// Which controller.
        dma: &'static str,
        /// The container.
        index: u32,
        /// Its first four words.
        words: [u32; 4],
    },
    /// A packet stream that does not parse.
    #[error("packet at word {at} of a stream of {length}: {what}")]
    Packet {
        /// Word of the stream.
        at: usize,
        /// Words of the stream.
        length: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A processor that the device does not have.
    #[error("there is no processor ({col},{row},{id})")]
    NoProcessor {
        /// Column.
        col: u8,
        /// Row.
        row: u8,
        /// Number within the node.
        id: u8,
    },
    /// A processor whose registers describe nothing that can be computed.
    #[error("processor ({col},{row},{id}): {what}")]
    Processor {
        /// Column.
        col: u8,
        /// Row.
        row: u8,
        /// Number within the node.
        id: u8,
        /// What is wrong.
        what: &'static str,
    },
    /// Events that reach no processor, or more than one.
    #[error("{found} processors take layer {layer} in columns {low} to {high}")]
    Route {
        /// Layer number within the pass.
        layer: u32,
        /// First column.
        low: u32,
        /// Last column.
        high: u32,
        /// How many.
        found: usize,
    },
    /// An input that the first layer cannot take.
    #[error("input: {what}")]
    Input {
        /// What is wrong.
        what: &'static str,
    },
    /// A job while something is held in reset, or the routing was not set up.
    #[error("a job began although {what}")]
    NotReady {
        /// What is missing.
        what: &'static str,
    },
    /// DMA or a message although the device must not be bus master.
    #[error("{what} while bus mastering is off")]
    NoBusMaster {
        /// What was tried.
        what: &'static str,
    },
    /// DMA to an address that the host has not mapped.
    #[error("DMA to {iova:#x} ({bytes} bytes), which the host has not mapped")]
    Iova {
        /// Address on the bus.
        iova: u64,
        /// Length of the access.
        bytes: usize,
    },
    /// A BAR whose window was not set up.
    #[error("BAR {bar} was accessed before its window was set up")]
    NoWindow {
        /// The BAR.
        bar: u8,
    },
}
