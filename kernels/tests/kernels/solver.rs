//! The solver's kernels: equal bits in every form, the definition entry by entry, and what the results are for.

use forebay_kernels::{
    Form,
    solver::{
        Alone, Panels, Spread, add_cross_products, add_products, factor, factor_pivoted, inverse_diagonal, solve_lower,
        solve_upper,
    },
};
use proptest::prelude::*;

use crate::support::{bits, noise};

/// Does the work backwards, as another thread might.
struct Backwards;

impl Spread for Backwards {
    fn each<I: Send>(&self, items: Vec<I>, work: impl Fn(I) + Sync) {
        items.into_iter().rev().for_each(work);
    }
}

fn panels(seed: u64, depth: usize, columns: usize) -> Panels {
    let mut panels = Panels::zeros(depth, columns);
    let values = noise::<f64>(seed, depth * columns);
    (0..depth).for_each(|t| panels.set_row(t, &values[t * columns..][..columns]));
    panels
}

fn rows(panels: &Panels) -> Vec<Vec<f64>> {
    (0..panels.depth()).map(|t| panels.row(t).flatten().copied().collect()).collect()
}

/// `X'X + 1e-3`, with something above the diagonal that nobody may touch.
fn matrix(seed: u64, depth: usize, n: usize) -> Vec<f64> {
    let mut a: Vec<f64> = (0..n * n).map(|k| if k % n < k / n { -7.5 } else { 0.0 }).collect();
    add_products(Form::SCALAR, &Alone, depth, &panels(seed, depth, n), &mut a);
    (0..n).for_each(|i| a[i * n + i] += 1e-3);
    a
}

/// However elements are written and read, they are those of a plain matrix.
#[test]
fn panels_are_a_matrix() {
    for columns in [1, 23, 24, 25, 47, 48, 60, 97] {
        let depth = 3;
        let value = |t: usize, column: usize| (100 * t + column) as f64 + 0.5;
        let expected: Vec<Vec<f64>> =
            (0..depth).map(|t| (0..columns).map(|column| value(t, column)).collect()).collect();
        let mut by_element = Panels::zeros(depth, columns);
        let mut by_part = Panels::zeros(depth, columns);
        let mut by_difference = Panels::zeros(depth, columns);
        for t in 0..depth {
            (0..columns).for_each(|column| by_element.set(t, column, value(t, column)));
            let mut column = 0;
            for part in by_part.row_mut(t) {
                for to in part {
                    *to = value(t, column);
                    column += 1;
                }
            }
            assert_eq!(column, columns, "every column once");
            let (row, shift): (Vec<f64>, Vec<f64>) = (0..columns).map(|c| (value(t, c) + c as f64, c as f64)).unzip();
            by_difference.set_row_less(t, &row, &shift);
        }
        for panels in [by_element, by_part, by_difference] {
            assert_eq!(rows(&panels), expected, "{columns} columns");
            assert_eq!((panels.depth(), panels.columns()), (depth, columns));
        }
    }
}

#[test]
fn sums_of_products_are_one_chain_per_entry() {
    for (depth, n, outputs) in [(1, 1, 1), (5, 3, 2), (7, 97, 1), (64, 131, 9), (33, 200, 100), (2, 700, 1)] {
        let (x, y) = (panels(1, depth, n), panels(2, depth, outputs));
        let (xs, ys) = (rows(&x), rows(&y));
        let start: Vec<f64> = noise(3, n * n);
        let expected: Vec<f64> = (0..n * n)
            .map(|at| {
                let (i, j) = (at % n, at / n);
                let sum = xs.iter().fold(0.0, |sum, row| row[i].mul_add(row[j], sum));
                if i < j { start[at] } else { start[at] + sum }
            })
            .collect();
        let cross_start: Vec<f64> = noise(4, n * outputs);
        let cross: Vec<f64> = (0..n * outputs)
            .map(|at| {
                let sum = xs.iter().zip(&ys).fold(0.0, |sum, (x, y)| x[at % n].mul_add(y[at / n], sum));
                cross_start[at] + sum
            })
            .collect();
        for form in Form::available() {
            let mut found = start.clone();
            add_products(form, &Backwards, depth, &x, &mut found);
            assert_eq!(bits(&found), bits(&expected), "{form}, {depth} x {n}");
            let mut found = cross_start.clone();
            add_cross_products(form, &Backwards, depth, &x, &y, &mut found);
            assert_eq!(bits(&found), bits(&cross), "{form}, {depth} x {n} x {outputs}");
        }
    }
}

#[test]
fn factors_are_one_chain_per_entry() {
    for n in [1, 2, 6, 7, 31, 96, 97, 133, 210] {
        let a = matrix(n as u64, n + 20, n);
        let mut expected = a.clone();
        for j in 0..n {
            for i in j..n {
                let sum =
                    (0..j).fold(expected[j * n + i], |sum, k| (-expected[k * n + i]).mul_add(expected[k * n + j], sum));
                expected[j * n + i] = if i == j { sum.sqrt() } else { sum / expected[j * n + j] };
            }
        }
        for form in Form::available() {
            let mut found = a.clone();
            factor(form, &Backwards, &mut found, &vec![0.0; n]).expect("positive definite");
            assert_eq!(bits(&found), bits(&expected), "{form}, {n}");
        }
    }
}

#[test]
fn a_factor_gives_back_its_matrix_and_solves_its_systems() {
    let n = 150;
    let a = matrix(5, 400, n);
    let mut l = a.clone();
    factor(Form::best(), &Alone, &mut l, &vec![0.0; n]).expect("positive definite");
    for j in 0..n {
        for i in j..n {
            let product: f64 = (0..=j).map(|k| l[k * n + i] * l[k * n + j]).sum();
            assert!((product - a[j * n + i]).abs() < 1e-12 * a[0], "({i}, {j})");
        }
    }
    let solution = panels(6, n, 3);
    let wanted = rows(&solution);
    let full = |i: usize, j: usize| if i >= j { a[j * n + i] } else { a[i * n + j] };
    let mut x = Panels::zeros(n, 3);
    for i in 0..n {
        let row: Vec<f64> = (0..3).map(|o| (0..n).map(|j| full(i, j) * wanted[j][o]).sum()).collect();
        x.set_row(i, &row);
    }
    solve_lower(Form::best(), &l, n, &mut x);
    solve_upper(Form::best(), &l, n, &mut x);
    for (found, wanted) in rows(&x).iter().flatten().zip(wanted.iter().flatten()) {
        assert!((found - wanted).abs() < 1e-10, "{found} {wanted}");
    }
    // The diagonal of the inverse, column by column.
    let diagonal: Vec<f64> = (0..n)
        .map(|j| {
            let mut e = Panels::zeros(n, 1);
            e.set_row(j, &[1.0]);
            solve_lower(Form::best(), &l, n, &mut e);
            solve_upper(Form::best(), &l, n, &mut e);
            e.row(j).flatten().sum::<f64>()
        })
        .collect();
    for (found, expected) in inverse_diagonal(Form::best(), &Alone, &l, n, n).into_iter().zip(diagonal) {
        assert!((found - expected).abs() < 1e-10 * expected, "{found} {expected}");
    }
    // Of the leading block alone, as if it had been cut out.
    let lead = n - 3;
    let block: Vec<f64> = (0..lead).flat_map(|j| l[j * n..j * n + lead].to_vec()).collect();
    let of = |l: &[f64], stride| inverse_diagonal(Form::best(), &Alone, l, stride, lead);
    assert_eq!(of(&l, n), of(&block, lead));
}

#[test]
fn a_pivot_that_is_not_there_is_told_by_its_column() {
    let n = 20;
    let mut a = matrix(7, 40, n);
    // Column 13 becomes column 4: nothing is left of it when column 4 has been taken away.
    for i in 0..n {
        let lower = |i: usize, j: usize| if i >= j { j * n + i } else { i * n + j };
        a[lower(i, 13)] = a[lower(i, 4)];
    }
    a[13 * n + 13] = a[4 * n + 4];
    for form in Form::available() {
        let least: Vec<f64> = (0..n).map(|i| 1e-12 * a[i * n + i]).collect();
        assert_eq!(factor(form, &Alone, &mut a.clone(), &least), Err(13), "{form}");
        let mut broken = a.clone();
        broken[3 * n + 3] = f64::NAN;
        assert_eq!(factor(form, &Alone, &mut broken, &vec![0.0; n]), Err(3), "{form}");
    }
}

#[test]
fn pivoting_finds_the_rank() {
    for (depth, n) in [(1, 1), (9, 30), (40, 100), (120, 250), (320, 300)] {
        let mut a = vec![-7.5; n * n];
        for j in 0..n {
            a[j * n + j..(j + 1) * n].fill(0.0);
        }
        add_products(Form::best(), &Alone, depth, &panels(8, depth, n), &mut a);
        let least: Vec<f64> = (0..n).map(|i| 1e-12 * a[i * n + i]).collect();
        let mut first = None;
        for form in Form::available() {
            let (mut l, mut order) = (a.clone(), vec![0; n]);
            let rank = factor_pivoted(form, &Backwards, &mut l, &least, &mut order);
            assert_eq!(rank, depth.min(n), "{form}");
            assert!(
                (0..n).all(|j| l[j * n..j * n + j].iter().all(|&above| above == -7.5)),
                "{form}: above the diagonal"
            );
            for j in 0..n {
                for i in j..n {
                    let (row, column) = (order[i].max(order[j]), order[i].min(order[j]));
                    let product: f64 = (0..rank.min(j + 1)).map(|k| l[k * n + i] * l[k * n + j]).sum();
                    assert!((product - a[column * n + row]).abs() < 1e-10 * depth as f64, "{form} ({i}, {j})");
                }
            }
            let kept: Vec<u64> = (0..rank).flat_map(|k| bits(&l[k * n + k..(k + 1) * n])).collect();
            let first = first.get_or_insert((kept.clone(), order.clone()));
            assert_eq!(*first, (kept, order), "{form}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn triangular_systems_have_the_same_bits_in_every_form(n in 1..120_usize, columns in 1..110_usize, seed: u64) {
        let mut l = matrix(seed, n + 5, n);
        factor(Form::SCALAR, &Alone, &mut l, &vec![0.0; n]).expect("positive definite");
        let x = panels(seed ^ 1, n, columns);
        for solve in [solve_lower, solve_upper] {
            let mut expected = x.clone();
            solve(Form::SCALAR, &l, n, &mut expected);
            for form in Form::available() {
                let mut found = x.clone();
                solve(form, &l, n, &mut found);
                prop_assert_eq!(bits(&rows(&found).concat()), bits(&rows(&expected).concat()), "{}", form);
            }
        }
        let expected = inverse_diagonal(Form::SCALAR, &Alone, &l, n, n);
        for form in Form::available() {
            prop_assert_eq!(bits(&inverse_diagonal(form, &Backwards, &l, n, n)), bits(&expected), "{}", form);
        }
    }
}
