//! Columns of numbers that are named as a clock, and rise on some of their steps alone.

use forebay_forecast::table::{Duplicates, Gaps, Reading, Role, read};
use proptest::prelude::*;

/// A column of numbers that steps up on some rows and down, or not at all, on the others.
#[derive(Clone, Debug)]
struct Column {
    name: &'static str,
    values: Vec<i64>,
    is_last: bool,
    /// Shares of steps.
    rising: f64,
}

fn column() -> impl Strategy<Value = Column> {
    let name = prop::sample::select(vec!["time", "t", "step", "id", "x"]);
    let steps = prop::collection::vec((0.0..1.0_f64, 1..9_i64, -9..1_i64), 11..60);
    let share = prop_oneof![0.5..1.0_f64, Just(1.0)];
    (name, steps, share, any::<bool>(), any::<bool>()).prop_map(|(name, steps, share, is_even, is_last)| {
        let step = |(chance, up, down): &(f64, i64, i64)| match *chance < share {
            true if is_even => 5,
            true => *up,
            false => *down,
        };
        let steps: Vec<i64> = steps.iter().map(step).collect();
        let rising = steps.iter().filter(|step| **step > 0).count() as f64 / steps.len() as f64;
        let values = std::iter::once(100).chain(steps.iter().scan(100, |sum, step| {
            *sum += step;
            Some(*sum)
        }));
        Column { name, values: values.collect(), is_last, rising }
    })
}

impl Column {
    fn text(&self) -> String {
        let line = |(row, time): (usize, &i64)| {
            let value = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3][row % 10];
            if self.is_last { format!("{value}.5,{time}\n") } else { format!("{time},{value}.5\n") }
        };
        let header = if self.is_last { format!("v,{}\n", self.name) } else { format!("{},v\n", self.name) };
        header + &self.values.iter().enumerate().map(line).collect::<String>()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Such columns were trained on without a word where less than four in five of their steps rise.
    #[test]
    fn what_is_named_as_a_clock_and_is_none_is_refused_or_told(column in column(), is_lenient in any::<bool>()) {
        let text = column.text();
        let lenient =
            Reading { duplicates: Duplicates::Last, sort: true, gaps: Gaps::Ignore, ..Reading::default() };
        let is_named = column.name != "x";
        let reading = if is_lenient { lenient } else { Reading::default() };
        match read(text.as_bytes(), &reading) {
            // A refusal names an option that settles it.
            Err(error) => prop_assert!(error.to_string().contains("--"), "{error}"),
            Ok(table) => {
                let place = usize::from(column.is_last);
                let told = table.notes.iter().any(|note| note.starts_with(&format!("{} has the name of", column.name)));
                match &table.columns[place].role {
                    Role::Series => prop_assert_eq!(told, is_named, "{:?} of {}", table.notes, text),
                    Role::Clock if column.rising < 1.0 => {
                        // It was put in order, as was asked for, and that is told.
                        prop_assert!(is_lenient && is_named, "{text}");
                        let state = table.clock.map(|clock| clock.state).unwrap_or_default();
                        let is_told = ["back", "doubled", "newest first"].iter().any(|word| state.contains(word));
                        prop_assert!(is_told, "{state} of {text}");
                    }
                    Role::Clock => {}
                    other => return Err(TestCaseError::fail(format!("{other:?} of {text}"))),
                }
            }
        }
    }
}

/// Beside a clock that is named by the user, another one that counts the rows was a series.
#[test]
fn a_counter_beside_a_named_clock_is_no_series() {
    let line = |row: usize| format!("{row},{}.25,{}\n", row * 2, row * 7 % 5);
    let text = "step,time,v\n".to_owned() + &(0..20).map(line).collect::<String>();
    let clock = forebay_forecast::table::ClockChoice::Column("time".into());
    let table = read(text.as_bytes(), &Reading { clock, ..Reading::default() }).expect("a table");
    assert_eq!(table.names(), ["v"]);
    // The name of a clock is no doubt beside one that is certain.
    let line = |row: usize| format!("2024-01-{:02},{},{}\n", row + 1, row * 7 % 5, row * 3 % 7);
    let text = "date,T,v\n".to_owned() + &(0..20).map(line).collect::<String>();
    assert_eq!(read(text.as_bytes(), &Reading::default()).expect("a table").notes, [""; 0]);
}
