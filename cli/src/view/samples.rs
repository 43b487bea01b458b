//! Views made from generated series, for tests and for browsers.

use super::content::{Axis, AxisKind, Band, Future, Target, Tested, View};

/// Names that a page must only show.
pub(super) const HOSTILE: [&str; 4] = [
    "<script>alert(1)</script>",
    "\"&' onmouseover=alert(2) x='",
    "</title></svg></style><b>",
    "a\u{202e}b\u{0}\n\tc]]>",
];

/// A number from -1 to 1 that looks like chance.
fn noise(seed: u64) -> f64 {
    let mixed = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

fn text(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

/// A target with a season of 12 steps: `steps` of test data, then `ahead` of the future.
pub(super) fn target(name: &str, at: impl Fn(usize) -> f64, steps: usize, ahead: usize, seed: u64) -> Target {
    let wave = |t: usize| {
        let phase = (t % 12) as f64 / 12.0 - 0.5;
        120.0 + 0.15 * t as f64 + 90.0 * phase * phase + 6.0 * noise(seed * 7919 + t as u64 / 5)
    };
    let truth: Vec<f64> = (0..steps).map(|t| wave(t) + 4.0 * noise(seed * 104_729 + t as u64)).collect();
    let forecast: Vec<f64> = (0..steps).map(|t| wave(t) + 2.0 * noise(seed * 31 + t as u64)).collect();
    let baseline: Vec<f64> =
        (0..steps).map(|t| wave(t.saturating_sub(2)) + 3.0 * noise(seed * 17 + t as u64)).collect();
    let around = |width: f64| forecast.iter().map(|value| value + width).collect::<Vec<f64>>();
    let middle: Vec<f64> = (steps..steps + ahead).map(wave).collect();
    let band = |coverage: f64, width: f64| {
        let end = |sign: f64| {
            let width = |t: usize| sign * width * (1.0 + 0.15 * t as f64);
            middle.iter().enumerate().map(|(t, value)| value + width(t)).collect::<Vec<f64>>()
        };
        Band { coverage, lower: end(-1.0), upper: end(1.0) }
    };
    Target {
        name: name.to_owned(),
        verdict: "On the test data the combination beats the best baseline (seasonal naive, 12 steps) by 31.4 %."
            .to_owned(),
        scores: vec![
            text(&["NRMSE", "training", "validation", "test", "MASE", "90 % interval holds"]),
            text(&["combination of 6 members", "0.3105", "0.3639", "0.3284 ± 0.0023", "0.7112", "91.2 %"]),
            text(&["seasonal naive, 12 steps", "0.4171", "0.5294", "0.4791", "1.0000", "89.4 %"]),
            text(&["persistence", "0.8171", "0.9294", "0.8648", "1.9325", ""]),
        ],
        tables: vec![
            (
                "Members and their weights".to_owned(),
                vec![
                    text(&["member", "weight", "validation"]),
                    text(&["echo state networks, 10 of 200 units", "0.44", "0.3712"]),
                    text(&["linear autoregression, order 28", "0.31", "0.3820"]),
                    text(&["exponential smoothing", "0.25", "0.4102"]),
                ],
            ),
            (
                "Errors by horizon".to_owned(),
                std::iter::once(text(&["steps ahead", "combination", "seasonal naive"]))
                    .chain(
                        (1..=ahead.min(12))
                            .map(|h| vec![h.to_string(), format!("0.{}", 210 + 11 * h), format!("0.{}", 300 + 15 * h)]),
                    )
                    .collect(),
            ),
        ],
        notes: text(&[
            "A shift of level by 12.4 was found at step 212; what came before counts less.",
            "3 values were filled by the value before.",
        ]),
        test: Tested {
            horizon: ahead.max(1),
            at: (0..steps).map(&at).collect(),
            lower: around(-7.0),
            upper: around(7.0),
            truth,
            forecast,
            baseline,
            baseline_name: "seasonal naive, 12 steps".to_owned(),
            coverage: 0.9,
        },
        future: Future {
            at: (steps..steps + ahead).map(at).collect(),
            bands: vec![band(0.9, 6.0), band(0.5, 2.4)],
            middle,
        },
    }
}

pub(super) fn view(title: &str, label: &str, kind: AxisKind, targets: Vec<Target>) -> View {
    View {
        title: title.to_owned(),
        stamp: "3f9a1c20b7de".to_owned(),
        command: "forebay forecast sales.csv --horizon 12 --columns revenue,units".to_owned(),
        reading: text(&[
            "column 1, month: the clock, a step of one month, 1999-02 to 2024-01, written as %Y-%m",
            "column 2, revenue: numbers with a decimal point, 3 missing",
            "column 3, comment: left out, as it holds text",
            "the first row names the columns; cells are separated by commas",
        ]),
        protocol: text(&[
            "Members and weights were learnt on rows 1 to 200, intervals on rows 201 to 240, and all scores come from rows 241 to 300.",
            "NRMSE divides by the standard deviation of the stretch.",
        ]),
        axis: Axis { label: label.to_owned(), kind },
        targets,
    }
}

/// The first days of months from 2014 on, in seconds since 1970.
fn month(t: usize) -> f64 {
    let date = jiff::civil::date(2014 + (t / 12) as i16, (t % 12) as i8 + 1, 1);
    jiff::tz::Offset::UTC.to_timestamp(date.to_datetime(jiff::civil::Time::midnight())).unwrap().as_second() as f64
}

/// One target with monthly dates.
pub(super) fn dates() -> View {
    view("sales, 12 months ahead", "month", AxisKind::Dates, vec![target("revenue", month, 120, 12, 1)])
}

/// So many targets with hourly dates.
pub(super) fn several(targets: u64) -> View {
    let hour = |t: usize| 1_710_230_400.0 + 3600.0 * t as f64;
    let of = |seed| target(&format!("station {seed}, wind at 10 m"), hour, 96, 24, seed);
    view("wind, 24 hours ahead", "hour", AxisKind::Dates, (1..=targets).map(of).collect())
}

/// Names, labels and lines that try to be more than text.
pub(super) fn hostile() -> View {
    let mut view = view(HOSTILE[0], HOSTILE[1], AxisKind::Numbers, Vec::new());
    view.targets = HOSTILE.map(|name| target(name, |t| 1950.0 + t as f64 / 12.0, 80, 6, 3)).into();
    for (target, name) in view.targets.iter_mut().zip(HOSTILE) {
        target.verdict = name.to_owned();
        target.test.baseline_name = name.to_owned();
        target.notes = vec![name.to_owned()];
        target.tables[0] = (name.to_owned(), vec![vec![name.to_owned(); 3]; 3]);
        target.scores[1][0] = name.to_owned();
    }
    (view.stamp, view.command) = (HOSTILE[0].to_owned(), HOSTILE.join(" "));
    (view.reading, view.protocol) = (text(&HOSTILE), text(&HOSTILE));
    view
}

/// Names without end, with and without places to break them, and numbers that need room.
pub(super) fn long() -> View {
    let name = "temperature of the second condenser on the northern side, averaged over ten minutes ".repeat(4);
    let mut view = view(&name, &"x".repeat(300), AxisKind::Numbers, Vec::new());
    let mut first = target(&name, |t| 1.5e9 + t as f64, 70, 7, 4);
    let mut second = target(&"unbroken".repeat(40), |t| t as f64 * 1e-9, 70, 0, 5);
    for (target, (size, from)) in [&mut first, &mut second].into_iter().zip([(1e6, 7e12), (1e-3, 1e9)]) {
        let test = &mut target.test;
        let tested = [&mut test.truth, &mut test.forecast, &mut test.lower, &mut test.upper, &mut test.baseline];
        for value in tested.into_iter().flatten().chain(&mut target.future.middle) {
            *value = from + size * *value;
        }
        target.future.bands.clear();
        target.test.baseline_name.clone_from(&name);
        target.scores[0].extend((0..30).map(|c| format!("column {c} of many")));
        target.scores[1].extend((0..30).map(|c| format!("{}", f64::from(c) * 1.234_567_89e9)));
    }
    view.targets = vec![first, second];
    view.command = "forebay forecast ".to_owned() + &"/a/very/long/path".repeat(30);
    view
}

/// A series that never changes, forecast without an error.
pub(super) fn constant() -> View {
    let mut target = target("level", |t| t as f64, 50, 10, 6);
    let test = &mut target.test;
    for values in [&mut test.truth, &mut test.forecast, &mut test.lower, &mut test.upper, &mut test.baseline] {
        values.fill(21.5);
    }
    target.future.middle.fill(21.5);
    for band in &mut target.future.bands {
        band.lower.fill(21.5);
        band.upper.fill(21.5);
    }
    view("level, 10 steps ahead", "step", AxisKind::Steps, vec![target])
}

/// What is missing, infinite, alone, without a future, or much.
pub(super) fn odd() -> View {
    let step = |t: usize| t as f64;
    let mut gaps = target("gaps", step, 60, 6, 7);
    for (t, value) in gaps.test.truth.iter_mut().enumerate() {
        if t % 7 == 3 || (20..32).contains(&t) || t == 33 {
            *value = f64::NAN;
        }
    }
    gaps.test.forecast[40] = f64::INFINITY;
    gaps.test.lower[50] = f64::NEG_INFINITY;
    gaps.future.middle[2] = f64::NAN;
    let alone = target("one test row", step, 1, 1, 8);
    let mut past = target("no future, no intervals", step, 40, 0, 9);
    past.test.lower.fill(f64::NAN);
    past.test.upper.fill(f64::NAN);
    let future = target("no test rows", step, 0, 12, 10);
    let many = target("10,000 rows, and as many to come", step, 10_000, 10_000, 11);
    let mut untrue = target("no true value", step, 30, 3, 12);
    untrue.test.truth.fill(f64::NAN);
    untrue.test.lower[4] = untrue.test.upper[4] + 1.0;
    let mut nothing = target("nothing", step, 0, 0, 13);
    nothing.scores.truncate(1);
    nothing.tables.push(("An empty table".to_owned(), Vec::new()));
    view("odd ones", "step", AxisKind::Steps, vec![gaps, alone, past, future, many, untrue, nothing])
}

/// All of them, by name.
pub(super) fn all() -> Vec<(&'static str, View)> {
    vec![
        ("dates", dates()),
        ("twelve", several(12)),
        ("seventeen", several(17)),
        ("hostile", hostile()),
        ("long", long()),
        ("constant", constant()),
        ("odd", odd()),
        ("empty", view("nothing", "step", AxisKind::Steps, Vec::new())),
    ]
}
