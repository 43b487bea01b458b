//! Integer products: every form equals a plain sum, for all sizes, tails and extremes.

use forebay_kernels::Form;
use forebay_kernels::integer::{ByteMatrix, IntegerError, IntegerScratch, PackedMatrix, SparseMatrix, WeightBits};
use proptest::prelude::*;

/// The definition, in 64 bits.
fn plain(units: usize, inputs: usize, weights: &[i8], x: &[i32]) -> Vec<i32> {
    let sample = |x: &[i32]| -> Vec<i32> {
        let rows = weights.chunks_exact(inputs);
        let sums = rows.map(|row| row.iter().zip(x).map(|(&w, &x)| i64::from(w) * i64::from(x)).sum::<i64>());
        sums.map(|sum| i32::try_from(sum).expect("bounded by the constructor")).collect()
    };
    let y: Vec<i32> = x.chunks_exact(inputs).flat_map(sample).collect();
    assert_eq!(y.len(), x.len() / inputs * units);
    y
}

/// Numbers of all kinds: random ones, all smallest, all largest.
fn numbers(low: i32, high: i32, count: usize) -> impl Strategy<Value = Vec<i32>> {
    prop_oneof![
        4 => prop::collection::vec(low..=high, count),
        1 => Just(vec![low; count]),
        1 => Just(vec![high; count]),
    ]
}

fn bits() -> impl Strategy<Value = WeightBits> {
    prop_oneof![Just(WeightBits::One), Just(WeightBits::Two), Just(WeightBits::Four)]
}

fn bytes(values: &[i32]) -> Vec<i8> {
    values.iter().map(|&v| i8::try_from(v).expect("a byte")).collect()
}

fn levels(values: &[i32]) -> Vec<u8> {
    values.iter().map(|&v| u8::try_from(v).expect("a level")).collect()
}

fn packed_case() -> impl Strategy<Value = (WeightBits, usize, usize, usize, Vec<i32>, Vec<i32>)> {
    (bits(), 1_usize..=150, 1_usize..=300, 0_usize..=9).prop_flat_map(|(bits, units, inputs, samples)| {
        let (low, high) = bits.range();
        let weights = numbers(low.into(), high.into(), units * inputs);
        (Just(bits), Just(units), Just(inputs), Just(samples), weights, numbers(0, 15, samples * inputs))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn packed_products_are_exact((bits, units, inputs, samples, weights, x) in packed_case()) {
        let (expected, weights, x) = (plain(units, inputs, &bytes(&weights), &x), bytes(&weights), levels(&x));
        let matrix = PackedMatrix::new(bits, units, inputs, &weights).expect("legal");
        let sparse = SparseMatrix::new(units, inputs, &weights).expect("legal");
        prop_assert_eq!(matrix.to_row_major(), &*weights);
        prop_assert_eq!(sparse.to_row_major(), &*weights);
        let mut scratch = IntegerScratch::default();
        for form in Form::available() {
            let mut y = vec![i32::MIN; samples * units];
            matrix.multiply(form, samples, &x, &mut y, &mut scratch);
            prop_assert_eq!(&y, &expected, "{}", form);
            y.fill(i32::MIN);
            sparse.multiply(form, samples, &x, &mut y, &mut scratch);
            prop_assert_eq!(&y, &expected, "sparse, {}", form);
            for (x, expected) in x.chunks_exact(inputs).zip(expected.chunks_exact(units)) {
                let mut y = vec![i32::MIN; units];
                matrix.multiply(form, 1, x, &mut y, &mut scratch);
                prop_assert_eq!(&y, expected, "one sample, {}", form);
            }
        }
    }

    #[test]
    fn byte_products_are_exact(
        (units, inputs, samples, weights, x) in (1_usize..=150, 1_usize..=200, 0_usize..=9).prop_flat_map(|(u, i, s)| {
            (Just(u), Just(i), Just(s), numbers(-127, 127, u * i), numbers(-128, 127, s * i))
        })
    ) {
        let (expected, weights, x) = (plain(units, inputs, &bytes(&weights), &x), bytes(&weights), bytes(&x));
        let matrix = ByteMatrix::new(units, inputs, &weights).expect("legal");
        prop_assert_eq!(matrix.to_row_major(), &*weights);
        let mut scratch = IntegerScratch::default();
        for form in Form::available() {
            let mut y = vec![i32::MIN; samples * units];
            matrix.multiply(form, samples, &x, &mut y, &mut scratch);
            prop_assert_eq!(&y, &expected, "{}", form);
        }
    }

    #[test]
    fn changing_weights_is_packing_the_changed_ones(
        (bits, units, inputs, _, weights, _) in packed_case(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..20),
    ) {
        let mut weights = bytes(&weights);
        let mut matrix = PackedMatrix::new(bits, units, inputs, &weights).expect("legal");
        let mut sparse = SparseMatrix::new(units, inputs, &weights).expect("legal");
        let mut byte = ByteMatrix::new(units, inputs, &weights).expect("legal");
        let (low, high) = bits.range();
        for (at, value) in changes {
            let at = at.index(weights.len());
            let value = low + value.index((high - low + 1) as usize) as i8;
            weights[at] = value;
            let (unit, input) = (at / inputs, at % inputs);
            matrix.set(unit, input, value).expect("legal");
            sparse.set(unit, input, value).expect("legal");
            byte.set(unit, input, value).expect("legal");
            prop_assert_eq!((matrix.get(unit, input), sparse.get(unit, input), byte.get(unit, input)), (value, value, value));
        }
        prop_assert_eq!(matrix.to_row_major(), &*weights);
        prop_assert_eq!(sparse.to_row_major(), &*weights);
        prop_assert_eq!(byte.to_row_major(), &*weights);
    }
}

#[test]
fn the_widest_layer_of_a_device_is_exact() {
    let inputs = 57_334;
    for weight in [-7, 7] {
        let matrix = PackedMatrix::new(WeightBits::Four, 1, inputs, &vec![weight; inputs]).expect("legal");
        for form in Form::available() {
            let mut y = [0];
            matrix.multiply(form, 1, &vec![15; inputs], &mut y, &mut IntegerScratch::default());
            assert_eq!(y[0], i32::from(weight) * 15 * inputs as i32, "{form}");
        }
    }
}

#[test]
fn wrong_matrices_are_errors() {
    let four = WeightBits::Four;
    assert!(matches!(PackedMatrix::new(four, 0, 3, &[]), Err(IntegerError::Shape { .. })));
    assert!(matches!(PackedMatrix::new(four, 2, 3, &[0; 5]), Err(IntegerError::Shape { .. })));
    let wrong = PackedMatrix::new(four, 1, 3, &[7, -7, -8]).expect_err("-8 is no weight");
    assert_eq!(wrong, IntegerError::Weight { index: 2, value: -8, min: -7, max: 7 });
    assert!(matches!(PackedMatrix::new(WeightBits::Two, 1, 1, &[2]), Err(IntegerError::Weight { .. })));
    assert!(matches!(ByteMatrix::new(1, 1, &[-128]), Err(IntegerError::Weight { .. })));
    assert!(matches!(ByteMatrix::new(1, 1 << 20, &[]), Err(IntegerError::TooWide { .. })));
    let mut matrix = ByteMatrix::new(2, 2, &[1; 4]).expect("legal");
    assert!(matches!(matrix.set(2, 0, 1), Err(IntegerError::Index { .. })));
    assert!(matches!(matrix.set(0, 0, -128), Err(IntegerError::Weight { .. })));
}

#[test]
fn memory_is_what_the_bits_take() {
    // 1,000 are 62.5 panels of 16 units and 31.25 blocks of 32 inputs: padding is below 4 %.
    let bytes = |bits: WeightBits| PackedMatrix::new(bits, 1000, 1000, &vec![0; 1_000_000]).expect("legal").bytes();
    for (bits, exact) in [(WeightBits::One, 125_000), (WeightBits::Two, 250_000), (WeightBits::Four, 500_000)] {
        assert!((exact..exact * 104 / 100).contains(&bytes(bits)), "{bits:?}: {}", bytes(bits));
    }
}
