//! Discrete Fourier transforms with the same bits on every processor.
//!
//! `X_k = sum over j of x_j exp(-2 pi i j k / n)`, or `+` for the inverse, without a factor. Sums and products are in a fixed
//! order, and the roots of unity come from `libm`: a library that picks its instructions by the processor, or its roots from
//! the platform, would give series that differ between machines.
//!
//! Lengths of small prime factors take Stockham's passes; others a convolution of a power of two.
//!
//! # Source
//! W. T. Cochran et al., "What is the fast Fourier transform?", 1967 (Stockham's autosort, reported there); L. I. Bluestein,
//! "A linear filtering approach to the computation of discrete Fourier transform", 1970.

use std::f64::consts::FRAC_PI_2;

use num_complex::Complex64;

/// Which way a transform goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Time to frequency, `exp(-2 pi i j k / n)`.
    Forward,
    /// Back, `exp(2 pi i j k / n)`, without `1 / n`.
    Backward,
}

/// A transform of one length and direction.
pub(crate) enum Fourier {
    Passes(Passes),
    Convolution(Box<Convolution>),
}

/// Largest prime factor that a pass of its own is taken for.
const LARGEST_RADIX: usize = 13;

impl Fourier {
    /// A transform of `length` values, at least 1.
    pub(crate) fn new(length: usize, direction: Direction) -> Self {
        match radices(length) {
            Some(radices) => Self::Passes(Passes::new(length, &radices, direction)),
            None => Self::Convolution(Box::new(Convolution::new(length, direction))),
        }
    }

    /// Transforms the values in place; `scratch` has their length.
    pub(crate) fn process(&self, values: &mut [Complex64], scratch: &mut [Complex64]) {
        match self {
            Self::Passes(passes) => passes.process(values, scratch),
            Self::Convolution(convolution) => convolution.process(values),
        }
    }
}

/// The factors of a length, fours first; `None` if one is too large.
fn radices(mut length: usize) -> Option<Vec<usize>> {
    let mut radices = Vec::new();
    for radix in std::iter::once(4).chain(2..=LARGEST_RADIX) {
        while length > 1 && length.is_multiple_of(radix) {
            radices.push(radix);
            length /= radix;
        }
    }
    (length == 1).then_some(radices)
}

/// `exp(-+ 2 pi i k / n)`; quarters of a turn are exact.
fn root(k: usize, n: usize, direction: Direction) -> Complex64 {
    let (quarters, rest) = (4 * (k % n) / n, 4 * (k % n) % n);
    let angle = FRAC_PI_2 * (rest as f64 / n as f64);
    let (cosine, sine) = (libm::cos(angle), libm::sin(angle));
    let (re, im) = match quarters {
        0 => (cosine, sine),
        1 => (-sine, cosine),
        2 => (-cosine, -sine),
        _ => (sine, -cosine),
    };
    Complex64::new(re, if direction == Direction::Forward { -im } else { im })
}

/// One pass per factor, from one buffer to the other and back.
pub(crate) struct Passes {
    passes: Vec<Pass>,
    direction: Direction,
}

/// `to[q + s (r p + j)] = w^(j p) sum over k of from[q + s (p + m k)] exp(-+ 2 pi i j k / r)`, w the root of order `r m`.
struct Pass {
    radix: usize,
    stride: usize,
    /// `w^(j p)` for every p, then j from 1 to r - 1.
    twiddles: Vec<Complex64>,
    /// The roots of order r.
    roots: Vec<Complex64>,
}

impl Passes {
    fn new(length: usize, radices: &[usize], direction: Direction) -> Self {
        let (mut stride, mut rest) = (1, length);
        let mut passes = Vec::new();
        for &radix in radices {
            let count = rest / radix;
            let twiddles = (0..count).flat_map(|p| (1..radix).map(move |j| root(j * p, rest, direction)));
            let roots = (0..radix).map(|k| root(k, radix, direction));
            passes.push(Pass { radix, stride, twiddles: twiddles.collect(), roots: roots.collect() });
            (stride, rest) = (stride * radix, count);
        }
        Self { passes, direction }
    }

    fn process(&self, values: &mut [Complex64], scratch: &mut [Complex64]) {
        let (mut from, mut to) = (&mut *values, &mut *scratch);
        for pass in &self.passes {
            match pass.radix {
                2 => pass.by_two(from, to),
                3 => pass.by_three(from, to),
                4 => pass.by_four(from, to, self.direction),
                _ => pass.by_any(from, to),
            }
            (from, to) = (to, from);
        }
        if self.passes.len() % 2 == 1 {
            values.copy_from_slice(scratch);
        }
    }
}

impl Pass {
    fn by_two(&self, from: &[Complex64], to: &mut [Complex64]) {
        let (first, second) = from.split_at(from.len() / 2);
        let blocks = first.chunks_exact(self.stride).zip(second.chunks_exact(self.stride));
        for ((to, (a, b)), w) in to.chunks_exact_mut(2 * self.stride).zip(blocks).zip(&self.twiddles) {
            let (sums, differences) = to.split_at_mut(self.stride);
            for (((sum, difference), a), b) in sums.iter_mut().zip(differences).zip(a).zip(b) {
                *sum = a + b;
                *difference = (a - b) * w;
            }
        }
    }

    fn by_three(&self, from: &[Complex64], to: &mut [Complex64]) {
        let (s, third) = (self.stride, from.len() / 3);
        // The sine of a third of a turn, negative on the way there.
        let sine = self.roots[1].im;
        let (first, rest) = from.split_at(third);
        let (second, rest) = rest.split_at(third);
        let inputs = first.chunks_exact(s).zip(second.chunks_exact(s)).zip(rest.chunks_exact(s));
        for ((to, ((a, b), c)), w) in to.chunks_exact_mut(3 * s).zip(inputs).zip(self.twiddles.chunks_exact(2)) {
            let (y0, to) = to.split_at_mut(s);
            let (y1, y2) = to.split_at_mut(s);
            for (((y0, y1), y2), ((a, b), c)) in y0.iter_mut().zip(y1).zip(y2).zip(a.iter().zip(b).zip(c)) {
                let (sum, difference) = (b + c, b - c);
                let middle = a - 0.5 * sum;
                let turned = Complex64::new(-sine * difference.im, sine * difference.re);
                *y0 = a + sum;
                *y1 = (middle + turned) * w[0];
                *y2 = (middle - turned) * w[1];
            }
        }
    }

    fn by_four(&self, from: &[Complex64], to: &mut [Complex64], direction: Direction) {
        let (s, quarter) = (self.stride, from.len() / 4);
        let turn = if direction == Direction::Forward { 1.0 } else { -1.0 };
        let (first, rest) = from.split_at(quarter);
        let (second, rest) = rest.split_at(quarter);
        let (third, fourth) = rest.split_at(quarter);
        let inputs = first.chunks_exact(s).zip(second.chunks_exact(s)).zip(third.chunks_exact(s));
        let inputs = inputs.zip(fourth.chunks_exact(s));
        for ((to, (((a, b), c), d)), w) in to.chunks_exact_mut(4 * s).zip(inputs).zip(self.twiddles.chunks_exact(3)) {
            let (y0, to) = to.split_at_mut(s);
            let (y1, to) = to.split_at_mut(s);
            let (y2, y3) = to.split_at_mut(s);
            let outputs = y0.iter_mut().zip(y1).zip(y2).zip(y3);
            for ((((y0, y1), y2), y3), (((a, b), c), d)) in outputs.zip(a.iter().zip(b).zip(c).zip(d)) {
                let (even, odd) = (a + c, b + d);
                let (difference, other) = (a - c, b - d);
                // -i (b - d), or i (b - d) on the way back.
                let turned = Complex64::new(turn * other.im, -turn * other.re);
                *y0 = even + odd;
                *y1 = (difference + turned) * w[0];
                *y2 = (even - odd) * w[1];
                *y3 = (difference - turned) * w[2];
            }
        }
    }

    fn by_any(&self, from: &[Complex64], to: &mut [Complex64]) {
        let (s, r) = (self.stride, self.radix);
        let part = from.len() / r;
        for (p, to) in to.chunks_exact_mut(r * s).enumerate() {
            for q in 0..s {
                for j in 0..r {
                    let terms = (0..r).map(|k| from[q + s * p + part * k] * self.roots[j * k % r]);
                    let sum: Complex64 = terms.sum();
                    to[q + s * j] = if j == 0 { sum } else { sum * self.twiddles[(r - 1) * p + j - 1] };
                }
            }
        }
    }
}

/// `j k = (j^2 + k^2 - (k - j)^2) / 2` makes a transform a convolution with `exp(+- pi i j^2 / n)`.
pub(crate) struct Convolution {
    /// `exp(-+ pi i j^2 / n)`
    chirp: Vec<Complex64>,
    /// The transform of its conjugate, over the padded length.
    kernel: Vec<Complex64>,
    forward: Passes,
    backward: Passes,
}

impl Convolution {
    fn new(length: usize, direction: Direction) -> Self {
        let padded = (2 * length - 1).next_power_of_two();
        let factors = radices(padded).expect("a power of two");
        let forward = Passes::new(padded, &factors, Direction::Forward);
        let backward = Passes::new(padded, &factors, Direction::Backward);
        // j^2 modulo 2 n keeps the angle exact.
        let chirp: Vec<Complex64> = (0..length).map(|j| root(j * j % (2 * length), 2 * length, direction)).collect();
        let mut kernel = vec![Complex64::ZERO; padded];
        for (j, c) in chirp.iter().enumerate() {
            kernel[j] = c.conj() / padded as f64;
            kernel[(padded - j) % padded] = kernel[j];
        }
        forward.process(&mut kernel, &mut vec![Complex64::ZERO; padded]);
        Self { chirp, kernel, forward, backward }
    }

    fn process(&self, values: &mut [Complex64]) {
        let mut padded = vec![Complex64::ZERO; self.kernel.len()];
        let mut scratch = padded.clone();
        padded.iter_mut().zip(values.iter().zip(&self.chirp)).for_each(|(to, (v, c))| *to = v * c);
        self.forward.process(&mut padded, &mut scratch);
        padded.iter_mut().zip(&self.kernel).for_each(|(v, k)| *v *= k);
        self.backward.process(&mut padded, &mut scratch);
        values.iter_mut().zip(padded.iter().zip(&self.chirp)).for_each(|(to, (v, c))| *to = v * c);
    }
}

/// The sums `sum over i of x_i x_(i+t)` for every lag t of a series.
pub(crate) fn lagged_products(series: &[f64]) -> Vec<f64> {
    let length = (2 * series.len()).next_power_of_two();
    let (forward, backward) = (Fourier::new(length, Direction::Forward), Fourier::new(length, Direction::Backward));
    let mut values = vec![Complex64::ZERO; length];
    let mut scratch = values.clone();
    values.iter_mut().zip(series).for_each(|(to, x)| *to = Complex64::from(*x));
    forward.process(&mut values, &mut scratch);
    for v in &mut values {
        *v = Complex64::from(v.norm_sqr());
    }
    backward.process(&mut values, &mut scratch);
    values[..series.len()].iter().map(|v| v.re / length as f64).collect()
}

#[cfg(test)]
mod tests {
    use forebay::random::Seed;
    use rustfft::FftPlanner;

    use super::*;

    fn noise(length: usize) -> Vec<Complex64> {
        let mut stream = Seed(length as u64).stream("noise");
        (0..length).map(|_| Complex64::new(stream.normal(), stream.normal())).collect()
    }

    /// Judged by a library of its own making; lengths with every kind of factor.
    #[test]
    fn transforms_agree_with_the_library() {
        let lengths = (1..=130).chain([169, 256, 500, 509, 1000, 1024, 1155, 2048, 4099, 4802, 10_007, 65_536]);
        for length in lengths {
            let values = noise(length);
            let (mut forward, mut backward, mut scratch) = (values.clone(), values.clone(), values.clone());
            Fourier::new(length, Direction::Forward).process(&mut forward, &mut scratch);
            Fourier::new(length, Direction::Backward).process(&mut backward, &mut scratch);
            let mut planner = FftPlanner::new();
            for (found, plan) in
                [(forward, planner.plan_fft_forward(length)), (backward, planner.plan_fft_inverse(length))]
            {
                let mut expected = values.clone();
                plan.process(&mut expected);
                let size = (length as f64).sqrt();
                let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max);
                assert!(worst < 2e-15 * size * (length as f64).log2().max(1.0) * 4.0, "{length}: {worst:e}");
            }
        }
    }

    /// A shift of a unit is a root of unity, whatever the length.
    #[test]
    fn a_unit_transforms_to_roots() {
        for length in [8, 48, 97, 1155] {
            let mut values = vec![Complex64::ZERO; length];
            values[3] = Complex64::ONE;
            Fourier::new(length, Direction::Forward).process(&mut values, &mut vec![Complex64::ZERO; length]);
            for (k, value) in values.iter().enumerate() {
                let angle = -std::f64::consts::TAU * (3 * k % length) as f64 / length as f64;
                assert!((value - Complex64::new(libm::cos(angle), libm::sin(angle))).norm() < 1e-14, "{length}, {k}");
            }
        }
    }

    #[test]
    fn lagged_products_are_the_plain_sums() {
        let series: Vec<f64> = noise(777).iter().map(|v| v.re).collect();
        let found = lagged_products(&series);
        assert_eq!(found.len(), 777);
        for (lag, found) in found.iter().enumerate() {
            let expected: f64 = series.iter().zip(&series[lag..]).map(|(a, b)| a * b).sum();
            assert!((found - expected).abs() < 1e-11, "{lag}: {found}, {expected}");
        }
    }
}
