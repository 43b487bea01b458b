//! Rows as JSON Lines: an object on each, with the same keys.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::error::{FormatError, TableError};
use super::grid::{Grid, check_size};
use super::lines::lines;
use super::options::Reading;

/// Keys and values as they stand in the file.
struct Object(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Object, M::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Object(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// Whether a text looks like JSON; an array of objects is refused by name.
pub(super) fn is_json(text: &str) -> Result<bool, TableError> {
    let start: String = text.chars().filter(|c| !c.is_whitespace()).take(2).collect();
    if start == "[{" || start == "[[" {
        let next = "write one object per line, as with jq -c '.[]'";
        return Err(TableError::Format(FormatError::OtherFormat { what: "a JSON array and not JSON Lines", next }));
    }
    Ok(start == "{\"" || start == "{}")
}

/// The cells of JSON Lines.
pub(super) fn cells(text: &str, reading: &Reading) -> Result<Grid, TableError> {
    let lines = lines(text, None);
    let mut grid: Option<Grid> = None;
    for line in lines.iter().filter(|line| !line.of(text).trim().is_empty()) {
        let wrong = |reason: String| TableError::Format(FormatError::Json { line: line.number, reason });
        let Object(pairs) = serde_json::from_str(line.of(text)).map_err(|error| wrong(error.to_string()))?;
        let grid = if let Some(grid) = &mut grid {
            grid
        } else {
            check_size(pairs.len(), lines.len(), &reading.columns)?;
            let mut keys: Vec<&str> = pairs.iter().map(|(key, _)| key.as_str()).collect();
            keys.sort_unstable();
            if let Some((key, _)) = keys.iter().zip(keys.iter().skip(1)).find(|(a, b)| a == b) {
                return Err(wrong(format!("the key {key:?} is there twice")));
            }
            let mut first = Grid::of_width(pairs.len());
            first.names = pairs.iter().map(|(key, _)| key.clone()).collect();
            first.header = true;
            grid.insert(first)
        };
        if pairs.len() != grid.width() {
            return Err(wrong(format!("{} keys, the first line has {}", pairs.len(), grid.width())));
        }
        for column in 0..grid.width() {
            // The keys mostly stand in the same order; as many as names are there, so none is there twice.
            let name = &grid.names[column];
            let at = |pair: &&(String, Value)| pair.0 == *name;
            let mut found = pairs.iter().filter(at);
            let pair = pairs.get(column).filter(at).or_else(|| found.next());
            let Some((key, value)) = pair else { return Err(wrong(format!("the key {name:?} is not there"))) };
            let cell = match value {
                Value::Null => String::new(),
                Value::Bool(value) => value.to_string(),
                Value::Number(value) => value.to_string(),
                Value::String(value) => value.trim().to_owned(),
                Value::Array(_) | Value::Object(_) => {
                    return Err(wrong(format!("the value of {key:?} is nested: write numbers and strings alone")));
                }
            };
            grid.push_cell(&cell);
        }
        grid.end_row(line.number);
    }
    grid.filter(|grid| grid.width() > 0)
        .ok_or(TableError::Format(FormatError::Empty { but: " but for braces".to_owned() }))
}
