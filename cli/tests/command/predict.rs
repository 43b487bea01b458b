//! Forecasts that go on: rows that follow, one or many, from a file or line by line.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::Folder;

/// Hourly rows with a season of a day, and the index of the first test row.
fn hours(rows: usize) -> Vec<String> {
    let value = |t: usize| 20.0 + 5.0 * (t as f64 * 0.2618).sin() + ((t * t * 31 % 97) as f64) * 0.02;
    let time = |t: usize| format!("2024-0{}-{:02} {:02}:00", 1 + t / 744, t / 24 % 31 + 1, t % 24);
    (0..rows).map(|t| format!("{},{:.4}", time(t), value(t))).collect()
}

const ROWS: usize = 500;
const FIRST: usize = 400;

/// A forecast of the first rows in a folder of its own; gives all rows, and the report.
fn made(folder: &Folder, horizon: &str) -> (Vec<String>, Value) {
    let rows = hours(ROWS + 60);
    folder.write("load.csv", csv(&rows[..ROWS]));
    let report = folder.done_json(&["forecast", "load.csv", "--horizon", horizon, "--json"]);
    (rows, report)
}

fn csv(rows: &[String]) -> String {
    format!("time,load\n{}\n", rows.join("\n"))
}

const MODEL: &str = "out/load/model.forebay";

fn values(out: &str) -> Vec<f64> {
    out.lines().skip(1).map(|line| line.split(',').nth(1).expect("a forecast").parse().expect("a number")).collect()
}

fn test_forecast(report: &Value) -> Vec<f64> {
    serde_json::from_value(report["targets"][0]["test"]["forecast"].clone()).expect("numbers")
}

/// A network once started from rest on new rows, and forecast 849.7 where the warm one said 1258.7.
#[test]
fn the_test_rows_give_the_numbers_that_were_scored() {
    let folder = Folder::new();
    let (rows, report) = made(&folder, "3");
    folder.write("test.csv", csv(&rows[FIRST..ROWS]));
    let (out, _) = folder.told(&["predict", MODEL, "test.csv", "--from", "test"]);
    let (found, scored) = (values(&out), test_forecast(&report));
    // The first three were made before the first of these rows.
    assert_eq!((found.len(), &found[..97]), (100, &scored[3..]));
    assert!(out.starts_with("time,load,load 5 %,load 95 %\n2024-01-17 19:00,"), "{out}");

    // One by one, each in a run of its own.
    let mut one_by_one = Vec::new();
    for row in &rows[FIRST..FIRST + 12] {
        folder.write("one.csv", csv(std::slice::from_ref(row)));
        let (out, _) = folder.told(&["predict", MODEL, "one.csv", "--from", "test", "--state", "rows.state"]);
        one_by_one.extend(values(&out));
    }
    assert_eq!(one_by_one, found[..12]);
}

#[test]
fn rows_that_follow_go_on_from_the_last_one() {
    let folder = Folder::new();
    let (rows, report) = made(&folder, "2");
    // The path after the last row is in the report, and what `--next` gives before any row has come is refused: there is none.
    folder.write("next.csv", csv(&rows[ROWS..ROWS + 5]));
    let (many, _) = folder.told(&["predict", MODEL, "next.csv"]);
    // The first row is between the old path and the new one.
    let path = &report["targets"][0]["future"]["path"];
    assert_eq!(path[0]["forecast"]["row"], ROWS);
    assert_eq!(values(&many).len(), 5);

    // The whole file with the new rows at its end: what is known is left out, and said.
    folder.write("all.csv", csv(&rows[..ROWS + 5]));
    let (all, told) = folder.told(&["predict", MODEL, "all.csv"]);
    assert_eq!(all, many);
    assert!(told.contains("500 rows known to the model already: left out"), "{told}");

    // A gap is told, and taken as rows without values.
    folder.write("late.csv", csv(&rows[ROWS + 2..ROWS + 5]));
    let (late, told) = folder.told(&["predict", MODEL, "late.csv"]);
    assert!(told.contains("2 rows missing from 2024-01-21 20:00 on: taken as rows without values"), "{told}");
    assert_eq!(values(&late).len(), 5);
    assert_ne!(values(&late)[4], values(&many)[4]);

    // The path after the last row.
    let (next, _) = folder.told(&["predict", MODEL, "next.csv", "--next"]);
    assert_eq!(next.lines().count(), 3);
    assert_eq!(values(&next)[1], values(&many)[4]);
    let json = folder.told(&["predict", MODEL, "next.csv", "--json"]).0;
    let last: Value = serde_json::from_str(json.lines().last().expect("a line")).expect("JSON");
    let ahead = &last["targets"]["load"];
    assert_eq!(
        (ahead[0]["forecast"].as_f64(), ahead[1]["forecast"].as_f64()),
        (Some(values(&next)[0]), Some(values(&next)[1]))
    );
    assert_eq!(ahead[1]["intervals"].as_array().map(Vec::len), Some(3));
}

#[test]
fn rows_that_were_taken_are_answered_again_and_cannot_change() {
    let folder = Folder::new();
    let (rows, _) = made(&folder, "1");
    let run = |rows: &[String]| {
        folder.write("new.csv", csv(rows));
        folder.run(&["predict", MODEL, "new.csv", "--state", "s"])
    };
    let first = run(&rows[ROWS..ROWS + 4]);
    let again = run(&rows[ROWS..ROWS + 6]);
    assert_eq!((first.code, again.code), (Some(0), Some(0)), "{first:?} {again:?}");
    assert_eq!(values(&again.out)[..4], values(&first.out)[..]);
    assert!(again.err.contains("4 rows taken before, with the same values"), "{}", again.err);
    let mut other = rows[ROWS..ROWS + 6].to_vec();
    other[2] = other[2].replace(',', ",1");
    let before = folder.read("s");
    let changed = run(&other);
    assert!(changed.code == Some(2) && changed.err.contains("does not go back"), "{changed:?}");
    assert_eq!(folder.read("s"), before);

    // A last line that is torn was not answered; one in the middle is damage; rows of another model are not taken.
    let mut torn = before.clone();
    torn.truncate(torn.len() - 7);
    folder.write("s", &torn);
    let outcome = run(&rows[ROWS..ROWS + 6]);
    assert_eq!((outcome.code, values(&outcome.out)), (Some(0), values(&again.out)), "{outcome:?}");
    assert!(outcome.err.contains("was torn") && folder.read("s") == before, "{}", outcome.err);
    let mut flipped = before.clone();
    // A digit of a value: what is left is a row like any other, of another value.
    let mark = b"\"targets\":[";
    let value = flipped.windows(mark.len()).position(|bytes| bytes == mark).expect("a row") + mark.len();
    assert!(flipped[value].is_ascii_digit());
    flipped[value] ^= 1;
    folder.write("s", &flipped);
    let outcome = run(&rows[ROWS..ROWS + 6]);
    assert!(outcome.code == Some(2) && outcome.err.contains("line 2 is damaged"), "{outcome:?}");
    folder.write("s", &before);
    folder.done(&["forecast", "load.csv", "--seed", "1", "--out", "out/load", "--force"]);
    let outcome = run(&rows[ROWS..ROWS + 6]);
    assert!(outcome.code == Some(2) && outcome.err.contains("another model"), "{outcome:?}");
}

/// A program that reads a line and answers it before the next.
struct Stream {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
}

impl Stream {
    fn new(folder: &Folder, more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_forebay"))
            .args(["predict", MODEL, "-"])
            .args(more)
            .current_dir(folder.path(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let mut made = Self { child, out };
        made.send("time,load");
        assert_eq!(made.line(), "time,load,load 5 %,load 95 %");
        made
    }

    fn send(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().expect("piped"), "{line}").expect("it reads");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("it writes");
        line.trim_end().to_owned()
    }

    fn answer(&mut self, row: &str) -> String {
        self.send(row);
        self.line()
    }
}

#[test]
fn lines_are_answered_one_by_one_and_no_row_is_lost_to_a_kill() {
    let folder = Folder::new();
    let (rows, _) = made(&folder, "2");
    folder.write("new.csv", csv(&rows[ROWS..ROWS + 40]));
    let (whole, _) = folder.told(&["predict", MODEL, "new.csv"]);
    let expected: Vec<&str> = whole.lines().skip(1).collect();
    let mut answered = Vec::new();
    let mut next = ROWS;
    for length in [1, 7, 0, 13, 5, 14] {
        let mut stream = Stream::new(&folder, &["--state", "s"]);
        for row in &rows[next..next + length] {
            answered.push(stream.answer(row));
        }
        next += length;
        // As `kill -9` does: no end of input, no goodbye.
        stream.child.kill().expect("it runs");
        stream.child.wait().expect("it ends");
    }
    assert_eq!(answered, expected);
}

#[test]
fn rows_and_options_that_do_not_fit() {
    let folder = Folder::new();
    let (rows, _) = made(&folder, "1");
    let refuse = |text: &str, more: &[&str], tells: &str| {
        folder.write("new.csv", text);
        let outcome = folder.run(&[&["predict", MODEL, "new.csv"], more].concat());
        assert!(outcome.code == Some(2) && outcome.out.lines().count() < 2, "{tells}: {outcome:?}");
        assert!(outcome.err.contains(tells), "{tells}: {}", outcome.err);
        assert_eq!(outcome.err.lines().count(), 1, "{}", outcome.err);
    };
    let new = &rows[ROWS..ROWS + 4];
    refuse(&csv(&rows[100..110]), &[], "all of these rows are known");
    refuse(&csv(new).replace("load\n", "lead\n"), &[], "load");
    refuse(&csv(&new[..1]).replace(":00", ":30"), &[], "none of the");
    refuse("time,load\n2024-01-21 20:00,1x\n", &[], "is no number");
    refuse("time,load\n2024-01-21 20:30,5\n2024-01-21 21:30,6\n", &[], "no whole number of steps");
    refuse("time,load\n2024-01-21 20:00,5\n2024-01-22 20:00,6\n", &[], "step");
    refuse(&csv(new), &["--free", "3"], "--next");
    refuse(&csv(new), &["--state", "."], "not a regular file");
    refuse(&csv(new), &["--state", "load.csv"], "no state of a forecast");
    let mut damaged = folder.read(MODEL);
    let middle = damaged.len() / 2;
    damaged[middle] ^= 16;
    folder.write(MODEL, damaged);
    refuse(&csv(new), &[], "cannot use out/load/model.forebay");
}

/// Lines with another number of cells, other series and other marks for what is missing were taken as they came: "12:00,1,234.5" was a load of 1.
#[test]
fn lines_are_read_as_the_file_of_the_model_was() {
    let folder = Folder::new();
    let rows = hours(300);
    let text: Vec<String> = rows
        .iter()
        .enumerate()
        .map(|(t, row)| match t % 50 {
            7 => format!("{},-999,A", &row[..16]),
            _ => format!("{row},A"),
        })
        .collect();
    folder.write("load.csv", format!("time,load,id\n{}\n", text.join("\n")));
    folder.done(&["forecast", "load.csv", "--missing", "-999", "--id", "id=A"]);
    let line = |row: &str| {
        folder.write("one.csv", format!("time,load,id\n{row}\n"));
        folder.run(&["predict", MODEL, "one.csv"])
    };
    let time = "2024-01-13 12:00";
    assert_eq!(&hours(301)[300][..16], time);
    let missing = line(&format!("{time},-999,A"));
    assert_eq!(missing.out, line(&format!("{time},NA,A")).out, "{missing:?}");
    assert_ne!(missing.out, line(&format!("{time},25,A")).out);
    for (row, tells) in
        [(format!("{time},1,234.5,A"), "4 cells"), (format!("{time},25"), "2 cells"), (format!("{time},25,B"), "B")]
    {
        let outcome = line(&row);
        assert!(outcome.code == Some(2) && outcome.err.contains(tells), "{row}: {outcome:?}");
        let script = format!("exec {} predict {MODEL} - < one.csv", env!("CARGO_BIN_EXE_forebay"));
        let output = Command::new("sh").arg("-c").arg(script).current_dir(folder.path("")).output().expect("a shell");
        assert!(
            output.status.code() == Some(2) && String::from_utf8_lossy(&output.stderr).contains(tells),
            "{output:?}"
        );
    }
    let outcome = folder.run(&["predict", MODEL, "one.csv", "--sort"]);
    assert!(outcome.code == Some(2) && outcome.err.contains("--sort is for tables"), "{outcome:?}");
    folder.write("one.csv", "when,load,id\n2024-01-13 12:00,25,A\n");
    let outcome = folder.run(&["predict", MODEL, "one.csv"]);
    assert!(outcome.code == Some(2) && outcome.err.contains("the clock of the model"), "{outcome:?}");
    assert_eq!(folder.run(&["predict", MODEL, "one.csv", "--clock", "none"]).code, Some(0));
    // Several rows: the same.
    folder.write("two.csv", "time,load,id\n2024-01-13 12:00,-999,A\n2024-01-13 13:00,25,A\n");
    let (out, told) = folder.told(&["predict", MODEL, "two.csv"]);
    assert_eq!(out.lines().nth(1), missing.out.lines().nth(1));
    assert!(told.contains("missing as for the model: -999"), "{told}");
    folder.write("two.csv", "time,load,id\n2024-01-13 12:00,-999,B\n2024-01-13 13:00,25,B\n");
    assert_eq!(folder.run(&["predict", MODEL, "two.csv"]).code, Some(2));
}

/// A line of a plan was taken as a row without a value, and the row itself as known already when it came.
#[test]
fn plans_come_before_their_rows() {
    let folder = Folder::new();
    let plan = |t: usize| ((t * t * t * 7919 + t * 4729) % 1009) as f64 / 1009.0;
    let row = |t: usize| format!("{},{},{:.6}\n", t, 10.0 * plan(t) + 0.01 * ((t * 37 % 101) as f64), plan(t));
    let ahead = |t: usize| format!("{t},,{:.6}\n", plan(t));
    let rows = |from: usize, to: usize| (from..to).map(row).collect::<String>();
    let head = "t,y,k\n";
    folder.write("in.csv", format!("{head}{}{}", rows(0, 300), (300..302).map(ahead).collect::<String>()));
    folder.done(&["forecast", "in.csv", "--target", "y", "--known", "k", "--horizon", "2"]);
    let model = "out/in/model.forebay";
    folder.write("new.csv", format!("{head}{}{}", rows(300, 310), (310..312).map(ahead).collect::<String>()));
    let whole = folder.told(&["predict", model, "new.csv"]).0;
    // A row each, of two rows after it: the plans in the model's file are no rows.
    let times: Vec<String> =
        whole.lines().skip(1).map(|line| line.split(',').next().expect("a time").to_owned()).collect();
    assert_eq!(times, (302..312).map(|t| t.to_string()).collect::<Vec<_>>());
    let lines: String = (300..310).map(|t| ahead(t + 2) + &row(t)).collect();
    folder.write("lines.csv", format!("{head}{lines}"));
    let script = format!("exec {} predict {model} - < lines.csv", env!("CARGO_BIN_EXE_forebay"));
    let output = Command::new("sh").arg("-c").arg(script).current_dir(folder.path("")).output().expect("a shell");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{err}");
    assert_eq!(out, whole);
    for line in whole.lines().skip(1) {
        let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().expect("a number")).collect();
        assert!((cells[1] - 10.0 * plan(cells[0] as usize)).abs() < 1.5, "{line}");
    }
}

/// A stream that ends within a line, as a file that is being written does, gave the forecast of half a number without a word.
#[test]
fn a_line_without_an_end_is_told() {
    let folder = Folder::new();
    let (rows, _) = made(&folder, "1");
    let run = |text: &str| {
        folder.write("lines.csv", text);
        let script = format!("exec {} predict {MODEL} - < lines.csv", env!("CARGO_BIN_EXE_forebay"));
        let output = Command::new("sh").arg("-c").arg(script).current_dir(folder.path("")).output().expect("a shell");
        assert!(output.status.success(), "{output:?}");
        (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let whole = run(&format!("\u{feff}time,load\r\n\r\n# a note\r\n{}\r\n", rows[ROWS]));
    assert_eq!((whole.0.lines().count(), whole.1.as_str()), (2, ""));
    let (out, told) = run(&format!("time,load\n{}", &rows[ROWS][..19]));
    assert!(out.lines().count() == 2 && told.contains("line 2 ends without an end of line"), "{told}");
}
