//! Readouts: the sum of eight interleaved chains, in every form.

use forebay_kernels::{Form, Real, RowMatrix, ShapeError, dot};
use proptest::{collection::vec, prelude::*};

use crate::support::{any_number, bits, noise, numbers, weight};

/// The definition, written down again.
fn naive<T: Real>(w: &[T], x: &[T], y: T) -> T {
    let mut p = [T::ZERO; 8];
    for j in 0..w.len() {
        p[j % 8] = w[j].mul_add(x[j], p[j % 8]);
    }
    let sum = y + (((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7])));
    if sum.to_f64().is_nan() { T::NAN } else { sum + T::ZERO }
}

fn check<T: Real>(rows: usize, cols: usize, streams: usize, w: &[T], x: &[T], y: &[T]) {
    let matrix = RowMatrix::new(rows, cols, w).expect("valid shape");
    assert_eq!(bits(&matrix.to_row_major()), bits(w));
    let mut expected = Vec::new();
    for s in 0..streams {
        for i in 0..rows {
            expected.push(naive(&w[i * cols..][..cols], &x[s * cols..][..cols], y[s * rows + i]));
        }
    }
    for form in Form::available() {
        let mut sums = y.to_vec();
        matrix.accumulate(form, streams, x, &mut sums);
        assert_eq!(bits(&sums), bits(&expected), "{form}, {rows} x {cols}, {streams} stream(s)");
        for (w, x) in w.chunks_exact(cols.max(1)).zip(x.chunks_exact(cols.max(1))) {
            assert_eq!(dot(form, w, x).bits(), naive(w, x, T::ZERO).bits(), "dot, {form}");
        }
    }
}

type Case<T> = (usize, usize, usize, Vec<T>, Vec<T>, Vec<T>);

fn case<T: Real>() -> impl Strategy<Value = Case<T>> {
    (0..20_usize, 0..70_usize, 0..10_usize).prop_flat_map(|(rows, cols, streams)| {
        let inputs = prop_oneof![
            9 => numbers::<T>(streams * cols).boxed(),
            1 => vec(any_number::<T>(), streams * cols).boxed(),
        ];
        (Just(rows), Just(cols), Just(streams), vec(weight(), rows * cols), inputs, numbers(streams * rows))
    })
}

proptest! {
    #[test]
    fn forms_agree_f32((rows, cols, streams, w, x, y) in case::<f32>()) {
        check(rows, cols, streams, &w, &x, &y);
    }

    #[test]
    fn forms_agree_f64((rows, cols, streams, w, x, y) in case::<f64>()) {
        check(rows, cols, streams, &w, &x, &y);
    }
}

/// Every number of rows and streams that is put together from other tiles, and every rest of columns.
#[test]
fn all_tiles_and_tails_agree() {
    fn all<T: Real>() {
        for rows in 0..=17 {
            for cols in [0, 1, 7, 8, 9, 15, 16, 17, 30] {
                for streams in [0, 1, 2, 3, 4, 5, 7, 11] {
                    let (w, x) = (noise::<T>(1, rows * cols), noise::<T>(2, streams * cols));
                    check(rows, cols, streams, &w, &x, &noise::<T>(3, streams * rows));
                }
            }
        }
    }
    all::<f32>();
    all::<f64>();
}

/// Numbers by exact rational arithmetic in Python (fractions), rounded once per fused multiply-add and once per sum.
#[test]
fn bits_of_exact_arithmetic() {
    fn one<T: Real>(expected: u64) {
        let matrix = RowMatrix::new(1, 1003, &noise::<T>(1, 1003)).expect("valid shape");
        for form in Form::available() {
            let mut y = noise::<T>(3, 1);
            matrix.accumulate(form, 1, &noise::<T>(2, 1003), &mut y);
            assert_eq!(y[0].bits(), expected, "{form}, {}", T::NAME);
        }
    }
    one::<f64>(0x4024_ee34_0fcc_669e);
    one::<f32>(0x4127_71a1);
    for form in Form::available() {
        let dot = dot(form, &noise::<f64>(1, 1003), &noise::<f64>(2, 1003));
        assert_eq!(dot.to_bits(), 0x4024_7a07_bc38_fa98, "dot, {form}");
    }
}

/// By hand: which numbers meet which shows in what is rounded away.
#[test]
fn the_order_is_that_of_the_definition() {
    let large = 2.0_f64.powi(53); // large + 1 = large
    for form in Form::available() {
        let sum = |x: [f64; 16]| dot(form, &[1.0; 16], &x);
        // Columns 0 and 8 are one chain: the 1 is lost before the large number goes.
        assert_eq!(sum([large, 0., 0., 0., -large, 0., 0., 0., 1., 0., 0., 0., 0., 0., 0., 0.]), 0.0, "{form}");
        // Chains 0 and 4 meet first.
        assert_eq!(sum([large, 0., 1., 0., -large, 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0.]), 1.0, "{form}");
        // Chain 2 meets chain 0 before chain 1 does.
        assert_eq!(sum([large, 1., -large, 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0.]), 1.0, "{form}");
        assert_eq!(sum([large, -large, 1., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0.]), 0.0, "{form}");
    }
}

#[test]
fn a_wrong_number_of_values_is_refused() {
    assert_eq!(RowMatrix::new(2, 3, &[1.0; 5]), Err(ShapeError::Values { rows: 2, columns: 3, found: 5 }));
    assert_eq!(
        RowMatrix::new(usize::MAX, 2, &[1.0; 4]),
        Err(ShapeError::Values { rows: usize::MAX, columns: 2, found: 4 })
    );
}
