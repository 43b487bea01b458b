//! Memory that the device addresses: its own, and a window onto that of the host.

use std::collections::HashMap;
use std::fmt::Debug;
use std::ops::Range;

use crate::violation::Violation;

const PAGE: usize = 4096;

/// Bytes somewhere: plain pages here, a file shared with a virtual machine, or the machine's own memory.
pub trait Store: Debug + Send {
    /// Reads bytes, and says whether all of them were written before, as far as the store knows.
    ///
    /// # Errors
    /// [`Unmapped`] if nothing is there.
    fn read(&mut self, at: u64, bytes: &mut [u8]) -> Result<bool, Unmapped>;

    /// Writes bytes.
    ///
    /// # Errors
    /// [`Unmapped`] if nothing is there.
    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), Unmapped>;
}

/// Nothing answers at this address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing answers at {at:#x}")]
pub struct Unmapped {
    /// The address, in the store's own count.
    pub at: u64,
}

/// Pages that exist once they are written, each with a note of which bytes were.
#[derive(Debug, Default)]
pub struct Pages {
    pages: HashMap<u64, Box<Page>>,
}

#[derive(Debug)]
struct Page {
    bytes: [u8; PAGE],
    written: [u64; PAGE / 64],
}

impl Store for Pages {
    fn read(&mut self, at: u64, bytes: &mut [u8]) -> Result<bool, Unmapped> {
        let mut all_written = true;
        each_page(at, bytes.len(), |page, within, part| {
            let Some(page) = self.pages.get(&page) else {
                bytes[part].fill(0);
                all_written = false;
                return;
            };
            bytes[part].copy_from_slice(&page.bytes[within.clone()]);
            all_written &= page.is_written(within);
        });
        Ok(all_written)
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), Unmapped> {
        each_page(at, bytes.len(), |page, within, part| {
            let page = self.pages.entry(page).or_insert_with(Page::new);
            page.bytes[within.clone()].copy_from_slice(&bytes[part]);
            page.note(within);
        });
        Ok(())
    }
}

/// Visits the pages of a run of bytes: page, bytes within it, bytes of the run.
fn each_page(at: u64, length: usize, mut visit: impl FnMut(u64, Range<usize>, Range<usize>)) {
    let mut done = 0;
    while done < length {
        let place = at + done as u64;
        let within = (place % PAGE as u64) as usize;
        let count = (length - done).min(PAGE - within);
        visit(place / PAGE as u64, within..within + count, done..done + count);
        done += count;
    }
}

impl Page {
    fn new() -> Box<Self> {
        Box::new(Self { bytes: [0; PAGE], written: [0; PAGE / 64] })
    }

    /// Bits of one word of the note that a run of bytes covers.
    fn masks(within: Range<usize>) -> impl Iterator<Item = (usize, u64)> {
        (within.start / 64..within.end.div_ceil(64)).map(move |word| {
            let low = within.start.saturating_sub(64 * word);
            let high = (within.end - 64 * word).min(64);
            (word, (u64::MAX >> (64 - (high - low))) << low)
        })
    }

    fn is_written(&self, within: Range<usize>) -> bool {
        Self::masks(within).all(|(word, mask)| self.written[word] & mask == mask)
    }

    fn note(&mut self, within: Range<usize>) {
        Self::masks(within).for_each(|(word, mask)| self.written[word] |= mask);
    }
}

/// All that the device's DMA controllers and the host's windows reach.
#[derive(Debug)]
pub(crate) struct Memory {
    device: Range<u32>,
    own: Box<dyn Store>,
    /// The outbound window, and what is behind it.
    window: Option<(Range<u32>, Box<dyn Store>)>,
}

impl Memory {
    pub(crate) fn new(device: Range<u32>, own: Box<dyn Store>) -> Self {
        Self { device, own, window: None }
    }

    /// Opens or closes the window onto memory of the host; the store counts from the window's start.
    pub(crate) fn set_window(&mut self, window: Option<(Range<u32>, Box<dyn Store>)>) {
        self.window = window;
    }

    pub(crate) fn contains(&self, address: u32, length: usize) -> bool {
        self.place(address, length).is_some()
    }

    /// Whether it is in the window, and where.
    fn place(&self, address: u32, length: usize) -> Option<(bool, u64)> {
        let inside =
            |range: &Range<u32>| address >= range.start && u64::from(address) + length as u64 <= u64::from(range.end);
        if inside(&self.device) {
            return Some((false, u64::from(address - self.device.start)));
        }
        let (range, _) = self.window.as_ref()?;
        inside(range).then(|| (true, u64::from(address - range.start)))
    }

    /// Reads bytes and says whether all of them were written before.
    pub(crate) fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<bool, Violation> {
        let unmapped = Violation::Unmapped { address, bytes: bytes.len() };
        let (in_window, at) = self.place(address, bytes.len()).ok_or(unmapped.clone())?;
        self.store(in_window).read(at, bytes).map_err(|_| unmapped)
    }

    pub(crate) fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Violation> {
        let unmapped = Violation::Unmapped { address, bytes: bytes.len() };
        let (in_window, at) = self.place(address, bytes.len()).ok_or(unmapped.clone())?;
        self.store(in_window).write(at, bytes).map_err(|_| unmapped)
    }

    fn store(&mut self, in_window: bool) -> &mut dyn Store {
        match &mut self.window {
            Some((_, store)) if in_window => &mut **store,
            _ => &mut *self.own,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_known_once_written() {
        let mut pages = Pages::default();
        pages.write(4090, &[1; 12]).expect("pages are anywhere");
        let mut bytes = [9; 12];
        assert_eq!((pages.read(4090, &mut bytes), bytes), (Ok(true), [1; 12]));
        assert_eq!((pages.read(4089, &mut bytes), bytes[0], bytes[1]), (Ok(false), 0, 1));
        assert_eq!(pages.read(4091, &mut bytes), Ok(false));
        pages.write(0, &[2; 4096]).expect("pages are anywhere");
        assert_eq!(pages.read(63, &mut [0; 130]), Ok(true));
    }

    #[test]
    fn memory_ends() {
        let mut memory = Memory::new(0x1000..0x2000, Box::new(Pages::default()));
        memory.write(0x1FFC, &[1; 4]).expect("inside");
        assert!(memory.write(0x1FFD, &[1; 4]).is_err());
        assert!(memory.read(0xFFF, &mut [0]).is_err());
        assert!(memory.read(u32::MAX, &mut [0; 8]).is_err());
    }
}
