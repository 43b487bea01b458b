//! The ladder: a panel per task, a line per number of weight digits.

use std::path::Path;

use anyhow::Result;
use forebay_zoo::ladder::{Climb, Rung};
use plotters::prelude::*;

use super::{Area, Drawn, FAINT, FONT, GRID, TEXT};

/// What share of the float score each precision keeps.
pub(crate) struct LadderPlot<'a> {
    /// One panel each.
    pub climbs: &'a [Climb],
}

const SIZE: (u32, u32) = (1500, 960);
const TITLE: u32 = 84;
const COLUMNS: usize = 3;
/// One, two and three weight digits (Okabe, Ito).
const WEIGHT_DIGITS: [(usize, RGBColor); 3] =
    [(1, RGBColor(230, 159, 0)), (2, RGBColor(0, 114, 178)), (3, RGBColor(0, 158, 115))];

impl LadderPlot<'_> {
    /// Draws into a file aside that is then renamed.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        super::write(path, |path| self.draw(path))
    }

    fn draw(&self, path: &Path) -> Drawn {
        let root = BitMapBackend::new(path, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let (head, body) = root.split_vertically(TITLE);
        let title = "What each digit buys: share of the f32 score kept by a hybrid network";
        head.draw(&Text::new(title, (36, 16), (FONT, 32).into_font().color(&TEXT)))?;
        let note = "readout trained on hybrid states; higher is better, dashed: as good as f32; exact integers in software, no device";
        head.draw(&Text::new(note, (36, 54), (FONT, 21).into_font().color(&FAINT)))?;
        let columns = self.climbs.len().clamp(1, COLUMNS);
        let panels = body.split_evenly((self.climbs.len().div_ceil(columns).max(1), columns));
        for (climb, panel) in self.climbs.iter().zip(&panels) {
            draw_panel(climb, panel)?;
        }
        root.present()?;
        Ok(())
    }
}

fn draw_panel(climb: &Climb, area: &Area<'_>) -> Drawn {
    let points = |digits: usize| -> Vec<(f64, f64)> {
        let of = |rung: &Rung| Some((rung.state_digits? as f64, 100.0 * climb.relative(rung)));
        climb.rungs.iter().filter(|rung| rung.weight_digits == Some(digits)).filter_map(of).collect()
    };
    let drawn = climb.rungs.iter().filter(|rung| rung.state_digits.is_some());
    let highest = drawn.map(|rung| 100.0 * climb.relative(rung)).filter(|v| v.is_finite());
    let highest = highest.fold(100.0_f64, f64::max);
    let title = format!("{}, {} units", climb.task, climb.units);
    let mut chart = ChartBuilder::on(area)
        .caption(title, (FONT, 25).into_font().color(&TEXT))
        .margin_left(20)
        .margin_right(28)
        .margin_top(8)
        .margin_bottom(10)
        .x_label_area_size(56)
        .y_label_area_size(74)
        .build_cartesian_2d(0.8..4.2, 0.0..highest * 1.12)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(GRID)
        .axis_style(FAINT)
        .label_style((FONT, 18).into_font().color(&TEXT))
        .axis_desc_style((FONT, 20).into_font().color(&TEXT))
        .x_labels(4)
        .y_labels(6)
        .x_label_formatter(&|v: &f64| if v.fract().abs() < 1e-9 { format!("{v:.0}") } else { String::new() })
        .y_label_formatter(&|v| format!("{v:.0} %"))
        .x_desc("state digits of 4 bits")
        .y_desc(format!("of f32: {}", climb.metric))
        .draw()?;
    chart.draw_series(DashedLineSeries::new([(0.8, 100.0), (4.2, 100.0)], 8, 6, FAINT.stroke_width(2)))?;
    for (digits, colour) in WEIGHT_DIGITS {
        let line = points(digits);
        if line.is_empty() {
            continue;
        }
        chart.draw_series(line.iter().map(|&point| Circle::new(point, 5, colour.filled())))?;
        let label = format!("{digits} weight digit{}", if digits == 1 { "" } else { "s" });
        chart
            .draw_series(LineSeries::new(line, colour.stroke_width(3)))?
            .label(label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 26, y)], colour.stroke_width(4)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .margin(10)
        .background_style(WHITE.mix(0.85))
        .border_style(GRID)
        .label_font((FONT, 18).into_font().color(&TEXT))
        .legend_area_size(36)
        .draw()?;
    Ok(())
}
