//! Logs of searches: killed anywhere, in shards, damaged, mixed up, written twice.

use std::fs;
use std::path::{Path, PathBuf};

use forebay::search::{
    self, Better, Budgets, Candidate, Found, LineError, MergeError, Sampler, SearchError, Shard, Study, Subject, Tpe,
    TrialError,
};
use tempfile::TempDir;

const SPACE: &str = "x=0..1 y=1e-3..1,log kind=a|b";
const TPE: Sampler = Sampler::Tpe(Tpe { startup: 3, candidates: 6, batch: 2 });

fn subject() -> Subject {
    Subject::new("a bowl", "value", Better::Smaller).data("0123").detail("number of seeds", 2)
}

fn study(trials: u64) -> Study {
    Study::new(subject(), SPACE.parse().expect("a space"), trials).seed(4).sampler(TPE)
}

/// Has scores, failures and NaN.
fn bowl(values: &Candidate, budget: u64) -> Result<f64, TrialError> {
    let (x, y) = (values.number("x")?, values.number("y")?);
    match values.label("kind")? {
        "b" if x > 0.8 => Err(TrialError::Settings("no \"weights\"\nfit".to_owned())),
        "a" if x > 0.8 => Ok(f64::NAN),
        _ => Ok((x - 0.3) * (x - 0.3) + y / budget as f64),
    }
}

/// A folder with logs.
struct Logs(TempDir);

impl Logs {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, name: &str, study: &Study) -> Result<Found, SearchError> {
        study.run_logged(&self.path(name), false, bowl, |_| {})
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("the log is there")
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).expect("the folder is writable");
    }
}

/// The check of a line, from its definition.
fn reseal(first: &str, body: &str) -> String {
    let root = blake3::derive_key("forebay search log v1", &[]);
    let bare = |line: &str| line[..line.find(",\"check\"").expect("a checked line")].to_owned() + "}";
    let key = *blake3::keyed_hash(&root, bare(first).as_bytes()).as_bytes();
    let hex = blake3::keyed_hash(&key, body.as_bytes()).to_hex();
    format!("{},\"check\":\"{}\"}}", &body[..body.len() - 1], &hex[..16])
}

/// Lines that have an end.
fn lines(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').count() - 1
}

/// Killed after any byte and started again, a search ends with the log and the winner of one that nobody disturbed.
#[test]
fn a_search_that_is_killed_anywhere_ends_the_same() -> Result<(), SearchError> {
    let logs = Logs::new();
    for study in [study(7), study(4).budgets(Budgets::halving(1, 4, 2)).chains(2)] {
        let whole = study.run_logged(&logs.path("whole"), true, bowl, |_| {})?;
        let bytes = logs.read("whole");
        for length in 0..=bytes.len() {
            logs.write("killed", &bytes[..length]);
            let found = logs.run("killed", &study)?;
            assert_eq!(found.ranked, whole.ranked, "{length} bytes");
            assert!(logs.read("killed") == bytes, "{length} bytes");
            let whole_lines = lines(&bytes[..length]);
            let since_line_end = bytes[..length].iter().rev().take_while(|byte| **byte != b'\n').count();
            assert_eq!((found.resumed, found.torn), (whole_lines.saturating_sub(1), since_line_end as u64));
        }
    }
    Ok(())
}

/// One changed bit anywhere is refused, or makes the last line a torn one, which is run again.
#[test]
fn a_damaged_line_is_refused_by_its_number() -> Result<(), SearchError> {
    let logs = Logs::new();
    let study = study(4);
    logs.run("whole", &study)?;
    let bytes = logs.read("whole");
    for index in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[index] ^= 1 << (index % 8);
        logs.write("damaged", &damaged);
        let line = lines(&bytes[..index]) + 1;
        match logs.run("damaged", &study) {
            Ok(_) => assert!(index == bytes.len() - 1 && logs.read("damaged") == bytes, "byte {index}"),
            Err(SearchError::Line { line: told, .. }) => assert_eq!(told, line, "byte {index}"),
            Err(SearchError::NoLog { .. }) => assert_eq!(line, 1),
            Err(other) => panic!("byte {index}: {other}"),
        }
        if index < bytes.len() - 1 {
            assert!(logs.read("damaged") == damaged, "byte {index}: a refused log is left as it is");
        }
    }
    Ok(())
}

#[test]
fn lines_that_do_not_belong_are_refused() -> Result<(), SearchError> {
    let logs = Logs::new();
    logs.run("whole", &study(5))?;
    let text = String::from_utf8(logs.read("whole")).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    let other = Study::new(subject().data("4567"), SPACE.parse().expect("a space"), 5).seed(4).sampler(TPE);
    logs.run("other", &other)?;
    let other = String::from_utf8(logs.read("other")).expect("text");
    let other: Vec<&str> = other.lines().collect();
    assert_eq!(lines[2].split(",\"check\"").next(), other[2].split(",\"check\"").next(), "the same trial");

    let body = lines[2].split(",\"check\"").next().expect("a body").to_owned() + "}";
    assert_eq!(reseal(lines[0], &body), lines[2], "the check is what the page says");
    let moved = body.replacen("\"x\":0.", "\"x\":0.0", 1);
    let forged = reseal(lines[0], &moved);
    let nothing = reseal(lines[0], "{\"trial\":1}");
    let order = |expected, found| LineError::Order { expected: Some((expected, 1)), found, found_budget: 1 };
    let cases: [(Vec<&str>, usize, Option<LineError>); 8] = [
        (vec![lines[0], lines[2], lines[1]], 2, Some(order(0, 1))),
        (vec![lines[0], lines[1], lines[3]], 3, Some(order(1, 2))),
        (vec![lines[0], lines[1], lines[1]], 3, Some(order(1, 0))),
        (vec![lines[0], lines[1], other[2]], 3, Some(LineError::Checksum)),
        (vec![lines[0], lines[1], lines[0]], 3, Some(LineError::Checksum)),
        (vec![lines[0], lines[1], &forged], 3, Some(LineError::Values { trial: 1 })),
        (vec![lines[0], lines[1], "", lines[2]], 3, Some(LineError::Form)),
        (vec![lines[0], lines[1], &nothing], 3, None),
    ];
    for (lines, at, expected) in cases {
        let text = lines.join("\n") + "\n";
        logs.write("log", &text);
        match logs.run("log", &study(5)) {
            Err(SearchError::Line { line, why, .. }) => {
                assert_eq!(line, at);
                match expected {
                    Some(expected) => assert_eq!(why, expected),
                    None => assert!(matches!(why, LineError::Trial(_)), "{why}"),
                }
            }
            other => panic!("{other:?}: {text}"),
        }
        assert!(logs.read("log") == text.as_bytes());
    }
    Ok(())
}

/// Every field of the first line must be the same; the one that is not is named.
#[test]
fn a_log_of_another_search_is_refused_by_what_differs() -> Result<(), SearchError> {
    let logs = Logs::new();
    logs.run("log", &study(3))?;
    let bytes = logs.read("log");
    let of = |subject: Subject| Study::new(subject, SPACE.parse().expect("a space"), 3).seed(4).sampler(TPE);
    let cases = [
        ("task", of(Subject { task: "a cup".to_owned(), ..subject() })),
        ("score", of(Subject { better: Better::Larger, ..subject() })),
        ("arithmetic", of(subject().arithmetic("f32"))),
        ("data", of(subject().data("89"))),
        ("number of seeds", of(subject().detail("number of seeds", 3))),
        // A detail with the name of a field was hidden by it.
        ("detail seed", of(subject().detail("seed", 3))),
        ("washout", of(subject().detail("washout", 3))),
        ("seed", study(3).seed(5)),
        ("sampler", study(3).sampler(Sampler::Random)),
        ("budgets", study(3).budgets(Budgets::fixed(2))),
        ("budgets", study(3).budgets(Budgets::halving(1, 4, 2))),
        ("number of chains", study(3).chains(3)),
        ("shard", study(3).chains(3).shard(Shard { index: 1, of: 3 })),
        ("space", Study::new(subject(), "x=0..1".parse().expect("a space"), 3).seed(4).sampler(TPE)),
    ];
    for (name, other) in cases {
        match logs.run("log", &other) {
            Err(SearchError::OtherSearch { field, found, expected, .. }) => {
                assert!(field == name || field == "number of chains", "{field} instead of {name}");
                assert_ne!(found, expected);
            }
            other => panic!("{name}: {other:?}"),
        }
        assert!(logs.read("log") == bytes, "{name}");
    }
    let anew = study(3).seed(5).run_logged(&logs.path("log"), true, bowl, |_| {})?;
    assert_eq!((anew.resumed, anew.ranked.len()), (0, 3));
    Ok(())
}

#[test]
fn files_that_are_no_logs_are_left_alone() {
    let logs = Logs::new();
    let zoo = "{\"search\":{\"task\":\"memory\",\"seed\":1}}\n{\"trial\":0,\"score\":1.0}\n";
    let long = "x".repeat(3 << 20);
    for text in ["a,b\n1,2\n", "no line end", "{\"format\":\"forebay\"}", zoo, &zoo[30..], "\n", &long] {
        logs.write("file", text);
        let refused = logs.run("file", &study(3));
        let is_old = text.starts_with("{\"search\"") || text.starts_with("{\"trial\"");
        match refused {
            Err(SearchError::OldLog { .. }) => assert!(is_old, "{text:.40}"),
            Err(SearchError::NoLog { .. }) => assert!(!is_old, "{text:.40}"),
            other => panic!("{text:.40}: {other:?}"),
        }
        assert!(logs.read("file") == text.as_bytes());
    }
    let folder = logs.run("", &study(3));
    assert!(matches!(folder, Err(SearchError::Log { .. })), "{folder:?}");
}

/// A log of another version says so, whatever else its first line has.
#[test]
fn a_log_of_another_version_is_refused() -> Result<(), SearchError> {
    let logs = Logs::new();
    logs.run("log", &study(3))?;
    let text = String::from_utf8(logs.read("log")).expect("text");
    let body = text.lines().next().and_then(|line| line.split(",\"check\"").next()).expect("a body").to_owned() + "}";
    let version = format!("\"version\":\"{}\"", env!("CARGO_PKG_VERSION"));
    for body in
        [body.replace(&version, "\"version\":\"99.0.0\""), body.replace(&version, "\"version\":\"99.0.0\",\"new\":1")]
    {
        let root = blake3::derive_key("forebay search log v1", &[]);
        let hex = blake3::keyed_hash(&root, body.as_bytes()).to_hex();
        logs.write("log", format!("{},\"check\":\"{}\"}}\n", &body[..body.len() - 1], &hex[..16]));
        let refused = logs.run("log", &study(3));
        assert!(matches!(&refused, Err(SearchError::OtherSearch { field, .. }) if field == "version"), "{refused:?}");
    }
    Ok(())
}

#[test]
fn a_second_writer_is_refused() -> Result<(), SearchError> {
    let logs = Logs::new();
    let path = logs.path("log");
    let second = |values: &Candidate, budget: u64| {
        // While a trial runs, nobody else gets the log: to go on, to begin it anew, to merge or to read it.
        for anew in [false, true] {
            let refused = study(3).run_logged(&path, anew, bowl, |_| {});
            assert!(matches!(refused, Err(SearchError::InUse { .. })), "{refused:?}");
        }
        assert!(matches!(search::read(&path), Err(SearchError::InUse { .. })));
        bowl(values, budget)
    };
    study(3).run_logged(&path, false, second, |_| {})?;
    assert_eq!(logs.run("log", &study(3))?.resumed, 3);
    Ok(())
}

#[test]
fn a_log_goes_on_with_more_trials() -> Result<(), SearchError> {
    let logs = Logs::new();
    let whole = logs.run("whole", &study(9))?;
    logs.run("log", &study(5))?;
    let mut told = Vec::new();
    let found = study(9).run_logged(&logs.path("log"), false, bowl, |trial| told.push(trial.trial))?;
    assert_eq!((found.resumed, &found.ranked, told), (5, &whole.ranked, vec![5, 6, 7, 8]));
    assert!(logs.read("log") == logs.read("whole"));
    // Fewer trials of the same log are what fewer trials would have found; the log keeps the others.
    let fewer = logs.run("whole", &study(5))?;
    assert_eq!((fewer.resumed, fewer.beyond), (5, 4));
    assert_eq!(fewer.ranked, logs.run("five", &study(5))?.ranked);
    assert!(logs.read("log") == logs.read("whole"));
    // With halving, who goes on depends on how many there are.
    let halving = |trials| study(trials).budgets(Budgets::halving(1, 2, 2));
    logs.run("halving", &halving(4))?;
    let refused = logs.run("halving", &halving(5));
    assert!(
        matches!(&refused, Err(SearchError::OtherSearch { field, .. }) if field == "number of trials"),
        "{refused:?}"
    );
    Ok(())
}

#[test]
fn shards_add_up_to_one_search() -> Result<(), SearchError> {
    let random = || study(10).sampler(Sampler::Random);
    let halving = |sampler| study(10).sampler(sampler).budgets(Budgets::halving(1, 4, 2)).chains(3);
    for study in [random(), study(10).chains(3), study(10).chains(6), halving(Sampler::Random), halving(TPE)] {
        let logs = Logs::new();
        let whole = logs.run("whole", &study)?;
        let names: Vec<PathBuf> = (0..3).map(|index| logs.path(&format!("shard {index}"))).collect();
        for (index, path) in names.iter().enumerate() {
            let shard = study.clone().shard(Shard { index: index as u64, of: 3 });
            // Each is killed once on the way.
            shard.run_logged(path, false, bowl, |_| {})?;
            let bytes = fs::read(path).expect("a log");
            fs::write(path, &bytes[..bytes.len() * 2 / 3]).expect("the folder is writable");
            shard.run_logged(path, false, bowl, |_| {})?;
            assert!(fs::read(path).expect("a log") == bytes);
        }
        let merged = search::merge(&names, &logs.path("merged"))?;
        assert!(logs.read("merged") == logs.read("whole"));
        assert_eq!((&merged.ranked, merged.resumed), (&whole.ranked, lines(&logs.read("whole")) - 1));
        assert_eq!(logs.run("merged", &study)?.ranked, whole.ranked);

        let refused = |names: &[PathBuf], to: &Path| match search::merge(names, to) {
            Err(SearchError::Merge(error)) => error,
            other => panic!("{other:?}"),
        };
        let to = logs.path("again");
        assert_eq!(refused(&names[..2], &to), MergeError::Count { shards: 3, found: 2 });
        assert!(matches!(refused(&[], &to), MergeError::Count { found: 0, .. }));
        let twice = [names[0].clone(), names[1].clone(), names[1].clone()];
        assert!(matches!(refused(&twice, &to), MergeError::Twice { shard: 1, .. }));
        assert!(matches!(refused(&names, &logs.path("merged")), MergeError::Exists { .. }));
        // A shard that has not finished.
        let bytes = fs::read(&names[1]).expect("a log");
        let second_line = bytes.iter().position(|byte| *byte == b'\n').expect("a header") + 1;
        fs::write(&names[1], &bytes[..second_line]).expect("the folder is writable");
        assert_eq!(refused(&names, &to), MergeError::Missing { trial: 1, budget: 1, shard: 1 });
        fs::write(&names[1], "").expect("the folder is writable");
        assert!(matches!(refused(&names, &to), MergeError::Empty { .. }));
        assert!(!to.exists());
    }
    Ok(())
}
