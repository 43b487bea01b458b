//! What colours mean, in lines of their own above a chart.

use anyhow::Result;
use plotters::prelude::{DrawingBackend, RGBColor};

use super::canvas::{Canvas, Side};
use crate::ink::TEXT;

/// What stands before a legend's words.
#[derive(Clone, Copy, Debug)]
pub(super) enum Swatch {
    Line(RGBColor),
    /// A band of this share of a colour.
    Band(RGBColor, f64),
    /// So many bands on top of one another, with a line.
    Fan(RGBColor, f64, usize),
    /// Words alone.
    Nothing,
}

/// An entry.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) swatch: Swatch,
    pub(super) words: String,
}

impl Entry {
    pub(super) fn new(swatch: Swatch, words: impl Into<String>) -> Self {
        Self { swatch, words: words.into() }
    }
}

/// Entries with their places, laid out for a width.
pub(super) struct Legend {
    entries: Vec<(Entry, f64, usize)>,
    rows: usize,
    size: f64,
}

/// In shares of the font's size: a row, a swatch, the gap after it and the gap to the next entry.
const ROW: f64 = 1.75;
const SWATCH: f64 = 1.7;
const GAP: f64 = 0.5;
const NEXT: f64 = 1.5;

impl Legend {
    /// Entries side by side, in as many rows as they need; words that are wider than a row end in dots.
    pub(super) fn lay<B: DrawingBackend>(
        canvas: &Canvas<'_, B>,
        entries: Vec<Entry>,
        size: f64,
        width: f64,
    ) -> Result<Self> {
        let (mut x, mut row, mut laid) = (0.0, 0, Vec::new());
        for mut entry in entries {
            let before = before(entry.swatch) * size;
            entry.words = canvas.shortened(&entry.words, size, width - before)?;
            let wide = before + canvas.width(&entry.words, size)?;
            if x > 0.0 && x + wide > width {
                (x, row) = (0.0, row + 1);
            }
            laid.push((entry, x, row));
            x += wide + NEXT * size;
        }
        let rows = if laid.is_empty() { 0 } else { row + 1 };
        Ok(Self { entries: laid, rows, size })
    }

    pub(super) fn height(&self) -> f64 {
        self.rows as f64 * ROW * self.size
    }

    /// Draws the legend with its upper left corner at the canvas's origin.
    pub(super) fn draw<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>) -> Result<()> {
        let size = self.size;
        for (entry, x, row) in &self.entries {
            let middle = (*row as f64 + 0.5) * ROW * size;
            let (left, right, half) = (*x, x + SWATCH * size, 0.36 * size);
            let band = |half: f64| {
                [(left, middle - half), (right, middle - half), (right, middle + half), (left, middle + half)]
            };
            let line = |colour| canvas.line(&[(left, middle), (right, middle)], colour, 0.16 * size);
            match entry.swatch {
                Swatch::Line(colour) => line(colour)?,
                Swatch::Band(colour, share) => canvas.fill(&band(half), colour, share)?,
                Swatch::Fan(colour, share, bands) => {
                    for inner in 0..bands {
                        canvas.fill(&band(half * (1.0 - inner as f64 / bands as f64)), colour, share)?;
                    }
                    line(colour)?;
                }
                Swatch::Nothing => {}
            }
            canvas.text(&entry.words, (x + before(entry.swatch) * size, middle), size, TEXT, Side::Right)?;
        }
        Ok(())
    }
}

/// The room before an entry's words, in shares of the font's size.
fn before(swatch: Swatch) -> f64 {
    if matches!(swatch, Swatch::Nothing) { 0.0 } else { SWATCH + GAP }
}
