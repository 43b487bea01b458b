//! Values that stay missing, in text and in arrays.

use forebay::model::import::npy_to_bytes;
use forebay_forecast::table::{
    ArrayError, Choice, ClockChoice, ColumnError, Fill, FormatError, Gaps, IdChoice, Reading, Table, TableError,
    of_array, read,
};
use ndarray::{Array2, array};

use crate::support::{columns, hours, rows, with};

fn marked(text: &str) -> Table {
    with(text, &Reading { fill: Fill::Mark, ..Reading::default() })
}

#[test]
fn missing_values_stay_where_they_are_marked() {
    let table = marked("a,b\n1,2\nNA,3\n4,\n7,5\n");
    assert!(table.values[[1, 0]].is_nan() && table.values[[2, 1]].is_nan());
    assert_eq!((table.filled(), table.present[[1, 0]], table.values[[3, 1]]), (0, false, 5.0));
    assert_eq!(
        table.lines()[..2],
        ["a  series  numbers, 1 missing, left open", "b  series  numbers, 1 missing, left open"]
    );
    // Beginnings too, of which there is nothing to hold.
    assert!(marked("a\nNA\n1\n2\n").values[[0, 0]].is_nan());
    let text = "time,v\n".to_owned() + &rows(hours(0, 5).chain(hours(8, 4)));
    for gaps in [Gaps::Fill, Gaps::Mark] {
        let table = with(&text, &Reading { fill: Fill::Mark, gaps, ..Reading::default() });
        assert_eq!(table.values.iter().filter(|value| value.is_nan()).count(), 3);
        assert!(table.lines()[0].contains("3 step(s) put in without values"), "{:?}", table.lines());
        assert!(table.lines()[1].ends_with("3 missing, left open"), "{:?}", table.lines());
    }
    let both = text.replacen("3.5", "NA", 1).replacen("1.5", "NA", 1).replacen("4.5", "4.5\n2024-01-01 03:30,NA", 0);
    let held = Reading { fill: Fill::Linear, gaps: Gaps::Mark, ..Reading::default() };
    assert!(with(&both, &held).lines()[1].ends_with("5 missing, 3 of them left open"));
}

/// Rows of plans that are known ahead have no value of the series yet: they are rows, whatever is done about what is missing.
#[test]
fn rows_of_plans_at_the_end_are_kept_and_told() {
    let known = |row: usize| format!("2024-01-{:02},{}.5,{}\n", row + 1, [3, 1, 4][row % 3], row % 2);
    let plan = |row: usize| format!("2024-01-{:02},,{}\n", row + 1, row % 2);
    let text = "date,load,open\n".to_owned() + &(0..20).map(known).chain((20..24).map(plan)).collect::<String>();
    let table = marked(&text);
    assert_eq!(table.values.dim(), (24, 2));
    assert!((20..24).all(|row| table.values[[row, 0]].is_nan() && table.values[[row, 1]] == (row % 2) as f64));
    assert_eq!(table.lines[23], Some(25));
    assert_eq!(table.clock.as_ref().and_then(|clock| clock.label(23)).as_deref(), Some("2024-01-24"));
    let told = "load has no value on the last 4 row(s), from line 22 on, where other series have some";
    assert_eq!(table.notes, [told]);
    let held = with(&text, &Reading { fill: Fill::Hold, ..Reading::default() });
    assert_eq!((held.values[[23, 0]], held.notes), (1.5, vec![told.to_owned()]));
    // In other layouts, and where no column of the row is wanted.
    let blanks = text.replace(",,", ",NA,").replace(',', " ");
    assert_eq!(marked(&blanks).values.dim(), (24, 2));
    let one = Reading { fill: Fill::Mark, columns: columns(&["load"]), ..Reading::default() };
    assert_eq!(with(&text, &one).values.dim(), (24, 1));
    let json = (0..24).map(|row| {
        let load = if row < 20 { format!("{}.5", row * 7 % 5) } else { "null".to_owned() };
        format!("{{\"date\": \"2024-01-{:02}\", \"load\": {load}, \"open\": {}}}\n", row + 1, row % 2)
    });
    assert_eq!(marked(&json.collect::<String>()).values.dim(), (24, 2));
}

/// A row of missing values between blanks was taken for a line of a log and left out.
#[test]
fn a_row_without_any_value_is_a_row() {
    let text = "time a b\n2024-01-01 1 2\n2024-01-02 NA NA\n2024-01-03 4 5\n2024-01-04 2 1\n";
    let table = marked(text);
    assert_eq!((table.values.dim(), table.notes.len()), ((4, 2), 0), "{:?}", table.notes);
}

fn with_gaps() -> Array2<f64> {
    let n = f64::NAN;
    array![[1.0, n, 7.0], [n, 6.0, 8.0], [3.0, 4.0, 9.0], [5.0, 2.0, 6.0]]
}

/// Arrays with NaN were refused as "no finite numbers", whatever `--fill` said, and `--columns` did nothing to them.
#[test]
fn arrays_are_read_as_text_is() {
    let of = |reading: &Reading| read(&npy_to_bytes(with_gaps().view()), reading);
    let of_columns = |names: &[&str], fill| Reading { columns: columns(names), fill, ..Reading::default() };
    let error = of(&Reading::default()).expect_err("NaN");
    assert_eq!(error, TableError::Array(ArrayError::Missing { column: "column 1".into(), count: 1, row: 1 }));
    let hold = Reading { fill: Fill::Hold, ..Reading::default() };
    assert_eq!(of(&hold), Err(TableError::Array(ArrayError::NothingToHold { column: "column 2".into(), count: 1 })));
    let linear = of(&Reading { fill: Fill::Linear, ..Reading::default() }).expect("a table");
    assert_eq!(linear.values, array![[1.0, 6.0, 7.0], [2.0, 6.0, 8.0], [3.0, 4.0, 9.0], [5.0, 2.0, 6.0]]);
    assert_eq!((linear.filled(), linear.header, linear.names()[2].as_str()), (2, false, "column 3"));
    let open = of(&Reading { fill: Fill::Mark, ..Reading::default() }).expect("a table");
    assert_eq!((open.values[[3, 0]], open.values[[1, 0]].is_nan(), open.filled()), (5.0, true, 0));
    let some = of(&of_columns(&["3", "column 1"], Fill::Hold)).expect("a table");
    assert_eq!(some.values, array![[7.0, 1.0], [8.0, 1.0], [9.0, 3.0], [6.0, 5.0]]);
    assert_eq!(some.names(), ["column 3", "column 1"]);
    assert_eq!(some.lines()[1], "column 2  left out: not named");
    let none = of(&of_columns(&["4"], Fill::Hold));
    assert!(matches!(none, Err(TableError::Column(ColumnError::NoSuchColumn { .. }))), "{none:?}");
    let names = Reading { columns: Choice::Names(vec!["load".into()]), ..Reading::default() };
    assert!(matches!(of(&names), Err(TableError::Column(ColumnError::NoNames { .. }))));
    let nine = Reading { missing: vec!["9".into()], ..of_columns(&["3"], Fill::Linear) };
    assert_eq!(of(&nine).expect("a table").values.column(0).to_vec(), [7.0, 8.0, 7.0, 6.0]);
    for reading in [
        Reading { clock: ClockChoice::Column("1".into()), ..Reading::default() },
        Reading { id: IdChoice::Column("1".into()), ..Reading::default() },
        Reading { gaps: Gaps::Ignore, ..Reading::default() },
        Reading { sort: true, ..Reading::default() },
    ] {
        assert!(matches!(of(&reading), Err(TableError::Array(ArrayError::Option { .. }))), "{reading:?}");
    }
}

#[test]
fn arrays_that_are_no_series_are_refused() {
    let plain = Reading::default();
    let infinite = of_array(array![[1.0], [f64::INFINITY]], &plain);
    assert!(matches!(infinite, Err(TableError::Array(ArrayError::Infinite { row: 1, .. }))));
    let empty = of_array(array![[f64::NAN], [f64::NAN]], &Reading { fill: Fill::Mark, ..Reading::default() });
    assert!(matches!(empty, Err(TableError::Array(ArrayError::NoValues { .. }))));
    assert!(matches!(of_array(array![[1.0]], &plain), Err(TableError::Format(FormatError::TooShort { rows: 1 }))));
    let wide = of_array(Array2::ones((3, 2000)), &plain);
    assert!(matches!(wide, Err(TableError::Format(FormatError::TooWide { columns: 2000, .. }))));
    for (header, what) in [
        ("{'descr': '<f2', 'fortran_order': False, 'shape': (2,), }", "<f2"),
        ("{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }", "|b1"),
        ("{'descr': '<c16', 'fortran_order': False, 'shape': (2,), }", "<c16"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2, 2), }", "3 dimensions"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (9,), }", "bytes"),
        ("{'descr': '<M8[s]', 'fortran_order': False, 'shape': (2,), }", "<M8[s]"),
    ] {
        let error = read(&npy(header, &[0; 16]), &plain).expect_err(header).to_string();
        assert!(error.contains("array of numpy") && error.contains(what) && error.lines().count() == 1, "{error}");
    }
}

fn npy(header: &str, data: &[u8]) -> Vec<u8> {
    [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
}

#[test]
fn arrays_of_all_layouts_are_one() {
    let header =
        |descr, fortran, shape| format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
    let of = |header: &str, data: &[u8]| read(&npy(header, data), &Reading::default()).expect(header).values;
    let expected = array![[1.0, 4.0], [2.0, 3.0], [5.0, 6.0]];
    assert_eq!(of(&header("|u1", "False", "(3, 2)"), &[1, 4, 2, 3, 5, 6]), expected);
    assert_eq!(of(&header("|i1", "True", "(3, 2)"), &[1, 2, 5, 4, 3, 6]), expected);
    let single: Vec<u8> = expected.iter().flat_map(|value| (*value as f32).to_le_bytes()).collect();
    assert_eq!(of(&header("<f4", "False", "(3, 2)"), &single), expected);
    let whole: Vec<u8> = expected.iter().flat_map(|value| (*value as i64).to_be_bytes()).collect();
    assert_eq!(of(&header(">i8", "False", "(3, 2)"), &whole), expected);
    assert_eq!(of(&header("|u1", "False", "(6,)"), &[1, 4, 2, 3, 5, 6]).dim(), (6, 1));
}
