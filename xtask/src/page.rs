//! The page of a forecast in a real browser: on a telephone, on a desk, in the dark and on paper.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Options, Outcome, target, works};

/// Names of the same browser.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome-headless-shell"];

/// Widths in CSS pixels, and whether the reader prefers a dark page.
const READERS: [(u32, bool); 4] = [(360, false), (1280, false), (360, true), (1280, true)];

/// A page, and how many drawings are to be seen in it.
struct Page {
    name: String,
    drawings: usize,
    text: String,
}

pub(crate) fn check(options: &Options) -> Outcome {
    let named = std::env::var("CHROMIUM").ok();
    let mut tried = named.into_iter().chain(BROWSERS.map(str::to_owned));
    let Some(browser) = tried.find(|browser| works(browser, &["--version"])) else {
        return Outcome::NotRun("needs a browser: apt-get install chromium, or CHROMIUM=/path/to/one".to_owned());
    };
    println!("browser: {browser}");
    match look(options, &browser) {
        Ok(wrong) if wrong.is_empty() => match papers(options, &browser) {
            Ok(None) => Outcome::Passed,
            Ok(Some(missing)) => Outcome::NotRun(missing),
            Err(why) => Outcome::Failed(why),
        },
        Ok(wrong) => {
            for line in &wrong {
                println!("{line}");
            }
            Outcome::Failed(format!("{} faults of pages", wrong.len()))
        }
        Err(why) => Outcome::Failed(why),
    }
}

fn folder(options: &Options) -> PathBuf {
    target(options).join("pages")
}

/// Has the pages written by the test that knows them.
fn pages(options: &Options) -> Result<Vec<Page>, String> {
    let folder = folder(options);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut command = Command::new("cargo");
    command.args(["test", "--quiet", "-p", "forebay-cli", "--lib", "pages_for_a_browser", "--", "--ignored"]);
    let status = command.env("FOREBAY_PAGES", &folder).current_dir(&options.root).stdin(Stdio::null()).status();
    if !status.is_ok_and(|status| status.success()) {
        return Err("the pages cannot be written".to_owned());
    }
    let read = |path: &Path| fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
    let list = read(&folder.join("list.txt"))?;
    let page = |line: &str| {
        let (name, drawings) = line.split_once(' ').ok_or_else(|| format!("in the list of pages: {line}"))?;
        let drawings = drawings.parse().map_err(|error| format!("{line}: {error}"))?;
        Ok(Page { name: name.to_owned(), drawings, text: read(&folder.join(format!("{name}.html")))? })
    };
    let pages = list.lines().map(page).collect::<Result<Vec<_>, String>>()?;
    if pages.is_empty() { Err("there are no pages".to_owned()) } else { Ok(pages) }
}

/// Shows every page to every reader, and tells what is wrong.
fn look(options: &Options, browser: &str) -> Result<Vec<String>, String> {
    let folder = folder(options);
    let script = options.root.join("cli/tests/page/probe.js");
    let script = fs::read_to_string(&script).map_err(|error| format!("{}: {error}", script.display()))?;
    let mut wrong = Vec::new();
    for page in pages(options)? {
        let frames: Vec<String> = READERS.iter().map(|reader| frame(&page, *reader)).collect();
        let probe = folder.join(format!("{}.probe.html", page.name));
        let head = "<!doctype html><meta charset=utf-8><title>not looked</title>";
        let text = format!("{head}<script>{script}</script>{}", frames.concat());
        fs::write(&probe, text).map_err(|error| format!("{}: {error}", probe.display()))?;
        let found = run(browser, &["--window-size=1400,1000", "--dump-dom", &address(&probe)])?;
        let title =
            found.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>")).map_or("", |found| found.0);
        let mut told = title.split(" | ");
        let expected = format!("looked at {}", READERS.len());
        if told.next() != Some(&expected) {
            return Err(format!("{}: the browser did not look: {title:?}", page.name));
        }
        wrong.extend(told.map(str::to_owned));
        for (width, is_dark) in READERS {
            picture(&folder, browser, &page, (width, is_dark))?;
        }
        println!("{}: {} drawings on {} screens", page.name, page.drawings, READERS.len());
    }
    Ok(wrong)
}

/// The page in a frame as wide as a reader's screen: the browser itself has no windows that narrow.
fn frame(page: &Page, (width, is_dark): (u32, bool)) -> String {
    let scheme = if is_dark { "dark" } else { "light" };
    let source = page.text.replace('&', "&amp;").replace('"', "&quot;");
    format!(
        "<iframe data-name=\"{name}, {width} px, {scheme}\" data-drawings={drawings} style=\"width: {width}px; height: 3000px; border: 0; \
         color-scheme: {scheme}\" srcdoc=\"{source}\"></iframe>\n",
        name = page.name,
        drawings = page.drawings,
    )
}

/// A picture of what a reader sees, to be looked at.
fn picture(folder: &Path, browser: &str, page: &Page, reader: (u32, bool)) -> Result<(), String> {
    let (width, is_dark) = reader;
    let name = format!("{}.{width}.{}", page.name, if is_dark { "dark" } else { "light" });
    let (screen, image) = (folder.join(format!("{name}.html")), folder.join(format!("{name}.png")));
    let text = format!("<!doctype html><meta charset=utf-8><body style=\"margin: 0\">{}", frame(page, reader));
    fs::write(&screen, text).map_err(|error| format!("{}: {error}", screen.display()))?;
    let shot = format!("--screenshot={}", image.display());
    run(browser, &[&format!("--window-size={},3000", width.max(500)), &shot, &address(&screen)])?;
    if image.exists() { Ok(()) } else { Err(format!("{name}: no picture was taken")) }
}

/// Prints every page; what of it could not be looked at, if anything.
fn papers(options: &Options, browser: &str) -> Result<Option<String>, String> {
    let folder = folder(options);
    let list = fs::read_to_string(folder.join("list.txt")).map_err(|error| format!("the list of pages: {error}"))?;
    let can_read = works("pdftotext", &["-v"]);
    for name in list.lines().filter_map(|line| line.split(' ').next()) {
        let paper = folder.join(format!("{name}.pdf"));
        let print = format!("--print-to-pdf={}", paper.display());
        run(browser, &["--no-pdf-header-footer", &print, &address(&folder.join(format!("{name}.html")))])?;
        if !paper.exists() {
            return Err(format!("{name}: nothing was printed"));
        }
        if !can_read {
            continue;
        }
        let output = Command::new("pdftotext").arg(&paper).arg("-").stdin(Stdio::null()).output();
        let output = output.map_err(|error| format!("pdftotext: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        // Each ends with a form feed.
        let sheets = text.matches('\u{c}').count();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        println!("{name}: {sheets} sheets of paper");
        for wanted in ["Scores", "What every column was read as", "How to repeat it", "Tested on silicon: no."] {
            if !text.contains(wanted) {
                return Err(format!("{name}: {wanted:?} is not on paper"));
            }
        }
        if sheets == 0 {
            return Err(format!("{name}: no sheet of paper"));
        }
    }
    Ok((!can_read).then(|| "what is on paper was not read: apt-get install poppler-utils".to_owned()))
}

fn address(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// Runs the browser without a window; only files of our own are shown to it, so it needs no sandbox (root has none).
fn run(browser: &str, arguments: &[&str]) -> Result<String, String> {
    let usual = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"];
    let output = Command::new(browser).args(usual).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{browser} cannot be started: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{browser} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr)))
}
