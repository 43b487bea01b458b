//! The two charts of a target: values above, errors below, on one time axis.

use anyhow::Result;
use plotters::prelude::{DrawingBackend, RGBColor};

use super::canvas::{Canvas, Point, Side};
use super::legend::{Entry, Legend, Swatch};
use super::numbers;
use super::scale::{Scale, is_drawn};
use super::series::{runs, thinned};
use super::shown::{Shown, percent};
use super::tick::{Tick, Ticks};
use crate::ink::{FAINT, FORECAST, FUTURE, GRID, RIVAL, TEXT, TRUTH};
use crate::output::count;

/// The room a drawing has, and its font, in points.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) font: f64,
}

/// Shares of their colour that bands have.
const INTERVAL: f64 = 0.2;
const FAN: f64 = 0.24;
/// Ticks of the time axis at most.
const TICKS: usize = 8;
/// The upper chart's share of the room for both.
const UPPER: f64 = 0.66;

/// Where one chart lies, and what its axes mean.
struct Plot {
    x: Scale,
    y: Scale,
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl Plot {
    fn place(&self, x: f64, y: f64) -> Point {
        (self.left + self.x.at(x) * self.width, self.top + (1.0 - self.y.at(y)) * self.height)
    }
}

/// Draws a target with the upper left corner at the canvas's origin.
pub(super) fn draw<B: DrawingBackend>(canvas: &Canvas<'_, B>, shown: &Shown<'_>, size: Size) -> Result<()> {
    let Some(times) = shown.times() else {
        let words = "Nothing to draw: no test steps, and nothing is forecast.";
        return middle(canvas, words, (0.0, 0.0), (size.width, size.height), size.font);
    };
    let font = size.font;
    let errors =
        [difference(shown.test.baseline(), shown.test.truth()), difference(shown.test.forecast(), shown.test.truth())];
    let scales = [Scale::around(values(shown), 0.05), errors_scale(&errors)];
    // Room for the longest label, so that it never meets what stands beside it.
    let levels = scales.map(|scale| scale.map(|scale| numbers::ticks(scale, 6)));
    let mut left = 2.5 * font;
    for tick in levels.iter().flatten().flat_map(|levels| &levels.ticks) {
        left = f64::max(left, canvas.width(&tick.label, font)? + 0.8 * font);
    }
    let width = size.width - left - 0.9 * font;
    let entries = [upper_entries(shown, levels[0].as_ref()), lower_entries(shown, levels[1].as_ref())];
    let [upper, lower] = entries.map(|entries| Legend::lay(canvas, entries, font, size.width - font));
    let legends = [upper?, lower?];

    let ticks = fitting_ticks(canvas, shown, times, (width, font))?;
    let has_context = ticks.ticks.iter().any(|tick| tick.context.is_some());
    let below = font * if has_context { 4.4 } else { 3.1 };
    let gaps = 1.9 * font;
    let room = size.height - legends[0].height() - legends[1].height() - below - gaps;
    let heights = [room * UPPER, room * (1.0 - UPPER)];

    let mut top = 0.0;
    for (i, (legend, height)) in legends.iter().zip(heights).enumerate() {
        legend.draw(&canvas.moved((0.0, top)))?;
        top += legend.height() + 0.6 * font;
        let (Some(y), Some(levels)) = (scales[i], &levels[i]) else {
            let words = if i == 0 { "No value to draw." } else { "No errors: no forecast has a true value beside it." };
            middle(canvas, words, (left, top), (width, height), font)?;
            top += height + 0.35 * font;
            continue;
        };
        let plot = Plot { x: times, y, left, top, width, height };
        grid(canvas, &plot, levels, &ticks, font)?;
        if i == 0 {
            draw_values(canvas, &plot, shown, font)?;
        } else {
            draw_errors(canvas, &plot, shown, &errors, font)?;
        }
        top += height + 0.35 * font;
    }
    let plot = Plot { x: times, y: times, left, top: top - 0.35 * font, width, height: 0.0 };
    time_axis(canvas, &plot, &ticks, &shown.time_label(), size)
}

/// A sentence in the middle of an empty chart.
fn middle<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    words: &str,
    (left, top): Point,
    (width, height): (f64, f64),
    font: f64,
) -> Result<()> {
    let lines = canvas.wrapped(words, font, width, 3)?;
    for (i, line) in lines.iter().enumerate() {
        let y = top + height / 2.0 + (i as f64 - (lines.len() - 1) as f64 / 2.0) * 1.6 * font;
        canvas.text(line, (left + width / 2.0, y), font, FAINT, Side::Middle)?;
    }
    Ok(())
}

/// Everything that the upper chart has to hold.
fn values<'s>(shown: &'s Shown<'_>) -> impl Iterator<Item = f64> + 's {
    let test = &shown.test;
    let tested = [test.truth(), test.forecast(), test.lower(), test.upper()].into_iter().flatten();
    let bands = shown.future.bands.iter().flat_map(|band| band.lower.iter().chain(&band.upper));
    tested.chain(&shown.future.middle).chain(bands).copied()
}

/// Errors of a forecast; NaN where one of both is not drawn.
fn difference(forecast: &[f64], truth: &[f64]) -> Vec<f64> {
    let error = |(f, t): (&f64, &f64)| if is_drawn(*f) && is_drawn(*t) { f - t } else { f64::NAN };
    forecast.iter().zip(truth).map(error).collect()
}

/// The range of errors, in which zero is always seen.
fn errors_scale(errors: &[Vec<f64>; 2]) -> Option<Scale> {
    Scale::around(errors.iter().flatten().copied(), 0.0)?;
    Scale::around(errors.iter().flatten().copied().chain([0.0]), 0.06)
}

fn upper_entries(shown: &Shown<'_>, levels: Option<&Ticks>) -> Vec<Entry> {
    let (test, future) = (&shown.test, shown.future);
    let mut entries = Vec::new();
    if !test.at().is_empty() {
        entries.push(Entry::new(Swatch::Line(TRUTH), "true value"));
        entries
            .push(Entry::new(Swatch::Line(FORECAST), format!("forecast, {} ahead", count(test.all.horizon, "step"))));
        if test.lower().iter().zip(test.upper()).any(|(low, high)| is_drawn(*low) && is_drawn(*high)) {
            let words = format!("{} interval", percent(test.all.coverage));
            entries.push(Entry::new(Swatch::Band(FORECAST, INTERVAL), words));
        }
    }
    if !future.at.is_empty() {
        let bands: Vec<String> = future.bands.iter().map(|band| percent(band.coverage)).collect();
        let words = if bands.is_empty() { String::new() } else { format!(", {}", bands.join(" and ")) };
        let swatch = Swatch::Fan(FUTURE, FAN, future.bands.len());
        entries.push(Entry::new(swatch, format!("after the data{words}")));
    }
    entries.extend(base_entry(levels));
    entries
}

fn lower_entries(shown: &Shown<'_>, levels: Option<&Ticks>) -> Vec<Entry> {
    if shown.test.at().is_empty() {
        return Vec::new();
    }
    let mut entries = vec![
        Entry::new(Swatch::Line(FORECAST), "error of the forecast"),
        Entry::new(Swatch::Line(RIVAL), format!("error of {}", shown.test.all.baseline_name)),
    ];
    entries.extend(base_entry(levels));
    entries
}

/// What has to be added to the labels of an axis.
fn base_entry(levels: Option<&Ticks>) -> Option<Entry> {
    let base = levels?.base.as_ref()?;
    Some(Entry::new(Swatch::Nothing, format!("labels: differences to {base}")))
}

/// As many ticks as there is room for.
fn fitting_ticks<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    shown: &Shown<'_>,
    times: Scale,
    (width, font): (f64, f64),
) -> Result<Ticks> {
    for most in (2..=TICKS).rev() {
        let ticks = shown.ticks(times, most);
        if labels_fit(canvas, &ticks.ticks, times, (width, font))? {
            return Ok(ticks);
        }
    }
    // One label always fits: it is moved into the picture.
    let mut ticks = shown.ticks(times, 2);
    ticks.ticks.truncate(1);
    Ok(ticks)
}

/// Whether no label meets the next one, in either row.
fn labels_fit<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    ticks: &[Tick],
    times: Scale,
    (width, font): (f64, f64),
) -> Result<bool> {
    let labels: Vec<(f64, &str)> = ticks.iter().map(|tick| (tick.at, tick.label.as_str())).collect();
    let contexts: Vec<(f64, &str)> =
        ticks.iter().filter_map(|tick| Some((tick.at, tick.context.as_deref()?))).collect();
    for row in [labels, contexts] {
        let mut end = f64::NEG_INFINITY;
        for (at, text) in row {
            let (middle, wide) = (times.at(at) * width, canvas.width(text, font)?);
            // Labels at the ends are moved into the picture.
            let start = (middle - wide / 2.0).min(width - wide).max(0.0);
            if start < end {
                return Ok(false);
            }
            end = start + wide + 0.7 * font;
        }
    }
    Ok(true)
}

/// The lines behind a chart, and the labels of its values.
fn grid<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    plot: &Plot,
    levels: &Ticks,
    ticks: &Ticks,
    font: f64,
) -> Result<()> {
    for tick in &ticks.ticks {
        canvas.line(&[plot.place(tick.at, plot.y.low), plot.place(tick.at, plot.y.high)], GRID, 1.0)?;
    }
    for level in &levels.ticks {
        let start = plot.place(plot.x.low, level.at);
        canvas.line(&[start, plot.place(plot.x.high, level.at)], GRID, 1.0)?;
        canvas.text(&level.label, (start.0 - 0.5 * font, start.1), font, TEXT, Side::Left)?;
    }
    Ok(())
}

fn draw_values<B: DrawingBackend>(canvas: &Canvas<'_, B>, plot: &Plot, shown: &Shown<'_>, font: f64) -> Result<()> {
    let (test, future) = (&shown.test, shown.future);
    band(canvas, plot, test.at(), [test.lower(), test.upper()], (FORECAST, INTERVAL), font)?;
    for ends in &future.bands {
        band(canvas, plot, &future.at, [&ends.lower, &ends.upper], (FUTURE, FAN), font)?;
    }
    if let (Some(last), false) = (test.at().last().filter(|at| is_drawn(**at)), future.at.is_empty()) {
        canvas.line(&[plot.place(*last, plot.y.low), plot.place(*last, plot.y.high)], FAINT, 0.06 * font)?;
    }
    curve(canvas, plot, test.at(), test.truth(), TRUTH, font)?;
    curve(canvas, plot, test.at(), test.forecast(), FORECAST, font)?;
    curve(canvas, plot, &future.at, &future.middle, FUTURE, font)
}

fn draw_errors<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    plot: &Plot,
    shown: &Shown<'_>,
    [rival, own]: &[Vec<f64>; 2],
    font: f64,
) -> Result<()> {
    canvas.line(&[plot.place(plot.x.low, 0.0), plot.place(plot.x.high, 0.0)], FAINT, 0.06 * font)?;
    curve(canvas, plot, shown.test.at(), rival, RIVAL, font)?;
    curve(canvas, plot, shown.test.at(), own, FORECAST, font)
}

/// A line with gaps; a value between two gaps is a dot.
fn curve<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    plot: &Plot,
    at: &[f64],
    values: &[f64],
    colour: RGBColor,
    font: f64,
) -> Result<()> {
    let place = |(x, y): (&f64, &f64)| (is_drawn(*x) && is_drawn(*y)).then(|| plot.place(*x, *y));
    for run in runs(at.iter().zip(values).map(place)) {
        match run.as_slice() {
            [alone] => canvas.dot(*alone, 0.22 * font, colour)?,
            run => canvas.line(&thinned(run), colour, 0.13 * font)?,
        }
    }
    Ok(())
}

/// The room between two lines.
fn band<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    plot: &Plot,
    at: &[f64],
    [lower, upper]: [&[f64]; 2],
    (colour, share): (RGBColor, f64),
    font: f64,
) -> Result<()> {
    let place = |((x, low), high): ((&f64, &f64), &f64)| {
        let is_there = is_drawn(*x) && is_drawn(*low) && is_drawn(*high);
        is_there.then(|| (plot.place(*x, *low), plot.place(*x, *high)))
    };
    for run in runs(at.iter().zip(lower).zip(upper).map(place)) {
        let (mut low, mut high): (Vec<Point>, Vec<Point>) = run.into_iter().unzip();
        // An interval between two gaps is a bar.
        if let ([(x, bottom)], [(_, top)]) = (low.as_slice(), high.as_slice()) {
            let half = 0.3 * font;
            let (bottom, top) = (*bottom, *top);
            (low, high) = (vec![(x - half, bottom), (x + half, bottom)], vec![(x - half, top), (x + half, top)]);
        }
        let mut outline = thinned(&low);
        outline.extend(thinned(&high).into_iter().rev());
        canvas.fill(&outline, colour, share)?;
    }
    Ok(())
}

/// Labels of the time axis below a chart without height, and its name.
fn time_axis<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    plot: &Plot,
    ticks: &Ticks,
    name: &str,
    size: Size,
) -> Result<()> {
    let font = size.font;
    let label = |text: &str, at: f64, row: f64| {
        let half = canvas.width(text, font)? / 2.0;
        let x = (plot.left + plot.x.at(at) * plot.width).min(plot.left + plot.width - half).max(plot.left + half);
        canvas.text(text, (x, plot.top + row * font), font, TEXT, Side::Middle)
    };
    let mut rows = 1.1;
    for tick in &ticks.ticks {
        label(&tick.label, tick.at, rows)?;
    }
    if ticks.ticks.iter().any(|tick| tick.context.is_some()) {
        rows += 1.3;
        for tick in &ticks.ticks {
            label(tick.context.as_deref().unwrap_or_default(), tick.at, rows)?;
        }
    }
    // Without it the labels would say something else: a long name gives way.
    let base = ticks.base.as_ref().map_or(String::new(), |base| format!(", differences to {base}"));
    let name = canvas.shortened(name, font, plot.width - canvas.width(&base, font)?)? + &base;
    canvas.text(&name, (plot.left + plot.width / 2.0, plot.top + (rows + 1.4) * font), font, FAINT, Side::Middle)
}
