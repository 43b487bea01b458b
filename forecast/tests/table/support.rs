//! Tables from texts, and what refuses them.

use forebay_forecast::table::{Choice, Reading, Table, TableError, read};

pub(crate) fn table(text: &str) -> Table {
    with(text, &Reading::default())
}

pub(crate) fn with(text: &str, reading: &Reading) -> Table {
    read(text.as_bytes(), reading).unwrap_or_else(|error| panic!("{error} in {text:?}"))
}

pub(crate) fn refusal(text: &str, reading: &Reading) -> TableError {
    match read(text.as_bytes(), reading) {
        Ok(table) => panic!("{text:?} was read: {:#?}", table.lines()),
        Err(error) => {
            assert_eq!(error.to_string().lines().count(), 1, "{error}");
            error
        }
    }
}

pub(crate) fn refused(text: &str) -> TableError {
    refusal(text, &Reading::default())
}

pub(crate) fn columns(names: &[&str]) -> Choice {
    Choice::Columns(names.iter().map(ToString::to_string).collect())
}

/// Lines `time,value` of these times, with values that go up and down.
pub(crate) fn rows(times: impl IntoIterator<Item = impl std::fmt::Display>) -> String {
    let line = |(row, time)| format!("{time},{}.5\n", [3, 1, 4, 1, 5, 9, 2, 6][row % 8]);
    times.into_iter().enumerate().map(line).collect()
}

pub(crate) fn hours(from: usize, count: usize) -> impl Iterator<Item = String> {
    (from..from + count)
        .map(|hour| format!("2024-{:02}-{:02} {:02}:00", 1 + hour / 24 / 28, 1 + hour / 24 % 28, hour % 24))
}

pub(crate) fn table_lines(text: &str) -> Vec<String> {
    table(text).lines()
}
