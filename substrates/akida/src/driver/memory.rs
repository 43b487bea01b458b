//! Who uses which device memory.

use std::collections::BTreeMap;
use std::ops::Range;

use super::DriverError;

/// Everything begins at a multiple of this: descriptors and headers are 32 bytes.
const ALIGNMENT: u64 = 32;

/// Memory that the device and the host address, first fit.
#[derive(Debug)]
pub(crate) struct Arena {
    range: Range<u64>,
    /// Start and length of what is taken.
    taken: BTreeMap<u64, u64>,
}

impl Arena {
    pub(crate) fn new(range: Range<u32>) -> Self {
        Self { range: u64::from(range.start)..u64::from(range.end), taken: BTreeMap::new() }
    }

    /// Takes the first gap that is long enough.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<u32, DriverError> {
        let needed = bytes.max(1) as u64;
        let mut at = self.range.start.next_multiple_of(ALIGNMENT);
        let mut free = 0;
        for (&start, &length) in &self.taken {
            let gap = start.saturating_sub(at);
            if gap >= needed {
                break;
            }
            free = free.max(gap);
            at = (start + length).next_multiple_of(ALIGNMENT);
        }
        let end = self.taken.range(at..).next().map_or(self.range.end, |(&start, _)| start);
        if end.saturating_sub(at) < needed {
            return Err(DriverError::Memory { needed, free: free.max(end.saturating_sub(at)) });
        }
        self.taken.insert(at, needed);
        Ok(at as u32)
    }

    pub(crate) fn give_back(&mut self, address: u32) {
        self.taken.remove(&u64::from(address));
    }

    pub(crate) fn clear(&mut self) {
        self.taken.clear();
    }

    pub(crate) fn taken_bytes(&self) -> u64 {
        self.taken.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn gaps_are_used_again() {
        let mut arena = Arena::new(0x2400_0000..0x2400_0100);
        let places: Vec<u32> = [64, 64, 1].iter().map(|&bytes| arena.take(bytes).expect("room")).collect();
        assert_eq!(places, [0x2400_0000, 0x2400_0040, 0x2400_0080]);
        arena.give_back(0x2400_0040);
        assert_eq!(arena.take(65).expect("room"), 0x2400_00A0);
        assert_eq!(arena.take(33).expect("room"), 0x2400_0040);
        assert!(matches!(arena.take(64), Err(DriverError::Memory { needed: 64, free: 0 | 31 })));
    }

    proptest! {
        #[test]
        fn pieces_never_overlap(asked in prop::collection::vec((1_usize..400, any::<bool>()), 1..60)) {
            let mut arena = Arena::new(0x2000_0100..0x2000_1000);
            let mut held: Vec<(u32, usize)> = Vec::new();
            for (bytes, gives_back) in asked {
                if gives_back && !held.is_empty() {
                    arena.give_back(held.remove(bytes % held.len()).0);
                }
                if let Ok(at) = arena.take(bytes) {
                    prop_assert!(at >= 0x2000_0100 && at as usize + bytes <= 0x2000_1000 && at % 32 == 0);
                    prop_assert!(held.iter().all(|&(a, n)| a as usize + n <= at as usize || at as usize + bytes <= a as usize));
                    held.push((at, bytes));
                }
            }
        }
    }
}
