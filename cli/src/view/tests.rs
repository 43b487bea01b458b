use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::*;

use super::content::{Axis, AxisKind, Band, Future, Target, Tested, View};
use super::picture::MOST;
use super::samples::{self, HOSTILE};

const STYLE: &str = include_str!("page.css");

/// Everything between two marks, all times that they occur.
fn between<'t>(text: &'t str, start: &str, end: &str) -> Vec<&'t str> {
    text.split(start).skip(1).map(|rest| rest.split(end).next().unwrap_or(rest)).collect()
}

#[test]
fn pictures_show_every_curve() {
    for (name, view) in samples::all() {
        let image = image::load_from_memory(&view.to_png().unwrap()).unwrap().to_rgb8();
        assert_eq!(image.width(), 1600, "{name}");
        assert!(image.height() >= 500, "{name}: {}", image.height());
        let count = |colour: [u8; 3]| image.pixels().filter(|pixel| pixel.0 == colour).count();
        assert!(count([40, 40, 40]) > 100, "{name} has no words");
        // A swatch of a legend has about a hundred pixels. Constant series lie on top of one another.
        let lines = match name {
            "empty" => &[][..],
            "constant" => &[[0, 114, 178], [0, 158, 115]],
            _ => &[[30, 30, 30], [0, 114, 178], [0, 158, 115], [213, 94, 0]],
        };
        for colour in lines {
            assert!(count(*colour) > 250, "{name}: {} pixels are {colour:?}", count(*colour));
        }
    }
}

#[test]
fn drawings_have_every_step() {
    let page = samples::dates().to_html().unwrap();
    let steps = |stroke: &str| {
        let lines = between(&page, "<polyline", "/>").into_iter().filter(|line| line.contains(stroke));
        let lengths = lines.map(|line| between(line, "points=\"", "\"")[0].split_whitespace().count());
        lengths.filter(|length| *length > 2).collect::<Vec<_>>()
    };
    // One drawing for screens, one for telephones: 96 of 120 test steps and 12 to come.
    assert_eq!(steps("#1E1E1E"), [96, 96], "truth");
    assert_eq!(steps("#0072B2"), [96, 96, 96, 96], "forecast and its errors");
    assert_eq!(steps("#D55E00"), [96, 96], "errors of the baseline");
    assert_eq!(steps("#009E73"), [12, 12], "future");
    let bands: Vec<usize> = between(&page, "<polygon", "/>")
        .iter()
        .map(|band| between(band, "points=\"", "\"")[0].split_whitespace().count())
        .collect();
    assert_eq!(bands.iter().filter(|points| **points == 192).count(), 2, "intervals: {bands:?}");
    assert_eq!(bands.iter().filter(|points| **points == 24).count(), 4, "fans: {bands:?}");
}

/// Labels were told as differences to a number, and a long name of the axis once pushed that number out of the picture.
#[test]
fn what_labels_are_differences_to_is_never_cut() {
    let page = samples::long().to_html().unwrap();
    assert!(page.contains("..., differences to 1500000010"));
}

#[test]
fn a_picture_has_the_same_bytes_every_time() {
    assert_eq!(samples::dates().to_png().unwrap(), samples::dates().to_png().unwrap());
}

#[test]
fn columns_of_different_lengths_are_refused() {
    let mut view = samples::dates();
    view.targets[0].test.truth.pop();
    let told = view.to_png().unwrap_err().to_string();
    assert_eq!(told, "revenue: the test's columns have [119, 120, 120, 120, 120] values for 120 times");
    assert_eq!(view.to_html().unwrap_err().to_string(), told);
    let mut view = samples::dates();
    view.targets[0].future.bands[1].upper.push(0.0);
    assert_eq!(
        view.to_html().unwrap_err().to_string(),
        "revenue: the future's columns have [12, 12, 12, 12, 13] values for 12 times"
    );
}

#[test]
fn names_stay_text() {
    let page = samples::hostile().to_html().unwrap();
    let elements: BTreeSet<&str> =
        between(&page, "<", ">").into_iter().map(|tag| tag.split_whitespace().next().unwrap_or_default()).collect();
    for element in ["script", "b", "/b", "img"] {
        assert!(!elements.contains(element), "{element} in {elements:?}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert_eq!(between(&page, "<title>", "</title>"), ["&lt;script&gt;alert(1)&lt;/script&gt;"]);
    assert_eq!(page.matches("</style>").count(), 1);
    assert!(!page.contains(['\u{0}', '\u{202e}']));
    for drawing in between(&page, "<text", "</text>") {
        assert!(!drawing.contains(HOSTILE[0]) && !drawing.contains("onmouseover=alert(2) x='"), "{drawing}");
    }
}

#[test]
fn a_page_loads_and_runs_nothing() {
    for (name, view) in samples::all() {
        let page = view.to_html().unwrap();
        for wrong in [" src=", "url(", "@import", "<script", "<link", "<iframe", "<image"] {
            assert!(!page.contains(wrong), "{name}: {wrong}");
        }
        assert!(between(&page, " href=\"", "\"").iter().all(|target| target.starts_with('#')), "{name}");
        assert!(page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "").find("://").is_none(), "{name}");
        assert!(page.contains("default-src 'none'"), "{name}");
    }
}

/// Every string of a view stands in its page, in the order in which people ask for it.
#[test]
fn a_page_tells_everything_in_order() {
    let view = samples::dates();
    let page = view.to_html().unwrap();
    let target = &view.targets[0];
    let mut wanted = vec![view.title.as_str(), &target.verdict, "<svg", &target.notes[0], &target.notes[1]];
    wanted.extend(target.scores.iter().flatten().map(String::as_str).filter(|cell| !cell.is_empty()));
    for (heading, rows) in &target.tables {
        wanted.push(heading);
        wanted.extend(rows.iter().flatten().map(String::as_str));
    }
    wanted.extend(view.reading.iter().chain(&view.protocol).map(String::as_str));
    wanted.extend([view.command.as_str(), &view.stamp, env!("CARGO_PKG_VERSION"), "Tested on silicon: no."]);
    let mut rest = page.split_once("<body>").unwrap().1;
    for text in wanted {
        let Some((_, after)) = rest.split_once(text) else { panic!("{text:?} does not follow") };
        rest = after;
    }
}

#[test]
fn headings_are_in_order_and_tables_have_titles() {
    for (name, view) in samples::all() {
        let page = view.to_html().unwrap();
        let levels: Vec<u32> =
            between(&page, "<h", ">").iter().filter_map(|tag| tag.chars().next()?.to_digit(10)).collect();
        assert_eq!(levels[0], 1, "{name}");
        assert!(
            levels.windows(2).all(|two| two[1] <= two[0] + 1) && levels[1..].iter().all(|level| *level > 1),
            "{name}: {levels:?}"
        );
        assert!(between(&page, "<th", ">").iter().all(|th| th.contains("scope=") || th.starts_with("ead")), "{name}");
        assert!(!page.contains("<svg ") || page.contains("role=\"img\""), "{name}");
        let drawn = view.targets.len().min(MOST) * if view.targets.len() <= 4 { 2 } else { 1 };
        assert_eq!(page.matches("<svg role=\"img\"").count(), drawn, "{name}");
        assert_eq!(page.matches("</desc>").count(), drawn, "{name}");
    }
}

/// Paper has no room for many columns: letters once stood below one another.
#[test]
fn tables_with_many_columns_are_told_in_parts() {
    let page = samples::long().to_html().unwrap();
    assert!(page.contains("Columns 2 to 8 of 36") && page.contains("Columns 30 to 36 of 36"));
    for view in [samples::long(), samples::dates()] {
        let page = view.to_html().unwrap();
        for cell in view.targets[0].scores.iter().flatten().filter(|cell| !cell.is_empty()) {
            assert!(page.contains(&format!(">{cell}<")), "{cell}");
        }
    }
}

#[test]
fn what_is_not_drawn_is_told() {
    let page = samples::several(17).to_html().unwrap();
    assert!(page.contains("The first 12 of 17 targets are drawn"));
    let page = samples::odd().to_html().unwrap();
    for told in [
        "Not drawn, as missing or not finite: 20 true values, 2 forecasts, 1 end of an interval.",
        "The only test step (step 0), forecast 1 step ahead.",
        "Nothing is forecast after the last row.",
        "There are no test steps to show.",
        "No errors: no forecast has a true value",
        "Nothing to draw: no test steps",
        "The table has no rows.",
        "The lower end is above the upper one in 1 interval.",
    ] {
        assert!(page.contains(told), "{told}");
    }
    let long = samples::several(1).to_html().unwrap();
    assert!(long.contains("All 96 test steps (12 Mar 2024 08:00 to 16 Mar 2024 07:00), forecast 24 steps ahead."));
}

/// Colours that the drawings use have a rule each, so that none stays black on black.
#[test]
fn every_colour_of_a_drawing_has_a_dark_one() {
    for (name, view) in samples::all() {
        let page = view.to_html().unwrap();
        for kind in ["fill", "stroke"] {
            let used: BTreeSet<&str> = between(&page, &format!("{kind}=\"#"), "\"").into_iter().collect();
            for colour in used {
                assert!(STYLE.contains(&format!("svg [{kind}=\"#{colour}\"]")), "{name}: {kind} #{colour}");
            }
        }
    }
}

/// Text has a contrast of 4.5 to its ground, lines of 3 (WCAG 2, AA).
#[test]
fn colours_have_contrast() {
    let luminance = |colour: &str| {
        let part = |at: usize| {
            let c = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { libm::pow((c + 0.055) / 1.055, 2.4) }
        };
        0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
    };
    let themes = between(STYLE, ":root {", "}");
    assert_eq!(themes.len(), 2);
    for theme in themes {
        let colour = |name: &str| luminance(between(theme, &format!("--{name}: #"), ";")[0]);
        for (name, least, ground) in [
            ("text", 4.5, "paper"),
            ("faint", 4.5, "paper"),
            ("link", 4.5, "paper"),
            ("text", 4.5, "soft"),
            ("truth", 3.0, "paper"),
            ("forecast", 3.0, "paper"),
            ("future", 3.0, "paper"),
            ("rival", 3.0, "paper"),
        ] {
            let (a, b) = (colour(name) + 0.05, colour(ground) + 0.05);
            let contrast = f64::max(a / b, b / a);
            assert!(contrast >= least, "{name} on {ground}: {contrast:.2}");
        }
    }
}

fn any_view() -> impl Strategy<Value = View> {
    let value = || prop_oneof![3 => -1e3..1e3_f64, 1 => prop::num::f64::ANY, 1 => Just(f64::NAN), 1 => Just(7.0)];
    let column = move |length: usize| prop::collection::vec(value(), length);
    let target = (0..12_usize, 0..6_usize, "\\PC{0,40}").prop_flat_map(move |(steps, ahead, name)| {
        let test = prop::collection::vec(column(steps), 6);
        let future = prop::collection::vec(column(ahead), 6);
        (test, future, Just(name)).prop_map(|(mut test, mut future, name)| {
            let mut band = |coverage| Band { coverage, lower: future.pop().unwrap(), upper: future.pop().unwrap() };
            let bands = vec![band(0.9), band(f64::NAN)];
            Target {
                name: name.clone(),
                verdict: name.clone(),
                scores: vec![vec![name.clone(); 3], vec![name.clone()]],
                tables: vec![(name.clone(), vec![vec![]])],
                notes: vec![name.clone()],
                test: Tested {
                    horizon: 3,
                    at: test.pop().unwrap(),
                    truth: test.pop().unwrap(),
                    forecast: test.pop().unwrap(),
                    lower: test.pop().unwrap(),
                    upper: test.pop().unwrap(),
                    baseline: test.pop().unwrap(),
                    baseline_name: name,
                    coverage: 0.9,
                },
                future: Future { at: future.pop().unwrap(), middle: future.pop().unwrap(), bands },
            }
        })
    });
    let kind = prop_oneof![Just(AxisKind::Steps), Just(AxisKind::Numbers), Just(AxisKind::Dates)];
    (prop::collection::vec(target, 0..3), kind, "\\PC{0,20}").prop_map(|(targets, kind, label)| View {
        targets,
        axis: Axis { label, kind },
        ..samples::view("any", "", kind, Vec::new())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn anything_can_be_drawn(view in any_view()) {
        prop_assert!(view.to_html().is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn anything_can_be_painted(view in any_view()) {
        prop_assert!(view.to_png().is_ok());
    }
}

/// Writes pages and pictures for `cargo xtask page`, with a list of what a browser has to find in them.
#[test]
#[ignore = "cargo xtask page calls it"]
fn pages_for_a_browser() {
    let folder = std::env::var_os("FOREBAY_PAGES").expect("FOREBAY_PAGES names the folder for the pages");
    let folder = Path::new(&folder);
    let mut list = String::new();
    for (name, view) in samples::all() {
        std::fs::write(folder.join(format!("{name}.html")), view.to_html().unwrap()).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), view.to_png().unwrap()).unwrap();
        list += &format!("{name} {}\n", view.targets.len().min(MOST));
    }
    std::fs::write(folder.join("list.txt"), list).unwrap();
}
