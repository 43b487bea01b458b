//! Gaps, doubled times and rows out of order; several series in one file.

use forebay_forecast::table::{
    ClockChoice, ClockError, ColumnError, Duplicates, Fill, Gaps, IdChoice, Reading, TableError, read_all,
};

use crate::support::{hours, refusal, refused, rows, table, with};

#[test]
fn gaps_are_refused_marked_filled_or_ignored() {
    let text = "time,v\n".to_owned() + &rows(hours(0, 5).chain(hours(8, 4)));
    let error = refused(&text);
    assert!(
        matches!(error, TableError::Clock(ClockError::Gaps { gaps: 1, missing: 3, first: 3, line: 7, .. })),
        "{error}"
    );
    let how = |gaps, fill| with(&text, &Reading { gaps, fill, ..Reading::default() });
    let marked = how(Gaps::Mark, Fill::Refuse);
    assert_eq!((marked.values.nrows(), marked.values.iter().filter(|v| v.is_nan()).count()), (12, 3));
    assert_eq!((marked.lines[4], marked.lines[5], marked.lines[8]), (Some(6), None, Some(7)));
    let clock = marked.clock.expect("the hours");
    assert_eq!(
        (clock.label(5).as_deref(), clock.label(12).as_deref()),
        (Some("2024-01-01 05:00"), Some("2024-01-01 12:00"))
    );
    let filled = how(Gaps::Fill, Fill::Hold);
    assert_eq!((filled.values[[7, 0]], filled.filled(), filled.present[[7, 0]]), (filled.values[[4, 0]], 3, false));
    let ignored = how(Gaps::Ignore, Fill::Refuse);
    assert_eq!(ignored.values.nrows(), 9);
    assert!(ignored.lines()[0].contains("taken as evenly spaced"), "{:?}", ignored.lines());
    let reading = Reading { gaps: Gaps::Fill, ..Reading::default() };
    assert_eq!(refusal(&text, &reading), TableError::Clock(ClockError::GapsWithoutFill));
    // The same of epochs, whose gap once made a series of them, and of numbers.
    for times in [[1_700_000_000, 1_700_003_600, 1_700_007_200, 1_700_014_400], [10, 20, 30, 50]] {
        let error = refused(&("time,v\n".to_owned() + &rows(times)));
        assert!(matches!(error, TableError::Clock(ClockError::Gaps { missing: 1, line: 5, .. })), "{error}");
    }
}

#[test]
fn clocks_that_are_even_enough_are_even() {
    let even = |times: Vec<String>| {
        let text = "time,v\n".to_owned() + &rows(times);
        table(&text).lines()[0].clone()
    };
    // Off by less than a tenth of a step; seconds that were cut off; months and years of different lengths.
    let jitter = (0..40).map(|t| (1_700_000_000_000_i64 + t * 1000 + [0, 40, -30, 10][t as usize % 4]).to_string());
    assert!(even(jitter.collect()).contains("no gaps"));
    let cut = (0..60).map(|t| format!("2024-01-01 00:{:02}:{:02}", t * 3 / 2 / 60, t * 3 / 2 % 60));
    assert!(even(cut.collect()).contains("rounded"), "a second and two in turns");
    assert!(even((2000..2040).map(|year| format!("{year}-01-01")).collect()).contains("every year"));
    assert!(
        even((0..40).map(|month| format!("{}-{:02}-01", 2000 + month / 12, month % 12 + 1)).collect())
            .contains("every month")
    );
    // One row that is missing among a hundred is none of these.
    let missing = (0..100).filter(|t| *t != 50).map(|t| format!("2024-01-01 00:{:02}:{:02}", t / 60, t % 60));
    assert!(matches!(
        refused(&("time,v\n".to_owned() + &rows(missing))),
        TableError::Clock(ClockError::Gaps { missing: 1, line: 52, .. })
    ));
}

#[test]
fn business_days_have_no_weekends_and_holidays_are_gaps() {
    let days = |skipped: &[usize]| {
        let days =
            (0..30).filter(|day| day % 7 < 5 && !skipped.contains(day)).map(|day| format!("2024-01-{:02}", day + 1));
        "Date,Close\n".to_owned() + &rows(days.collect::<Vec<_>>())
    };
    let table = table(&days(&[]));
    assert!(table.lines()[0].contains("every business day"), "{:?}", table.lines());
    let label = |k: usize| table.clock.as_ref().and_then(|clock| clock.label(22 + k));
    assert_eq!(
        [label(0), label(1), label(2)].map(Option::unwrap_or_default),
        ["2024-01-31", "2024-02-01", "2024-02-02"]
    );
    assert_eq!(label(3).as_deref(), Some("2024-02-05"));
    assert!(matches!(refused(&days(&[14])), TableError::Clock(ClockError::Gaps { gaps: 1, missing: 1, line: 12, .. })));
    let reading = Reading { gaps: Gaps::Mark, ..Reading::default() };
    let marked = with(&days(&[14]), &reading);
    assert_eq!(marked.clock.and_then(|clock| clock.label(10)).as_deref(), Some("2024-01-15"));
}

#[test]
fn uneven_clocks_are_refused_or_ignored() {
    let text =
        "unix,v\n".to_owned() + &rows([1_700_000_007, 1_700_000_072, 1_700_000_106, 1_700_000_111, 1_700_000_190]);
    let error = refused(&text);
    assert!(
        matches!(&error, TableError::Clock(ClockError::Uneven { what, .. }) if what.contains("from 5 seconds to 79 seconds")),
        "{error}"
    );
    let reading = Reading { gaps: Gaps::Ignore, ..Reading::default() };
    let table = with(&text, &reading);
    assert!(table.lines()[0].contains("uneven steps") && table.values.nrows() == 5);
    assert_eq!(table.clock.and_then(|clock| clock.label(5)), None);
    let mixed = "t,v\n".to_owned() + &rows((0..10).chain((1..10).map(|t| 10 + 24 * t)));
    assert!(
        matches!(refused(&mixed), TableError::Clock(ClockError::Uneven { what, .. }) if what.contains("steps of 1 up to line 11, of 25 after it")
        || what.contains("steps of"))
    );
}

/// The newest rows were taken for the oldest, so the past was forecast from the future.
#[test]
fn newest_first_is_turned_round() {
    let up: Vec<String> = hours(0, 6).collect();
    let down = "time,v\n".to_owned() + &rows(up.iter().rev());
    let table = table(&down);
    assert_eq!(table.values.column(0).to_vec(), [9.5, 5.5, 1.5, 4.5, 1.5, 3.5]);
    assert_eq!(table.lines, [7, 6, 5, 4, 3, 2].map(Some));
    assert!(table.notes[0].contains("newest to oldest"), "{:?}", table.notes);
}

#[test]
fn rows_out_of_order_are_refused_or_sorted() {
    let text = "time,v\n".to_owned() + &rows([0, 1, 2, 4, 3, 5]);
    assert!(matches!(refused(&text), TableError::Clock(ClockError::Order { count: 1, line: 6, .. })));
    let reading = Reading { sort: true, ..Reading::default() };
    assert_eq!(with(&text, &reading).values.column(0).to_vec(), [3.5, 1.5, 4.5, 5.5, 1.5, 9.5]);
    let twice = "time,v\n".to_owned() + &rows([0, 1, 1, 2, 3]);
    assert!(matches!(refused(&twice), TableError::Clock(ClockError::Duplicates { count: 1, first: 3, second: 4, .. })));
    let of = |duplicates| with(&twice, &Reading { duplicates, ..Reading::default() }).values[[1, 0]];
    assert_eq!([Duplicates::First, Duplicates::Last, Duplicates::Mean].map(of), [1.5, 4.5, 3.0]);
    // A restart that runs over steps that are there.
    let restart = "Step,v\n".to_owned() + &rows((0..10).chain(6..14).map(|t| t * 100));
    assert!(matches!(refused(&restart), TableError::Clock(ClockError::Restart { count: 1, line: 12, .. })));
    let last = with(&restart, &Reading { duplicates: Duplicates::Last, ..Reading::default() });
    assert_eq!((last.values.nrows(), last.lines[6], last.lines[9]), (14, Some(12), Some(15)));
    let first = with(&restart, &Reading { duplicates: Duplicates::First, ..Reading::default() });
    assert_eq!((first.values.nrows(), first.lines[6], first.lines[10]), (14, Some(8), Some(16)));
}

#[test]
fn daylight_saving_is_named() {
    let spring: Vec<String> = (20..24)
        .map(|hour| format!("2024-03-30 {hour:02}:00"))
        .chain((0..12).filter(|hour| *hour != 2).map(|hour| format!("2024-03-31 {hour:02}:00")))
        .collect();
    let autumn: Vec<String> = (20..24)
        .map(|hour| format!("2024-10-26 {hour:02}:00"))
        .chain([0, 1, 2, 2, 3, 4, 5, 6].map(|hour| format!("2024-10-27 {hour:02}:00")))
        .collect();
    for times in [spring, autumn] {
        let text = "time,v\n".to_owned() + &rows(&times);
        let error = refused(&text);
        assert!(matches!(error, TableError::Clock(ClockError::DaylightSaving { .. })), "{error}");
        let reading = Reading { gaps: Gaps::Ignore, ..Reading::default() };
        assert_eq!(with(&text, &reading).values.nrows(), times.len());
    }
    // The same hour on another day is a gap.
    let monday = (0..12).filter(|hour| *hour != 2).map(|hour| format!("2024-04-01 {hour:02}:00"));
    assert!(matches!(refused(&("time,v\n".to_owned() + &rows(monday))), TableError::Clock(ClockError::Gaps { .. })));
}

/// Runs and stores under each other were one series, and the joins forecast.
#[test]
fn stacked_series_are_refused_or_taken_apart() {
    let stores = |interleaved: bool| {
        let mut lines: Vec<(usize, usize)> = (0..3).flat_map(|store| (1..9).map(move |day| (store, day))).collect();
        if interleaved {
            lines.sort_by_key(|(store, day)| (*day, *store));
        }
        let line = |(store, day)| format!("s{store},2024-01-{day:02},{}\n", 10 * store + day * day % 7);
        "store,date,sales\n".to_owned() + &lines.into_iter().map(line).collect::<String>()
    };
    for text in [stores(false), stores(true)] {
        let error = refused(&text);
        assert!(
            matches!(&error, TableError::Column(ColumnError::Stacked { count: 3, column, .. }) if column == "store"),
            "{error}"
        );
        let one = IdChoice::Series { column: "store".into(), value: "s1".into() };
        let table = with(&text, &Reading { id: one, ..Reading::default() });
        assert_eq!((table.names(), table.values.nrows(), table.values[[0, 0]]), (vec!["sales".to_owned()], 8, 11.0));
        assert!(table.lines()[0].contains("tells series apart"), "{:?}", table.lines());
        let all = IdChoice::Column("store".into());
        let reading = Reading { id: all, ..Reading::default() };
        let tables = read_all(text.as_bytes(), &reading).expect("three series");
        assert_eq!(tables.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["s0", "s1", "s2"]);
        assert!(matches!(refusal(&text, &reading), TableError::Column(ColumnError::SeveralSeries { count: 3, .. })));
        let wrong = IdChoice::Series { column: "store".into(), value: "s9".into() };
        assert!(matches!(
            refusal(&text, &Reading { id: wrong, ..Reading::default() }),
            TableError::Column(ColumnError::NoSuchSeries { .. })
        ));
    }
    let unit = |u: usize| (1..20).map(move |c| format!("{u},{c},{}.5\n", c * 7 % 11));
    let units: String = (1..6).flat_map(unit).collect();
    for header in ["unit,cycle,temp\n", "", "machine,t,temp\n"] {
        assert!(
            matches!(refused(&format!("{header}{units}")), TableError::Column(ColumnError::Stacked { count: 5, .. })),
            "{header}"
        );
    }
    let without = Reading { id: IdChoice::Without, clock: ClockChoice::Without, ..Reading::default() };
    assert_eq!(with(&format!("unit,cycle,temp\n{units}"), &without).values.dim(), (95, 3));
}
