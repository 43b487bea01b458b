//! Integer products beside the bytes they read.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use forebay_kernels::Form;
use forebay_kernels::integer::{ByteMatrix, IntegerScratch, PackedMatrix, SparseMatrix, WeightBits};

fn main() {
    divan::main();
}

const SIZES: [usize; 5] = [100, 200, 500, 1000, 2000];

fn weights(count: usize) -> Vec<i8> {
    (0..count).map(|i| (i * 7919 % 15) as i8 - 7).collect()
}

fn packed(bencher: Bencher<'_, '_>, n: usize, samples: usize) {
    let matrix = PackedMatrix::new(WeightBits::Four, n, n, &weights(n * n)).expect("legal");
    let x: Vec<u8> = (0..samples * n).map(|i| (i % 16) as u8).collect();
    let (mut y, mut scratch, form) = (vec![0; samples * n], IntegerScratch::default(), Form::best());
    bencher
        .counter(BytesCount::new(matrix.bytes()))
        .bench_local(|| matrix.multiply(form, samples, black_box(&x), black_box(&mut y), &mut scratch));
}

#[divan::bench(args = SIZES)]
fn packed_4_bit(bencher: Bencher<'_, '_>, n: usize) {
    packed(bencher, n, 1);
}

#[divan::bench(args = SIZES)]
fn packed_4_bit_batch_of_64(bencher: Bencher<'_, '_>, n: usize) {
    packed(bencher, n, 64);
}

#[divan::bench(args = SIZES)]
fn bytes(bencher: Bencher<'_, '_>, n: usize) {
    let matrix = ByteMatrix::new(n, n, &weights(n * n)).expect("legal");
    let x: Vec<i8> = (0..n).map(|i| (i % 251) as u8 as i8).collect();
    let (mut y, mut scratch, form) = (vec![0; n], IntegerScratch::default(), Form::best());
    bencher
        .counter(BytesCount::new(matrix.bytes()))
        .bench_local(|| matrix.multiply(form, 1, black_box(&x), black_box(&mut y), &mut scratch));
}

/// 1,000 x 1,000 with this many stored weights per thousand: where is it as slow as packed?
#[divan::bench(args = [2, 5, 10, 20, 50])]
fn sparse_per_thousand(bencher: Bencher<'_, '_>, per_thousand: usize) {
    let n = 1000;
    let weights: Vec<i8> = (0..n * n).map(|i| i8::from(i * 7919 % 1009 < per_thousand)).collect();
    let matrix = SparseMatrix::new(n, n, &weights).expect("legal");
    let x: Vec<u8> = (0..n).map(|i| (i % 16) as u8).collect();
    let (mut y, mut scratch, form) = (vec![0; n], IntegerScratch::default(), Form::best());
    bencher.bench_local(|| matrix.multiply(form, 1, black_box(&x), black_box(&mut y), &mut scratch));
}

#[divan::bench]
fn change_one_weight(bencher: Bencher<'_, '_>) {
    let mut matrix = PackedMatrix::new(WeightBits::Four, 1000, 1000, &weights(1_000_000)).expect("legal");
    let mut value = 0;
    bencher.bench_local(|| {
        value = (value + 1) % 8;
        matrix.set(black_box(500), black_box(500), value).expect("legal");
    });
}
