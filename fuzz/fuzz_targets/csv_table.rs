//! A series from CSV bytes is refused in one line, or every value of it is finite.
#![no_main]

// The file itself instead of its crate, whose plots would take minutes to build with a sanitizer.
#[path = "../../cli/src/table.rs"]
mod table;

use libfuzzer_sys::fuzz_target;
use table::{Fill, parse};

fuzz_target!(|bytes: &[u8]| {
    for fill in [Fill::Refuse, Fill::Linear] {
        if let Ok(table) = parse(bytes, &[], fill) {
            assert_eq!(table.columns.len(), table.values.ncols());
            assert!(table.values.nrows() >= 2 && table.values.iter().all(|v| v.is_finite()));
        }
    }
});
