//! Inputs known ahead: of the right row at every horizon, and of no row beyond.

use forebay::random::Seed;
use forebay_forecast::service::{Rows, Season, Service, Settings};
use ndarray::{Array2, s};

use crate::data::{Table, bits, bits_of, fit, plain, run, table};

/// A target that is its driver but for a thousandth.
fn driven() -> Table {
    let mut stream = Seed(6).stream("driver");
    let ahead = Array2::from_shape_fn((264, 1), |_| stream.normal());
    let targets = Array2::from_shape_fn((260, 1), |(t, _)| 2.0 * ahead[(t, 0)] + 5.0 + 1e-3 * stream.normal());
    Table { targets, past: Array2::zeros((260, 0)), ahead }
}

fn without_season(horizon: usize) -> Settings {
    Settings { season: Season::Without, ..plain(horizon) }
}

#[test]
fn a_driver_explains_every_step() {
    let table = driven();
    let rows = table.rows();
    let tested = fit(&rows.first(220), &without_season(4)).judge(&rows.after(220)).expect("rows");
    for horizon in &tested[0].horizons {
        let nrmse = horizon.scores().combined.nrmse;
        assert!(nrmse < 0.02, "{} ahead: {nrmse}", horizon.horizon);
    }
    // The path after the last row as well: the driver of these rows is known.
    let mut service = fit(&rows.first(220), &without_season(4));
    run(&mut service, &table, 220..256);
    for (ahead, row) in service.path(0).iter().zip(256..) {
        assert!((ahead.forecast.value - table.targets[(row, 0)]).abs() < 0.1, "{row}");
    }
}

/// A row of the driver that becomes known when fewer steps are left: those are explained from then on, and not before.
#[test]
fn what_becomes_known_later_counts_from_then_on() {
    let table = driven();
    let mut fitted = fit(&table.rows().first(220), &without_season(4));
    let (driver, truth) = (|row: usize| table.ahead[(row, 0)], |row: usize| table.targets[(row, 0)]);
    // Row 224 is four after row 220.
    fitted.step(&[truth(220)], &[], &[f64::NAN]).expect("a row");
    let not_known: Vec<bool> = fitted.known().iter().map(|row| row[0].is_nan()).collect();
    assert_eq!(not_known, [false, false, false, true]);
    let far = |service: &Service, h: usize| (service.path(0)[h - 1].forecast.value - truth(224)).abs();
    assert!(far(&fitted, 4) > 0.5, "{}", far(&fitted, 4));
    let mut without = fitted.clone();
    fitted.know(3, &[driver(224)]).expect("a row");
    fitted.know(3, &[f64::NAN]).expect("missing leaves what was there");
    fitted.know(4, &[99.0]).expect("beyond the horizon");
    for row in 221..224 {
        for service in [&mut fitted, &mut without] {
            service.step(&[truth(row)], &[], &[driver(row + 4)]).expect("a row");
        }
        assert!(fitted.known()[223 - row..].iter().zip(224..).all(|(known, row)| known[0] == driver(row)));
        let (known, not) = (far(&fitted, 224 - row), far(&without, 224 - row));
        assert!(known < 0.05 && not > 0.5, "{known} and {not}");
    }
}

/// Rows of a file whose driver was not known yet when the rows before were taken: it was passed over in silence for as many rows as the horizon.
#[test]
fn judged_rows_bring_what_is_known_of_them() {
    let table = driven();
    let short = Rows { ahead: table.ahead.slice(s![..220, ..]), ..table.rows() }.first(220);
    let mut late = fit(&short, &without_season(4));
    let tested = late.judge(&table.rows().after(220)).expect("rows");
    // Made at rows 220 and on, of rows that the fit did not know.
    for horizon in &tested[0].horizons[..2] {
        for row in 2..6 {
            let far = (horizon.forecast[row] - tested[0].truth[row]).abs();
            assert!(far < 0.1, "{row}, {} ahead: {far}", horizon.horizon);
        }
    }
}

#[test]
fn a_row_beyond_the_horizon_changes_nothing() {
    let table = table(120, 3, 7);
    let mut changed = crate::data::table(120, 3, 7);
    // From the fit's end, row 103 is the first that no forecast up to row 99 may know.
    changed.ahead.slice_mut(s![103.., ..]).fill(50.0);
    let (a, b) = (fit(&table.rows().first(100), &plain(3)), fit(&changed.rows().first(100), &plain(3)));
    assert!(a.to_bytes().expect("bytes") == b.to_bytes().expect("bytes"));
    let mut c = a.clone();
    c.know(3, &[50.0]).expect("beyond");
    c.know(usize::MAX, &[50.0]).expect("beyond");
    let next = |service: &mut Service| bits(&service.step(&[1.0, 2.0], &[0.0], &[0.5]).expect("a row"));
    let mut a = a;
    assert_eq!(next(&mut a), next(&mut c));
    assert_eq!(bits_of(&a.path(1)), bits_of(&c.path(1)));
}
