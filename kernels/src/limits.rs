//! What this machine can do at most: how fast it reads, multiplies and gathers.
//!
//! A product cannot be faster than its weights can be read, nor than its multiply-adds can be issued; a sparse one not
//! than its inputs can be gathered. These rates are measured with loops that do nothing else, so that measured times
//! of kernels can be judged by the machine that they were measured on.

mod integer;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{
    aligned::{Aligned, LINE_BYTES},
    form::Form,
    lanes::{self, Index, Kernel, Lanes},
    real::Real,
};

/// Rates of one thread of this machine, with the instructions of one form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Name of the form.
    pub form: String,
    /// Reading speed by size of the data that is read again and again, ascending.
    pub reading: Vec<ReadRate>,
    /// `f32` multiply-adds per second, one factor from the L1 cache and one in a register, as in a product.
    pub f32_macs_per_second: f64,
    /// The same for `f64`.
    pub f64_macs_per_second: f64,
    /// 8-bit multiply-adds per second into 32-bit sums, likewise.
    pub i8_macs_per_second: f64,
    /// Gathering speed by number of elements that are gathered from, ascending.
    pub gathering: Vec<GatherRate>,
}

/// How fast data of one size is read.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadRate {
    /// Size of the data.
    pub bytes: usize,
    /// Bytes read per second.
    pub bytes_per_second: f64,
}

/// How fast elements are gathered from a vector of one length, by random 16-bit indices.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GatherRate {
    /// Length of the vector.
    pub elements: usize,
    /// `f32` elements gathered per second.
    pub f32_per_second: f64,
    /// `f64` elements gathered per second.
    pub f64_per_second: f64,
}

const READ_KIB: [usize; 13] =
    [16, 32, 64, 128, 256, 512, 1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10];
const GATHER_ELEMENTS: [usize; 4] = [500, 1000, 2000, 5000];

/// Data of the multiply-add rates: fits any L1 cache.
const L1_BYTES: usize = 16 << 10;

/// Indices of the gather rates.
const GATHERS: usize = 4096;

/// Timings of one rate, of which the median counts.
const SAMPLES: usize = 25;

impl Limits {
    /// Measures, on the calling thread, for about `budget` at most; three seconds give steady numbers.
    pub fn measure(form: Form, budget: Duration) -> Self {
        let probes = READ_KIB.len() + 3 + 2 * GATHER_ELEMENTS.len();
        let share = budget / probes as u32;
        let reading = READ_KIB.map(|kib| {
            let bytes = kib << 10;
            let data = filled::<f32>(bytes / size_of::<f32>());
            let seconds = median_seconds(share, || lanes::run(form, Read { data: black_box(&data) }));
            ReadRate { bytes, bytes_per_second: bytes as f64 / seconds }
        });
        let gathering = GATHER_ELEMENTS.map(|elements| GatherRate {
            elements,
            f32_per_second: gather_rate::<f32>(form, elements, share),
            f64_per_second: gather_rate::<f64>(form, elements, share),
        });
        Self {
            form: form.to_string(),
            reading: reading.to_vec(),
            f32_macs_per_second: mac_rate::<f32>(form, share),
            f64_macs_per_second: mac_rate::<f64>(form, share),
            i8_macs_per_second: i8_rate(form, share),
            gathering: gathering.to_vec(),
        }
    }

    /// The least time of a product with a dense matrix: reading its weights or multiplying, whichever takes longer.
    pub fn dense_floor_seconds<T: Real>(&self, rows: usize, cols: usize) -> f64 {
        let line = LINE_BYTES / size_of::<T>();
        let macs = (rows.next_multiple_of(line) * cols) as f64;
        let bytes = macs * size_of::<T>() as f64;
        (bytes / self.bytes_per_second(bytes)).max(macs / self.macs_per_second::<T>())
    }

    /// The least time of a product with a sparse matrix: reading its weights and 16-bit column numbers or gathering its
    /// inputs, whichever takes longer.
    pub fn sparse_floor_seconds<T: Real>(&self, cols: usize, entries: usize) -> f64 {
        let bytes = (entries * (size_of::<T>() + size_of::<u16>())) as f64;
        (bytes / self.bytes_per_second(bytes)).max(entries as f64 / self.gathers_per_second::<T>(cols))
    }

    /// The least time of a product with integers: reading its packed weights or multiplying bytes, whichever takes longer.
    ///
    /// `weight_bits` is what a weight takes in memory: 1, 2, 4 or 8.
    pub fn integer_floor_seconds(&self, rows: usize, cols: usize, weight_bits: usize) -> f64 {
        let macs = (rows * cols) as f64;
        let bytes = macs * weight_bits as f64 / 8.0;
        (bytes / self.bytes_per_second(bytes)).max(macs / self.i8_macs_per_second)
    }

    /// Reading speed for data of a given size, between the measured sizes linear in the size's logarithm.
    pub fn bytes_per_second(&self, bytes: f64) -> f64 {
        interpolate(self.reading.iter().map(|rate| (rate.bytes as f64, rate.bytes_per_second)), bytes)
    }

    /// Gathering speed from a vector of a given length, between the measured lengths linear in the length's logarithm.
    pub fn gathers_per_second<T: Real>(&self, elements: usize) -> f64 {
        let rate = |rate: &GatherRate| if is_f32::<T>() { rate.f32_per_second } else { rate.f64_per_second };
        interpolate(self.gathering.iter().map(|point| (point.elements as f64, rate(point))), elements as f64)
    }

    /// Multiply-adds per second.
    pub fn macs_per_second<T: Real>(&self) -> f64 {
        if is_f32::<T>() { self.f32_macs_per_second } else { self.f64_macs_per_second }
    }
}

fn is_f32<T: Real>() -> bool {
    size_of::<T>() == size_of::<f32>()
}

/// Value at `x` of points that ascend in `x`, constant outside; NaN without points.
fn interpolate(points: impl Iterator<Item = (f64, f64)>, x: f64) -> f64 {
    let mut below: Option<(f64, f64)> = None;
    for (right, value) in points {
        if x <= right {
            return below.map_or(value, |(left, before)| {
                let part = libm::log(x / left) / libm::log(right / left);
                before + part * (value - before)
            });
        }
        below = Some((right, value));
    }
    below.map_or(f64::NAN, |(_, value)| value)
}

/// Median time of one call; calls are timed in groups that take long enough for the clock.
fn median_seconds<R>(share: Duration, mut call: impl FnMut() -> R) -> f64 {
    const GROUP: Duration = Duration::from_micros(50);
    let deadline = Instant::now() + share;
    black_box(call());
    let mut calls = 1_u32;
    let mut samples = Vec::with_capacity(SAMPLES);
    while samples.len() < SAMPLES {
        let start = Instant::now();
        for _ in 0..calls {
            black_box(call());
        }
        let elapsed = start.elapsed();
        if elapsed < GROUP && calls < 1 << 20 {
            calls *= 2;
            continue;
        }
        samples.push(elapsed.as_secs_f64() / f64::from(calls));
        if Instant::now() > deadline {
            break;
        }
    }
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

fn filled<T: Real>(len: usize) -> Aligned<T> {
    let mut data = Aligned::zeros(len);
    data.fill(T::from_f64(0.5));
    data
}

fn mac_rate<T: Real>(form: Form, share: Duration) -> f64 {
    let data = filled::<T>(L1_BYTES / size_of::<T>());
    let seconds = median_seconds(share, || lanes::run(form, MultiplyAdd { data: black_box(&data) }));
    data.len() as f64 / seconds
}

fn i8_rate(form: Form, share: Duration) -> f64 {
    let data = vec![3_i8; L1_BYTES];
    let seconds = median_seconds(share, || integer::scaled_sum(form, black_box(&data), black_box(2)));
    data.len() as f64 / seconds
}

fn gather_rate<T: Real>(form: Form, elements: usize, share: Duration) -> f64 {
    let table = filled::<T>(elements);
    let mut state = 1_u32;
    let indices: Vec<u16> = (0..GATHERS)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 16) as usize % elements) as u16
        })
        .collect();
    let gather = || lanes::run(form, Gather { table: black_box(&table), indices: black_box(&indices) });
    GATHERS as f64 / median_seconds(share, gather)
}

/// Independent sums of the loops below: enough for the latency of an addition on any machine of today.
const SUMS: usize = 8;

/// Adds up all elements.
struct Read<'a, T> {
    data: &'a [T],
}

impl<T: Real> Kernel<T> for Read<'_, T> {
    type Output = T;

    fn scalar(self) -> T {
        let mut sums = [T::ZERO; SUMS];
        for block in self.data.chunks_exact(SUMS) {
            sums.iter_mut().zip(block).for_each(|(sum, &x)| *sum += x);
        }
        sums.into_iter().fold(T::ZERO, |a, b| a + b)
    }

    #[inline(always)]
    fn vector<L: Lanes<Real = T>>(self, lanes: L) -> T {
        let mut sums = [lanes.splat(T::ZERO); SUMS];
        for block in self.data.chunks_exact(SUMS * L::LANES) {
            for k in 0..SUMS {
                // SAFETY: a block holds `SUMS` vectors.
                let x = unsafe { lanes.load(block.as_ptr().add(k * L::LANES)) };
                sums[k] = lanes.add(sums[k], x);
            }
        }
        first_of_sum(lanes, sums)
    }
}

/// Adds up all elements times a number.
struct MultiplyAdd<'a, T> {
    data: &'a [T],
}

impl<T: Real> Kernel<T> for MultiplyAdd<'_, T> {
    type Output = T;

    fn scalar(self) -> T {
        let factor = black_box(T::ONE);
        let mut sums = [T::ZERO; SUMS];
        for block in self.data.chunks_exact(SUMS) {
            sums.iter_mut().zip(block).for_each(|(sum, &x)| *sum = x.mul_add(factor, *sum));
        }
        sums.into_iter().fold(T::ZERO, |a, b| a + b)
    }

    #[inline(always)]
    fn vector<L: Lanes<Real = T>>(self, lanes: L) -> T {
        let factor = lanes.splat(black_box(T::ONE));
        let mut sums = [lanes.splat(T::ZERO); SUMS];
        for block in self.data.chunks_exact(SUMS * L::LANES) {
            for k in 0..SUMS {
                // SAFETY: a block holds `SUMS` vectors.
                let x = unsafe { lanes.load(block.as_ptr().add(k * L::LANES)) };
                sums[k] = lanes.fma(x, factor, sums[k]);
            }
        }
        first_of_sum(lanes, sums)
    }
}

/// Adds up the elements that the indices name; each index is below the length of the table.
struct Gather<'a, T> {
    table: &'a [T],
    indices: &'a [u16],
}

impl<T: Real> Kernel<T> for Gather<'_, T> {
    type Output = T;

    fn scalar(self) -> T {
        let mut sums = [T::ZERO; SUMS];
        for block in self.indices.chunks_exact(SUMS) {
            sums.iter_mut().zip(block).for_each(|(sum, &index)| *sum += self.table[index.widen()]);
        }
        sums.into_iter().fold(T::ZERO, |a, b| a + b)
    }

    #[inline(always)]
    fn vector<L: Lanes<Real = T>>(self, lanes: L) -> T {
        let mut sums = [lanes.splat(T::ZERO); SUMS];
        for block in self.indices.chunks_exact(SUMS * L::LANES) {
            for k in 0..SUMS {
                // SAFETY: a block holds `SUMS` vectors of indices, each below the length of the table.
                let x = unsafe { lanes.gather(self.table.as_ptr(), block.as_ptr().add(k * L::LANES)) };
                sums[k] = lanes.add(sums[k], x);
            }
        }
        first_of_sum(lanes, sums)
    }
}

/// Keeps all sums alive, so that none of the work can be left out.
#[inline(always)]
fn first_of_sum<L: Lanes>(lanes: L, sums: [L::Vector; SUMS]) -> L::Real {
    let mut total = sums[0];
    for k in 1..SUMS {
        total = lanes.add(total, sums[k]);
    }
    let mut all = [L::Real::ZERO; lanes::MAX_LANES];
    // SAFETY: no form has more than `MAX_LANES` lanes.
    unsafe { lanes.store(all.as_mut_ptr(), total) };
    black_box(all)[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measuring_ends_and_gives_positive_rates() {
        for form in Form::available() {
            let start = Instant::now();
            let limits = Limits::measure(form, Duration::from_millis(100));
            assert!(start.elapsed() < Duration::from_secs(20), "bounded, {:?}", start.elapsed());
            assert_eq!(limits.form, form.name());
            let reading = limits.reading.iter().map(|rate| rate.bytes_per_second);
            let gathering = limits.gathering.iter().flat_map(|rate| [rate.f32_per_second, rate.f64_per_second]);
            let macs = [limits.f32_macs_per_second, limits.f64_macs_per_second, limits.i8_macs_per_second];
            for rate in reading.chain(gathering).chain(macs) {
                assert!(rate.is_finite() && rate > 1e6, "{limits:?}");
            }
        }
    }

    fn round_numbers() -> Limits {
        let reading = [(1024, 4e9), (4096, 2e9)];
        let gathering = [(100, 1e9, 5e8), (400, 5e8, 25e7)];
        Limits {
            form: "scalar".into(),
            reading: reading.map(|(bytes, bytes_per_second)| ReadRate { bytes, bytes_per_second }).to_vec(),
            f32_macs_per_second: 1e9,
            f64_macs_per_second: 1e8,
            i8_macs_per_second: 1e9,
            gathering: gathering
                .map(|(elements, f32_per_second, f64_per_second)| GatherRate {
                    elements,
                    f32_per_second,
                    f64_per_second,
                })
                .to_vec(),
        }
    }

    #[test]
    fn floors_take_the_slower_of_two_limits() {
        let limits = round_numbers();
        assert_eq!(limits.bytes_per_second(1.0), 4e9);
        assert_eq!(limits.bytes_per_second(2048.0), 3e9);
        assert_eq!(limits.bytes_per_second(1e9), 2e9);
        // 16 rows are one line: 1600 multiply-adds of 4 bytes take 1.6 us, reading them 3.2 us.
        assert_eq!(limits.dense_floor_seconds::<f32>(10, 100), 6400.0 / 2e9);
        // 64-bit: 1600 multiply-adds take 16 us, reading 12 800 bytes 6.4 us.
        assert_eq!(limits.dense_floor_seconds::<f64>(16, 100), 1600.0 / 1e8);
        assert_eq!(limits.sparse_floor_seconds::<f32>(200, 1000), (6000.0 / 2e9_f64).max(1000.0 / 75e7));
        // 10,000 weights of 4 bits are 5,000 bytes.
        let read = 5000.0 / 2e9;
        assert_eq!(limits.integer_floor_seconds(100, 100, 4), (1e4 / limits.i8_macs_per_second).max(read));
        assert_eq!(limits.sparse_floor_seconds::<f64>(400, 1000), (10_000.0 / 2e9_f64).max(1000.0 / 25e7));
    }

    #[test]
    fn limits_are_written_and_read_back() {
        let limits = round_numbers();
        let text = serde_json::to_string(&limits).expect("plain data");
        assert_eq!(serde_json::from_str::<Limits>(&text).expect("the same type"), limits);
    }
}
