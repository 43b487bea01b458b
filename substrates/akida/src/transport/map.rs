//! Memory that a device can change: mapped BARs, and buffers for DMA.
//!
//! There is never a slice of such memory, only volatile copies in and out.
#![allow(unsafe_code)]

use std::os::fd::BorrowedFd;
use std::ptr::NonNull;

use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

/// A mapping of this process.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the mapping belongs to this value alone, is valid until it is dropped, and is only accessed through `&self`
// and `&mut self` by volatile operations, which need no particular thread.
unsafe impl Send for Mapping {}
// SAFETY: as above; concurrent volatile reads of one mapping are what a device does to it all the time.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps a part of a file, such as a BAR: shared, readable and writable.
    pub(crate) fn of_file(file: BorrowedFd<'_>, offset: u64, bytes: usize) -> std::io::Result<Self> {
        // SAFETY: a new mapping at an address that the kernel chooses replaces nothing; what it shows is only accessed by
        // volatile operations within its length.
        let base = unsafe {
            mmap(std::ptr::null_mut(), bytes, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, file, offset)?
        };
        Self::new(base.cast(), bytes)
    }

    /// New memory, zeroed, on whole pages.
    pub(crate) fn anonymous(bytes: usize) -> std::io::Result<Self> {
        let bytes = bytes.next_multiple_of(rustix::param::page_size());
        // SAFETY: a new mapping at an address that the kernel chooses replaces nothing.
        let base = unsafe {
            mmap_anonymous(std::ptr::null_mut(), bytes, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)?
        };
        Self::new(base.cast(), bytes)
    }

    fn new(base: *mut u8, bytes: usize) -> std::io::Result<Self> {
        let base = NonNull::new(base).ok_or_else(|| std::io::Error::other("the kernel mapped nothing"))?;
        Ok(Self { base, bytes })
    }

    /// Where it is in this process.
    pub(crate) fn address(&self) -> usize {
        self.base.as_ptr() as usize
    }

    /// Its length.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The word at an aligned offset inside; `None` elsewhere.
    fn word(&self, at: usize) -> Option<NonNull<u32>> {
        let is_inside = at.is_multiple_of(4) && at.checked_add(4).is_some_and(|end| end <= self.bytes);
        // SAFETY: the offset lies inside the mapping; mappings begin on a page, so that the word is aligned.
        is_inside.then(|| unsafe { self.base.add(at).cast() })
    }

    /// Reads an aligned word; `None` outside.
    pub(crate) fn read_word(&self, at: usize) -> Option<u32> {
        // SAFETY: `word` gives aligned words inside the mapping, which is readable.
        self.word(at).map(|word| u32::from_le(unsafe { word.read_volatile() }))
    }

    /// Writes an aligned word; `None` outside.
    pub(crate) fn write_word(&self, at: usize, value: u32) -> Option<()> {
        // SAFETY: `word` gives aligned words inside the mapping, which is writable.
        self.word(at).map(|word| unsafe { word.write_volatile(value.to_le()) })
    }

    /// Copies out of the mapping: whole words where they are aligned, bytes at the ends; `None` outside.
    pub(crate) fn read(&self, at: usize, bytes: &mut [u8]) -> Option<()> {
        self.check(at, bytes.len())?;
        let (head, middle) = ends(at, bytes.len());
        for (k, byte) in bytes.iter_mut().enumerate().take(head) {
            *byte = self.byte(at + k);
        }
        for (k, word) in bytes[head..head + middle].chunks_exact_mut(4).enumerate() {
            word.copy_from_slice(&self.read_word(at + head + 4 * k)?.to_le_bytes());
        }
        for (k, byte) in bytes.iter_mut().enumerate().skip(head + middle) {
            *byte = self.byte(at + k);
        }
        Some(())
    }

    /// Copies into the mapping, likewise.
    pub(crate) fn write(&self, at: usize, bytes: &[u8]) -> Option<()> {
        self.check(at, bytes.len())?;
        let (head, middle) = ends(at, bytes.len());
        for (k, &byte) in bytes.iter().enumerate().take(head) {
            self.set_byte(at + k, byte);
        }
        for (k, word) in bytes[head..head + middle].chunks_exact(4).enumerate() {
            self.write_word(at + head + 4 * k, u32::from_le_bytes([word[0], word[1], word[2], word[3]]))?;
        }
        for (k, &byte) in bytes.iter().enumerate().skip(head + middle) {
            self.set_byte(at + k, byte);
        }
        Some(())
    }

    fn check(&self, at: usize, length: usize) -> Option<()> {
        at.checked_add(length).filter(|&end| end <= self.bytes).map(|_| ())
    }

    fn byte(&self, at: usize) -> u8 {
        assert!(at < self.bytes, "checked by the caller");
        // SAFETY: inside the mapping, as just asserted.
        unsafe { self.base.add(at).read_volatile() }
    }

    fn set_byte(&self, at: usize, byte: u8) {
        assert!(at < self.bytes, "checked by the caller");
        // SAFETY: inside the mapping, as just asserted.
        unsafe { self.base.add(at).write_volatile(byte) }
    }
}

/// Bytes before the first aligned word, and bytes of whole words.
fn ends(at: usize, length: usize) -> (usize, usize) {
    let head = (at.next_multiple_of(4) - at).min(length);
    (head, (length - head) / 4 * 4)
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: base and length are those of the mapping made for this value, and nothing outlives it.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn copies_are_exact_at_any_place(at in 0_usize..40, bytes in prop::collection::vec(any::<u8>(), 0..70)) {
            let mapping = Mapping::anonymous(4096).expect("memory");
            let mut all = vec![0; 200];
            mapping.write(at, &bytes).expect("inside");
            mapping.read(0, &mut all).expect("inside");
            prop_assert_eq!(&all[at..at + bytes.len()], &bytes[..]);
            prop_assert!(all[..at].iter().chain(&all[at + bytes.len()..]).all(|&byte| byte == 0));
            let mut back = vec![9; bytes.len()];
            mapping.read(at, &mut back).expect("inside");
            prop_assert_eq!(back, bytes);
        }
    }

    #[test]
    fn nothing_outside_is_touched() {
        let mapping = Mapping::anonymous(1).expect("memory");
        let bytes = mapping.bytes();
        assert_eq!(mapping.read_word(bytes), None);
        assert_eq!(mapping.read_word(bytes - 2), None);
        assert_eq!(mapping.read_word(usize::MAX - 1), None);
        assert_eq!(mapping.write(bytes - 1, &[1, 2]), None);
        assert_eq!(mapping.read(usize::MAX, &mut [0; 2]), None);
    }
}
