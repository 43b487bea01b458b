//! Plots of the lattice: what was said and seen, chains coming to equilibrium, plaquettes with their errors.

use std::path::Path;

use anyhow::Result;
use forebay_zoo::steering::protocol::Report;
use plotters::prelude::*;

use super::{Area, BASELINE, Drawn, FAINT, FONT, FORECAST, GRID, TEXT, TRUTH, legend, tick, write};

/// Colours of lines (Okabe, Ito).
const COLOURS: [RGBColor; 5] =
    [FORECAST, BASELINE, RGBColor(0, 158, 115), RGBColor(204, 121, 167), RGBColor(86, 180, 233)];
const SIZE: (u32, u32) = (1400, 820);
const TITLE: u32 = 90;

/// Three plots of a report.
pub(crate) struct SteerPlots<'a> {
    /// What was measured.
    pub report: &'a Report,
}

type Line = (String, Vec<(f64, f64)>);

impl SteerPlots<'_> {
    /// Draws `reliability.png`, `thermalisation.png` and `plaquette.png` into a folder.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        write(&folder.join("reliability.png"), |path| self.reliability(path))?;
        write(&folder.join("thermalisation.png"), |path| self.thermalisation(path))?;
        write(&folder.join("plaquette.png"), |path| self.plaquettes(path))
    }

    fn reliability(&self, path: &Path) -> Drawn {
        let root = BitMapBackend::new(path, SIZE).into_drawing_area();
        let body = heading(
            &root,
            "Acceptance: probability said, share seen",
            "ten bins of equal numbers on the test half; on the diagonal a probability means what it says; dashed: the base rate",
        )?;
        let panels = body.split_evenly((1, self.report.rejection.len().max(1)));
        for ((steps, study), panel) in self.report.rejection.iter().zip(&panels) {
            let lines: Vec<Line> = study
                .rows
                .iter()
                .filter(|row| row.sees != "nothing" && (row.name.starts_with("reservoir") || row.gain.is_none()))
                .map(|row| {
                    let points = row.reliability.iter().map(|bin| (bin.said, bin.seen)).collect();
                    (format!("{}, sees {}", row.name, row.sees), points)
                })
                .take(COLOURS.len())
                .collect();
            let mut chart = chart(panel, 0.0..1.0, 0.0..1.08, &format!("said, leapfrog of {steps} steps"), "seen")?;
            chart.draw_series(LineSeries::new([(0.0, 0.0), (1.0, 1.0)], FAINT))?;
            let base = study.base_rate;
            chart.draw_series(DashedLineSeries::new([(0.0, base), (1.0, base)], 8, 6, FAINT.stroke_width(2)))?;
            curves(&mut chart, &lines, true)?;
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperLeft)
                .margin(10)
                .background_style(WHITE.mix(0.85))
                .border_style(GRID)
                .label_font((FONT, 16).into_font().color(&TEXT))
                .legend_area_size(32)
                .draw()?;
        }
        root.present()?;
        Ok(())
    }

    /// The small lattice, and what it is if it is not that of the protocol.
    fn lattice(&self) -> String {
        let name = self.report.thermalisation.first().map_or("4^4", |(lattice, _)| lattice);
        if self.report.rehearsal { format!("{name} (a rehearsal)") } else { name.to_owned() }
    }

    fn thermalisation(&self, path: &Path) -> Drawn {
        let root = BitMapBackend::new(path, SIZE).into_drawing_area();
        let rules = self.report.thermalisation.first().map_or(&[][..], |(_, rules)| rules);
        let stops = rules.iter().find(|rule| rule.name.starts_with("reservoir")).map(|rule| &rule.stops);
        let body = heading(
            &root,
            &format!("Chains coming to equilibrium: {}, beta 5.7", self.lattice()),
            "blue: hot starts, orange: cold ones; the band is the mean of a long run and one standard deviation; dots: the reservoir stops",
        )?;
        let traces = &self.report.traces;
        let length = traces.iter().map(|(_, trace)| trace.len()).max().unwrap_or(1) as f64;
        let values = || traces.iter().flat_map(|(_, trace)| trace);
        let (low, high) = super::range(values());
        let mut chart = chart(&body, 0.0..length, low..high, "trajectory", "plaquette P")?;
        if let Some(reference) = self.report.references.first() {
            let (mean, sd) = (reference.plaquette[0], reference.sd);
            let band = Rectangle::new([(0.0, mean - sd), (length, mean + sd)], GRID.filled());
            chart.draw_series([band])?;
            chart.draw_series(LineSeries::new([(0.0, mean), (length, mean)], TRUTH))?;
        }
        for (i, (is_cold, trace)) in traces.iter().enumerate() {
            let colour = if *is_cold { BASELINE } else { FORECAST };
            let points = trace.iter().enumerate().map(|(t, &p)| (t as f64, p));
            chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
            let stop = stops.and_then(|stops| Some((*stops.get(i)?, *trace.get(*stops.get(i)?)?)));
            let dots = stop.map(|(stop, p)| Circle::new((stop as f64, p), 7, TRUTH.filled()));
            chart.draw_series(dots)?;
        }
        root.present()?;
        Ok(())
    }

    fn plaquettes(&self, path: &Path) -> Drawn {
        let root = BitMapBackend::new(path, SIZE).into_drawing_area();
        let body = heading(
            &root,
            &format!("Plaquettes of the kernels: {}, beta 5.7, leapfrog of 8 steps", self.lattice()),
            "bars: one standard error with autocorrelations; band: three errors of plain trajectories; orange is not exact",
        )?;
        let kernels = &self.report.kernels;
        let bounds: Vec<f64> = kernels
            .iter()
            .flat_map(|kernel| [-4.0, 4.0].map(|side| kernel.plaquette[0] + side * kernel.plaquette[1]))
            .collect();
        let (low, high) = super::range(bounds.iter());
        let mut chart = chart(&body, -0.5..kernels.len() as f64 - 0.5, low..high, "", "mean plaquette P")?;
        if let Some(plain) = kernels.first() {
            let [mean, error, ..] = plain.plaquette;
            let corners = [(-0.5, mean - 3.0 * error), (kernels.len() as f64 - 0.5, mean + 3.0 * error)];
            chart.draw_series([Rectangle::new(corners, GRID.filled())])?;
        }
        for (i, kernel) in kernels.iter().enumerate() {
            let [mean, error, ..] = kernel.plaquette;
            let x = i as f64;
            let colour = if kernel.is_exact { FORECAST } else { BASELINE };
            let bar = PathElement::new([(x, mean - error), (x, mean + error)], colour.stroke_width(4));
            chart.draw_series([bar])?;
            chart
                .draw_series([Circle::new((x, mean), 8, colour.filled())])?
                .label(format!("{}. {}", i + 1, kernel.name))
                .legend(move |(x, y)| Circle::new((x + 12, y), 7, colour.filled()));
            chart.draw_series([Text::new(
                (i + 1).to_string(),
                (x + 0.05, mean),
                (FONT, 24).into_font().color(&TEXT),
            )])?;
        }
        legend(&mut chart)?;
        root.present()?;
        Ok(())
    }
}

fn heading<'a>(root: &Area<'a>, title: &str, note: &str) -> Result<Area<'a>, Box<dyn std::error::Error>> {
    root.fill(&WHITE)?;
    let (head, body) = root.split_vertically(TITLE);
    head.draw(&Text::new(title.to_owned(), (36, 16), (FONT, 32).into_font().color(&TEXT)))?;
    head.draw(&Text::new(note.to_owned(), (36, 56), (FONT, 20).into_font().color(&FAINT)))?;
    Ok(body)
}

type Chart<'a, 'b> = ChartContext<
    'a,
    BitMapBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

fn chart<'a, 'b>(
    area: &'a Area<'b>,
    x: std::ops::Range<f64>,
    y: std::ops::Range<f64>,
    x_name: &str,
    y_name: &str,
) -> Result<Chart<'a, 'b>, Box<dyn std::error::Error>> {
    let mut chart = ChartBuilder::on(area)
        .margin_left(20)
        .margin_right(32)
        .margin_top(8)
        .margin_bottom(12)
        .x_label_area_size(60)
        .y_label_area_size(92)
        .build_cartesian_2d(x, y)?;
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(WHITE)
        .bold_line_style(GRID)
        .axis_style(FAINT)
        .label_style((FONT, 19).into_font().color(&TEXT))
        .axis_desc_style((FONT, 22).into_font().color(&TEXT))
        .y_label_formatter(&|v| tick(*v))
        .x_label_formatter(&|v| tick(*v))
        .x_desc(x_name)
        .y_desc(y_name);
    if x_name.is_empty() {
        mesh.x_labels(0);
    }
    mesh.draw()?;
    Ok(chart)
}

fn curves(chart: &mut Chart<'_, '_>, lines: &[Line], with_points: bool) -> Drawn {
    for ((name, points), colour) in lines.iter().zip(COLOURS) {
        if with_points {
            chart.draw_series(points.iter().map(|&point| Circle::new(point, 4, colour.filled())))?;
        }
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?
            .label(name.clone())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], colour.stroke_width(4)));
    }
    Ok(())
}
