//! Whether the first line of a table names its columns.

use super::{Row, counter, is_missing, is_number};

/// Whether the first line names the columns, and whether that is plain to see.
///
/// A word is a name, plainly so without numbers beside it or with something else below it. Numbers are data, and so are digits in
/// the pattern of the cell below, as those of dates. Numbers that count the columns from 0 name columns that had no names, unless
/// the rows go on from them.
pub(super) fn is_header(rows: &[Row]) -> (bool, bool) {
    let (first, rest) = (&rows[0].1, &rows[1..]);
    let below = |c: usize| rest.iter().filter_map(move |(_, row)| row.get(c)).filter(|cell| !is_missing(cell));
    let is_like_below = |c: usize| below(c).next().is_some_and(|cell| pattern(cell) == pattern(&first[c]));
    let is_datum = |c: &usize| {
        let has_digits = first[*c].contains(|c: char| c.is_ascii_digit());
        is_number(&first[*c]) || (has_digits && is_like_below(*c))
    };
    let (data, names): (Vec<usize>, Vec<usize>) =
        (0..first.len()).filter(|c| !is_missing(&first[*c])).partition(is_datum);
    if !names.is_empty() {
        return (true, data.is_empty() || !names.into_iter().all(is_like_below));
    }
    // The place above a column that counts the rows may be empty.
    let is_apart = is_missing(&first[0]);
    let numbers = &first[usize::from(is_apart)..];
    if numbers.is_empty() || numbers.iter().enumerate().any(|(number, cell)| *cell != number.to_string()) {
        return (false, true);
    }
    // No further from the values below than these are from each other; of more than two columns it would be chance.
    let goes_on = |c: usize| {
        let values = below(c).filter_map(|cell| cell.parse::<f64>().ok());
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        (c as f64 - high).max(low - c as f64) <= high - low
    };
    let is_counted = counter(rows).is_some();
    let is_data = !is_apart && (is_counted || (first.len() <= 2 && (0..first.len()).all(goes_on)));
    (!is_data, is_data && (is_counted || first.len() == 1))
}

/// Which runs of digits, letters and other characters a cell is made of: `9-9-9` for a date.
fn pattern(cell: &str) -> Vec<char> {
    let kind = |c: char| match c {
        '0'..='9' => '9',
        c if c.is_alphabetic() => 'a',
        c => c,
    };
    let mut pattern: Vec<char> = cell.chars().map(kind).collect();
    pattern.dedup();
    pattern
}

#[cfg(test)]
mod tests {
    use super::super::{Fill, Header, Reading, parse, parse_named};

    /// Names that are numbers were a row of data, and the first row of a file without names was lost where it began with a date.
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
            ("0\n0.2\n0.4\n0.1", &["column 1"], ""),
            ("2020-01-01,12.5\n2020-01-02,13\n2020-01-03,12", &["column 2"], ""),
            ("12:30 5\n12:45 6\n13:00 7", &["column 2"], ""),
            ("time,1,2\n0,5,6\n1,7,9\n2,8,8", &["1", "2"], ""),
            ("2019,2020\n5,6\n7,8", &["column 1", "column 2"], ""),
            ("sensor,12.5\nsensor,13\nsensor,14", &["12.5"], names),
        ] {
            let table = parse(text.as_bytes(), &[], Fill::Refuse).expect(text);
            let notes = table.notes.join("\n");
            let is_told = if note.is_empty() { notes.is_empty() } else { notes.contains(note) };
            assert!(table.columns == columns && is_told, "{text:?}: {:?} {notes:?}", table.columns);
        }
        let said = |text: &str, header| {
            let table = parse(text.as_bytes(), &[], Reading { fill: Fill::Refuse, header: Some(header) });
            let table = table.expect("the table is good");
            assert_eq!(table.notes, [""; 0]);
            (table.columns.join(" "), table.values.nrows())
        };
        assert_eq!(said("5,6\n7,8\n6,6", Header::Yes), ("5 6".to_owned(), 2));
        assert_eq!(said("0\n105\n106", Header::No), ("column 1".to_owned(), 3));
        // A header that names what is looked for is one.
        let wanted = ["1".to_owned()];
        let table = parse_named(b"0,1\n0.2,0.9\n0.4,0.7\n-0.9,-0.8", &wanted, Fill::Refuse).expect("it is named");
        assert_eq!((table.values.nrows(), table.notes.len()), (3, 0));
    }
}
