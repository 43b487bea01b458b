//! The scores of a search against each setting: a panel per setting.

use std::path::Path;

use anyhow::Result;
use forebay::search::{Found, Header, Range, Trial, Value};
use plotters::prelude::*;

use super::{Area, BASELINE, Drawn, FAINT, FONT, FORECAST, GRID, TEXT, range, shorten, tick};
use crate::output::{count, number};

/// All trials of a search.
pub(crate) struct SearchPlot<'a> {
    /// What was searched.
    pub name: &'a str,
    /// Score and ranges.
    pub header: &'a Header,
    /// The trials.
    pub found: &'a Found,
}

const SIZE: (u32, u32) = (1500, 960);
const TITLE: u32 = 84;
const COLUMNS: usize = 3;
/// Most panels; further settings are named in the note.
const PANELS: usize = 12;

/// An axis that may be logarithmic: positions are exponents of ten there.
#[derive(Clone, Copy)]
struct Axis {
    is_log: bool,
}

impl Axis {
    fn at(self, value: f64) -> f64 {
        if self.is_log { libm::log10(value) } else { value }
    }

    fn label(self, position: f64) -> String {
        tick(if self.is_log { libm::pow(10.0, position) } else { position })
    }
}

impl SearchPlot<'_> {
    /// Draws into a file aside that is then renamed.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        super::write(path, |path| self.draw(path))
    }

    fn draw(&self, path: &Path) -> Drawn {
        let root = BitMapBackend::new(path, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let (head, body) = root.split_vertically(TITLE);
        let (subject, trials) = (&self.header.subject, &self.found.ranked);
        let title = format!("{}: {} against each setting", self.name, subject.score);
        head.draw(&Text::new(shorten(&title, 80), (36, 16), (FONT, 32).into_font().color(&TEXT)))?;
        let failed = trials.iter().filter(|trial| trial.outcome.is_err()).count();
        let best = self.found.best().and_then(Trial::score).map_or("-".to_owned(), number);
        let mut note = format!("{} on validation data, {}; best {best}", count(trials.len(), "trial"), subject.better);
        if failed > 0 {
            note += &format!("; {failed} failed and are not shown");
        }
        if self.header.budgets.is_halving() {
            note += "; pale: with less than the largest budget";
        }
        let left_out = self.header.space.iter().len().saturating_sub(PANELS);
        if left_out > 0 {
            note += &format!("; {} not shown", count(left_out, "setting"));
        }
        head.draw(&Text::new(shorten(&note, 130), (36, 54), (FONT, 21).into_font().color(&FAINT)))?;
        let settings: Vec<(&str, &Range)> = self.header.space.iter().take(PANELS).collect();
        let columns = settings.len().clamp(1, COLUMNS);
        let panels = body.split_evenly((settings.len().div_ceil(columns).max(1), columns));
        for ((name, range), panel) in settings.into_iter().zip(&panels) {
            self.panel(name, range, panel)?;
        }
        root.present()?;
        Ok(())
    }

    fn panel(&self, name: &str, of: &Range, area: &Area<'_>) -> Drawn {
        let scored: Vec<(&Trial, f64)> =
            self.found.ranked.iter().filter_map(|trial| Some((trial, trial.score()?))).collect();
        // Scores over orders of magnitude would hide the good ones.
        let (least, most) = scored.iter().fold((f64::INFINITY, 0.0_f64), |(l, m), (_, s)| (l.min(*s), m.max(*s)));
        let vertical = Axis { is_log: least > 0.0 && most / least > 30.0 };
        let horizontal = Axis { is_log: of.is_logarithmic() };
        let position = |trial: &Trial| match trial.values.get(name)? {
            Value::Number(value) => Some(horizontal.at(*value)),
            Value::Integer(value) => Some(horizontal.at(*value as f64)),
            Value::Choice(label) => of.labels()?.iter().position(|known| known == label).map(|index| index as f64),
        };
        let points: Vec<(f64, f64, bool)> = scored
            .iter()
            .filter_map(|(trial, score)| {
                Some((position(trial)?, vertical.at(*score), trial.budget == self.header.budgets.largest))
            })
            .collect();
        let (low, high) = range(points.iter().map(|point| &point.1));
        let labels = of.labels();
        let (left, right) = match (of.ends(), labels) {
            (Some((left, right)), _) => (horizontal.at(left), horizontal.at(right)),
            (None, labels) => (-0.5, labels.map_or(1, <[String]>::len) as f64 - 0.5),
        };
        let margin = 0.02 * (right - left);
        let mut chart = ChartBuilder::on(area)
            .margin_left(16)
            .margin_right(28)
            .margin_top(10)
            .margin_bottom(10)
            .x_label_area_size(56)
            .y_label_area_size(84)
            .build_cartesian_2d(left - margin..right + margin, low..high)?;
        let label = |position: &f64| match labels {
            None => horizontal.label(*position),
            Some(labels) => {
                let index = position.round();
                let is_there = (position - index).abs() < 1e-9 && index >= 0.0;
                let label = is_there.then(|| labels.get(index as usize)).flatten();
                label.map_or(String::new(), |label| shorten(label, 16))
            }
        };
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .bold_line_style(GRID)
            .axis_style(FAINT)
            .label_style((FONT, 18).into_font().color(&TEXT))
            .axis_desc_style((FONT, 20).into_font().color(&TEXT))
            .x_labels(labels.map_or(5, |labels| labels.len().clamp(2, 8)))
            .y_labels(6)
            .x_label_formatter(&label)
            .y_label_formatter(&|position| vertical.label(*position))
            .x_desc(shorten(name, 40))
            .draw()?;
        let dot = |x, y, is_full| Circle::new((x, y), 5, FORECAST.mix(if is_full { 0.65 } else { 0.2 }).filled());
        // The best are drawn last, on top.
        chart.draw_series(points.iter().rev().map(|&(x, y, is_full)| dot(x, y, is_full)))?;
        chart.draw_series(points.iter().take(1).map(|&(x, y, _)| Circle::new((x, y), 9, BASELINE.filled())))?;
        Ok(())
    }
}
