//! Files: the same bits after they are read, and no panic whatever they hold.

use forebay::keep::{open, seal};
use forebay::random::Seed;
use forebay_forecast::service::{Columns, ForecastFile, Header, Rows, Season, Service, ServiceError, Settings};
use ndarray::s;

use crate::data::{Table, fit, plain, run, settings, table};

const SERVICE: &str = "forecast service";
const FILE: &str = "forecast";

fn header() -> Header {
    let columns = Columns { targets: vec!["y0".into(), "y1".into()], past: vec!["x".into()], ahead: vec!["z".into()] };
    let seasons = vec![Some(5), Some(5)];
    Header {
        run: "run".into(),
        series: "series".into(),
        columns,
        clock: None,
        clock_row: 0,
        calendar: false,
        missing: Vec::new(),
        day_first: None,
        id: None,
        seasons,
    }
}

fn file(table: &Table, settings: &Settings) -> ForecastFile {
    let scored = fit(&table.rows().first(100), settings);
    let mut newest = scored.clone();
    run(&mut newest, table, 100..110);
    ForecastFile { header: header(), scored, newest }
}

fn bytes_of(service: &Service) -> Vec<u8> {
    service.to_bytes().expect("bytes")
}

#[test]
fn it_goes_on_with_the_same_bits() {
    let table = table(340, 3, 1);
    let mut service = fit(&table.rows().first(100), &settings(3));
    let mut row = 100;
    for rows in [0, 1, 30] {
        run(&mut service, &table, row..row + rows);
        row += rows;
        let bytes = bytes_of(&service);
        let mut read = Service::from_bytes(&bytes).expect("it is read");
        assert!(bytes_of(&read) == bytes);
        let file = ForecastFile { header: header(), scored: service.clone(), newest: service.clone() };
        let mut filed = ForecastFile::from_bytes(&file.to_bytes().expect("bytes")).expect("it is read");
        assert!(filed.to_bytes().expect("bytes") == file.to_bytes().expect("bytes"));
        assert_eq!(filed.header, file.header);
        let expected = run(&mut service.clone(), &table, row..row + 200);
        assert!(run(&mut filed.scored, &table, row..row + 200) == expected);
        assert!(run(&mut filed.newest, &table, row..row + 200) == expected);
        // What was forecast before it was kept is judged the same.
        let rows = table.rows();
        let told =
            |service: &mut Service| format!("{:?}", service.judge(&rows.first(row + 20).after(row)).expect("rows"));
        assert_eq!(told(&mut service.clone()), told(&mut read));
    }
}

#[test]
fn flipped_bits_and_cuts_are_refused() {
    let table = table(110, 2, 2);
    let file = file(&table, &plain(2));
    let mut stream = Seed(2).stream("bits");
    let (service, file) = (bytes_of(&file.newest), file.to_bytes().expect("bytes"));
    let is_refused = |bytes: &[u8], of_file: bool| {
        let read =
            if of_file { ForecastFile::from_bytes(bytes).map(drop) } else { Service::from_bytes(bytes).map(drop) };
        matches!(read, Err(ServiceError::Kept { .. }))
    };
    for (bytes, of_file) in [(&service, false), (&file, true)] {
        assert!(!is_refused(bytes, of_file) && is_refused(bytes, !of_file), "one is not the other");
        assert!(is_refused(&[&bytes[..], &[0]].concat(), of_file));
        for _ in 0..2000 {
            let bit = stream.below(8 * bytes.len() as u64) as usize;
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(is_refused(&damaged, of_file), "bit {bit}");
            let cut = stream.below(bytes.len() as u64) as usize;
            assert!(is_refused(&bytes[..cut], of_file), "cut at {cut}");
        }
    }
}

#[test]
fn nonsense_under_a_right_seal_never_panics() {
    let table = table(110, 2, 3);
    let file = file(&table, &plain(2));
    let service = bytes_of(&file.newest);
    let file = file.to_bytes().expect("bytes");
    let mut stream = Seed(3).stream("bytes");
    let mut counts = [0; 2];
    for (kind, bytes) in [(SERVICE, &service), (FILE, &file)] {
        let content = open(kind, 1, bytes).expect("whole");
        for turn in 0..1500 {
            let mut changed = content.to_vec();
            for _ in 0..=turn % 3 {
                let place = stream.below(changed.len() as u64) as usize;
                changed[place] = stream.below(256) as u8;
            }
            if turn % 7 == 0 {
                changed.truncate(stream.below(changed.len() as u64) as usize);
            }
            let changed = seal(kind, 1, &changed).expect("a name");
            let read = if kind == SERVICE {
                Service::from_bytes(&changed)
            } else {
                ForecastFile::from_bytes(&changed).map(|file| file.newest)
            };
            counts[usize::from(read.is_ok())] += 1;
            let Ok(mut service) = read else { continue };
            let (rows, before) = (table.rows(), bytes_of(&service));
            if service.step(&[0.5, f64::NAN], &[0.0], &[f64::NAN]).is_err() {
                assert!(bytes_of(&service) == before, "nothing has changed");
            }
            if let Ok(tested) = service.judge(&rows.first(105).after(100)) {
                tested.iter().flat_map(|tested| &tested.horizons).for_each(|of| drop((of.scores(), of.against_best())));
            }
        }
    }
    assert!(counts[0] > 500 && counts[1] > 50, "{counts:?}");
}

/// A service of one fit with a part of another one: every float of it is in its range, and it would answer.
#[test]
fn parts_of_other_services_are_refused() {
    let table = table(110, 3, 4);
    let base = plain(3);
    let one = file(&table, &base);
    let others = [
        Settings { coverages: vec![0.5, 0.7], ..base.clone() },
        Settings { coverages: vec![0.5], ..base.clone() },
        Settings { limits: (-1e6, 1e6), ..base.clone() },
        Settings { season: Season::Steps(4), ..base.clone() },
        Settings { season: Season::Without, ..base.clone() },
        plain(2),
    ];
    for other in &others {
        let other = file(&table, other);
        // The settings of one before the rest of another: a service begins with them.
        let start = |service: &Service| postcard::to_stdvec(service.settings()).expect("bytes");
        let content = open(SERVICE, 1, &bytes_of(&one.newest)).expect("whole").to_vec();
        let mixed = [start(&other.newest), content[start(&one.newest).len()..].to_vec()].concat();
        let mixed = seal(SERVICE, 1, &mixed).expect("a name");
        let what = format!("{:?}", other.newest.settings());
        assert!(matches!(Service::from_bytes(&mixed), Err(ServiceError::Kept { .. })), "{what}");
        let mixed = ForecastFile { newest: other.newest, ..one.clone() };
        let mixed = ForecastFile::from_bytes(&mixed.to_bytes().expect("bytes"));
        assert!(matches!(mixed, Err(ServiceError::Kept { .. })), "{what}");
    }
    let refused = |file: ForecastFile, what: &str| {
        let read = ForecastFile::from_bytes(&file.to_bytes().expect("bytes"));
        assert!(matches!(read, Err(ServiceError::Kept { .. })), "{what}");
    };
    refused(ForecastFile { scored: one.newest.clone(), newest: one.scored.clone(), ..one.clone() }, "the later first");
    let single = Rows { targets: table.targets.slice(s![.., ..1]), ..table.rows() };
    refused(ForecastFile { newest: fit(&single, &base), ..one.clone() }, "fewer targets");
    let with = |change: &dyn Fn(&mut Header)| {
        let mut header = header();
        change(&mut header);
        ForecastFile { header, ..one.clone() }
    };
    refused(with(&|header| header.columns.targets.swap(0, 1)), "targets in another order");
    refused(with(&|header| drop(header.columns.past.pop())), "fewer inputs");
    refused(with(&|header| header.columns.ahead.push("w".into())), "more known ahead");
    refused(with(&|header| header.calendar = true), "a calendar without a clock");
    refused(with(&|header| header.seasons = vec![Some(5)]), "fewer seasons");
    refused(with(&|header| header.seasons[1] = Some(4)), "another season");
    refused(with(&|header| header.seasons[0] = None), "no season");
    // The same settings, other rows.
    let elsewhere = file(&crate::data::table(110, 3, 5), &base);
    refused(ForecastFile { newest: elsewhere.newest, ..one.clone() }, "another fit");
}
