//! What is refused, each by its variant, and leaves no trace.

use forebay_forecast::ensemble::EnsembleError;
use forebay_forecast::service::{Rows, Season, Service, ServiceError, Settings};
use ndarray::{Array2, s};

use crate::data::{column, fit, names, plain, run, seasonal, settings, table};

#[test]
fn every_error_is_its_variant() {
    let table = table(90, 3, 1);
    let rows = table.rows();
    let why = |names: &[String], rows: &Rows<'_>, settings: &Settings| {
        Service::fit(names, rows, settings, || ()).map(|_| ()).expect_err("it cannot be fitted")
    };
    let found = why(&names(3), &rows, &plain(3));
    assert!(matches!(found, ServiceError::Columns { found: (3, 1, 1), expected: (2, 1, 1) }), "{found}");
    let short = Rows { past: table.past.slice(s![..80, ..]), ..table.rows() };
    assert!(matches!(why(&names(2), &short, &plain(3)), ServiceError::Lengths { targets: 90, past: 80, ahead: 93 }));
    let short = Rows { ahead: table.ahead.slice(s![..80, ..]), ..table.rows() };
    assert!(matches!(why(&names(2), &short, &plain(3)), ServiceError::Lengths { targets: 90, past: 90, ahead: 80 }));
    let nothing = Array2::zeros((90, 0));
    assert!(matches!(why(&[], &Rows::of_targets(nothing.view()), &plain(3)), ServiceError::NoTarget));
    let many = why(&names(2), &rows, &plain(1001));
    assert!(matches!(many, ServiceError::TooMany { targets: 2, horizon: 1001, most: 2000 }), "{many}");
    assert!(matches!(why(&names(2), &rows, &plain(usize::MAX)), ServiceError::TooMany { .. }));
    for coverage in [0.0, 1.0, f64::NAN] {
        let settings = Settings { coverages: vec![0.5, coverage], ..plain(2) };
        assert!(matches!(why(&names(2), &rows, &settings), ServiceError::Interval(_)));
    }
    for settings in [
        plain(0),
        Settings { season: Season::Steps(0), ..plain(2) },
        Settings { season: Season::Steps(1), ..plain(2) },
        Settings { limits: (1.0, 0.0), ..plain(2) },
        Settings { limits: (f64::NAN, 0.0), ..plain(2) },
    ] {
        let found = why(&names(2), &rows, &settings);
        assert!(matches!(found, ServiceError::Ensemble { .. }), "{settings:?}: {found}");
    }
    let mut wild = table.targets.clone();
    wild[(50, 1)] = f64::INFINITY;
    let found = why(&names(2), &Rows { targets: wild.view(), ..table.rows() }, &plain(2));
    assert!(
        matches!(&found, ServiceError::Ensemble { target, source: EnsembleError::Infinite { row: 50 } } if target == "y1"),
        "{found}"
    );
    let found = why(&names(2), &rows.first(5), &plain(2));
    assert!(matches!(found, ServiceError::Ensemble { source: EnsembleError::TooShort { .. }, .. }), "{found}");
    assert!(matches!(Service::from_bytes(b"no"), Err(ServiceError::Kept { .. })));
}

/// Errors beside a truth of 1e-300 have no squares: a verdict is refused, not made of infinities.
#[test]
fn a_verdict_beyond_the_numbers_is_refused() {
    let values = column((0..110).map(|t| if t < 100 { f64::from(t % 5) + f64::from(t % 3) } else { 1e-300 }));
    let rows = Rows::of_targets(values.view());
    let tested = fit(&rows.first(100), &plain(1)).judge(&rows.after(100)).expect("rows");
    assert!(matches!(tested[0].horizons[0].against_best(), Err(ServiceError::Verdict(_))));
}

#[test]
fn a_refused_row_leaves_no_trace() {
    let table = table(170, 3, 2);
    let mut a = fit(&table.rows().first(120), &settings(3));
    let mut b = a.clone();
    let far = 1e90;
    for row in 120..170 {
        // The second target, so that the first one would be a row ahead.
        for value in [f64::INFINITY, f64::NEG_INFINITY, far, -far] {
            let found = a.step(&[1.0, value], &[0.0], &[0.0]).expect_err("too far");
            assert!(matches!(&found, ServiceError::Ensemble { target, .. } if target == "y1"), "{found}");
        }
        for (targets, past, ahead) in [(1, 1, 1), (3, 1, 1), (2, 0, 1), (2, 2, 1), (2, 1, 0), (2, 1, 2)] {
            let found = a.step(&vec![0.5; targets], &vec![0.5; past], &vec![0.5; ahead]).expect_err("columns");
            assert!(matches!(found, ServiceError::Columns { expected: (2, 1, 1), .. }));
        }
        for (past, ahead) in [(f64::INFINITY, 0.0), (0.0, f64::NEG_INFINITY)] {
            let found = a.step(&[0.5, 0.5], &[past], &[ahead]).expect_err("an input");
            assert!(matches!(found, ServiceError::Infinite { .. }));
        }
        assert!(matches!(a.know(0, &[]), Err(ServiceError::Columns { found: (2, 1, 0), expected: (2, 1, 1) })));
        assert!(matches!(a.know(0, &[f64::INFINITY]), Err(ServiceError::Infinite { .. })));
        assert_eq!(run(&mut a, &table, row..row + 1), run(&mut b, &table, row..row + 1));
    }
    assert!(a.to_bytes().expect("bytes") == b.to_bytes().expect("bytes"));
}

/// Rows before the one that could not be taken had been, and what was forecast of them was lost.
#[test]
fn a_table_that_cannot_be_judged_to_its_end_leaves_no_trace() {
    let table = table(130, 3, 3);
    let rows = table.rows();
    let service = fit(&rows.first(100), &plain(3));
    let before = service.to_bytes().expect("bytes");
    let refused = |targets: &Array2<f64>, past: &Array2<f64>, ahead: &Array2<f64>| {
        let rows = Rows { targets: targets.view(), past: past.view(), ahead: ahead.view() };
        let mut service = service.clone();
        let why = service.judge(&rows.after(100)).map(|_| ()).expect_err("it cannot be taken");
        assert!(service.to_bytes().expect("bytes") == before, "{why}");
        why
    };
    for value in [f64::INFINITY, 1e90] {
        let mut targets = table.targets.clone();
        targets[(120, 1)] = value;
        let why = refused(&targets, &table.past, &table.ahead);
        assert!(matches!(&why, ServiceError::Ensemble { target, .. } if target == "y1"), "{why}");
    }
    let mut wild = table.past.clone();
    wild[(110, 0)] = f64::INFINITY;
    assert!(matches!(refused(&table.targets, &wild, &table.ahead), ServiceError::Infinite { .. }));
    // Row 102 is known ahead already; what is said of it now is no number.
    for row in [102, 120, 132] {
        let mut wild = table.ahead.clone();
        wild[(row, 0)] = f64::INFINITY;
        assert!(matches!(refused(&table.targets, &table.past, &wild), ServiceError::Infinite { .. }), "{row}");
    }
    assert!(matches!(refused(&table.targets, &Array2::zeros((130, 2)), &table.ahead), ServiceError::Columns { .. }));
}

/// A forecast and its interval stay within the limits.
#[test]
fn limits_hold() {
    let values = seasonal(140);
    let rows = Rows::of_targets(values.view());
    let settings = Settings { limits: (0.25, 3.5), ..plain(3) };
    let tested = fit(&rows.first(100), &settings).judge(&rows.after(100)).expect("rows");
    let mut touched = 0;
    for horizon in &tested[0].horizons {
        assert!(horizon.forecast.iter().all(|value| (0.25..=3.5).contains(value)));
        for interval in horizon.intervals.iter().flatten().flatten() {
            assert!(0.25 <= interval.lower && interval.lower <= interval.upper && interval.upper <= 3.5);
            touched += usize::from(interval.lower == 0.25) + usize::from(interval.upper == 3.5);
        }
    }
    assert!(touched > 20, "{touched}");
}
