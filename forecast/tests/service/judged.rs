//! What is judged is what would have been said at the time: row by row, in parts, whatever follows.

use forebay::threads::Pool;
use forebay_forecast::ensemble::Ensemble;
use forebay_forecast::interval::Calibrator;
use forebay_forecast::service::{Rows, Season, Settings, Tested};
use proptest::prelude::*;

use crate::data::{Table, bits_of, column, fit, plain, run, seasonal, settings, table};

/// Forecasts, ends of intervals and forecasts of members of one row.
fn said(tested: &Tested, horizon: usize, row: usize) -> Vec<Option<u64>> {
    let tested = &tested.horizons[horizon - 1];
    let intervals = tested.intervals.iter().flat_map(|rows| [rows[row].map(|i| i.lower), rows[row].map(|i| i.upper)]);
    let members = tested.members.iter().map(|(_, rows)| Some(rows[row]));
    [Some(tested.forecast[row])]
        .into_iter()
        .chain(intervals)
        .chain(members)
        .map(|value| value.map(f64::to_bits))
        .collect()
}

/// A level that moves for good after 150 rows.
fn shifted() -> Table {
    let mut table = table(230, 4, 3);
    table.targets.column_mut(0).iter_mut().skip(150).for_each(|value| *value += 40.0);
    table
}

#[test]
fn judged_rows_are_those_of_paths_one_step_at_a_time() {
    let table = shifted();
    let (rows, from, count) = (table.rows(), 120, 110);
    let mut one = fit(&rows.first(from), &settings(4));
    let mut other = one.clone();
    let tested = one.judge(&rows.after(from)).expect("rows");
    for row in 0..count {
        // The newest row is `from + row - 1`.
        for (target, tested) in tested.iter().enumerate() {
            for (ahead, h) in other.path(target).iter().zip(1..) {
                assert_eq!(ahead.forecast.row, from + row + h - 1);
                let Some(made) = tested.horizons[h - 1].forecast.get(row + h - 1) else { continue };
                assert_eq!(made.to_bits(), ahead.forecast.value.to_bits(), "{h} ahead of {row}");
                let intervals: Vec<_> = tested.horizons[h - 1].intervals.iter().map(|rows| rows[row + h - 1]).collect();
                assert_eq!(intervals, ahead.intervals, "{h} ahead of {row}");
            }
        }
        run(&mut other, &table, from + row..from + row + 1);
    }
    for (target, tested) in tested.iter().enumerate() {
        assert_eq!(bits_of(&one.path(target)), bits_of(&other.path(target)));
        for horizon in &tested.horizons {
            assert_eq!((horizon.forecast.len(), horizon.intervals[1].len()), (count, count));
            assert_eq!(horizon.shifts, other.served(target, horizon.horizon).shifts);
        }
        assert_eq!(tested.horizons[0].shifts.is_empty(), target == 1, "the first target's level moves");
    }
}

/// Rows right after the fit: forecast by it, each with the interval that was given when it was as many steps away.
#[test]
fn the_first_rows_are_those_of_the_ensemble_and_of_widths_given_before() {
    let values = seasonal(103);
    let rows = Rows::of_targets(values.view());
    let tested = fit(&rows.first(100), &plain(3)).judge(&rows.after(100)).expect("rows").remove(0);
    let series: Vec<f64> = values.iter().copied().take(100).collect();
    for (h, tested) in (1..).zip(&tested.horizons) {
        let forecaster = Ensemble::new(h).season(5).networks(0).fit(&series).expect("a fit");
        for (row, (pending, members)) in forecaster.pending().iter().zip(forecaster.pending_of_members()).enumerate() {
            assert_eq!((pending.row, pending.value.to_bits()), (100 + row, tested.forecast[row].to_bits()));
            assert_eq!(members, tested.members.iter().map(|(_, rows)| rows[row]).collect::<Vec<_>>());
            for (place, coverage) in [0.5, 0.8].into_iter().enumerate() {
                // Errors were known up to row `100 + row - h`.
                let known = forecaster.calibration().len() - (h - 1 - row);
                let mut calibrator = Calibrator::new(coverage, h).expect("a share");
                forecaster.calibration()[..known].iter().for_each(|(made, truth)| calibrator.push(*made, *truth));
                let half = calibrator.half_width().expect("enough");
                let interval = tested.intervals[place][row].expect("an interval");
                assert_eq!((interval.lower, interval.upper), (pending.value - half, pending.value + half));
            }
        }
    }
}

/// Readouts that were learnt anew, or a level that shifted, between a forecast and its row changed what was told of it in the second part.
#[test]
fn two_parts_are_the_whole() {
    let table = shifted();
    let rows = table.rows().after(0);
    let mut whole = fit(&rows.first(120), &settings(4));
    let start = whole.clone();
    let tested = whole.judge(&rows.after(120)).expect("rows");
    for cut in [0, 1, 2, 5, 32, 33, 34, 35, 36, 60, 109, 110] {
        let mut parts = start.clone();
        let first = parts.judge(&rows.first(120 + cut).after(120)).expect("rows");
        let second = parts.judge(&rows.after(120 + cut)).expect("rows");
        for target in 0..2 {
            for h in 1..=4 {
                for row in 0..110 {
                    let part =
                        if row < cut { said(&first[target], h, row) } else { said(&second[target], h, row - cut) };
                    assert_eq!(part, said(&tested[target], h, row), "cut at {cut}: row {row}, {h} ahead");
                }
                let of = |all: &[Tested]| all[target].horizons[h - 1].shifts.clone();
                assert_eq!([of(&first), of(&second)].concat(), of(&tested), "each shift once");
            }
            assert_eq!(bits_of(&parts.path(target)), bits_of(&whole.path(target)));
        }
    }
}

/// Fewer rows than the horizon, and none.
#[test]
fn few_rows_are_enough() {
    let table = table(120, 4, 4);
    let rows = table.rows();
    let start = fit(&rows.first(110), &settings(4));
    let all = start.clone().judge(&rows.after(110)).expect("rows");
    for count in 0..6 {
        let mut service = start.clone();
        let some = service.judge(&rows.first(110 + count).after(110)).expect("rows");
        for (some, all) in some.iter().zip(&all) {
            for h in 1..=4 {
                assert_eq!(some.horizons[h - 1].forecast.len(), count);
                (0..count).for_each(|row| assert_eq!(said(some, h, row), said(all, h, row)));
                drop((some.horizons[h - 1].scores(), some.horizons[h - 1].against_best()));
            }
        }
        assert_eq!(service.rows(), 110 + count);
    }
}

#[test]
fn threads_change_no_bit() {
    let table = table(160, 3, 5);
    let rows = table.rows();
    let whole = |threads| {
        Pool::new(threads).expect("threads").install(|| {
            let mut service = fit(&rows.first(120), &settings(3));
            let tested = service.judge(&rows.after(120)).expect("rows");
            let said: Vec<_> = (0..40).flat_map(|row| said(&tested[1], 3, row)).collect();
            (said, service.to_bytes().expect("bytes"))
        })
    };
    assert!(whole(1) == whole(3));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Neither values nor inputs of later rows, nor what is known of rows beyond the horizon.
    #[test]
    fn no_later_row_changes_a_forecast(seed in 0_u64..1000, cut in 0_usize..20) {
        let table = table(100, 3, seed);
        let mut changed = crate::data::table(100, 3, seed);
        let from = 80 + cut;
        changed.targets.rows_mut().into_iter().skip(from).for_each(|mut row| row.fill(7.5));
        changed.past.rows_mut().into_iter().skip(from).for_each(|mut row| row.fill(-2.0));
        changed.ahead.rows_mut().into_iter().skip(from + 3).for_each(|mut row| row.fill(3.0));
        let judge = |table: &Table| {
            let rows = table.rows();
            fit(&rows.first(80), &plain(3)).judge(&rows.after(80)).expect("rows")
        };
        let (a, b) = (judge(&table), judge(&changed));
        for (a, b) in a.iter().zip(&b) {
            for h in 1..=3 {
                // Made before the first changed row, for up to h - 1 rows from it on.
                (0..20.min(cut + h)).for_each(|row| assert_eq!(said(a, h, row), said(b, h, row)));
            }
        }
    }
}

/// The calibration's rows are the last ones of the fit, so that widths and rows belong together when the last rows are missing.
#[test]
fn missing_rows_at_the_end_of_the_fit_keep_their_places() {
    let mut values: Vec<f64> = seasonal(110).into_iter().collect();
    values[97..100].fill(f64::NAN);
    let values = column(values);
    let rows = Rows::of_targets(values.view());
    let tested = fit(&rows.first(100), &Settings { season: Season::Without, ..plain(4) })
        .judge(&rows.after(100))
        .expect("rows")
        .remove(0);
    for (h, horizon) in (1..).zip(&tested.horizons) {
        let persistence = horizon.members[0].1.iter().enumerate();
        for (row, made) in persistence {
            // Made at a row before 97, or at one of those that are missing, where the last value is held.
            let at = 100 + row - h;
            let known = if (97..100).contains(&at) { 96 } else { at };
            assert!((made - values[(known, 0)]).abs() < 1e-12, "{row}, {h} ahead");
        }
        assert!(horizon.intervals[1].iter().all(Option::is_some));
    }
}
