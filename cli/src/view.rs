//! What people look at after a forecast: a picture, and a page that needs nothing else.

mod calendar;
mod canvas;
mod chart;
mod content;
mod legend;
mod numbers;
mod page;
mod picture;
#[cfg(test)]
mod samples;
mod scale;
mod series;
mod shown;
#[cfg(test)]
mod tests;
mod tick;
mod words;

use anyhow::Result;

pub(crate) use content::{Axis, AxisKind, Band, Future, Target, Tested, View};

impl View {
    /// The charts of all targets (12 at most) as a PNG.
    ///
    /// # Errors
    ///
    /// Columns of one table that have different lengths; a picture that cannot be drawn.
    pub(crate) fn to_png(&self) -> Result<Vec<u8>> {
        picture::png(self)
    }

    /// Everything as one HTML page: it loads nothing, runs no script, and is read on screens and paper of any width.
    ///
    /// # Errors
    ///
    /// Columns of one table that have different lengths; a picture that cannot be drawn.
    pub(crate) fn to_html(&self) -> Result<String> {
        page::html(self)
    }
}
