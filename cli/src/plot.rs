//! Plots as PNG files, drawn without system libraries.

mod evolution;
mod ladder;
mod search;
mod steer;

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use crate::ink::{BASELINE, FAINT, FONT, FORECAST, GRID, TEXT, TRUTH, load_font};
use crate::output;

pub(crate) use evolution::EvolutionPlot;
pub(crate) use ladder::LadderPlot;
pub(crate) use search::SearchPlot;
pub(crate) use steer::SteerPlots;

const SIZE: (u32, u32) = (1400, 900);
/// Heights of the title and of the upper chart.
const TITLE: u32 = 96;
const UPPER: u32 = 470;

/// A forecast beside the truth, one feature.
pub(crate) struct ForecastPlot<'a> {
    /// What is shown.
    pub title: String,
    /// Which part of it, and how good it is.
    pub subtitle: String,
    /// Name of the feature.
    pub feature: &'a str,
    /// Name of the time axis.
    pub time_label: &'a str,
    /// Times of the steps, rising.
    pub times: &'a [f64],
    /// True values.
    pub truth: Vec<f64>,
    /// Forecasts for the same steps.
    pub forecast: Vec<f64>,
    /// The previous values, as persistence would forecast.
    pub persistence: Vec<f64>,
}

type Area<'a> = DrawingArea<BitMapBackend<'a>, plotters::coord::Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// One line of a chart.
struct Curve<'a> {
    label: &'static str,
    values: &'a [f64],
    style: ShapeStyle,
}

impl ForecastPlot<'_> {
    /// Truth and forecast above, errors below: a PNG.
    pub(crate) fn to_png(&self) -> Result<Vec<u8>> {
        png(|path| self.draw(path))
    }

    fn draw(&self, path: &Path) -> Drawn {
        let root = BitMapBackend::new(path, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let (head, charts) = root.split_vertically(TITLE);
        head.draw(&Text::new(shorten(&self.title, 80), (36, 20), (FONT, 34).into_font().color(&TEXT)))?;
        head.draw(&Text::new(shorten(&self.subtitle, 130), (36, 62), (FONT, 22).into_font().color(&FAINT)))?;
        let (upper, lower) = charts.split_vertically(UPPER);

        let (truth, forecast) = (TRUTH.stroke_width(2), FORECAST.stroke_width(3));
        self.chart(
            &upper,
            self.feature,
            None,
            &[
                Curve { label: "truth", values: &self.truth, style: truth },
                Curve { label: "forecast", values: &self.forecast, style: forecast },
            ],
        )?;
        let errors = |values: &[f64]| values.iter().zip(&self.truth).map(|(f, t)| f - t).collect::<Vec<f64>>();
        let (error, naive) = (errors(&self.forecast), errors(&self.persistence));
        self.chart(
            &lower,
            "forecast - truth",
            Some(self.time_label),
            &[
                Curve { label: "error of persistence", values: &naive, style: BASELINE.stroke_width(2) },
                Curve { label: "error of the forecast", values: &error, style: forecast },
            ],
        )?;
        root.present()?;
        Ok(())
    }

    fn chart(&self, area: &Area<'_>, name: &str, time_label: Option<&str>, curves: &[Curve<'_>]) -> Drawn {
        let (start, end) = (self.times[0], self.times[self.times.len() - 1]);
        let (low, high) = range(curves.iter().flat_map(|curve| curve.values));
        let mut chart = ChartBuilder::on(area)
            .margin_left(20)
            .margin_right(36)
            .margin_top(8)
            .margin_bottom(12)
            .x_label_area_size(if time_label.is_some() { 62 } else { 36 })
            .y_label_area_size(96)
            .build_cartesian_2d(start..end, low..high)?;
        let mut mesh = chart.configure_mesh();
        mesh.light_line_style(WHITE)
            .bold_line_style(GRID)
            .axis_style(FAINT)
            .label_style((FONT, 20).into_font().color(&TEXT))
            .axis_desc_style((FONT, 22).into_font().color(&TEXT))
            .y_labels(6)
            .x_labels(12)
            .y_label_formatter(&|v| tick(*v))
            .x_label_formatter(&|v| tick(*v))
            .y_desc(shorten(name, 30));
        if let Some(label) = time_label {
            mesh.x_desc(shorten(label, 60));
        }
        mesh.draw()?;
        if (low..high).contains(&0.0) {
            chart.draw_series(LineSeries::new([(start, 0.0), (end, 0.0)], FAINT))?;
        }
        for curve in curves {
            let points = self.times.iter().copied().zip(curve.values.iter().copied());
            let style = curve.style;
            chart
                .draw_series(LineSeries::new(points, style))?
                .label(curve.label)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 28, y)], style.stroke_width(4)));
        }
        legend(&mut chart)
    }
}

/// Draws into a file aside that is then renamed.
fn write(path: &Path, draw: impl FnOnce(&Path) -> Drawn) -> Result<()> {
    output::write_file(path, &png(draw)?)
}

/// The bytes of a plot. The library writes PNG only into files: one that lives as long as this call.
fn png(draw: impl FnOnce(&Path) -> Drawn) -> Result<Vec<u8>> {
    load_font()?;
    let file =
        tempfile::Builder::new().suffix(".png").tempfile().context("no room for a plot in the temporary folder")?;
    draw(file.path()).map_err(|error| anyhow!("cannot draw: {error}"))?;
    std::fs::read(file.path()).context("the plot cannot be read again")
}

fn legend<'a, 'b: 'a>(
    chart: &mut ChartContext<'a, BitMapBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>,
) -> Drawn {
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .margin(12)
        .background_style(WHITE.mix(0.85))
        .border_style(GRID)
        .label_font((FONT, 20).into_font().color(&TEXT))
        .legend_area_size(38)
        .draw()?;
    Ok(())
}

/// Smallest and largest value with a margin.
fn range<'a>(values: impl Iterator<Item = &'a f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    let margin = ((high - low) * 0.06).max(1e-9 * high.abs().max(low.abs())).max(1e-12);
    (low - margin, high + margin)
}

/// A number as short as it can be told: 1950, -0.5, 2.5e-7.
fn tick(value: f64) -> String {
    let size = value.abs();
    let whole = value.fract() == 0.0 && size < 1e12;
    if !whole && !(1e-4..1e7).contains(&size) {
        return format!("{value:.1e}");
    }
    let text = format!("{value:.5}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// The first characters of a text that may be too long to draw.
fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 3).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::{range, shorten, tick};

    #[test]
    fn ticks_are_short() {
        let ticks = [1950.0, 0.1 + 0.2, -0.0, 2.5e-7, 1.7e9, -12.25, 3e14].map(tick);
        assert_eq!(ticks, ["1950", "0.3", "0", "2.5e-7", "1700000000", "-12.25", "3.0e14"]);
    }

    #[test]
    fn a_range_is_never_empty() {
        for values in [[0.0, 0.0], [1e9, 1e9], [-5.0, 5.0]] {
            let (low, high) = range(values.iter());
            assert!(low < values[0] && high > values[1], "{low} {high}");
        }
        assert_eq!(shorten("a long name", 8), "a lon...");
        assert_eq!(shorten("short", 8), "short");
    }
}
