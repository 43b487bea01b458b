//! The cost of the best genome over generations, between two lines of ridge regression.

use std::path::Path;

use anyhow::Result;
use plotters::prelude::*;

use super::{Area, BASELINE, Drawn, FAINT, FONT, FORECAST, GRID, SIZE, TEXT, TITLE, TRUTH, legend, range, tick};

/// A search beside the closed form.
pub(crate) struct EvolutionPlot {
    /// What is shown.
    pub title: String,
    /// Where products were formed.
    pub substrate: String,
    /// Name of the cost.
    pub cost: &'static str,
    /// Generation and cost.
    pub evolved: Vec<(f64, f64)>,
    /// Names and costs of what evolution is compared with.
    pub lines: [(&'static str, f64); 2],
}

impl EvolutionPlot {
    /// Draws into a file aside that is then renamed.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        super::write(path, |path| self.draw(path))
    }

    fn draw(&self, path: &Path) -> Drawn {
        let root = BitMapBackend::new(path, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let (head, body) = root.split_vertically(TITLE);
        head.draw(&Text::new(self.title.as_str(), (36, 20), (FONT, 34).into_font().color(&TEXT)))?;
        let note = format!("best cost on the window; lower is better; exact integers on {}", self.substrate);
        head.draw(&Text::new(note, (36, 62), (FONT, 22).into_font().color(&FAINT)))?;
        self.chart(&body)?;
        root.present()?;
        Ok(())
    }

    fn chart(&self, area: &Area<'_>) -> Drawn {
        let first = self.evolved.first().map_or(0.0, |point| point.0);
        let last = self.evolved.last().map_or(1.0, |point| point.0).max(first + 1.0);
        let costs = self.evolved.iter().map(|point| &point.1).chain(self.lines.iter().map(|line| &line.1));
        let (low, high) = range(costs);
        let mut chart = ChartBuilder::on(area)
            .margin_left(20)
            .margin_right(36)
            .margin_top(8)
            .margin_bottom(12)
            .x_label_area_size(62)
            .y_label_area_size(110)
            .build_cartesian_2d(first..last, low..high)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .bold_line_style(GRID)
            .axis_style(FAINT)
            .label_style((FONT, 20).into_font().color(&TEXT))
            .axis_desc_style((FONT, 22).into_font().color(&TEXT))
            .y_labels(6)
            .x_labels(10)
            .y_label_formatter(&|v| tick(*v))
            .x_label_formatter(&|v| tick(*v))
            .x_desc("generation")
            .y_desc(self.cost)
            .draw()?;
        for ((label, cost), colour) in self.lines.iter().zip([TRUTH, BASELINE]) {
            let style = colour.stroke_width(2);
            chart
                .draw_series(LineSeries::new([(first, *cost), (last, *cost)], style))?
                .label(*label)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 28, y)], style.stroke_width(4)));
        }
        let style = FORECAST.stroke_width(3);
        chart
            .draw_series(LineSeries::new(self.evolved.iter().copied(), style))?
            .label("evolved")
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 28, y)], style.stroke_width(4)));
        legend(&mut chart)
    }
}
