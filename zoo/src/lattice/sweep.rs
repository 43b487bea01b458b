//! What is done to every link: force, kick, drift, sums. Blocks are cut into fixed groups that threads share; sums are formed
//! per block and added in the order of blocks, so results do not depend on the number of threads.

#![expect(
    clippy::inline_always,
    reason = "vector code must be inlined into the function that enables the instructions"
)]

use std::ops::Range;

use forebay::threads;
use pulp::{Arch, Simd, WithSimd};

use super::geometry::{Geometry, Hop, LANES};
use super::su3::{
    self, Algebra, Lane, Link, add_adjoint_times, add_overlap, exponential, load, part, parts, product, project, seen,
    set_part, store, times_adjoint,
};

/// Blocks per task of a thread: 4^4 is one task, which spares it the cost of waking others.
pub(super) const GROUP: usize = 32;

/// Which instructions are used; the numbers are the same in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instructions {
    /// The widest this machine has.
    Best,
    /// No vectors; for comparison.
    Scalar,
}

impl Instructions {
    fn dispatch<Op: WithSimd>(self, op: Op) -> Op::Output {
        match self {
            Self::Best => Arch::new().dispatch(op),
            Self::Scalar => op.with_simd(pulp::Scalar),
        }
    }
}

/// Runs `task` on groups of blocks and gives the sum of what it returns, added in order.
fn groups<T: Send>(items: &mut [T], task: impl Fn(Range<usize>, &mut [T]) -> f64 + Sync) -> f64 {
    let range = |group: usize, len: usize| group * GROUP..group * GROUP + len;
    if items.len() <= GROUP {
        return task(range(0, items.len()), items);
    }
    let parts = items.chunks_mut(GROUP).enumerate();
    threads::map(parts, |(group, part)| task(range(group, part.len()), part)).iter().sum()
}

/// `F = TA(U V)` for every link, where V is the sum of its six staples; gives the sum of `Re tr U V` over all links, which is
/// twelve times the sum of `Re tr / 3` over all plaquettes.
pub(super) fn force(how: Instructions, geometry: &Geometry, links: &[[Link; 4]], forces: &mut [[Algebra; 4]]) -> f64 {
    groups(forces, |blocks, forces| how.dispatch(Force { geometry, links, blocks, forces }))
}

struct Force<'a> {
    geometry: &'a Geometry,
    links: &'a [[Link; 4]],
    blocks: Range<usize>,
    forces: &'a mut [[Algebra; 4]],
}

impl WithSimd for Force<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let Self { geometry, links, blocks, forces } = self;
        let link = |hop: Hop, direction: usize| (&links[hop.block as usize][direction], hop.flip);
        // Neighbours in the site's own lanes, where they are not already.
        let mut buffers = [Link::ZERO; 5];
        let [b0, b1, b2, b3, b4] = &mut buffers;
        let mut total = 0.0;
        for (block, forces) in blocks.zip(forces) {
            let mut traces = Lane::ZERO;
            for (m, force) in forces.iter_mut().enumerate() {
                let mut staples = Link::ZERO;
                for n in (0..4).filter(|&n| n != m) {
                    let ahead = geometry.forward[block][m];
                    let (up, down) = (geometry.forward[block][n], geometry.backward[block][n]);
                    let diagonal = ahead.then(&geometry.backward, n);
                    let ((l0, f0), (l1, f1)) = (link(ahead, n), link(up, m));
                    let ((l2, f2), (l3, f3), (l4, f4)) = (link(diagonal, n), link(down, m), link(down, n));
                    // U_n(x + m), U_m(x + n); U_n(x + m - n), U_m(x - n), U_n(x - n)
                    let (u0, u1) = (seen(l0, f0, b0), seen(l1, f1, b1));
                    let (u2, u3, u4) = (seen(l2, f2, b2), seen(l3, f3, b3), seen(l4, f4, b4));
                    for p in 0..parts::<S>() {
                        let there = times_adjoint(simd, &load::<S>(u0, p), &load::<S>(u1, p));
                        let up = times_adjoint(simd, &there, &load::<S>(&links[block][n], p));
                        let sum = su3::sum(simd, &load::<S>(&staples, p), &up);
                        let there = product(simd, &load::<S>(u3, p), &load::<S>(u2, p));
                        store::<S>(&mut staples, p, &add_adjoint_times(simd, &there, &load::<S>(u4, p), &sum));
                    }
                }
                for p in 0..parts::<S>() {
                    let loops = product(simd, &load::<S>(&links[block][m], p), &load::<S>(&staples, p));
                    let (values, trace) = project(simd, &loops);
                    for (to, value) in force.0.iter_mut().zip(values) {
                        set_part::<S>(to, p, value);
                    }
                    let so_far = part::<S>(&traces, p);
                    set_part::<S>(&mut traces, p, simd.add_f64s(so_far, trace));
                }
            }
            total += traces.0[..geometry.active].iter().sum::<f64>();
        }
        total
    }
}

/// `P += factor F`.
pub(super) fn kick(how: Instructions, momenta: &mut [[Algebra; 4]], forces: &[[Algebra; 4]], factor: f64) {
    groups(momenta, |blocks, momenta| {
        how.dispatch(Kick { momenta, forces: &forces[blocks], factor });
        0.0
    });
}

struct Kick<'a> {
    momenta: &'a mut [[Algebra; 4]],
    forces: &'a [[Algebra; 4]],
    factor: f64,
}

impl WithSimd for Kick<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let factor = simd.splat_f64s(self.factor);
        for (momentum, force) in self.momenta.iter_mut().flatten().zip(self.forces.iter().flatten()) {
            for (to, from) in momentum.0.iter_mut().zip(&force.0) {
                for p in 0..parts::<S>() {
                    let sum = simd.mul_add_f64s(factor, part::<S>(from, p), part::<S>(to, p));
                    set_part::<S>(to, p, sum);
                }
            }
        }
    }
}

/// `U <- exp(time P) U`.
pub(super) fn drift(how: Instructions, links: &mut [[Link; 4]], momenta: &[[Algebra; 4]], time: f64) {
    groups(links, |blocks, links| {
        how.dispatch(Drift { links, momenta: &momenta[blocks], time });
        0.0
    });
}

struct Drift<'a> {
    links: &'a mut [[Link; 4]],
    momenta: &'a [[Algebra; 4]],
    time: f64,
}

impl WithSimd for Drift<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let time = simd.splat_f64s(self.time);
        for (link, momentum) in self.links.iter_mut().flatten().zip(self.momenta.iter().flatten()) {
            for p in 0..parts::<S>() {
                let mut x = [time; 9];
                for (x, momentum) in x.iter_mut().zip(&momentum.0) {
                    *x = simd.mul_f64s(time, part::<S>(momentum, p));
                }
                let turn = exponential(simd, &x);
                let moved = product(simd, &turn, &load::<S>(link, p));
                store::<S>(link, p, &moved);
            }
        }
    }
}

/// The kinetic energy `T = -tr P^2`, summed over all links.
pub(super) fn kinetic(geometry: &Geometry, momenta: &[[Algebra; 4]]) -> f64 {
    let mut total = 0.0;
    for block in momenta {
        let mut sums = [0.0; LANES];
        for momentum in block {
            let [diagonal @ .., _, _, _, _, _, _] = &momentum.0;
            for (l, sum) in sums.iter_mut().enumerate() {
                let square = |lanes: &[Lane]| lanes.iter().map(|lane| lane.0[l] * lane.0[l]).sum::<f64>();
                *sum += square(diagonal) + 2.0 * square(&momentum.0[3..]);
            }
        }
        total += sums[..geometry.active].iter().sum::<f64>();
    }
    total
}

/// The sum of `Re tr / 3` over all plaquettes.
pub(super) fn plaquettes(how: Instructions, geometry: &Geometry, links: &[[Link; 4]]) -> f64 {
    let mut sums = vec![0.0; geometry.blocks];
    groups(&mut sums, |blocks, sums| {
        how.dispatch(Plaquettes { geometry, links, blocks, sums });
        0.0
    });
    sums.iter().sum::<f64>() / 3.0
}

struct Plaquettes<'a> {
    geometry: &'a Geometry,
    links: &'a [[Link; 4]],
    blocks: Range<usize>,
    sums: &'a mut [f64],
}

impl WithSimd for Plaquettes<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { geometry, links, blocks, sums } = self;
        let (mut b0, mut b1) = (Link::ZERO, Link::ZERO);
        for (block, sum) in blocks.zip(sums) {
            let mut traces = Lane::ZERO;
            for m in 0..4 {
                for n in m + 1..4 {
                    let (right, up) = (geometry.forward[block][m], geometry.forward[block][n]);
                    let beside = seen(&links[right.block as usize][n], right.flip, &mut b0);
                    let above = seen(&links[up.block as usize][m], up.flip, &mut b1);
                    for p in 0..parts::<S>() {
                        let right = product(simd, &load::<S>(&links[block][m], p), &load::<S>(beside, p));
                        let left = product(simd, &load::<S>(&links[block][n], p), &load::<S>(above, p));
                        let trace = add_overlap(simd, &right, &left, part::<S>(&traces, p));
                        set_part::<S>(&mut traces, p, trace);
                    }
                }
            }
            *sum = traces.0[..geometry.active].iter().sum();
        }
    }
}
