//! Where sites lie in memory: eight far-apart sites side by side, so that a vector operation works on all of them.

use super::LatticeError;

/// Numbers that lie side by side.
pub(super) const LANES: usize = 8;

/// Most lanes of a lattice; a chain takes about 2 kB for each, 8 GB in all.
const MOST_LANES: usize = 1 << 22;

/// A 4-D periodic lattice cut into blocks of [`LANES`] sites.
///
/// Up to three even extents are halved; the site's half in each of them is one bit of its lane. All lanes of a block then
/// have their neighbours in one block too, in lanes that differ by one [`flip`](Hop::flip). Where fewer than three extents are
/// even, the lanes that are left over repeat the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) extents: [usize; 4],
    /// Extents of the blocks' grid.
    local: [usize; 4],
    /// The lane bit of each halved direction, 0 for others.
    bits: [u8; 4],
    /// Lanes that hold sites of their own.
    pub(super) active: usize,
    pub(super) blocks: usize,
    /// `[block][direction]`.
    pub(super) forward: Vec<[Hop; 4]>,
    /// `[block][direction]`.
    pub(super) backward: Vec<[Hop; 4]>,
}

/// The way to a neighbour: lane l goes to lane `l ^ flip` of `block`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hop {
    pub(super) block: u32,
    pub(super) flip: u8,
}

impl Hop {
    /// Two hops, one after the other.
    pub(super) fn then(self, table: &[[Hop; 4]], direction: usize) -> Hop {
        let next = table[self.block as usize][direction];
        Hop { block: next.block, flip: self.flip ^ next.flip }
    }
}

impl Geometry {
    pub(super) fn new(extents: [usize; 4]) -> Result<Self, LatticeError> {
        let sites = extents.iter().try_fold(1_usize, |product, &extent| product.checked_mul(extent));
        if extents.iter().any(|&extent| extent < 2) || sites.is_none_or(|sites| sites > MOST_LANES) {
            return Err(LatticeError::Extents { extents });
        }
        // The longest even directions are halved: fewest hops then need a flip.
        let mut order = [0, 1, 2, 3];
        order.sort_by_key(|&d| std::cmp::Reverse(extents[d]));
        let (mut bits, mut active, mut local) = ([0; 4], 1, extents);
        for d in order {
            if extents[d].is_multiple_of(2) && active < LANES {
                bits[d] = active as u8;
                local[d] /= 2;
                active *= 2;
            }
        }
        let blocks: usize = local.iter().product();
        if blocks * LANES > MOST_LANES {
            return Err(LatticeError::Extents { extents });
        }
        let mut geometry =
            Self { extents, local, bits, active, blocks, forward: Vec::with_capacity(blocks), backward: Vec::new() };
        let all = |geometry: &Self, step: fn(usize, usize) -> usize| -> Vec<[Hop; 4]> {
            (0..blocks).map(|block| std::array::from_fn(|d| geometry.hop(block, d, step))).collect()
        };
        geometry.forward = all(&geometry, |x, extent| (x + 1) % extent);
        geometry.backward = all(&geometry, |x, extent| (x + extent - 1) % extent);
        Ok(geometry)
    }

    fn hop(&self, block: usize, direction: usize, step: fn(usize, usize) -> usize) -> Hop {
        let from = coordinates(block, self.local);
        let mut site = from;
        // Seen from the lower half; from the upper one the other bit flips to the same effect.
        site[direction] = step(from[direction], self.extents[direction]);
        let (block, lane) = self.place_at(site);
        Hop { block: block as u32, flip: lane as u8 }
    }

    fn place_at(&self, site: [usize; 4]) -> (usize, usize) {
        let mut lane = 0;
        let mut inner = site;
        for d in 0..4 {
            if self.bits[d] != 0 && site[d] >= self.local[d] {
                inner[d] -= self.local[d];
                lane |= usize::from(self.bits[d]);
            }
        }
        (index(inner, self.local), lane)
    }

    /// Block and lane of a site, counted with the last direction fastest.
    pub(super) fn place(&self, site: usize) -> (usize, usize) {
        self.place_at(coordinates(site, self.extents))
    }

    pub(super) fn sites(&self) -> usize {
        self.extents.iter().product()
    }

    /// The site next to this one.
    pub(super) fn neighbour(&self, site: usize, direction: usize) -> usize {
        let mut at = coordinates(site, self.extents);
        at[direction] = (at[direction] + 1) % self.extents[direction];
        index(at, self.extents)
    }

    /// The site of a lane; of the lane it repeats, if it repeats one.
    pub(super) fn site(&self, block: usize, lane: usize) -> usize {
        let mut at = coordinates(block, self.local);
        for ((at, bit), local) in at.iter_mut().zip(self.bits).zip(self.local) {
            if lane & usize::from(bit) != 0 {
                *at += local;
            }
        }
        index(at, self.extents)
    }
}

/// The coordinates of a number, the last direction fastest.
pub(super) fn coordinates(number: usize, extents: [usize; 4]) -> [usize; 4] {
    let mut rest = number;
    let mut at = [0; 4];
    for d in (0..4).rev() {
        at[d] = rest % extents[d];
        rest /= extents[d];
    }
    at
}

fn index(at: [usize; 4], extents: [usize; 4]) -> usize {
    (0..4).fold(0, |number, d| number * extents[d] + at[d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_go_to_neighbours() {
        for extents in [[4, 4, 4, 4], [2, 3, 4, 6], [3, 3, 3, 5], [8, 2, 3, 5], [2, 2, 2, 2]] {
            let geometry = Geometry::new(extents).expect("a lattice");
            assert_eq!(geometry.blocks * geometry.active, geometry.sites());
            for site in 0..geometry.sites() {
                let (block, lane) = geometry.place(site);
                assert_eq!(geometry.site(block, lane), site);
                for d in 0..4 {
                    let to = geometry.neighbour(site, d);
                    let hop = geometry.forward[block][d];
                    assert_eq!((hop.block as usize, lane ^ usize::from(hop.flip)), geometry.place(to), "{extents:?}");
                    let (block, lane) = geometry.place(to);
                    let back = geometry.backward[block][d];
                    assert_eq!((back.block as usize, lane ^ usize::from(back.flip)), geometry.place(site));
                }
            }
        }
        assert!(Geometry::new([1, 4, 4, 4]).is_err());
        assert!(Geometry::new([usize::MAX, 4, 4, 4]).is_err());
    }
}
