//! Sums of products, factors and inverses, in fused multiply-adds per second.

use divan::{Bencher, counter::ItemsCount};
use forebay_kernels::{
    Form,
    solver::{Alone, Panels, add_products, factor, inverse_diagonal},
};

const SIZES: [usize; 4] = [200, 500, 1000, 2000];
const ROWS: usize = 128;

fn main() {
    divan::main();
}

fn rows(n: usize) -> Panels {
    let mut x = Panels::zeros(ROWS, n);
    for t in 0..ROWS {
        let row: Vec<f64> = (0..n).map(|i| ((t * 7919 + i * 104_729) % 997) as f64 / 997.0 - 0.5).collect();
        x.set_row(t, &row);
    }
    x
}

fn matrix(n: usize) -> Vec<f64> {
    let mut a = vec![0.0; n * n];
    add_products(Form::best(), &Alone, ROWS, &rows(n), &mut a);
    (0..n).for_each(|i| a[i * n + i] += 10.0);
    a
}

#[divan::bench(args = SIZES)]
fn products(bencher: Bencher<'_, '_>, n: usize) {
    let x = rows(n);
    let mut sums = vec![0.0; n * n];
    bencher
        .counter(ItemsCount::new(ROWS * n * (n + 1) / 2))
        .bench_local(|| add_products(Form::best(), &Alone, ROWS, &x, &mut sums));
}

#[divan::bench(args = SIZES)]
fn factors(bencher: Bencher<'_, '_>, n: usize) {
    let a = matrix(n);
    bencher
        .counter(ItemsCount::new(n * n * n / 6))
        .with_inputs(|| a.clone())
        .bench_local_refs(|a| factor(Form::best(), &Alone, a, &vec![0.0; n]));
}

#[divan::bench(args = SIZES)]
fn inverses(bencher: Bencher<'_, '_>, n: usize) {
    let mut a = matrix(n);
    factor(Form::best(), &Alone, &mut a, &vec![0.0; n]).expect("positive definite");
    bencher.counter(ItemsCount::new(n * n * n / 6)).bench_local(|| inverse_diagonal(Form::best(), &Alone, &a, n, n));
}
