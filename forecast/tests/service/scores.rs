//! Scores, coverages and verdicts beside sums written out.

use forebay_forecast::ensemble::Member;
use forebay_forecast::service::{Rows, Season, Settings, Tested, TestedHorizon};
use ndarray::Array2;

use crate::data::{close, column, fit, plain, seasonal, settings, table};

fn judged(values: &Array2<f64>, from: usize, settings: &Settings) -> Tested {
    let rows = Rows::of_targets(values.view());
    let mut service = fit(&rows.first(from), settings);
    service.judge(&rows.after(from)).expect("rows").remove(0)
}

fn of(tested: &TestedHorizon, member: Member) -> &[f64] {
    &tested
        .members
        .iter()
        .find(|(found, _)| *found == member)
        .unwrap_or_else(|| panic!("{member} of {:?}", tested.members))
        .1
}

/// Mean of the squares and of the sizes of errors, and the variance of the truth, over rows that have one.
fn by_hand(truth: &[f64], forecast: &[f64]) -> (f64, f64, f64) {
    let (mut n, mut sum, mut squares, mut sizes) = (0.0, 0.0, 0.0, 0.0);
    for row in 0..truth.len() {
        if !truth[row].is_nan() {
            n += 1.0;
            sum += truth[row];
            squares += (truth[row] - forecast[row]) * (truth[row] - forecast[row]);
            sizes += (truth[row] - forecast[row]).abs();
        }
    }
    let known = truth.iter().filter(|truth| !truth.is_nan());
    let variance = known.map(|truth| (truth - sum / n) * (truth - sum / n)).sum::<f64>() / n;
    (squares / n, sizes / n, variance)
}

#[test]
fn scores_are_the_sums_that_define_them() {
    let table = table(170, 3, 1);
    let rows = table.rows();
    let mut service = fit(&rows.first(130), &settings(3));
    let all = service.judge(&rows.after(130)).expect("rows");
    for (target, tested) in all.iter().enumerate() {
        // One season back, in the rows of the fit.
        let (mut n, mut sum) = (0.0, 0.0);
        for row in 5..130 {
            let error = (table.targets[(row, target)] - table.targets[(row - 5, target)]).abs();
            if !error.is_nan() {
                n += 1.0;
                sum += error;
            }
        }
        for horizon in &tested.horizons {
            let scores = horizon.scores();
            assert_eq!(scores.rows, if target == 0 { 37 } else { 40 });
            let members = horizon.members.iter().zip(&scores.members).map(|((_, made), member)| (made, member.score));
            for (forecast, score) in members.chain([(&horizon.forecast, scores.combined)]) {
                let (square, size, variance) = by_hand(&tested.truth, forecast);
                close(score.nrmse, (square / variance).sqrt());
                close(score.mae, size);
                close(score.mase.expect("a season that is not exact"), size / (sum / n));
            }
            let baselines = scores.members.iter().filter(|member| member.baseline);
            let best = baselines.map(|member| member.score.nrmse).fold(f64::INFINITY, f64::min);
            assert_eq!(scores.best_baseline().nrmse, best);
        }
        assert!(
            tested.horizons[2].members.iter().any(|(member, _)| !member.is_baseline()),
            "networks for the last step"
        );
        assert!(tested.horizons[0].members.iter().all(|(member, _)| member.is_baseline()), "none between");
    }
}

#[test]
fn naive_forecasts_are_their_definition_from_the_first_row_on() {
    let values = seasonal(120);
    let tested = judged(&values, 90, &Settings { season: Season::Steps(3), ..plain(5) });
    for (h, tested) in (1..).zip(&tested.horizons) {
        // The last row of the same phase that is known.
        let back = h_back(h, 3);
        assert_eq!((tested.horizon, tested.forecast.len()), (h, 30));
        for row in 0..30 {
            close(of(tested, Member::Persistence)[row], values[(90 + row - h, 0)]);
            // Seasons ahead it is the last value, which is there already.
            if back > h {
                close(of(tested, Member::SeasonalNaive)[row], values[(90 + row - back, 0)]);
            }
            let mean = (0..=90 + row - h).map(|row| values[(row, 0)]).sum::<f64>() / (91 + row - h) as f64;
            close(of(tested, Member::Mean)[row], mean);
        }
    }
}

fn h_back(h: usize, season: usize) -> usize {
    (1..=h).map(|times| times * season).find(|back| *back >= h).expect("a multiple")
}

#[test]
fn coverages_are_counted_and_the_split_is_a_rank_of_sorted_errors() {
    let table = table(190, 3, 2);
    let values = column(table.targets.column(0).to_vec());
    let tested = judged(&values, 120, &plain(3));
    for (h, horizon) in (1..).zip(&tested.horizons) {
        let ensemble = forebay_forecast::ensemble::Ensemble::new(h).season(5).networks(0);
        let series: Vec<f64> = values.iter().copied().take(120).collect();
        let fitted = ensemble.fit(&series).expect("a fit");
        for (place, coverage) in [0.5, 0.8].into_iter().enumerate() {
            let (mut inside, mut width, mut n) = (0.0, 0.0, 0.0);
            let mut errors: Vec<f64> = fitted.calibration().iter().map(|(made, truth)| (made - truth).abs()).collect();
            errors.retain(|error| !error.is_nan());
            errors.sort_by(f64::total_cmp);
            // The least rank that holds the share of one more.
            let rank = (1..=errors.len()).find(|rank| *rank as f64 >= coverage * (errors.len() + 1) as f64 - 1e-9);
            let half = errors[rank.expect("enough") - 1];
            let mut inside_split = 0.0;
            for (row, truth) in tested.truth.iter().enumerate() {
                if truth.is_nan() {
                    continue;
                }
                let interval = horizon.intervals[place][row].expect("an interval");
                n += 1.0;
                width += interval.upper - interval.lower;
                inside += if interval.lower <= *truth && *truth <= interval.upper { 1.0 } else { 0.0 };
                inside_split += if (truth - horizon.forecast[row]).abs() <= half { 1.0 } else { 0.0 };
            }
            let found = horizon.covered(place).expect("intervals");
            close(found.0, inside / n);
            close(found.1, width / n);
            let split = horizon.covered_by_split(coverage).expect("errors");
            close(split.0, inside_split / n);
            close(split.1, 2.0 * half);
        }
        assert_eq!(horizon.covered_by_split(0.9999), None, "more errors are needed");
    }
}

/// A truth that does not vary was given a spread by the rounding of its mean: an NRMSE of 1e15. Over no rows the mean error was 0.
#[test]
fn what_cannot_be_scored_is_nan() {
    let values = column((0..110).map(|t| if t < 100 { 0.1 * f64::from(t % 5) } else { 0.1 }));
    let tested = judged(&values, 100, &plain(2));
    for horizon in &tested.horizons {
        let scores = horizon.scores();
        assert!(scores.combined.nrmse.is_nan() && scores.combined.mae.is_finite());
        let least = scores.members.iter().map(|member| member.score.mae).fold(f64::INFINITY, f64::min);
        assert_eq!(scores.best_baseline().mae, least, "by the next score");
    }
    for known in [0, 1] {
        let values = seasonal(110);
        let values =
            column(values.iter().enumerate().map(|(t, y)| if (100..110 - known).contains(&t) { f64::NAN } else { *y }));
        let tested = judged(&values, 100, &plain(2));
        for horizon in &tested.horizons {
            let scores = horizon.scores();
            assert_eq!(scores.rows, known);
            assert!(scores.combined.nrmse.is_nan());
            if known == 0 {
                assert!(scores.combined.mae.is_nan() && scores.combined.mase.is_none_or(f64::is_nan));
                assert_eq!((horizon.covered(0), horizon.covered_by_split(0.5)), (None, None));
            } else {
                close(scores.combined.mae, (tested.truth[9] - horizon.forecast[9]).abs());
            }
            assert!(scores.best() < scores.members.len());
        }
    }
}

/// Squares of errors beside a truth of 0 were 0 below 1e-162 and beyond the numbers above 1e154: a verdict depended on the unit.
#[test]
fn scores_and_verdicts_do_not_depend_on_the_unit() {
    let base = seasonal(140);
    for zeros in [false, true] {
        let values =
            |unit: f64| column(base.iter().enumerate().map(|(t, y)| if zeros && t >= 100 { 0.0 } else { y * unit }));
        let ordinary = judged(&values(1.0), 100, &plain(2));
        for power in [-1000, -600, 600, 990] {
            let unit = 2.0_f64.powi(power);
            let tested = judged(&values(unit), 100, &plain(2));
            for (a, b) in ordinary.horizons.iter().zip(&tested.horizons) {
                let (x, y) = (a.scores(), b.scores());
                close(x.combined.mae, y.combined.mae / unit);
                close(x.combined.mase.expect("a scale"), y.combined.mase.expect("a scale"));
                if zeros {
                    assert!(x.combined.nrmse.is_nan() && y.combined.nrmse.is_nan());
                } else {
                    close(x.combined.nrmse, y.combined.nrmse);
                }
                let (x, y) = (a.against_best().expect("a verdict"), b.against_best().expect("a verdict"));
                assert_eq!((x.verdict, x.steps), (y.verdict, y.steps), "{power} {zeros}");
                close(x.difference.mean, y.difference.mean);
            }
        }
    }
}
