//! Rows, headers and columns of many kinds of files.

use forebay_forecast::table::{CellError, Choice, ColumnError, Fill, FormatError, Header, Reading, TableError};
use ndarray::array;

use crate::support::{self, columns, refusal, refused, table, with};

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
    assert!(matches!(
        refused("Station: Berlin\n\nt,a,b\n1,2,3\n2,5,4\n"),
        TableError::Format(FormatError::Ragged { line: 3, .. })
    ));
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
        assert_eq!(support::table(text).names(), ["a", "b"], "{text:?}");
    }
    let log = "LAMMPS (2 Aug 2023)\nunits metal\nStep Temp PotEng\n0 298.7 -4001.2\n100 298.8 -4001.1\nWARNING: dangerous builds at 100\n200 299.1 \
               -4001.0\nStep Temp PotEng\n300 298.0 -4001.5\nLoop time of 3.2 on 4 procs for 300 steps\n";
    let table = support::table(log);
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
            matches!(
                refused(text),
                TableError::Format(FormatError::Ragged { line: 3, .. })
                    | TableError::Cell(CellError::BadCell { line: 3, .. })
            ),
            "{text:?}"
        );
    }
    assert_eq!(support::table("a b\n1.0D+03 2\n1.1D+03 1\n0.9D+03 2\n").values[[1, 0]], 1100.0);
}

/// A blank line in a file of one column was no step, and shifted all after it.
#[test]
fn blank_lines_do_not_shift_time_in_silence() {
    assert!(matches!(refused("x\n1\n\n4\n2\n"), TableError::Cell(CellError::Missing { count: 1, line: 3, .. })));
    let text = "x\n1\nNA\n\n4\nnan";
    assert!(matches!(refused(text), TableError::Cell(CellError::Missing { count: 3, line: 3, .. })));
    let reading = Reading { fill: Fill::Linear, ..Reading::default() };
    assert_eq!(with(text, &reading).values, array![[1.0], [2.0], [3.0], [4.0], [4.0]]);
    let doubled = table("x\n\n1\n\n5\n\n3\n\n");
    assert_eq!((doubled.values.nrows(), doubled.notes.len()), (3, 1));
    assert_eq!(table("\n\nx,y\n1,2\n\n5,4\n\n\n").notes, ["1 blank line(s) between rows skipped, first line 5"]);
    assert!(matches!(refused("a\tb\n1\t2\n\t\n3\t1\n4\t5\n"), TableError::Cell(CellError::Missing { line: 3, .. })));
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
    assert!(matches!(refusal("a,b\n1,2\n5,4\n", &names), TableError::Column(ColumnError::NoSuchColumn { .. })));
    let names = Reading { columns: Choice::Names(vec!["load".into()]), ..Reading::default() };
    assert!(matches!(refusal("1.5,2\n5,4\n", &names), TableError::Column(ColumnError::NoNames { .. })));
}

#[test]
fn wide_tables_are_refused_before_they_are_read() {
    let line = |row: usize| (0..2000).map(|c| ((row * 7 + c) % 10).to_string()).collect::<Vec<_>>().join(",") + "\n";
    let header = (0..2000).map(|c| format!("c{c}")).collect::<Vec<_>>().join(",") + "\n";
    let text = header + &(0..5).map(line).collect::<String>();
    let error = refused(&text);
    assert!(matches!(error, TableError::Format(FormatError::TooWide { columns: 2000, .. })), "{error}");
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
        ("NA,0\n1.5,100\n3,200\n2.5,300", &["column 1"], ""),
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
