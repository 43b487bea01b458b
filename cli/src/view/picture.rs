//! Charts as a bitmap with all targets, and as one SVG a target.

use std::io::Cursor;

use anyhow::{Context, Result, anyhow};
use image::{ImageFormat, RgbImage, imageops};
use plotters::prelude::*;

use super::canvas::{Canvas, Medium, Side};
use super::chart::{self, Size};
use super::content::View;
use super::shown::Shown;
use crate::ink::{FAINT, TEXT, load_font};
use crate::output::count;

/// Targets that are drawn at most.
pub(super) const MOST: usize = 12;

/// Pixels are drawn so many times too fine, and averaged: lines of the library's own have steps.
fn bitmap(finer: u32) -> Medium {
    Medium { scale: f64::from(finer), slack: 1.0, drop: 0.225, has_paths: false }
}

/// Browsers have fonts of their own, some of them wider.
const SVG: Medium = Medium { scale: 8.0, slack: 1.22, drop: 0.085, has_paths: true };

/// The bitmap's width, and its height for one target.
const WIDTH: f64 = 1600.0;
const HEIGHT: f64 = 1000.0;
const MARGIN: f64 = 44.0;
const GAP: f64 = 40.0;

/// Sizes of the bitmap's fonts, and how high their lines are.
struct Fonts {
    name: f64,
    words: f64,
    chart: f64,
}

const LINE: f64 = 1.5;
const TITLE: f64 = 30.0;
const STAMP: f64 = 17.0;

/// Words above a chart.
struct Heading {
    name: String,
    verdict: Vec<String>,
    words: Vec<String>,
}

/// All targets in one PNG.
pub(super) fn png(view: &View) -> Result<Vec<u8>> {
    load_font()?;
    let shown =
        view.targets.iter().take(MOST).map(|target| Shown::of(target, &view.axis)).collect::<Result<Vec<_>>>()?;
    let columns = match shown.len() {
        0 | 1 => 1,
        2..=4 => 2,
        _ => 3,
    };
    let fonts = match columns {
        1 => Fonts { name: 23.0, words: 18.0, chart: 18.0 },
        2 => Fonts { name: 20.0, words: 15.5, chart: 15.0 },
        _ => Fonts { name: 19.0, words: 14.5, chart: 14.0 },
    };
    let width = (WIDTH - 2.0 * MARGIN - GAP * (columns - 1) as f64) / columns as f64;
    // Large pictures need less, and would need much memory.
    let finer = if columns == 1 { 3 } else { 2 };
    // Words are measured on a bitmap that nothing is drawn on.
    let headings = {
        let mut nothing = vec![0; 3];
        let area = BitMapBackend::with_buffer(&mut nothing, (1, 1)).into_drawing_area();
        let canvas = Canvas::new(&area, bitmap(finer));
        let heading =
            |(i, shown): (usize, &Shown<'_>)| heading(&canvas, &view.targets[i].verdict, shown, &fonts, width);
        shown.iter().enumerate().map(heading).collect::<Result<Vec<_>>>()?
    };
    let head = headings.iter().map(|heading| heading.height(&fonts)).fold(0.0, f64::max) + fonts.words;
    let top = MARGIN + LINE * (TITLE + STAMP) + 6.0;
    let rows = shown.len().div_ceil(columns).max(1);
    let chart = if columns == 1 { (HEIGHT - top - head - MARGIN / 2.0).max(480.0) } else { width * 0.78 };
    let row = head + chart + GAP;
    let height = if columns == 1 { top + head + chart + MARGIN / 2.0 } else { top + row * rows as f64 };

    let pixels = [WIDTH, height.ceil()].map(|length| length as u32 * finer);
    let mut buffer = vec![u8::MAX; 3 * pixels[0] as usize * pixels[1] as usize];
    {
        let area = BitMapBackend::with_buffer(&mut buffer, (pixels[0], pixels[1])).into_drawing_area();
        let canvas = Canvas::new(&area, bitmap(finer));
        let room = WIDTH - 2.0 * MARGIN;
        let title = canvas.shortened(&view.title, TITLE, room)?;
        canvas.text(&title, (MARGIN, MARGIN), TITLE, TEXT, Side::Right)?;
        let below = canvas.shortened(&format!("run {}{}", view.stamp, left_out(view)), STAMP, room)?;
        canvas.text(&below, (MARGIN, MARGIN + LINE * TITLE - 4.0), STAMP, FAINT, Side::Right)?;
        for (i, (shown, heading)) in shown.iter().zip(&headings).enumerate() {
            let left = MARGIN + (i % columns) as f64 * (width + GAP);
            let panel = canvas.moved((left, top + (i / columns) as f64 * row));
            heading.draw(&panel, &fonts)?;
            chart::draw(&panel.moved((0.0, head)), shown, Size { width, height: chart, font: fonts.chart })?;
        }
        area.present().map_err(|error| anyhow!("cannot draw: {error}"))?;
    }
    let fine = RgbImage::from_raw(pixels[0], pixels[1], buffer).context("the plot's bitmap has another size")?;
    let image = imageops::thumbnail(&fine, pixels[0] / finer, pixels[1] / finer);
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).context("the plot cannot be written")?;
    Ok(bytes.into_inner())
}

/// What is not drawn, to be told after something else.
pub(super) fn left_out(view: &View) -> String {
    match view.targets.len() {
        0 => "; no target was forecast".to_owned(),
        targets if targets > MOST => format!("; and {} more, not drawn", count(targets - MOST, "target")),
        _ => String::new(),
    }
}

fn heading<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    verdict: &str,
    shown: &Shown<'_>,
    fonts: &Fonts,
    width: f64,
) -> Result<Heading> {
    Ok(Heading {
        name: canvas.shortened(shown.name, fonts.name, width)?,
        verdict: canvas.wrapped(verdict, fonts.words, width, 3)?,
        words: canvas.wrapped(&shown.sentences().join(" "), fonts.words, width, 4)?,
    })
}

impl Heading {
    fn height(&self, fonts: &Fonts) -> f64 {
        LINE * (fonts.name + fonts.words * (self.verdict.len() + self.words.len()) as f64)
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>, fonts: &Fonts) -> Result<()> {
        canvas.text(&self.name, (0.0, 0.5 * LINE * fonts.name), fonts.name, TEXT, Side::Right)?;
        let lines = self.verdict.iter().map(|line| (line, TEXT)).chain(self.words.iter().map(|line| (line, FAINT)));
        for (i, (line, colour)) in lines.enumerate() {
            let y = LINE * (fonts.name + (i as f64 + 0.5) * fonts.words);
            canvas.text(line, (0.0, y), fonts.words, colour, Side::Right)?;
        }
        Ok(())
    }
}

/// One target as an `svg` element, with its width and height in its own units.
pub(super) fn svg(shown: &Shown<'_>, size: Size) -> Result<(String, [u32; 2])> {
    load_font()?;
    let units = [size.width, size.height].map(|length| (length * SVG.scale).round() as u32);
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (units[0], units[1])).into_drawing_area();
        chart::draw(&Canvas::new(&area, SVG), shown, size)?;
        area.present().map_err(|error| anyhow!("cannot draw: {error}"))?;
    }
    Ok((text, units))
}
