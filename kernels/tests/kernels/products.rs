//! Matrix products: every form equals the naive loop in every bit.

use forebay_kernels::{BatchScratch, Form, PanelMatrix, Real, ShapeError, SlicedMatrix};
use proptest::{collection::vec, prelude::*};

use crate::support::{any_number, bits, noise, numbers, weight};

/// The definition, written down again.
fn naive<T: Real>(rows: usize, cols: usize, w: &[T], x: &[T], y: &[T], stored: impl Fn(T) -> bool) -> Vec<T> {
    (0..rows)
        .map(|i| {
            let mut sum = y[i];
            for j in 0..cols {
                if stored(w[i * cols + j]) {
                    sum = w[i * cols + j].mul_add(x[j], sum);
                }
            }
            if sum.is_nan() { T::NAN } else { sum + T::ZERO }
        })
        .collect()
}

/// Stores exactly the weights that are not 0.
fn sparse<T: Real>(rows: usize, cols: usize, w: &[T]) -> SlicedMatrix<T> {
    let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for i in 0..rows {
        for j in 0..cols {
            if w[i * cols + j] != T::ZERO {
                columns.push(u32::try_from(j).expect("few columns"));
                values.push(w[i * cols + j]);
            }
        }
        starts.push(values.len());
    }
    SlicedMatrix::from_csr(rows, cols, &starts, &columns, &values).expect("valid rows")
}

#[derive(Debug)]
struct Case<T> {
    rows: usize,
    cols: usize,
    streams: usize,
    w: Vec<T>,
    x: Vec<T>,
    y: Vec<T>,
}

fn case<T: Real>(streams: impl Strategy<Value = usize>) -> impl Strategy<Value = Case<T>> {
    let shape = (0..150_usize, 0..150_usize, streams);
    shape.prop_flat_map(|(rows, cols, streams)| {
        let inputs = prop_oneof![
            9 => numbers::<T>(streams * cols).boxed(),
            1 => vec(any_number::<T>(), streams * cols).boxed(),
        ];
        (vec(weight(), rows * cols), inputs, numbers(streams * rows)).prop_map(move |(w, x, y)| Case {
            rows,
            cols,
            streams,
            w,
            x,
            y,
        })
    })
}

fn check_products<T: Real>(Case { rows, cols, w, x, y, .. }: &Case<T>) {
    let (rows, cols) = (*rows, *cols);
    let dense = PanelMatrix::new(rows, cols, w).expect("valid shape");
    let sparse = sparse(rows, cols, w);
    let expected_dense = bits(&naive(rows, cols, w, x, y, |_| true));
    let expected_sparse = bits(&naive(rows, cols, w, x, y, |w| w != T::ZERO));
    if x.iter().all(|x| x.is_finite()) {
        assert_eq!(expected_dense, expected_sparse, "zeros add nothing");
    }
    for form in Form::available() {
        let mut sum = y.clone();
        dense.accumulate(form, x, &mut sum);
        assert_eq!(bits(&sum), expected_dense, "dense, {form}");
        let mut sum = y.clone();
        sparse.accumulate(form, x, &mut sum);
        assert_eq!(bits(&sum), expected_sparse, "sparse, {form}");
    }
}

fn check_batches<T: Real>(Case { rows, cols, streams, w, x, y }: &Case<T>) {
    let (rows, cols, streams) = (*rows, *cols, *streams);
    let dense = PanelMatrix::new(rows, cols, w).expect("valid shape");
    let sparse = sparse(rows, cols, w);
    let mut singles = (y.clone(), y.clone());
    for s in 0..streams {
        let x = &x[s * cols..][..cols];
        dense.accumulate(Form::SCALAR, x, &mut singles.0[s * rows..][..rows]);
        sparse.accumulate(Form::SCALAR, x, &mut singles.1[s * rows..][..rows]);
    }
    let mut scratch = BatchScratch::new();
    for form in Form::available() {
        let mut sums = y.clone();
        dense.accumulate_batch(form, streams, x, &mut sums);
        assert_eq!(bits(&sums), bits(&singles.0), "dense, {form}");
        let mut sums = y.clone();
        sparse.accumulate_batch(form, streams, x, &mut sums, &mut scratch);
        assert_eq!(bits(&sums), bits(&singles.1), "sparse, {form}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn forms_agree_f32(case in case::<f32>(Just(1))) {
        check_products(&case);
    }

    #[test]
    fn forms_agree_f64(case in case::<f64>(Just(1))) {
        check_products(&case);
    }

    #[test]
    fn batches_are_singles_f32(case in case::<f32>(1..40_usize)) {
        check_batches(&case);
    }

    #[test]
    fn batches_are_singles_f64(case in case::<f64>(1..40_usize)) {
        check_batches(&case);
    }
}

/// Every tail of rows, with as many panels as it takes to see their widths differ.
fn all_row_counts<T: Real>() {
    let cols = 5;
    for rows in 0..300 {
        let w = noise::<T>(1, rows * cols);
        let (x, y) = (noise::<T>(2, cols), noise::<T>(3, rows));
        check_products(&Case { rows, cols, streams: 1, w, x, y });
    }
}

#[test]
fn all_row_counts_agree() {
    all_row_counts::<f32>();
    all_row_counts::<f64>();
}

/// Batches are cut into blocks of columns; the cut must not show.
#[test]
fn long_rows_agree_in_batches() {
    let (rows, cols, streams) = (37, 1100, 9);
    let w = noise::<f32>(1, rows * cols);
    let (x, y) = (noise::<f32>(2, streams * cols), noise::<f32>(3, streams * rows));
    check_batches(&Case { rows, cols, streams, w, x, y });
}

#[test]
fn negative_zero_becomes_zero() {
    let w = PanelMatrix::<f32>::new(3, 0, &[]).expect("valid shape");
    let s = SlicedMatrix::<f32>::from_csr(3, 0, &[0; 4], &[], &[]).expect("valid rows");
    for form in Form::available() {
        for product in 0..4 {
            let mut y = [-0.0_f32; 3];
            match product {
                0 => w.accumulate(form, &[], &mut y),
                1 => s.accumulate(form, &[], &mut y),
                2 => w.accumulate_batch(form, 1, &[], &mut y),
                _ => s.accumulate_batch(form, 1, &[], &mut y, &mut BatchScratch::new()),
            }
            assert_eq!(bits(&y), [0; 3], "{form}");
        }
    }
}

/// Column numbers beyond 16 bits take the wide layout.
#[test]
fn wide_columns_agree() {
    let cols = 70_000_u32;
    let (starts, columns) = ([0, 2, 3], [1, cols - 1, 65_536]);
    let w = SlicedMatrix::from_csr(2, cols as usize, &starts, &columns, &[2.0_f32, 3.0, 4.0]).expect("valid rows");
    let x: Vec<f32> = (0..cols).map(|j| j as f32).collect();
    let streams = 5;
    for form in Form::available() {
        let mut y = [0.0; 2];
        w.accumulate(form, &x, &mut y);
        assert_eq!(y, [209_999.0, 262_144.0], "{form}");
        let mut y = vec![0.0; 2 * streams];
        w.accumulate_batch(form, streams, &x.repeat(streams), &mut y, &mut BatchScratch::new());
        assert_eq!(y, [209_999.0, 262_144.0].repeat(streams), "{form}");
    }
}

#[test]
fn matrices_are_read_back() {
    for (rows, cols) in [(0, 0), (0, 3), (3, 0), (1, 1), (17, 5), (200, 7), (333, 20)] {
        let w = noise::<f64>(7, rows * cols);
        let dense = PanelMatrix::new(rows, cols, &w).expect("valid shape");
        let sparse = sparse(rows, cols, &w);
        assert_eq!(dense.to_row_major(), w);
        assert_eq!(sparse.to_row_major(), w);
        assert!(dense.bytes() >= w.len() * 8);
        assert_eq!(sparse.entries(), w.len());
        for i in 0..rows {
            for j in 0..cols {
                assert_eq!(dense.get(i, j), w[i * cols + j]);
                assert_eq!(sparse.get(i, j), w[i * cols + j]);
            }
        }
    }
}

/// 200 rows need 13 cache lines of rows, not the 16 of two full panels.
#[test]
fn padding_is_below_one_cache_line_of_rows() {
    let w = PanelMatrix::new(200, 10, &vec![1.0_f32; 2000]).expect("valid shape");
    assert_eq!(w.bytes(), 13 * 64 * 10);
}

#[test]
fn wrong_shapes_are_refused() {
    let dense = PanelMatrix::new(2, 3, &[0.0_f32; 5]);
    assert_eq!(dense, Err(ShapeError::Values { rows: 2, columns: 3, found: 5 }));
    assert!(PanelMatrix::new(usize::MAX, 2, &[0.0_f32; 5]).is_err(), "the product overflows");

    let csr = |starts: &[usize], columns: &[u32], values: &[f32]| SlicedMatrix::from_csr(2, 3, starts, columns, values);
    assert!(csr(&[0, 1, 2], &[0, 2], &[1.0, 2.0]).is_ok());
    assert_eq!(csr(&[0, 1], &[0], &[1.0]), Err(ShapeError::RowStarts { rows: 2, found: 2 }));
    assert_eq!(csr(&[0, 1, 1], &[0], &[]), Err(ShapeError::Entries { columns: 1, values: 0 }));
    assert_eq!(csr(&[0, 2, 1], &[0], &[1.0]), Err(ShapeError::RowRange { row: 0, start: 0, end: 2, entries: 1 }));
    assert_eq!(csr(&[1, 1, 1], &[0], &[1.0]), Err(ShapeError::RowRange { row: 0, start: 1, end: 1, entries: 1 }));
    assert_eq!(csr(&[0, 0, 0], &[0], &[1.0]), Err(ShapeError::RowRange { row: 1, start: 0, end: 0, entries: 1 }));
    assert_eq!(csr(&[0, 1, 1], &[3], &[1.0]), Err(ShapeError::Column { row: 0, column: 3, columns: 3 }));
    assert_eq!(csr(&[0, 0, 2], &[1, 1], &[1.0, 1.0]), Err(ShapeError::Order { row: 1, column: 1, previous: 1 }));
    assert!(matches!(
        SlicedMatrix::<f32>::from_csr(1, 1 << 25, &[0, 0], &[], &[]),
        Err(ShapeError::TooLarge { columns: 33_554_432, .. })
    ));
}
