//! Each kernel in each form of this machine, by size.
//!
//! `cargo bench -p forebay-kernels -- dense` selects by name.

use divan::{Bencher, black_box, counter::ItemsCount};
use forebay_kernels::{
    Activation, BatchScratch, Form, Leak, PanelMatrix, Real, RowMatrix, SlicedMatrix, leaky_update, tanh,
};

fn main() {
    divan::main();
}

/// Numbers in [-1, 1).
fn noise<T: Real>(len: usize) -> Vec<T> {
    let mut state = 0x1234_5678_u64;
    (0..len).map(|_| T::from_f64(next(&mut state) as i64 as f64 / 2.0_f64.powi(63))).collect()
}

fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn dense_matrix<T: Real>(n: usize) -> PanelMatrix<T> {
    PanelMatrix::new(n, n, &noise(n * n)).expect("square")
}

fn sparse_matrix<T: Real>(n: usize, percent: u64) -> SlicedMatrix<T> {
    let mut state = 99;
    let (mut starts, mut columns) = (vec![0], Vec::new());
    for _ in 0..n {
        columns.extend((0..n as u32).filter(|_| next(&mut state) % 100 < percent));
        starts.push(columns.len());
    }
    SlicedMatrix::from_csr(n, n, &starts, &columns, &noise(columns.len())).expect("valid rows")
}

/// The forms worth measuring at large sizes.
fn forms() -> impl Iterator<Item = Form> {
    Form::available().into_iter()
}

fn sizes(sizes: &[usize]) -> impl Iterator<Item = (Form, usize)> {
    forms().flat_map(move |form| {
        let sizes = sizes.to_vec();
        sizes.into_iter().filter(move |&n| form != Form::SCALAR || n <= 500).map(move |n| (form, n))
    })
}

#[divan::bench(types = [f32, f64], args = sizes(&[100, 200, 500, 1000, 2000]).map(Case))]
fn dense<T: Real>(bencher: Bencher<'_, '_>, Case((form, n)): Case<(Form, usize)>) {
    let (w, x, mut y) = (dense_matrix::<T>(n), noise::<T>(n), noise::<T>(n));
    bencher.counter(ItemsCount::new(n * n)).bench_local(|| w.accumulate(form, black_box(&x), black_box(&mut y)));
}

#[divan::bench(types = [f32, f64], args = sizes(&[500, 1000, 2000, 5000]).map(Case))]
fn sparse_10_percent<T: Real>(bencher: Bencher<'_, '_>, Case((form, n)): Case<(Form, usize)>) {
    sparse::<T>(bencher, form, n, 10);
}

#[divan::bench(types = [f32, f64], args = sizes(&[1000, 2000]).map(Case))]
fn sparse_1_percent<T: Real>(bencher: Bencher<'_, '_>, Case((form, n)): Case<(Form, usize)>) {
    sparse::<T>(bencher, form, n, 1);
}

fn sparse<T: Real>(bencher: Bencher<'_, '_>, form: Form, n: usize, percent: u64) {
    let (w, x, mut y) = (sparse_matrix::<T>(n, percent), noise::<T>(n), noise::<T>(n));
    bencher.counter(ItemsCount::new(w.entries())).bench_local(|| w.accumulate(form, black_box(&x), black_box(&mut y)));
}

#[divan::bench(types = [f32, f64], args = sizes(&[100, 500, 1000]).map(Case))]
fn dense_64_streams<T: Real>(bencher: Bencher<'_, '_>, Case((form, n)): Case<(Form, usize)>) {
    let (w, x, mut y) = (dense_matrix::<T>(n), noise::<T>(64 * n), noise::<T>(64 * n));
    bencher
        .counter(ItemsCount::new(64 * n * n))
        .bench_local(|| w.accumulate_batch(form, 64, black_box(&x), black_box(&mut y)));
}

#[divan::bench(types = [f32, f64], args = sizes(&[500, 1000]).map(Case))]
fn sparse_10_percent_64_streams<T: Real>(bencher: Bencher<'_, '_>, Case((form, n)): Case<(Form, usize)>) {
    let (w, x, mut y) = (sparse_matrix::<T>(n, 10), noise::<T>(64 * n), noise::<T>(64 * n));
    let mut scratch = BatchScratch::new();
    bencher
        .counter(ItemsCount::new(64 * w.entries()))
        .bench_local(|| w.accumulate_batch(form, 64, black_box(&x), black_box(&mut y), &mut scratch));
}

#[divan::bench(types = [f32, f64], args = sizes(&[500]).map(Case))]
fn tanh_in_place<T: Real>(bencher: Bencher<'_, '_>, Case((form, n)): Case<(Form, usize)>) {
    let mut x = noise::<T>(n);
    bencher.counter(ItemsCount::new(n)).bench_local(|| tanh(form, black_box(&mut x)));
}

#[divan::bench(types = [f32, f64], args = sizes(&[500]).map(Case))]
fn leaky_tanh<T: Real>(bencher: Bencher<'_, '_>, Case((form, n)): Case<(Form, usize)>) {
    let (z, old, mut new) = (noise::<T>(n), noise::<T>(n), noise::<T>(n));
    let leak = Leak::uniform(T::from_f64(0.3));
    bencher
        .counter(ItemsCount::new(n))
        .bench_local(|| leaky_update(form, Activation::Tanh, black_box(&z), leak, &old, black_box(&mut new)));
}

/// Readouts of 1,000 features, by outputs.
#[divan::bench(types = [f32, f64], args = sizes(&[1, 8]).map(Case))]
fn readout_1000<T: Real>(bencher: Bencher<'_, '_>, Case((form, rows)): Case<(Form, usize)>) {
    let w = RowMatrix::new(rows, 1000, &noise::<T>(rows * 1000)).expect("valid");
    let (x, mut y) = (noise::<T>(1000), noise::<T>(rows));
    bencher
        .counter(ItemsCount::new(rows * 1000))
        .bench_local(|| w.accumulate(form, 1, black_box(&x), black_box(&mut y)));
}

/// The same product with one chain per row, to compare with.
#[divan::bench(types = [f32, f64], args = sizes(&[1, 8]).map(Case))]
fn panels_1000<T: Real>(bencher: Bencher<'_, '_>, Case((form, rows)): Case<(Form, usize)>) {
    let w = PanelMatrix::new(rows, 1000, &noise::<T>(rows * 1000)).expect("valid");
    let (x, mut y) = (noise::<T>(1000), noise::<T>(rows));
    bencher.counter(ItemsCount::new(rows * 1000)).bench_local(|| w.accumulate(form, black_box(&x), black_box(&mut y)));
}

/// An argument that is printed by its parts.
#[derive(Clone, Copy)]
struct Case<T>(T);

impl std::fmt::Display for Case<(Form, usize)> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.0.0, self.0.1)
    }
}
