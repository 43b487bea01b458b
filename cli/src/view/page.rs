//! The page: what was found, in the order in which people ask for it.

use std::ops::Range;

use anyhow::Result;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart::Size;
use super::content::{Target, View};
use super::picture::{self, MOST};
use super::shown::Shown;
use super::words::{clean, visible};

/// How the page looks.
const STYLE: &str = include_str!("page.css");

/// Nothing may be loaded or run, whatever a file's names say.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// Drawings in CSS pixels: of the only target, of few, and for telephones or many targets beside one another.
const WIDE: Size = Size { width: 1040.0, height: 600.0, font: 14.0 };
const MIDDLE: Size = Size { width: 600.0, height: 480.0, font: 14.5 };
const NARROW: Size = Size { width: 460.0, height: 460.0, font: 15.0 };

/// Columns of a table on paper, beside the first.
const COLUMNS: usize = 7;

type Table = Vec<Vec<String>>;

pub(super) fn html(view: &View) -> Result<String> {
    let is_one = view.targets.len() == 1;
    let figures = view.targets.iter().take(MOST).enumerate();
    let (kind, wide) = match view.targets.len() {
        0 | 1 => ("figures one", Some(WIDE)),
        2..=4 => ("figures few", Some(MIDDLE)),
        _ => ("figures", None),
    };
    let figures = figures.map(|(i, target)| figure(view, target, i, wide)).collect::<Result<Vec<Markup>>>()?;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "forebay " (env!("CARGO_PKG_VERSION")) };
                title { (clean(&view.title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (clean(&view.title)) }
                    (verdicts(view))
                }
                main {
                    section {
                        h2 { @if is_one { "The forecast" } @else { "The forecasts" } }
                        @if view.targets.len() > MOST {
                            p { "The first " (MOST) " of " (view.targets.len()) " targets are drawn; all of them are in the tables below." }
                        }
                        div class=(kind) { @for figure in &figures { (figure) } }
                    }
                    section {
                        h2 { "Scores" }
                        @for (i, target) in view.targets.iter().enumerate() { (tables(target, i, is_one)) }
                    }
                    (list("What every column was read as", &view.reading))
                    (list("How it was learnt and tested", &view.protocol))
                    section {
                        h2 { "How to repeat it" }
                        pre { code { (visible(&view.command)) } }
                    }
                }
                footer {
                    p { "Run " code { (clean(&view.stamp)) } ", forebay " (env!("CARGO_PKG_VERSION")) ". Tested on silicon: no." }
                }
            }
        }
    };
    Ok(page.into_string())
}

/// The anchor of a target's tables.
fn anchor(i: usize) -> String {
    format!("target-{}", i + 1)
}

fn verdicts(view: &View) -> Markup {
    html! {
        @match view.targets.as_slice() {
            [] => p.verdict { "No target was forecast." },
            [target] => p.verdict { (clean(&target.verdict)) },
            targets => ul.verdicts {
                @for (i, target) in targets.iter().enumerate() {
                    li { a href={ "#" (anchor(i)) } { (clean(&target.name)) } ": " (clean(&target.verdict)) }
                }
            },
        }
    }
}

/// A target's charts with what there is to say about them.
fn figure(view: &View, target: &Target, i: usize, wide: Option<Size>) -> Result<Markup> {
    let shown = Shown::of(target, &view.axis)?;
    let told: Vec<String> = shown.sentences().iter().map(|sentence| clean(sentence)).collect();
    let wide = wide.map(|size| chart(target, &shown, &told, size, &format!("wide-{i}"))).transpose()?;
    let narrow = chart(target, &shown, &told, NARROW, &format!("narrow-{i}"))?;
    Ok(html! {
        figure {
            h3 { (clean(&target.name)) }
            @if let Some(wide) = wide {
                div.wide { (wide) }
                div.narrow { (narrow) }
            } @else {
                (narrow)
            }
            figcaption { (told.join(" ")) }
            @if !target.notes.is_empty() {
                ul.notes { @for note in &target.notes { li { (clean(note)) } } }
            }
        }
    })
}

/// A drawing with its description. The library writes elements and escapes names; what surrounds them is written here.
fn chart(target: &Target, shown: &Shown<'_>, told: &[String], size: Size, id: &str) -> Result<Markup> {
    let (drawing, [width, height]) = picture::svg(shown, size)?;
    let name = clean(&target.name);
    Ok(html! {
        svg role="img" viewBox={ "0 0 " (width) " " (height) } aria-labelledby={ "title-" (id) " desc-" (id) } {
            title id={ "title-" (id) } { "Forecast of " (name) }
            desc id={ "desc-" (id) } {
                "Two charts on one time axis: above, true values and forecasts with their intervals; below, the errors of the \
                 forecast and of " (clean(&target.test.baseline_name)) ". " (told.join(" ")) " " (clean(&target.verdict))
            }
            (PreEscaped(drawing))
        }
    })
}

/// Scores and further tables of a target.
fn tables(target: &Target, i: usize, is_one: bool) -> Markup {
    let name = clean(&target.name);
    html! {
        div.target id=(anchor(i)) {
            @if !is_one { h3 { (name) } }
            (table(&format!("Scores of {name}"), &target.scores))
            @for (heading, rows) in &target.tables {
                @if is_one { h3 { (clean(heading)) } } @else { h4 { (clean(heading)) } }
                (table(&format!("{} of {name}", clean(heading)), rows))
            }
        }
    }
}

/// A table in a box of its own that scrolls; the first row has the titles, the first column names the rows. One with more columns
/// than paper has room for is told in parts.
fn table(label: &str, rows: &Table) -> Markup {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let parts: Vec<Range<usize>> =
        (1..columns.max(2)).step_by(COLUMNS).map(|from| from..(from + COLUMNS).min(columns)).collect();
    html! {
        @if let [titles, rows @ ..] = rows.as_slice() {
            @for part in &parts {
                @let told = format!("Columns {} to {} of {columns}", part.start + 1, part.end);
                @if parts.len() > 1 { p.part { (told) } }
                div.scroll tabindex="0" role="region" aria-label={ (label) @if parts.len() > 1 { ", " (told) } } {
                    table {
                        thead { tr {
                            th scope="col" { (cell(titles, 0)) }
                            @for column in part.clone() { th scope="col" { (cell(titles, column)) } }
                        } }
                        tbody {
                            @for row in rows {
                                tr {
                                    th scope="row" { (cell(row, 0)) }
                                    @for column in part.clone() { td { (cell(row, column)) } }
                                }
                            }
                        }
                    }
                }
            }
            @if rows.is_empty() { p { "The table has no rows." } }
        } @else {
            p { "The table has no rows." }
        }
    }
}

/// A cell; rows may be shorter than the table.
fn cell(row: &[String], column: usize) -> String {
    row.get(column).map_or(String::new(), |cell| clean(cell))
}

fn list(heading: &str, lines: &[String]) -> Markup {
    html! {
        section {
            h2 { (heading) }
            @if lines.is_empty() {
                p { "Nothing was told." }
            } @else {
                ul { @for line in lines { li { (clean(line)) } } }
            }
        }
    }
}
