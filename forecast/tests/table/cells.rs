//! Numbers and missing values as they are written.

use forebay_forecast::table::{CellError, Decimal, Delimiter, Fill, FormatError, Reading, TableError};
use ndarray::array;

use crate::support::{columns, refusal, refused, table, with};

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
    assert!(matches!(
        refused("load\n?\n?\n?\n?\n5\n7\n"),
        TableError::Cell(CellError::BadCell { bad: 4, numbers: 2, .. })
    ));
}

#[test]
fn missing_cells_are_known() {
    for cell in ["", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "None", "nil", "-", ".", "<NA>"] {
        let text = format!("a,b\n1,2\n{cell},3\n4,5\n");
        assert!(matches!(refused(&text), TableError::Cell(CellError::Missing { count: 1, line: 3, .. })), "{cell}");
        let reading = Reading { fill: Fill::Hold, ..Reading::default() };
        assert_eq!(with(&text, &reading).values, array![[1.0, 2.0], [1.0, 3.0], [4.0, 5.0]], "{cell}");
    }
    let reading = Reading { missing: vec!["-999".into()], fill: Fill::Linear, ..Reading::default() };
    assert_eq!(with("a\n1\n-999.0\n3\n-9.99e2\n", &reading).values, array![[1.0], [2.0], [3.0], [3.0]]);
    // Alone on a line of one column of decimal commas it was a line with too few cells.
    let hold = Reading { fill: Fill::Hold, ..Reading::default() };
    assert_eq!(with("2000,05\nNA\n1999,95\n", &hold).values, array![[2000.05], [2000.05], [1999.95]]);
    assert!(matches!(refused("1;2\nNA\n5;6\n"), TableError::Format(FormatError::Ragged { line: 2, .. })));
    assert!(matches!(
        refusal("a\nNA\n1\n2\n", &hold),
        TableError::Cell(CellError::NothingToHold { count: 1, line: 2, .. })
    ));
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
        assert!(matches!(refused(text), TableError::Format(FormatError::NumberOrTwo { line: 1, .. })), "{text:?}");
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
        assert!(matches!(refused(text), TableError::Cell(CellError::DecimalOrThousands { .. })), "{text:?}");
    }
    // Dates tell what a comma is, and leave open what a point is.
    let text = "d;w\n01.01.2024;1.640\n02.01.2024;1.872\n03.01.2024;2.100\n";
    assert!(matches!(refused(text), TableError::Cell(CellError::DecimalOrThousands { line: 2, .. })));
    assert_eq!(with(text, &Reading { decimal: Some(Decimal::Point), ..Reading::default() }).values[[0, 0]], 1.64);
    assert!(matches!(refused("a;b\n1,5;1\n2.5;3\n3,5;4\n"), TableError::Cell(CellError::BadCell { line: 3, .. })));
    assert!(matches!(refused("a,b\n12%,1\n0.13,2\n14%,4\n"), TableError::Cell(CellError::MixedUnits { .. })));
    assert!(matches!(refused("a,b\n$12,1\n€13,2\n$14,4\n"), TableError::Cell(CellError::MixedUnits { .. })));
}
