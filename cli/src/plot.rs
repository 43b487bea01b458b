//! Plots as PNG files, drawn without system libraries.

use std::path::Path;
use std::sync::Once;

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

const SIZE: (u32, u32) = (1400, 900);
const FONT: &str = "sans-serif";
/// Colours that stay apart for colour-blind readers (Okabe, Ito).
const TRUTH: RGBColor = RGBColor(60, 60, 60);
const FORECAST: RGBColor = RGBColor(0, 114, 178);
const BASELINE: RGBColor = RGBColor(213, 94, 0);

/// A forecast beside the truth, one feature.
pub(crate) struct ForecastPlot<'a> {
    /// What is shown.
    pub title: String,
    /// Name of the feature.
    pub feature: &'a str,
    /// Name of the time axis.
    pub time_label: String,
    /// Times of the steps.
    pub times: Vec<f64>,
    /// True values.
    pub truth: Vec<f64>,
    /// Forecasts for the same steps.
    pub forecast: Vec<f64>,
    /// The previous values, as persistence would forecast.
    pub persistence: Vec<f64>,
}

impl ForecastPlot<'_> {
    /// Draws truth and forecast above, errors below; gives the PNG bytes through a temporary file beside `path`.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        load_font()?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::Builder::new().suffix(".png").tempfile_in(folder)?;
        self.draw(file.path()).map_err(|error| anyhow!("cannot draw {}: {error}", path.display()))?;
        file.persist(path)?;
        Ok(())
    }

    fn draw(&self, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
        let root = BitMapBackend::new(path, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let root = root.titled(&self.title, (FONT, 28))?;
        let (upper, lower) = root.split_vertically(SIZE.1 * 6 / 10);
        let times = self.times[0]..self.times[self.times.len() - 1];

        let (low, high) = range(self.truth.iter().chain(&self.forecast));
        let mut chart = ChartBuilder::on(&upper)
            .margin_right(30)
            .margin_top(10)
            .x_label_area_size(40)
            .y_label_area_size(90)
            .build_cartesian_2d(times.clone(), low..high)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .bold_line_style(RGBColor(225, 225, 225))
            .label_style((FONT, 18))
            .axis_desc_style((FONT, 20))
            .y_desc(self.feature)
            .y_labels(6)
            .x_label_formatter(&|t| tick(*t))
            .draw()?;
        let line = |values: &[f64]| self.times.iter().copied().zip(values.iter().copied()).collect::<Vec<_>>();
        chart
            .draw_series(LineSeries::new(line(&self.truth), TRUTH.stroke_width(2)))?
            .label("truth")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 24, y)], TRUTH.stroke_width(3)));
        chart
            .draw_series(LineSeries::new(line(&self.forecast), FORECAST.stroke_width(2)))?
            .label("forecast")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 24, y)], FORECAST.stroke_width(3)));
        legend(&mut chart)?;

        let errors = |values: &[f64]| values.iter().zip(&self.truth).map(|(f, t)| f - t).collect::<Vec<f64>>();
        let (error, naive) = (errors(&self.forecast), errors(&self.persistence));
        let (low, high) = range(error.iter().chain(&naive).chain(&[0.0]));
        let mut chart = ChartBuilder::on(&lower)
            .margin_right(30)
            .margin_bottom(10)
            .x_label_area_size(50)
            .y_label_area_size(90)
            .build_cartesian_2d(times.clone(), low..high)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .bold_line_style(RGBColor(225, 225, 225))
            .label_style((FONT, 18))
            .axis_desc_style((FONT, 20))
            .x_desc(&self.time_label)
            .y_desc("error")
            .y_labels(5)
            .x_label_formatter(&|t| tick(*t))
            .draw()?;
        chart.draw_series(LineSeries::new([(times.start, 0.0), (times.end, 0.0)], TRUTH.stroke_width(1)))?;
        chart
            .draw_series(LineSeries::new(line(&naive), BASELINE.mix(0.55).stroke_width(1)))?
            .label("error of persistence")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 24, y)], BASELINE.mix(0.55).stroke_width(3)));
        chart
            .draw_series(LineSeries::new(line(&error), FORECAST.stroke_width(2)))?
            .label("error of the forecast")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 24, y)], FORECAST.stroke_width(3)));
        legend(&mut chart)?;
        root.present()?;
        Ok(())
    }
}

type Chart<'a, 'b> = ChartContext<
    'a,
    BitMapBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

fn legend<'a, 'b: 'a>(chart: &mut Chart<'a, 'b>) -> Result<(), Box<dyn std::error::Error>> {
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(200, 200, 200))
        .label_font((FONT, 18))
        .legend_area_size(30)
        .draw()?;
    Ok(())
}

/// Smallest and largest value with a margin.
fn range<'a>(values: impl Iterator<Item = &'a f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    let margin = ((high - low) * 0.06).max(1e-9 * high.abs()).max(1e-12);
    (low - margin, high + margin)
}

fn tick(time: f64) -> String {
    if time.fract() == 0.0 { format!("{time:.0}") } else { format!("{time:.1}") }
}

fn load_font() -> Result<()> {
    static LOADED: Once = Once::new();
    let mut failed = false;
    LOADED.call_once(|| {
        failed = register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT).is_err();
    });
    if failed { Err(anyhow!("the plots' font cannot be read")) } else { Ok(()) }
}
