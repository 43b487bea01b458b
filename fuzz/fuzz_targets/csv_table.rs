//! A series from bytes is refused in one line, or every value of it is finite and every column has its role.
#![no_main]

use forebay_forecast::table::{Duplicates, Fill, Gaps, Reading, Role, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let lenient = Reading {
        fill: Fill::Linear,
        gaps: Gaps::Fill,
        duplicates: Duplicates::Mean,
        sort: true,
        ..Reading::default()
    };
    for reading in [Reading::default(), lenient] {
        match read(bytes, &reading) {
            Ok(table) => {
                assert!(table.values.nrows() >= 2 && table.values.iter().all(|v| v.is_finite()));
                assert_eq!((table.present.dim(), table.lines.len()), (table.values.dim(), table.values.nrows()));
                assert!(table.series.iter().all(|column| table.columns[*column].role == Role::Series));
                assert!(table.lines().iter().all(|line| !line.contains('\n')));
                if let Some(clock) = &table.clock {
                    (0..table.values.nrows()).for_each(|row| assert!(clock.label(row).is_some()));
                    let _ = clock.label(table.values.nrows() + 1000);
                }
            }
            Err(error) => assert!(!error.to_string().contains('\n')),
        }
    }
});
