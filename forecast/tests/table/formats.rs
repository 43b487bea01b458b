//! Files that are no text of rows, and such as are compressed.

use forebay_forecast::table::{FormatError, Reading, TableError, read};
use ndarray::array;

#[test]
fn other_formats_are_refused_by_name() {
    for (bytes, what) in [
        (&b"PAR1rest"[..], "Parquet"),
        (b"PK\x03\x04rest", "a zip archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel workbook"),
        (b"\x89HDF\r\n", "HDF5"),
        (b"X\n\0\0\0\x03", "object of R"),
        (b"\x80\x04\x95", "pickle"),
        (b"%PDF-1.7\n1 2\n", "PDF"),
        (b"  <!DOCTYPE HTML><html>", "page of the web"),
        (b"<?xml version=\"1.0\"?>", "XML"),
        (b"\xff\xfea\0\n", "UTF-16 text that is damaged"),
        (b"\xff\xfe\0\xd8a\0", "UTF-16 text that is damaged"),
        (b"\xff\xfe\0\0a\0\0\0", "UTF-32"),
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
    let bytes = gzip(b"a,b\n1,2\n5,4\n");
    assert_eq!(read(&bytes, &Reading::default()).expect("a table").values, array![[1.0, 2.0], [5.0, 4.0]]);
    assert!(matches!(read(&bytes[..20], &Reading::default()), Err(TableError::Format(FormatError::Gzip { .. }))));
}

/// An archive with these files, stored as they are.
fn zip(names: &[&str]) -> Vec<u8> {
    use std::io::Write;
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for name in names {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).expect("memory takes it");
        writer.write_all(b"1,2\n3,4\n").expect("memory takes it");
    }
    writer.finish().expect("memory takes it").into_inner()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).expect("memory takes it");
    writer.finish().expect("memory takes it")
}

/// Archives were told as one kind, whatever is in them.
#[test]
fn archives_are_named_by_what_is_in_them() {
    for (names, what, next) in [
        (
            &["[Content_Types].xml", "_rels/.rels", "xl/workbook.xml", "xl/worksheets/sheet1.xml"][..],
            "Excel workbook (.xlsx)",
            "CSV",
        ),
        (&["mimetype", "content.xml"], "OpenDocument", "CSV"),
        (&["a.npy", "b.npy"], "archive of numpy (.npz)", "numpy.save"),
        (&["table.csv"], "a zip archive", "unpack"),
    ] {
        for bytes in [zip(names), gzip(&zip(names))] {
            let error = read(&bytes, &Reading::default()).expect_err(what).to_string();
            assert!(error.contains(what) && error.contains(next), "{what}: {error}");
        }
    }
    let twice = gzip(&gzip(b"a\n1\n2\n"));
    let error = read(&twice, &Reading::default()).expect_err("twice").to_string();
    assert!(error.contains("gzip twice"), "{error}");
    // What is inside of gzip is known by its bytes, too.
    let array = forebay::model::import::npy_to_bytes(array![[1.0], [2.0]].view());
    assert_eq!(read(&gzip(&array), &Reading::default()).expect("an array").values, array![[1.0], [2.0]]);
}

#[test]
fn utf_16_with_its_mark_is_read_and_told() {
    let text = "Zeit;Wärme\r\n01.02.2024;5,5\r\n13.02.2024;6,25\r\n25.02.2024;4,5\r\n";
    let units = || text.encode_utf16();
    let little: Vec<u8> = [0xff, 0xfe].into_iter().chain(units().flat_map(u16::to_le_bytes)).collect();
    let big: Vec<u8> = [0xfe, 0xff].into_iter().chain(units().flat_map(u16::to_be_bytes)).collect();
    for bytes in [little, big] {
        let table = read(&bytes, &Reading::default()).expect("a table");
        assert_eq!((table.names(), table.values), (vec!["Wärme".to_owned()], array![[5.5], [6.25], [4.5]]));
        assert_eq!(table.notes, ["the file is text in UTF-16, by its first two bytes"]);
    }
}
