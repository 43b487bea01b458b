//! Tables of many kinds: what the room says of them, or why it refuses.

use forebay_forecast::table::{
    Choice, ClockChoice, Decimal, Delimiter, Duplicates, Fill, Gaps, Header, IdChoice, Reading, Role, Table,
    TableError, read, read_all,
};
use ndarray::array;

fn table(text: &str) -> Table {
    with(text, &Reading::default())
}

fn with(text: &str, reading: &Reading) -> Table {
    read(text.as_bytes(), reading).unwrap_or_else(|error| panic!("{error} in {text:?}"))
}

fn refusal(text: &str, reading: &Reading) -> TableError {
    match read(text.as_bytes(), reading) {
        Ok(table) => panic!("{text:?} was read: {:#?}", table.lines()),
        Err(error) => {
            assert_eq!(error.to_string().lines().count(), 1, "{error}");
            error
        }
    }
}

fn refused(text: &str) -> TableError {
    refusal(text, &Reading::default())
}

fn columns(names: &[&str]) -> Choice {
    Choice::Columns(names.iter().map(ToString::to_string).collect())
}

/// Lines `time,value` of these times, with values that go up and down.
fn rows(times: impl IntoIterator<Item = impl std::fmt::Display>) -> String {
    let line = |(row, time)| format!("{time},{}.5\n", [3, 1, 4, 1, 5, 9, 2, 6][row % 8]);
    times.into_iter().enumerate().map(line).collect()
}

fn hours(from: usize, count: usize) -> impl Iterator<Item = String> {
    (from..from + count)
        .map(|hour| format!("2024-{:02}-{:02} {:02}:00", 1 + hour / 24 / 28, 1 + hour / 24 % 28, hour % 24))
}

#[test]
fn common_layouts_are_read() {
    let expected = array![[1.5, 2.0], [3.0, -4e3]];
    for text in [
        "a,b\n1.5,2\n3,-4e3\n",
        "\u{feff}a;b\r\n1.5;2\r\n3;-4e3\r\n",
        "a\tb\n1.5\t2\n\n3\t-4e3",
        "a|b\n1.5|2\n3|-4e3",
        "sep=;\na;b\n1.5;2\n3;-4e3",
        "1.5 2\n3   -4e3\n",
        "\"a\",\"b\"\n\"1.5\", 2\n3,-4e3",
        "\"a\", \"b\"\n\"1.5\", \"2\"\n3,-4e3",
        "a\r1.5\r3\r",
        "{\"a\": 1.5, \"b\": 2}\n{\"b\": -4000, \"a\": \"3\"}\n",
    ] {
        let expected = if text.starts_with("a\r") { array![[1.5], [3.0]] } else { expected.clone() };
        assert_eq!(table(text).values, expected, "{text:?}");
    }
    assert_eq!(table("a,b\n1,2\n5,4").names(), ["a", "b"]);
    assert_eq!(table("1.0,2\n5,4").names(), ["column 1", "column 2"]);
    // A title above the table is no header of one column.
    assert!(matches!(refused("Station: Berlin\n\nt,a,b\n1,2,3\n2,5,4\n"), TableError::Ragged { line: 3, .. }));
    assert_eq!(table("a,b\n1,2\n5,4\n,\n,\n").notes, ["2 row(s) of empty cells at the end are left out"]);
}

#[test]
fn every_column_is_told() {
    let text = "when,load,note,none,same,id\n2021-01-01 00:00,1.5,ok,,7,a\n2021-01-01 01:00,NA,ok,NA,7,b\n2021-01-01 02:00,2,x,,7,c\n";
    let reading = Reading { fill: Fill::Hold, ..Reading::default() };
    let table = with(text, &reading);
    assert_eq!(
        table.lines(),
        [
            "when  clock   every hour from 2021-01-01 00:00 to 2021-01-01 02:00, no gaps",
            "load  series  numbers, 1 missing",
            "note  left out: text (\"ok\" on line 2)",
            "none  left out: empty",
            "same  left out: constant (7 on every line)",
            "id    left out: text (\"a\" on line 2)",
        ]
    );
    assert_eq!((table.values.clone(), table.filled()), (array![[1.5], [1.5], [2.0]], 1));
    assert_eq!(table.present, array![[true], [false], [true]]);
    assert!(table.unfilled()[[1, 0]].is_nan());
}

/// A column with one cell that is no number was gone without a word, or with one.
#[test]
fn a_column_of_numbers_with_bad_cells_is_refused() {
    for (cell, more) in
        [("?", ""), ("#VALUE!", ""), ("1.2.3", ""), ("********", ""), ("12h", ""), ("inf", ""), ("1e999", "")]
    {
        let text = format!("humidity,load\n50,1\n51,{cell}\n52,3\n53,5{more}\n");
        let error = refused(&text);
        let told = error.to_string();
        assert!(told.contains("line 3, column \"load\"") && told.contains("no finite number"), "{told}");
        let others = Reading { columns: columns(&["humidity"]), ..Reading::default() };
        assert_eq!(with(&text, &others).names(), ["humidity"]);
    }
    let text = "humidity,load\n50,1\n51,?\n52,3\n50,7\n";
    let reading = Reading { missing: vec!["?".into()], fill: Fill::Linear, ..Reading::default() };
    assert_eq!(with(text, &reading).values, array![[50.0, 1.0], [51.0, 2.0], [52.0, 3.0], [50.0, 7.0]]);
    assert!(matches!(refused("load\n?\n?\n?\n?\n5\n7\n"), TableError::BadCell { bad: 4, numbers: 2, .. }));
}

#[test]
fn missing_cells_are_known() {
    for cell in ["", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "None", "nil", "-", ".", "<NA>"] {
        let text = format!("a,b\n1,2\n{cell},3\n4,5\n");
        assert!(matches!(refused(&text), TableError::Missing { count: 1, line: 3, .. }), "{cell}");
        let reading = Reading { fill: Fill::Hold, ..Reading::default() };
        assert_eq!(with(&text, &reading).values, array![[1.0, 2.0], [1.0, 3.0], [4.0, 5.0]], "{cell}");
    }
    let reading = Reading { missing: vec!["-999".into()], fill: Fill::Linear, ..Reading::default() };
    assert_eq!(with("a\n1\n-999.0\n3\n-9.99e2\n", &reading).values, array![[1.0], [2.0], [3.0], [3.0]]);
    let hold = Reading { fill: Fill::Hold, ..Reading::default() };
    assert!(matches!(refusal("a\nNA\n1\n2\n", &hold), TableError::NothingToHold { count: 1, line: 2, .. }));
    let hint = table("t\n20.5\n21\n-999\n22\n-999\n20\n").notes.join("\n");
    assert!(hint.contains("-999 stands 2 time(s)") && hint.contains("--missing=-999"), "{hint}");
}

/// Numbers with decimal commas were two series of integers, and their files a refusal without the word.
#[test]
fn numbers_are_read_in_the_way_of_their_file() {
    let text = "datum;wert\n01.01.2024 00:00;9,640\n01.01.2024 01:00;10,872\n01.01.2024 02:00;11,245\n";
    assert_eq!(table(text).values, array![[9.64], [10.872], [11.245]]);
    for (text, expected) in [
        (
            "Datum;P;T\n2022-01-01;50,00;16,7\n2022-01-02;51,73;17,2\n2022-01-03;1.051,06;17,0",
            array![[50.0, 16.7], [51.73, 17.2], [1051.06, 17.0]],
        ),
        ("a;b\n1,5;12.345\n2,5;13.345\n1,75;12.346", array![[1.5, 12_345.0], [2.5, 13_345.0], [1.75, 12_346.0]]),
        (
            "a,b\n\"12,345\",1.5\n\"11,000\",2.5\n\"13,500\",2.25",
            array![[12_345.0, 1.5], [11_000.0, 2.5], [13_500.0, 2.25]],
        ),
        (
            "a\tb\n12 345\t1.0D+03\n11 345\t2.5d-1\n13 000\t1.5D0",
            array![[12_345.0, 1000.0], [11_345.0, 0.25], [13_000.0, 1.5]],
        ),
        ("a,b\n12%,$5\n13.5%,$7.5\n11%,$6", array![[12.0, 5.0], [13.5, 7.5], [11.0, 6.0]]),
        ("wert\n0,5\n1,25\n12,345\n", array![[0.5], [1.25], [12.345]]),
    ] {
        assert_eq!(table(text).values, expected, "{text:?}");
    }
    assert_eq!(table("a,b\n12%,$5\n13.5%,$7.5\n11%,$6").columns[0].read_as, "numbers in percent (12 for 12%)");
    // What can be meant in two ways.
    for text in ["9,867\n11,125\n11,076\n", "1,25\n3,50\n2,75\n", "12 345\n11 000\n12 500\n"] {
        assert!(matches!(refused(text), TableError::NumberOrTwo { line: 1, .. }), "{text:?}");
    }
    let one = Reading { delimiter: Some(Delimiter::Nothing), decimal: Some(Decimal::Point), ..Reading::default() };
    assert_eq!(with("9,867\n11,125\n11,076\n", &one).values, array![[9867.0], [11_125.0], [11_076.0]]);
    let comma = Reading { decimal: Some(Decimal::Comma), ..Reading::default() };
    assert_eq!(with("9,867\n11,125\n11,076\n", &comma).values, array![[9.867], [11.125], [11.076]]);
    let two = Reading { delimiter: Some(Delimiter::Comma), ..Reading::default() };
    assert_eq!(with("9,867\n11,125\n11,076\n", &two).values, array![[9.0, 867.0], [11.0, 125.0], [11.0, 76.0]]);
    for text in [
        "wert\n9,867\n11,125\n11,076\n",
        "d;w\n2024-01-01;9,640\n2024-01-02;10,872\n",
        "a,b\nx,\"12,345\"\ny,\"11,000\"\n",
    ] {
        assert!(matches!(refused(text), TableError::DecimalOrThousands { .. }), "{text:?}");
    }
    // Dates tell what a comma is, and leave open what a point is.
    let text = "d;w\n01.01.2024;1.640\n02.01.2024;1.872\n03.01.2024;2.100\n";
    assert!(matches!(refused(text), TableError::DecimalOrThousands { line: 2, .. }));
    assert_eq!(with(text, &Reading { decimal: Some(Decimal::Point), ..Reading::default() }).values[[0, 0]], 1.64);
    assert!(matches!(refused("a;b\n1,5;1\n2.5;3\n3,5;4\n"), TableError::BadCell { line: 3, .. }));
    assert!(matches!(refused("a,b\n12%,1\n0.13,2\n14%,4\n"), TableError::MixedUnits { .. }));
    assert!(matches!(refused("a,b\n$12,1\n€13,2\n$14,4\n"), TableError::MixedUnits { .. }));
}

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

fn table_lines(text: &str) -> Vec<String> {
    table(text).lines()
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
    assert!(matches!(refused(&rising), TableError::ClockOrSeries { .. }));
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
    assert!(matches!(refused(text), TableError::UnknownTimes { line: 2, .. }));
    let without = Reading { clock: ClockChoice::Without, ..Reading::default() };
    assert_eq!(with(text, &without).names(), ["v"]);
    // Several rows of one step, of no other column's series.
    let twice = "cycle,v\n1,5\n1,7\n2,4\n2,8\n3,1\n3,2\n";
    assert!(matches!(refused(twice), TableError::Duplicates { count: 3, .. }));
}

#[test]
fn day_and_month_are_told_or_asked_for() {
    let text = "date,v\n01/02/2024,1\n02/02/2024,5\n03/02/2024,2\n";
    assert!(matches!(refused(text), TableError::DayFirst { line: 2, .. }));
    let label = |day_first, row| {
        let reading = Reading { day_first: Some(day_first), ..Reading::default() };
        with(text, &reading).clock.and_then(|clock| clock.label(row))
    };
    assert_eq!((label(true, 3).as_deref(), label(false, 3).as_deref()), (Some("04/02/2024"), Some("04/02/2024")));
    let against = Reading { day_first: Some(true), ..Reading::default() };
    assert!(matches!(refusal("date,v\n01/30/2024,1\n01/31/2024,2\n", &against), TableError::ClockCell { .. }));
}

#[test]
fn gaps_are_refused_marked_filled_or_ignored() {
    let text = "time,v\n".to_owned() + &rows(hours(0, 5).chain(hours(8, 4)));
    let error = refused(&text);
    assert!(matches!(error, TableError::Gaps { gaps: 1, missing: 3, first: 3, line: 7, .. }), "{error}");
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
    assert_eq!(refusal(&text, &reading), TableError::GapsWithoutFill);
    // The same of epochs, whose gap once made a series of them, and of numbers.
    for times in [[1_700_000_000, 1_700_003_600, 1_700_007_200, 1_700_014_400], [10, 20, 30, 50]] {
        let error = refused(&("time,v\n".to_owned() + &rows(times)));
        assert!(matches!(error, TableError::Gaps { missing: 1, line: 5, .. }), "{error}");
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
        TableError::Gaps { missing: 1, line: 52, .. }
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
    assert!(matches!(refused(&days(&[14])), TableError::Gaps { gaps: 1, missing: 1, line: 12, .. }));
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
        matches!(&error, TableError::Uneven { what, .. } if what.contains("from 5 seconds to 79 seconds")),
        "{error}"
    );
    let reading = Reading { gaps: Gaps::Ignore, ..Reading::default() };
    let table = with(&text, &reading);
    assert!(table.lines()[0].contains("uneven steps") && table.values.nrows() == 5);
    assert_eq!(table.clock.and_then(|clock| clock.label(5)), None);
    let mixed = "t,v\n".to_owned() + &rows((0..10).chain((1..10).map(|t| 10 + 24 * t)));
    assert!(
        matches!(refused(&mixed), TableError::Uneven { what, .. } if what.contains("steps of 1 up to line 11, of 25 after it")
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
    assert!(matches!(refused(&text), TableError::Order { count: 1, line: 6, .. }));
    let reading = Reading { sort: true, ..Reading::default() };
    assert_eq!(with(&text, &reading).values.column(0).to_vec(), [3.5, 1.5, 4.5, 5.5, 1.5, 9.5]);
    let twice = "time,v\n".to_owned() + &rows([0, 1, 1, 2, 3]);
    assert!(matches!(refused(&twice), TableError::Duplicates { count: 1, first: 3, second: 4, .. }));
    let of = |duplicates| with(&twice, &Reading { duplicates, ..Reading::default() }).values[[1, 0]];
    assert_eq!([Duplicates::First, Duplicates::Last, Duplicates::Mean].map(of), [1.5, 4.5, 3.0]);
    // A restart that runs over steps that are there.
    let restart = "Step,v\n".to_owned() + &rows((0..10).chain(6..14).map(|t| t * 100));
    assert!(matches!(refused(&restart), TableError::Restart { count: 1, line: 12, .. }));
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
        assert!(matches!(error, TableError::DaylightSaving { .. }), "{error}");
        let reading = Reading { gaps: Gaps::Ignore, ..Reading::default() };
        assert_eq!(with(&text, &reading).values.nrows(), times.len());
    }
    // The same hour on another day is a gap.
    let monday = (0..12).filter(|hour| *hour != 2).map(|hour| format!("2024-04-01 {hour:02}:00"));
    assert!(matches!(refused(&("time,v\n".to_owned() + &rows(monday))), TableError::Gaps { .. }));
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
        assert!(matches!(&error, TableError::Stacked { count: 3, column, .. } if column == "store"), "{error}");
        let one = IdChoice::Series { column: "store".into(), value: "s1".into() };
        let table = with(&text, &Reading { id: one, ..Reading::default() });
        assert_eq!((table.names(), table.values.nrows(), table.values[[0, 0]]), (vec!["sales".to_owned()], 8, 11.0));
        assert!(table.lines()[0].contains("tells series apart"), "{:?}", table.lines());
        let all = IdChoice::Column("store".into());
        let reading = Reading { id: all, ..Reading::default() };
        let tables = read_all(text.as_bytes(), &reading).expect("three series");
        assert_eq!(tables.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["s0", "s1", "s2"]);
        assert!(matches!(refusal(&text, &reading), TableError::SeveralSeries { count: 3, .. }));
        let wrong = IdChoice::Series { column: "store".into(), value: "s9".into() };
        assert!(matches!(
            refusal(&text, &Reading { id: wrong, ..Reading::default() }),
            TableError::NoSuchSeries { .. }
        ));
    }
    let unit = |u: usize| (1..20).map(move |c| format!("{u},{c},{}.5\n", c * 7 % 11));
    let units: String = (1..6).flat_map(unit).collect();
    for header in ["unit,cycle,temp\n", "", "machine,t,temp\n"] {
        assert!(matches!(refused(&format!("{header}{units}")), TableError::Stacked { count: 5, .. }), "{header}");
    }
    let without = Reading { id: IdChoice::Without, clock: ClockChoice::Without, ..Reading::default() };
    assert_eq!(with(&format!("unit,cycle,temp\n{units}"), &without).values.dim(), (95, 3));
}

#[test]
fn files_of_simulation_codes_are_read() {
    let plumed = "#! FIELDS time phi psi\n#! SET min_phi -pi\n 0.0 -1.19 0.58\n 0.2 -1.18 0.57\n#! SET max_phi pi\n 0.4 -1.08 0.55\n";
    let table = table(plumed);
    assert_eq!((table.names(), table.values.nrows()), (vec!["phi".to_owned(), "psi".to_owned()], 3));
    assert_eq!(table.notes[0], "3 comment line(s) skipped, first line 1");
    assert_eq!(table.notes[1], "the names of the columns are those of the comment on line 1");
    for text in [
        "# t a b\n0.0 1.5 2\n0.5 2.5 3\n1.0 0.5 2\n",
        "# made by a code\n@ title \"x\"\n# t a b\n0.0 1.5 2\n0.5 2.5 3\n1.0 0.5 2\n",
    ] {
        assert_eq!(self::table(text).names(), ["a", "b"], "{text:?}");
    }
    let log = "LAMMPS (2 Aug 2023)\nunits metal\nStep Temp PotEng\n0 298.7 -4001.2\n100 298.8 -4001.1\nWARNING: dangerous builds at 100\n200 299.1 \
               -4001.0\nStep Temp PotEng\n300 298.0 -4001.5\nLoop time of 3.2 on 4 procs for 300 steps\n";
    let table = self::table(log);
    assert_eq!((table.names(), table.values.nrows()), (vec!["Temp".to_owned(), "PotEng".to_owned()], 4));
    assert_eq!(
        table.notes,
        [
            "2 line(s) above the table skipped, first line 1",
            "3 line(s) without numbers for the columns between rows skipped, first line 6"
        ]
    );
    assert_eq!(table.lines, [4, 5, 7, 9].map(Some));
    // What may be data is not skipped.
    for text in ["a b\n1 2\n3 4 5\n6 7\n", "a b\n1 2\n3 x\n6 7\n", "a b\n1 2\n3\n6 7\n"] {
        assert!(
            matches!(refused(text), TableError::Ragged { line: 3, .. } | TableError::BadCell { line: 3, .. }),
            "{text:?}"
        );
    }
    assert_eq!(self::table("a b\n1.0D+03 2\n1.1D+03 1\n0.9D+03 2\n").values[[1, 0]], 1100.0);
}

/// A blank line in a file of one column was no step, and shifted all after it.
#[test]
fn blank_lines_do_not_shift_time_in_silence() {
    assert!(matches!(refused("x\n1\n\n4\n2\n"), TableError::Missing { count: 1, line: 3, .. }));
    let text = "x\n1\nNA\n\n4\nnan";
    assert!(matches!(refused(text), TableError::Missing { count: 3, line: 3, .. }));
    let reading = Reading { fill: Fill::Linear, ..Reading::default() };
    assert_eq!(with(text, &reading).values, array![[1.0], [2.0], [3.0], [4.0], [4.0]]);
    let doubled = table("x\n\n1\n\n5\n\n3\n\n");
    assert_eq!((doubled.values.nrows(), doubled.notes.len()), (3, 1));
    assert_eq!(table("\n\nx,y\n1,2\n\n5,4\n\n\n").notes, ["1 blank line(s) between rows skipped, first line 5"]);
    assert!(matches!(refused("a\tb\n1\t2\n\t\n3\t1\n4\t5\n"), TableError::Missing { line: 3, .. }));
}

#[test]
fn names_with_commas_and_doubled_names_can_be_chosen() {
    let text = "\"Date, UTC\",\"P, net\",load,load\n2024-01-01,1,2,3\n2024-01-02,5,7,1\n2024-01-03,4,2,8\n";
    let of = |names: &[&str]| with(text, &Reading { columns: columns(names), ..Reading::default() });
    assert_eq!(of(&["P, net"]).names(), ["P, net"]);
    assert_eq!(of(&["\"P, net\",4"]).names(), ["P, net", "load (column 4)"]);
    assert_eq!(of(&["4", "P, net"]).names(), ["load (column 4)", "P, net"]);
    assert_eq!(of(&["load (column 3)"]).values.column(0).to_vec(), [2.0, 7.0, 2.0]);
    let error = refusal(text, &Reading { columns: columns(&["load"]), ..Reading::default() });
    assert!(error.to_string().contains("say which by its number"), "{error}");
    assert!(table(text).notes[0].contains("same name"), "{:?}", table(text).notes);
    let names = Reading { columns: Choice::Names(vec!["2".into()]), ..Reading::default() };
    assert!(matches!(refusal("a,b\n1,2\n5,4\n", &names), TableError::NoSuchColumn { .. }));
    let names = Reading { columns: Choice::Names(vec!["load".into()]), ..Reading::default() };
    assert!(matches!(refusal("1.5,2\n5,4\n", &names), TableError::NoNames { .. }));
}

#[test]
fn other_formats_are_refused_by_name() {
    for (bytes, what) in [
        (&b"PK\x03\x04rest"[..], "Excel"),
        (b"PAR1rest", "Parquet"),
        (b"\x89HDF\r\n", "HDF5"),
        (b"\xff\xfea\0\n\0", "UTF-16"),
        (b"a\0\n\x001\0\n\x002\0\n\0", "UTF-16"),
        (b"a\n1\n2\n\xe9\n", "UTF-8 text from byte 6"),
        (b"\x1f\x8bbroken", "gzip"),
        (b"[{\"a\": 1}]", "JSON array"),
        (b"{\"a\": [1]}\n{\"a\": [2]}\n", "nested"),
        (b"{\"a\": 1}\n{\"b\": 2}\n", "the key \"a\" is not there"),
        (b"{\"a\": 1}\n{\"a\": 1, \"a\": 2}\n", "2 keys"),
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"# only\n# comments\n", "but for comments"),
        (b"a,b\n1,\"2\n3,4\n", "line"),
    ] {
        let error = read(bytes, &Reading::default()).expect_err(what).to_string();
        assert!(error.contains(what) && error.lines().count() == 1, "{what}: {error}");
    }
}

#[test]
fn compressed_files_are_read() {
    use std::io::Write;
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(b"a,b\n1,2\n5,4\n").expect("memory takes it");
    let bytes = writer.finish().expect("memory takes it");
    assert_eq!(read(&bytes, &Reading::default()).expect("a table").values, array![[1.0, 2.0], [5.0, 4.0]]);
    assert!(matches!(read(&bytes[..20], &Reading::default()), Err(TableError::Gzip { .. })));
}

#[test]
fn wide_tables_are_refused_before_they_are_read() {
    let line = |row: usize| (0..2000).map(|c| ((row * 7 + c) % 10).to_string()).collect::<Vec<_>>().join(",") + "\n";
    let header = (0..2000).map(|c| format!("c{c}")).collect::<Vec<_>>().join(",") + "\n";
    let text = header + &(0..5).map(line).collect::<String>();
    let error = refused(&text);
    assert!(matches!(error, TableError::TooWide { columns: 2000, .. }), "{error}");
    let some = Reading { columns: columns(&["c5", "c7"]), ..Reading::default() };
    assert_eq!(with(&text, &some).values.dim(), (5, 2));
}

#[test]
fn the_first_line_is_names_or_data_and_what_is_open_is_told() {
    let (names, data) = ("is taken as names of columns", "is taken as data");
    for (text, columns, note) in [
        ("0\n105\n106.5\n103", &["0"][..], names),
        ("0,1,2\n0.5,1.5,0.1\n2.5,0.1,3.5\n1,2,0", &["0", "1", "2"], names),
        (",0,1\n0,5.5,7\n1,6.5,8\n2,4,9", &["0", "1"], names),
        ("0,1\n2020-01-01,7\n2020-01-02,8", &["1"], names),
        ("0,1\n0.2,0.9\n0.4,0.7\n-0.9,-0.8", &["column 1", "column 2"], data),
        ("0,1,2\n1,5,9\n2,7,4\n3,6,5", &["column 2", "column 3"], ""),
        ("0\n0.2\n0.4\n0.1", &["column 1"], data),
        ("0\n1\n2\n3", &["column 1"], ""),
        ("2020-01-01,12.5\n2020-01-02,13\n2020-01-03,12", &["column 2"], ""),
        ("12:30 5\n12:45 6\n13:00 7", &["column 2"], ""),
        ("time,1,2\n0,5,6\n1,7,9\n2,8,8", &["1", "2"], ""),
        ("2019,2020\n5,6\n7,8", &["column 1", "column 2"], ""),
        ("sensor,12.5\nsensor,13\nsensor,14", &["column 2"], data),
        ("sensor,12.5\nprobe,13\nmeter,14", &["12.5"], names),
        ("ok,NA\nbad,2.5\nok,1.5\n", &["column 2"], data),
        ("sensor 1,12.5\nprobe,13\nmeter,14", &["12.5"], names),
    ] {
        let table = with(text, &Reading { fill: Fill::Linear, ..Reading::default() });
        let notes = table.notes.join("\n");
        let is_told = if note.is_empty() { notes.is_empty() } else { notes.contains(note) };
        assert!(table.names() == columns && is_told, "{text:?}: {:?} {notes:?}", table.names());
    }
    let said = |text: &str, header| {
        let table = with(text, &Reading { header: Some(header), ..Reading::default() });
        assert_eq!(table.notes, [""; 0]);
        (table.names().join(" "), table.values.nrows())
    };
    assert_eq!(said("5.5,6\n7,8\n6,6", Header::Yes), ("5.5 6".to_owned(), 2));
    assert_eq!(said("0\n105\n106", Header::No), ("column 1".to_owned(), 3));
    // A header that names what is looked for is one.
    let wanted = Reading { columns: Choice::Names(vec!["1".to_owned()]), ..Reading::default() };
    let table = with("0,1\n0.2,0.9\n0.4,0.7\n-0.9,-0.8", &wanted);
    assert_eq!((table.values.nrows(), table.notes.len()), (3, 0));
}
