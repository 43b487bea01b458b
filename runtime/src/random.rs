//! Random numbers with the same bits on every machine.
//!
//! One [`Seed`] opens any number of independent, named [`Stream`]s. A stream is the `ChaCha8` keystream under a key that
//! is the BLAKE3 hash of the seed and the name, so a stream depends on nothing else: not on which streams were opened
//! before, not on the thread, not on the processor. Uniform numbers use exact operations only; normal numbers use
//! Box and Muller's transform with `libm`, because the logarithm and sine of the standard library may differ from
//! platform to platform.

use std::f64::consts::TAU;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

const STREAM_CONTEXT: &str = "forebay random stream v1";
const CHILD_CONTEXT: &str = "forebay child seed v1";

/// The one number from which everything random in a model follows.
///
/// ```
/// use forebay::random::Seed;
///
/// let seed = Seed(42);
/// let mut weights = seed.stream("weights");
/// let mut noise = seed.stream("noise");
/// assert_ne!(weights.next_u64(), noise.next_u64());
/// assert_eq!(seed.stream("noise").uniform(), seed.stream("noise").uniform());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Seed(pub u64);

impl Seed {
    /// Opens the stream of this name at its start.
    pub fn stream(&self, name: &str) -> Stream {
        Stream::from_key(self.derive(STREAM_CONTEXT, name))
    }

    /// Derives the seed of a nested thing, such as one node of a graph.
    ///
    /// ```
    /// use forebay::random::Seed;
    ///
    /// let model = Seed(7);
    /// assert_ne!(model.child("first reservoir"), model.child("second reservoir"));
    /// ```
    #[must_use]
    pub fn child(&self, name: &str) -> Seed {
        let key = self.derive(CHILD_CONTEXT, name);
        let [a, b, c, d, e, f, g, h, ..] = key;
        Seed(u64::from_le_bytes([a, b, c, d, e, f, g, h]))
    }

    fn derive(self, context: &str, name: &str) -> [u8; 32] {
        // The seed has a fixed length, so (seed, name) is unambiguous without a separator.
        let mut hasher = blake3::Hasher::new_derive_key(context);
        hasher.update(&self.0.to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.finalize().into()
    }
}

/// A sequence of random numbers that is fixed by its seed and name.
#[derive(Clone, Debug)]
pub struct Stream {
    keystream: ChaCha8Rng,
    /// The second number of the last Box-Muller pair, if nobody took it yet.
    spare_normal: Option<f64>,
}

impl Stream {
    fn from_key(key: [u8; 32]) -> Self {
        Self { keystream: ChaCha8Rng::from_seed(key), spare_normal: None }
    }

    /// The stream's numbers in line `line` from block `block` on, wherever this one is: eight numbers are a block. So things
    /// that are numbered, such as the links of a lattice in one of many sweeps, each get their own whatever the order in
    /// which, and the thread on which, they are drawn.
    ///
    /// ```
    /// use forebay::random::Seed;
    ///
    /// let stream = Seed(1).stream("momenta");
    /// let mut from_start = stream.at(17, 0);
    /// (0..8).for_each(|_| drop(from_start.next_u64()));
    /// assert_eq!(from_start.next_u64(), stream.at(17, 1).next_u64());
    /// assert_ne!(stream.at(18, 1).next_u64(), stream.at(17, 1).next_u64());
    /// ```
    #[must_use]
    pub fn at(&self, line: u64, block: u64) -> Self {
        let mut keystream = self.keystream.clone();
        keystream.set_stream(line);
        keystream.set_word_pos(u128::from(block) * 16);
        Self { keystream, spare_normal: None }
    }

    /// The next 64 bits of the keystream.
    pub fn next_u64(&mut self) -> u64 {
        self.keystream.next_u64()
    }

    /// A multiple of 2^-53, uniform in `[0, 1)`.
    pub fn uniform(&mut self) -> f64 {
        const UNIT: f64 = 1.0 / (1_u64 << 53) as f64;
        (self.next_u64() >> 11) as f64 * UNIT
    }

    /// Uniform between `low` and `high`; `high` itself appears only where rounding reaches it.
    pub fn uniform_in(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Normally distributed with mean 0 and variance 1.
    ///
    /// # Source
    /// G. E. P. Box, M. E. Muller, "A note on the generation of random normal deviates", 1958.
    pub fn normal(&mut self) -> f64 {
        if let Some(value) = self.spare_normal.take() {
            return value;
        }
        // 1 - u lies in (0, 1], where the logarithm is finite.
        let radius = (-2.0 * libm::log(1.0 - self.uniform())).sqrt();
        let (sine, cosine) = libm::sincos(TAU * self.uniform());
        self.spare_normal = Some(radius * sine);
        radius * cosine
    }

    /// A whole number in `0..bound`, every one with exactly the same chance; 0 for a `bound` of 0.
    ///
    /// # Source
    /// D. Lemire, "Fast random integer generation in an interval", 2019.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        // Products whose low half falls below 2^64 mod bound would make some results more frequent.
        let excess = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(bound);
            if product as u64 >= excess {
                return (product >> 64) as u64;
            }
        }
    }

    /// 1 or -1, each with chance one half.
    pub fn sign(&mut self) -> f64 {
        if self.next_u64() >> 63 == 0 { 1.0 } else { -1.0 }
    }

    /// Puts the items into a random order, every order with the same chance.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let chosen = self.below(last as u64 + 1) as usize;
            items.swap(chosen, last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published keystream of `ChaCha8` with a 256-bit key and nonce of zeros (draft-strombergson-chacha-test-vectors,
    /// TC1).
    #[test]
    fn keystream_equals_the_published_vector() {
        let published = [
            0x3e, 0x00, 0xef, 0x2f, 0x89, 0x5f, 0x40, 0xd6, 0x7f, 0x5b, 0xb8, 0xe8, 0x1f, 0x09, 0xa5, 0xa1, 0x2c, 0x84,
            0x0e, 0xc3, 0xce, 0x9a, 0x7f, 0x3b, 0x18, 0x1b, 0xe1, 0x88, 0xef, 0x71, 0x1a, 0x1e_u8,
        ];
        let mut stream = Stream::from_key([0; 32]);
        let drawn: Vec<u8> = (0..4).flat_map(|_| stream.next_u64().to_le_bytes()).collect();
        assert_eq!(drawn, published);
    }

    #[test]
    fn uniform_numbers_pass_kolmogorov_smirnov() {
        let count = 100_000;
        let mut stream = Seed(1).stream("uniform");
        let mut drawn: Vec<f64> = (0..count).map(|_| stream.uniform()).collect();
        drawn.sort_by(f64::total_cmp);
        assert!(drawn[0] >= 0.0 && drawn[count - 1] < 1.0);
        assert!(kolmogorov_distance(&drawn, |x| x) < 1.95 / (count as f64).sqrt());
    }

    #[test]
    fn normal_numbers_pass_kolmogorov_smirnov_and_moments() {
        let count = 100_000_u32;
        let mut stream = Seed(2).stream("normal");
        let mut drawn: Vec<f64> = (0..count).map(|_| stream.normal()).collect();
        let mean = drawn.iter().sum::<f64>() / f64::from(count);
        let variance = drawn.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / f64::from(count);
        let kurtosis = drawn.iter().map(|x| (x - mean).powi(4)).sum::<f64>() / f64::from(count) / (variance * variance);
        assert!(mean.abs() < 0.015, "{mean}");
        assert!((variance - 1.0).abs() < 0.02, "{variance}");
        assert!((kurtosis - 3.0).abs() < 0.08, "{kurtosis}");
        drawn.sort_by(f64::total_cmp);
        let cumulative = |x: f64| 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2);
        assert!(kolmogorov_distance(&drawn, cumulative) < 1.95 / (f64::from(count)).sqrt());
    }

    fn kolmogorov_distance(sorted: &[f64], cumulative: impl Fn(f64) -> f64) -> f64 {
        let count = sorted.len() as f64;
        let distance = |(rank, &x): (usize, &f64)| {
            let expected = cumulative(x);
            (expected - rank as f64 / count).max((rank + 1) as f64 / count - expected)
        };
        sorted.iter().enumerate().map(distance).fold(0.0, f64::max)
    }

    #[test]
    fn consecutive_normals_are_uncorrelated() {
        let mut stream = Seed(3).stream("pairs");
        let drawn: Vec<f64> = (0..100_000).map(|_| stream.normal()).collect();
        let correlation = drawn.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / drawn.len() as f64;
        assert!(correlation.abs() < 0.015, "{correlation}");
    }

    #[test]
    fn below_gives_every_number_equally_often() {
        let mut stream = Seed(4).stream("below");
        let mut counts = [0_u32; 7];
        for _ in 0..70_000 {
            counts[stream.below(7) as usize] += 1;
        }
        let chi_squared: f64 = counts.iter().map(|&count| (f64::from(count) - 10_000.0).powi(2) / 10_000.0).sum();
        assert!(chi_squared < 22.46, "{counts:?}"); // the 0.999 quantile with 6 degrees of freedom
        assert_eq!(stream.below(1), 0);
        assert!(stream.below(u64::MAX) < u64::MAX);
    }

    /// With this bound a plain multiply-shift would make two thirds of the results twice as frequent as the others.
    #[test]
    fn below_is_unbiased_near_the_word_size() {
        let bound = 3 << 62;
        let mut stream = Seed(5).stream("below");
        let thirds = (0..30_000).map(|_| (stream.below(bound) % 3) as usize);
        let mut counts = [0_u32; 3];
        thirds.for_each(|third| counts[third] += 1);
        assert!(counts.iter().all(|&count| count.abs_diff(10_000) < 300), "{counts:?}");
    }

    #[test]
    fn shuffle_reaches_every_order_equally_often() {
        let mut stream = Seed(6).stream("shuffle");
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..24_000 {
            let mut items = [0, 1, 2, 3];
            stream.shuffle(&mut items);
            *counts.entry(items).or_insert(0_u32) += 1;
        }
        assert_eq!(counts.len(), 24);
        assert!(counts.values().all(|count| count.abs_diff(1000) < 150), "{counts:?}");
    }

    #[test]
    fn signs_are_balanced() {
        let mut stream = Seed(7).stream("sign");
        let sum: f64 = (0..10_000).map(|_| stream.sign()).sum();
        assert!(sum.abs() < 400.0, "{sum}");
    }

    #[test]
    fn streams_and_children_depend_on_seed_and_name_only() {
        let firsts = [
            Seed(1).stream("a").next_u64(),
            Seed(1).stream("b").next_u64(),
            Seed(2).stream("a").next_u64(),
            Seed(1).child("a").stream("a").next_u64(),
        ];
        for (index, first) in firsts.iter().enumerate() {
            assert!(!firsts[..index].contains(first));
        }
        assert_eq!(Seed(1).child("a"), Seed(1).child("a"));
    }

    /// Fixed by the first run: a change here changes every model that was ever made from a seed.
    #[test]
    fn bits_of_a_stream_stay_as_they_are() {
        let mut stream = Seed(42).stream("golden");
        let drawn =
            [stream.next_u64(), stream.uniform().to_bits(), stream.normal().to_bits(), stream.normal().to_bits()];
        assert_eq!(drawn, [0x48c0_9f4f_8b6c_0451, 0x3f91_026f_c940_2f60, 0xbfe2_8a2a_12d0_b0c2, 0x3fd8_2d3f_bfe3_ccfc]);
        assert_eq!(stream.below(1000), 621);
        assert_eq!(Seed(42).child("golden"), Seed(3_055_102_680_244_382_878));
    }
}
