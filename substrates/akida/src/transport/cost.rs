//! What accesses cost, under assumptions that are stated: no measurement.
//!
//! A read over PCIe waits for its answer; a write is posted and does not. From that follows when the chip's DMA engine is
//! less work than single accesses.

use std::time::Duration;

use serde::Serialize;

use crate::bus::Counters;

/// What is assumed of a link; nobody has measured a board with this driver.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Assumptions {
    /// Nanoseconds for one read by the processor, 4 bytes.
    pub read_ns: f64,
    /// Nanoseconds for one posted write by the processor, 4 bytes.
    pub write_ns: f64,
    /// Bytes that a DMA transfer moves per nanosecond.
    pub dma_bytes_per_ns: f64,
}

impl Default for Assumptions {
    /// A read of one microsecond, a posted write of a tenth of that, and 0.4 GB/s: usual figures of a Gen2 link with one
    /// lane, not of this device.
    fn default() -> Self {
        Self { read_ns: 1000.0, write_ns: 100.0, dma_bytes_per_ns: 0.4 }
    }
}

impl Assumptions {
    /// What all that was counted would take on the bus.
    pub fn estimate(&self, counters: &Counters) -> Duration {
        // Half of the engine's registers are read, half written, about.
        let dma_registers = 0.5 * counters.dma_register_accesses as f64;
        let reads = counters.register_reads as f64 + counters.memory_reads as f64 + dma_registers;
        let writes = counters.register_writes as f64 + counters.memory_writes as f64 + dma_registers;
        let by_processor = 4.0 * (counters.memory_reads + counters.memory_writes) as f64;
        let by_dma = ((counters.bytes_read + counters.bytes_written) as f64 - by_processor).max(0.0);
        let nanoseconds = reads * self.read_ns + writes * self.write_ns + by_dma / self.dma_bytes_per_ns;
        Duration::from_nanos(nanoseconds as u64)
    }
}

/// Accesses that one transfer of the DMA engine takes, beside those of its list.
const TRANSFER: Access = Access { reads: 2.0, writes: 6.0 };
/// Words of a list element, all written.
const ELEMENT_WORDS: f64 = 6.0;

struct Access {
    reads: f64,
    writes: f64,
}

/// Whether a DMA transfer of so many bytes, in elements of so many, takes less time than single reads.
pub(crate) fn read_by_dma(bytes: usize, element: usize) -> bool {
    let a = Assumptions::default();
    dma_ns(&a, bytes, element) < (bytes.div_ceil(4)) as f64 * a.read_ns
}

/// Whether a DMA transfer of so many bytes, in elements of so many, takes less time than single writes.
pub(crate) fn write_by_dma(bytes: usize, element: usize) -> bool {
    let a = Assumptions::default();
    dma_ns(&a, bytes, element) < (bytes.div_ceil(4)) as f64 * a.write_ns
}

fn dma_ns(a: &Assumptions, bytes: usize, element: usize) -> f64 {
    let list = ELEMENT_WORDS * (bytes.div_ceil(element) + 1) as f64;
    TRANSFER.reads * a.read_ns + (TRANSFER.writes + list) * a.write_ns + bytes as f64 / a.dma_bytes_per_ns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_words_go_by_hand_and_many_by_dma() {
        assert!(!read_by_dma(8, 1024));
        assert!(read_by_dma(96, 1024));
        assert!(!write_by_dma(64, 1024));
        assert!(write_by_dma(4096, 1024));
    }
}
