//! Which column is the clock, and how its times are written.

use forebay_forecast::table::{ClockChoice, ClockError, Gaps, Reading, Role, TableError};
use ndarray::array;

use crate::support::{columns, refusal, refused, table, table_lines, with};

/// Clocks of many kinds were series, and their average with the real ones the score.
#[test]
fn clocks_are_told_in_any_column() {
    for (name, times, words, next) in [
        (
            "timestamp",
            &["2021-01-01T00:00:00", "2021-01-01T01:00:00", "2021-01-01T02:00:00"][..],
            "every hour",
            "2021-01-01T03:00:00",
        ),
        (
            "x",
            &["2021-01-01 00:00:00Z", "2021-01-01 00:15:00Z", "2021-01-01 00:30:00Z"],
            "every 15 minutes",
            "2021-01-01 00:45:00Z",
        ),
        (
            "x",
            &["2021-03-28T00:00:00+01:00", "2021-03-28T01:00:00+01:00", "2021-03-28T03:00:00+02:00"],
            "every hour",
            "2021-03-28T02:00:00Z",
        ),
        (
            "x",
            &["2021-01-01T00:00:00.00", "2021-01-01T00:00:00.25", "2021-01-01T00:00:00.50"],
            "every 0.25 seconds",
            "2021-01-01T00:00:00.75",
        ),
        ("date", &["20150130", "20150131", "20150201"], "every day", "20150202"),
        ("month", &["201511", "201512", "201601"], "every month", "201602"),
        ("x", &["2015-10", "2015-11", "2015-12"], "every month", "2016-01"),
        ("x", &["2020Q3", "2020Q4", "2021Q1"], "every quarter", "2021Q2"),
        ("x", &["Q3 2020", "Q4 2020", "Q1 2021"], "every quarter", "Q2 2021"),
        ("x", &["2020-W52", "2020-W53", "2021-W01"], "every week", "2021-W02"),
        ("x", &["30.01.2024", "31.01.2024", "01.02.2024"], "every day", "02.02.2024"),
        ("x", &["1/30/2024", "1/31/2024", "2/1/2024"], "every day", "2/2/2024"),
        ("x", &["30/01/2024 10:00", "30/01/2024 11:00", "30/01/2024 12:00"], "every hour", "30/01/2024 13:00"),
        (
            "x",
            &["01/30/2024 11:00 AM", "01/30/2024 12:00 PM", "01/30/2024 01:00 PM"],
            "every hour",
            "01/30/2024 02:00 PM",
        ),
        ("x", &["31-Jan-2024", "01-Feb-2024", "02-Feb-2024"], "every day", "03-Feb-2024"),
        ("epoch", &["1700000000", "1700003600", "1700007200"], "every hour", "1700010800"),
        ("ts", &["1700000000000", "1700000000500", "1700000001000"], "every 0.5 seconds", "1700000001500"),
        (
            "ts",
            &["1700000000000000000", "1700000000000000500", "1700000000000001000"],
            "every 0.0000005 seconds",
            "1700000000000001500",
        ),
        ("year", &["1990", "1991", "1992"], "every year", "1993"),
        ("x", &["2019-12-31", "2020-12-31", "2021-12-31"], "every year", "2022-12-31"),
        ("x", &["2020-01-31", "2020-02-29", "2020-03-31"], "every month", "2020-04-30"),
        ("x", &["12:30", "18:30", "00:30"], "every 6 hours", "06:30"),
        ("step", &["0", "100", "200"], "steps of 100", "300"),
        ("time", &["0.000", "0.200", "0.400"], "steps of 0.2", "0.600"),
        ("x", &["5", "6", "7"], "steps of 1", "8"),
    ] {
        for is_last in [false, true] {
            let line = |(row, time): (usize, &&str)| {
                let value = [3.5, 1.5, 4.25][row];
                if is_last { format!("{value},{time}\n") } else { format!("{time},{value}\n") }
            };
            let header = if is_last { format!("v,{name}\n") } else { format!("{name},v\n") };
            let text = header + &times.iter().enumerate().map(line).collect::<String>();
            let table = table(&text);
            assert_eq!((table.names(), table.values), (vec!["v".to_owned()], array![[3.5], [1.5], [4.25]]), "{text:?}");
            let clock = table.clock.expect(&text);
            let place = if is_last { 2 } else { 1 };
            assert_eq!((clock.number, clock.label(3).as_deref()), (place, Some(next)), "{text:?}");
            let line = &table_lines(&text)[place - 1];
            assert!(line.contains(words), "{text:?}: {line}");
        }
    }
}

#[test]
fn clocks_of_several_columns_are_one() {
    for (text, next) in [
        ("date,time,v\n2024-01-01,22:00,1\n2024-01-01,23:00,3\n2024-01-02,00:00,2\n", "2024-01-02 01:00"),
        ("2024-01-01 22:00:00 1.5\n2024-01-01 23:00:00 3.5\n2024-01-02 00:00:00 2.5\n", "2024-01-02 01:00:00"),
        ("date,hour,v\n2024-01-01,22,1\n2024-01-01,23,3\n2024-01-02,0,2\n2024-01-02,1,5\n", "2024-01-02 02:00"),
        ("No,year,month,day,hour,v\n1,2024,1,1,22,1\n2,2024,1,1,23,3\n3,2024,1,2,0,2\n", "2024-01-02 01:00"),
        ("year,month,v\n2023,11,1\n2023,12,3\n2024,1,2\n", "2024-02-01"),
    ] {
        let table = table(text);
        assert_eq!(table.values.ncols(), 1, "{text:?} {:?}", table.lines());
        let clock = table.clock.expect(text);
        assert_eq!(clock.label(table.values.nrows()).as_deref(), Some(next), "{text:?}");
    }
}

#[test]
fn counters_beside_a_clock_are_no_series() {
    let text = ",time,unix,v\n0,2024-01-01,1704067200,5\n1,2024-01-02,1704153600,7\n2,2024-01-03,1704240000,4\n";
    let table = table(text);
    assert_eq!((table.names(), table.clock.map(|clock| clock.number)), (vec!["v".to_owned()], Some(2)));
}

#[test]
fn what_only_rises_is_data() {
    // The only series, whatever its name.
    for text in [
        "x\n1\n2\n3\n4\n",
        "time\n1\n2\n3\n4\n",
        "date,x\n2020-01-01,1\n2020-01-02,2\n2020-01-03,3\n",
        "a,b\n1,2\n5,4\n",
    ] {
        let table = table(text);
        assert!(table.columns.iter().any(|column| column.role == Role::Series), "{text:?}");
        assert_eq!(table.clock.is_some(), text.starts_with("date"), "{text:?}");
    }
    let total = "load,total\n3,10\n1,11\n4,15\n1,16\n";
    assert_eq!(table(total).names(), ["load", "total"]);
    let line = |t: usize| format!("{}.5,{}\n", t * t, t % 5);
    let rising: String = (0..12).map(line).collect();
    assert!(matches!(refused(&rising), TableError::Clock(ClockError::ClockOrSeries { .. })));
    let without = Reading { clock: ClockChoice::Without, ..Reading::default() };
    assert_eq!(with(&rising, &without).values.ncols(), 2);
    let named = Reading { clock: ClockChoice::Column("1".into()), gaps: Gaps::Ignore, ..Reading::default() };
    assert_eq!(with(&rising, &named).names(), ["column 2"]);
    // A clock is a series where it is named as one.
    let reading = Reading { columns: columns(&["year", "x"]), ..Reading::default() };
    assert_eq!(with("year,x\n1990,1\n1991,4\n1992,2\n", &reading).names(), ["year", "x"]);
}

#[test]
fn names_alone_make_no_clock_and_clocks_that_are_not_understood_are_refused() {
    let text = "P,T\n1.5,20\n1.25,21\n2.5,19\n1.75,22\n1.5,20\n";
    assert_eq!(table(text).names(), ["P", "T"]);
    let text = "time,v\n2024-01-01 00:00 CET,1\n2024-01-01 01:00 CET,5\n2024-01-01 02:00 CET,2\n";
    assert!(matches!(refused(text), TableError::Clock(ClockError::UnknownTimes { line: 2, .. })));
    let without = Reading { clock: ClockChoice::Without, ..Reading::default() };
    assert_eq!(with(text, &without).names(), ["v"]);
    // Several rows of one step, of no other column's series.
    let twice = "cycle,v\n1,5\n1,7\n2,4\n2,8\n3,1\n3,2\n";
    assert!(matches!(refused(twice), TableError::Clock(ClockError::Duplicates { count: 3, .. })));
}

#[test]
fn day_and_month_are_told_or_asked_for() {
    let text = "date,v\n01/02/2024,1\n02/02/2024,5\n03/02/2024,2\n";
    assert!(matches!(refused(text), TableError::Clock(ClockError::DayFirst { line: 2, .. })));
    let label = |day_first, row| {
        let reading = Reading { day_first: Some(day_first), ..Reading::default() };
        with(text, &reading).clock.and_then(|clock| clock.label(row))
    };
    assert_eq!((label(true, 3).as_deref(), label(false, 3).as_deref()), (Some("04/02/2024"), Some("04/02/2024")));
    let against = Reading { day_first: Some(true), ..Reading::default() };
    assert!(matches!(
        refusal("date,v\n01/30/2024,1\n01/31/2024,2\n", &against),
        TableError::Clock(ClockError::ClockCell { .. })
    ));
}

/// Dates of working days at ends of months, or of Mondays, Wednesdays and Fridays, were "every 202088.135593 seconds, no gaps", and forecasts
/// had times between them.
#[test]
fn dates_that_are_not_even_are_no_step_of_hours() {
    let weekdays = |keep: &[i8]| -> Vec<String> {
        let start = jiff::civil::date(2020, 1, 6);
        let days = (0..200).map(|day| start.checked_add(jiff::Span::new().days(day)).expect("a day"));
        days.filter(|day| keep.contains(&day.weekday().to_monday_one_offset())).map(|day| day.to_string()).collect()
    };
    let ends: Vec<String> = (1..=24)
        .map(|month| {
            let last = jiff::civil::date(2019, 1, 31)
                .checked_add(jiff::Span::new().months(month))
                .expect("a month")
                .last_of_month();
            let back = (last.weekday().to_monday_one_offset() - 5).max(0);
            last.checked_sub(jiff::Span::new().days(i64::from(back))).expect("a day").to_string()
        })
        .collect();
    for times in [weekdays(&[1, 3, 5]), weekdays(&[1, 2, 3, 4, 5, 6]), ends.clone(), ends[..4].to_vec()] {
        let rows: Vec<String> = times.iter().enumerate().map(|(t, time)| format!("{time},{}", t * t % 7)).collect();
        let text = rows.join("\n");
        let error = refused(&format!("date,y\n{text}"));
        assert!(
            matches!(error, TableError::Clock(ClockError::Uneven { .. } | ClockError::Gaps { .. })),
            "{times:?}: {error}"
        );
        assert!(error.to_string().contains("--gaps"), "{error}");
    }
}
