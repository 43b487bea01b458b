//! A configuration: one SU(3) matrix per link.

use std::array::from_fn;

use forebay::random::{Seed, Stream};
use forebay::threads;
use num_complex::Complex64;

use super::geometry::{Geometry, LANES};
use super::su3::{Algebra, Lane, Link};
use super::sweep::{self, GROUP, Instructions};
use super::{LatticeError, check};

/// A 3 x 3 complex matrix, by rows.
pub type Su3 = [[Complex64; 3]; 3];

const ZERO: Complex64 = Complex64::new(0.0, 0.0);
const ONE: Complex64 = Complex64::new(1.0, 0.0);
const IDENTITY: Su3 = [[ONE, ZERO, ZERO], [ZERO, ONE, ZERO], [ZERO, ZERO, ONE]];

/// Most that a given matrix may differ from SU(3) in any entry.
const TOLERANCE: f64 = 1e-10;

/// Links of a periodic lattice.
///
/// Sites are numbered with the last extent fastest; that direction is the time of [`polyakov_loop`](Self::polyakov_loop).
/// Extents of at least 2; the computations are fastest where three of them are even.
///
/// ```
/// use forebay::random::Seed;
/// use forebay_zoo::lattice::Lattice;
///
/// let cold = Lattice::cold([4, 4, 4, 4])?;
/// assert_eq!(cold.plaquette(), 1.0);
/// let hot = Lattice::hot([4, 4, 4, 4], Seed(1))?;
/// assert!(hot.plaquette().abs() < 0.05);
/// # Ok::<(), forebay_zoo::lattice::LatticeError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Lattice {
    pub(super) geometry: Geometry,
    pub(super) links: Vec<[Link; 4]>,
    pub(super) instructions: Instructions,
}

impl Lattice {
    /// Every link is 1.
    ///
    /// # Errors
    /// [`LatticeError::Extents`].
    pub fn cold(extents: [usize; 4]) -> Result<Self, LatticeError> {
        let geometry = Geometry::new(extents)?;
        let mut link = Link::ZERO;
        (0..3).for_each(|i| link.0[i][i][0] = Lane([1.0; LANES]));
        Ok(Self { links: vec![[link; 4]; geometry.blocks], geometry, instructions: Instructions::Best })
    }

    /// Every link is drawn from SU(3) uniformly (Haar's measure): the Gram-Schmidt basis of normal vectors.
    ///
    /// # Errors
    /// [`LatticeError::Extents`].
    pub fn hot(extents: [usize; 4], seed: Seed) -> Result<Self, LatticeError> {
        let mut lattice = Self::cold(extents)?;
        let mut stream = seed.stream("hot start");
        for site in 0..lattice.sites() {
            for direction in 0..4 {
                lattice.put(site, direction, &random_matrix(&mut stream));
            }
        }
        Ok(lattice)
    }

    /// Uses these instructions from now on; the numbers are the same in each.
    #[must_use]
    pub fn with_instructions(mut self, instructions: Instructions) -> Self {
        self.instructions = instructions;
        self
    }

    /// The extents, time last.
    pub fn extents(&self) -> [usize; 4] {
        self.geometry.extents
    }

    /// Number of sites V.
    pub fn sites(&self) -> usize {
        self.geometry.sites()
    }

    /// The link at a site in a direction 0 to 3.
    ///
    /// # Errors
    /// [`LatticeError::Link`].
    pub fn link(&self, site: usize, direction: usize) -> Result<Su3, LatticeError> {
        self.check_link(site, direction)?;
        Ok(self.get(site, direction))
    }

    /// Replaces the link at a site in a direction 0 to 3.
    ///
    /// # Errors
    /// [`LatticeError::Link`]; [`LatticeError::NotUnitary`] beyond 1e-10.
    pub fn set_link(&mut self, site: usize, direction: usize, link: &Su3) -> Result<(), LatticeError> {
        self.check_link(site, direction)?;
        let deviation = deviation(link);
        if deviation.is_nan() || deviation > TOLERANCE {
            return Err(LatticeError::NotUnitary { deviation });
        }
        self.put(site, direction, link);
        Ok(())
    }

    fn check_link(&self, site: usize, direction: usize) -> Result<(), LatticeError> {
        let sites = self.sites();
        if site < sites && direction < 4 { Ok(()) } else { Err(LatticeError::Link { site, direction, sites }) }
    }

    fn get(&self, site: usize, direction: usize) -> Su3 {
        let (block, lane) = self.geometry.place(site);
        lane_of(&self.links[block][direction], lane)
    }

    fn put(&mut self, site: usize, direction: usize, matrix: &Su3) {
        let (block, lane) = self.geometry.place(site);
        for repeat in (lane..LANES).step_by(self.geometry.active) {
            set_lane(&mut self.links[block][direction], repeat, matrix);
        }
    }

    /// The mean of `Re tr / 3` over all plaquettes, P.
    pub fn plaquette(&self) -> f64 {
        sweep::plaquettes(self.instructions, &self.geometry, &self.links) / (6 * self.sites()) as f64
    }

    /// The action S.
    ///
    /// # Errors
    /// [`LatticeError::Range`] unless beta is 0 or more.
    pub fn action(&self, beta: f64) -> Result<f64, LatticeError> {
        check("beta", "0 or more", beta, beta >= 0.0)?;
        Ok(beta * (6.0 * self.sites() as f64) * (1.0 - self.plaquette()))
    }

    /// The mean over space of `tr / 3` of the product of links along time, L.
    pub fn polyakov_loop(&self) -> Complex64 {
        let time = self.extents()[3];
        let spatial = self.sites() / time;
        let traces = (0..spatial).map(|x| {
            let along = (0..time).fold(IDENTITY, |product, t| multiply(&product, &self.get(x * time + t, 3)));
            along[0][0] + along[1][1] + along[2][2]
        });
        traces.sum::<Complex64>() / (3 * spatial) as f64
    }

    /// A random matrix g at every site: `U_m(x) <- g(x) U_m(x) g(x+m)^+`. Nothing that can be measured changes.
    pub fn gauge_transform(&mut self, seed: Seed) {
        let mut stream = seed.stream("gauge transformation");
        let turns: Vec<Su3> = (0..self.sites()).map(|_| random_matrix(&mut stream)).collect();
        for site in 0..self.sites() {
            for direction in 0..4 {
                let there = self.geometry.neighbour(site, direction);
                let link = multiply(&multiply(&turns[site], &self.get(site, direction)), &adjoint(&turns[there]));
                self.put(site, direction, &link);
            }
        }
    }

    /// Brings every link back onto SU(3): rows by Gram and Schmidt, the third the conjugate cross product of the others.
    pub fn reunitarize(&mut self) {
        threads::each(self.links.chunks_mut(GROUP), |links| {
            for link in links.iter_mut().flatten() {
                for lane in 0..LANES {
                    let matrix = orthonormal(&lane_of(link, lane));
                    set_lane(link, lane, &matrix);
                }
            }
        });
    }

    /// The largest entry of `U U^+ - 1` and of `det U - 1` over all links.
    pub fn deviation(&self) -> f64 {
        let links = (0..self.sites()).flat_map(|site| (0..4).map(move |direction| (site, direction)));
        links.map(|(site, direction)| deviation(&self.get(site, direction))).fold(0.0, larger)
    }

    /// The largest difference between two configurations in any entry.
    ///
    /// # Errors
    /// [`LatticeError::Extents`] if the lattices differ.
    pub fn distance(&self, other: &Self) -> Result<f64, LatticeError> {
        if self.geometry != other.geometry {
            return Err(LatticeError::Extents { extents: other.extents() });
        }
        let entries = |lattice: &Self| -> Vec<f64> {
            lattice.links.iter().flatten().flat_map(|l| l.0).flatten().flatten().flat_map(|lane| lane.0).collect()
        };
        let pairs = entries(self).into_iter().zip(entries(other));
        Ok(pairs.map(|(a, b)| (a - b).abs()).fold(0.0, larger))
    }
}

/// Normal momenta of all links: link `4 site + direction` takes the stream's block of that number, so they depend on
/// nothing but seed, trajectory and link.
pub(super) fn draw_momenta(geometry: &Geometry, seed: &Stream, trajectory: u64, momenta: &mut [[Algebra; 4]]) {
    let one = |block: usize, momenta: &mut [Algebra; 4]| {
        for lane in 0..geometry.active {
            // The four links of a site are neighbours in the stream.
            let first = 4 * geometry.site(block, lane) as u64;
            let mut stream = seed.at(trajectory, first);
            for momentum in momenta.iter_mut() {
                let [p1, p2, p3, p4, p5, p6, p7, p8]: [f64; 8] = from_fn(|_| 0.5 * stream.normal());
                let root = p8 / 3.0_f64.sqrt();
                let values = [p3 + root, root - p3, -2.0 * root, p2, p1, p5, p4, p7, p6];
                for (to, value) in momentum.0.iter_mut().zip(values) {
                    (lane..LANES).step_by(geometry.active).for_each(|repeat| to.0[repeat] = value);
                }
            }
        }
    };
    threads::each(momenta.chunks_mut(GROUP).enumerate(), |(group, momenta)| {
        momenta.iter_mut().enumerate().for_each(|(k, momenta)| one(group * GROUP + k, momenta));
    });
}

fn lane_of(link: &Link, lane: usize) -> Su3 {
    from_fn(|i| from_fn(|j| Complex64::new(link.0[i][j][0].0[lane], link.0[i][j][1].0[lane])))
}

fn set_lane(link: &mut Link, lane: usize, matrix: &Su3) {
    for (to, from) in link.0.iter_mut().flatten().zip(matrix.iter().flatten()) {
        (to[0].0[lane], to[1].0[lane]) = (from.re, from.im);
    }
}

fn multiply(a: &Su3, b: &Su3) -> Su3 {
    from_fn(|i| from_fn(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum()))
}

fn adjoint(a: &Su3) -> Su3 {
    from_fn(|i| from_fn(|j| a[j][i].conj()))
}

fn deviation(a: &Su3) -> f64 {
    let square = multiply(a, &adjoint(a));
    let entries = (0..3).flat_map(|i| (0..3).map(move |j| (i, j)));
    let unitary = entries.map(|(i, j)| size(square[i][j] - IDENTITY[i][j])).fold(0.0, larger);
    let third = cross(&a[0], &a[1]);
    let determinant: Complex64 = (0..3).map(|k| third[k].conj() * a[2][k]).sum();
    larger(unitary, size(determinant - ONE))
}

fn size(a: Complex64) -> f64 {
    libm::hypot(a.re, a.im)
}

/// The larger one, or NaN if one is: a maximum of the standard library forgets it.
fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

fn random_matrix(stream: &mut Stream) -> Su3 {
    orthonormal(&from_fn(|_| from_fn(|_| Complex64::new(stream.normal(), stream.normal()))))
}

/// The conjugate cross product, which completes two orthonormal rows to a matrix of determinant 1.
fn cross(a: &[Complex64; 3], b: &[Complex64; 3]) -> [Complex64; 3] {
    from_fn(|k| {
        let (i, j) = ((k + 1) % 3, (k + 2) % 3);
        (a[i] * b[j] - a[j] * b[i]).conj()
    })
}

fn orthonormal(a: &Su3) -> Su3 {
    let normalise = |row: [Complex64; 3]| {
        let length = row.iter().map(Complex64::norm_sqr).sum::<f64>().sqrt();
        row.map(|entry| entry / length)
    };
    let first = normalise(a[0]);
    let overlap: Complex64 = (0..3).map(|k| a[1][k] * first[k].conj()).sum();
    let second = normalise(from_fn(|k| a[1][k] - overlap * first[k]));
    [first, second, cross(&first, &second)]
}
