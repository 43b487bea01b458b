//! What was found out, page by page.

use std::fmt;

use serde::Serialize;

/// A report for people and programs.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    address: String,
    is_silicon: bool,
    forebay: &'static str,
    system: String,
    pages: Vec<Page>,
}

#[derive(Debug, Serialize)]
struct Page {
    title: String,
    lines: Vec<Line>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    Passed,
    Failed,
    /// Something that was seen, neither right nor wrong.
    Seen,
    NotAsked,
}

#[derive(Debug, Serialize)]
struct Line {
    outcome: Outcome,
    what: String,
    found: String,
}

impl Report {
    pub(super) fn new(address: &str, is_silicon: bool) -> Self {
        let system = std::fs::read_to_string("/proc/version").unwrap_or_default();
        Self {
            address: address.to_owned(),
            is_silicon,
            forebay: env!("CARGO_PKG_VERSION"),
            system: system.trim().to_owned(),
            pages: Vec::new(),
        }
    }

    pub(super) fn is_silicon(&self) -> bool {
        self.is_silicon
    }

    /// Begins a page.
    pub(super) fn page(&mut self, title: &str) {
        self.pages.push(Page { title: title.to_owned(), lines: Vec::new() });
    }

    fn line(&mut self, outcome: Outcome, what: &str, found: &str) {
        if self.pages.is_empty() {
            self.page("first");
        }
        if let Some(page) = self.pages.last_mut() {
            page.lines.push(Line { outcome, what: what.to_owned(), found: found.to_owned() });
        }
    }

    pub(super) fn passed(&mut self, what: &str, found: &str) {
        self.line(Outcome::Passed, what, found);
    }

    pub(super) fn failed(&mut self, what: &str, found: &str) {
        self.line(Outcome::Failed, what, found);
    }

    pub(super) fn seen(&mut self, what: &str, found: &str) {
        self.line(Outcome::Seen, what, found);
    }

    pub(super) fn not_asked(&mut self, what: &str, why: &str) {
        self.line(Outcome::NotAsked, what, why);
    }

    /// Passed if `is_right`.
    pub(super) fn check(&mut self, is_right: bool, what: &str, found: &str) {
        if is_right { self.passed(what, found) } else { self.failed(what, found) }
    }

    pub(super) fn failures(&self) -> usize {
        let lines = self.pages.iter().flat_map(|page| &page.lines);
        lines.filter(|line| matches!(line.outcome, Outcome::Failed)).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.is_silicon { "" } else { "EMULATOR " };
        writeln!(f, "{mark}forebay {} validates {}", self.forebay, self.address)?;
        writeln!(f, "{}", self.system)?;
        if !self.is_silicon {
            writeln!(f, "EMULATOR: nothing in this report is a result of silicon.")?;
        }
        for (number, page) in (1..).zip(&self.pages) {
            writeln!(f, "\n{mark}page {number}: {}", page.title)?;
            for line in &page.lines {
                let word = match line.outcome {
                    Outcome::Passed => "ok       ",
                    Outcome::Failed => "FAILED   ",
                    Outcome::Seen => "seen     ",
                    Outcome::NotAsked => "not asked",
                };
                writeln!(f, "  {word} {}: {}", line.what, line.found)?;
            }
        }
        let lines = || self.pages.iter().flat_map(|page| &page.lines);
        let passed = lines().filter(|line| matches!(line.outcome, Outcome::Passed)).count();
        writeln!(f, "\n{mark}{passed} passed, {} failed", self.failures())
    }
}
