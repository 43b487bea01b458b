//! Lines, bands and words in points, on either backend.

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::words::clean;
use crate::ink::FONT;

/// A place in points, from the upper left corner.
pub(super) type Point = (f64, f64);

/// The width of a letter m, as the plots' library counts it, in a font of size 1.
const EM: f64 = 1.24;

/// Where the text stands, seen from its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Right,
    Left,
    Middle,
}

/// What differs between bitmaps and SVG.
#[derive(Clone, Copy, Debug)]
pub(super) struct Medium {
    /// Whole numbers of the backend per point: they are the only places it knows.
    pub(super) scale: f64,
    /// How much wider than ours the reader's font may be.
    pub(super) slack: f64,
    /// From the backend's middle of a line of text down to that of its capitals, in shares of the font's size.
    pub(super) drop: f64,
    /// Whether a path can be drawn as such; the bitmap's wide ones leave holes where they cross themselves.
    pub(super) has_paths: bool,
}

/// A piece of a picture, with an origin of its own.
pub(super) struct Canvas<'a, B: DrawingBackend> {
    area: &'a DrawingArea<B, Shift>,
    medium: Medium,
    origin: Point,
}

impl<'a, B: DrawingBackend> Canvas<'a, B> {
    pub(super) fn new(area: &'a DrawingArea<B, Shift>, medium: Medium) -> Self {
        Self { area, medium, origin: (0.0, 0.0) }
    }

    /// The same with its origin moved.
    pub(super) fn moved(&self, (x, y): Point) -> Self {
        Self { area: self.area, medium: self.medium, origin: (self.origin.0 + x, self.origin.1 + y) }
    }

    fn place(&self, (x, y): Point) -> (i32, i32) {
        let whole = |value: f64| (value * self.medium.scale).round() as i32;
        (whole(self.origin.0 + x), whole(self.origin.1 + y))
    }

    fn stroke(&self, width: f64) -> u32 {
        ((width * self.medium.scale).round() as u32).max(1)
    }

    /// A line through points.
    pub(super) fn line(&self, points: &[Point], colour: RGBColor, width: f64) -> Result<()> {
        let places: Vec<(i32, i32)> = points.iter().map(|point| self.place(*point)).collect();
        let style = colour.stroke_width(self.stroke(width));
        if self.medium.has_paths {
            return drawn(self.area.draw(&PathElement::new(places, style)));
        }
        for piece in places.windows(2) {
            drawn(self.area.draw(&PathElement::new(piece, style)))?;
        }
        // Round corners.
        let radius = (0.5 * width * self.medium.scale) as i32;
        let corners = if radius > 0 { places.get(1..places.len().saturating_sub(1)) } else { None };
        for place in corners.into_iter().flatten() {
            drawn(self.area.draw(&Circle::new(*place, radius, colour.filled())))?;
        }
        Ok(())
    }

    /// A filled outline, of this share of its colour.
    pub(super) fn fill(&self, outline: &[Point], colour: RGBColor, share: f64) -> Result<()> {
        let places: Vec<(i32, i32)> = outline.iter().map(|point| self.place(*point)).collect();
        drawn(self.area.draw(&Polygon::new(places, colour.mix(share))))
    }

    pub(super) fn dot(&self, at: Point, radius: f64, colour: RGBColor) -> Result<()> {
        drawn(self.area.draw(&Circle::new(self.place(at), self.stroke(radius) as i32, colour.filled())))
    }

    /// One line of text whose capitals have their middle at this height.
    pub(super) fn text(&self, text: &str, (x, y): Point, size: f64, colour: RGBColor, side: Side) -> Result<()> {
        let anchor = match side {
            Side::Right => HPos::Left,
            Side::Left => HPos::Right,
            Side::Middle => HPos::Center,
        };
        let style = self.style(size).color(&colour).pos(Pos::new(anchor, VPos::Center));
        let place = self.place((x, y + self.medium.drop * size));
        drawn(self.area.draw(&Text::new(text.to_owned(), place, style)))
    }

    /// The width of a line of text, in points.
    pub(super) fn width(&self, text: &str, size: f64) -> Result<f64> {
        let (width, _) = drawn(self.area.estimate_text_size(text, &self.style(size)))?;
        Ok(f64::from(width) * self.medium.slack / self.medium.scale)
    }

    /// The longest beginning of a text that is no wider than that, with dots if something is missing.
    pub(super) fn shortened(&self, text: &str, size: f64, width: f64) -> Result<String> {
        let text = clean(text);
        if self.width(&text, size)? <= width {
            return Ok(text);
        }
        let letters: Vec<char> = text.chars().collect();
        let beginning = |length: usize| letters[..length].iter().collect::<String>().trim_end().to_owned() + "...";
        let (mut fits, mut exceeds) = (0, letters.len());
        while fits + 1 < exceeds {
            let middle = usize::midpoint(fits, exceeds);
            if self.width(&beginning(middle), size)? <= width {
                fits = middle;
            } else {
                exceeds = middle;
            }
        }
        Ok(beginning(fits))
    }

    /// A text in lines no wider than that, at most so many of them; what exceeds the last one ends in dots.
    pub(super) fn wrapped(&self, text: &str, size: f64, width: f64, most: usize) -> Result<Vec<String>> {
        let mut lines: Vec<String> = Vec::new();
        let mut rest: Vec<&str> = text.split_whitespace().collect();
        while !rest.is_empty() {
            if lines.len() + 1 == most {
                lines.push(self.shortened(&rest.join(" "), size, width)?);
                break;
            }
            // A word that is too long for a line has one of its own.
            let mut words = 1;
            while words < rest.len() && self.width(&rest[..=words].join(" "), size)? <= width {
                words += 1;
            }
            lines.push(self.shortened(&rest[..words].join(" "), size, width)?);
            rest.drain(..words);
        }
        Ok(lines)
    }

    fn style(&self, size: f64) -> TextStyle<'static> {
        (FONT, size * EM * self.medium.scale).into_text_style(self.area)
    }
}

fn drawn<T, E: std::error::Error + Send + Sync>(result: Result<T, DrawingAreaErrorKind<E>>) -> Result<T> {
    result.map_err(|error| anyhow!("cannot draw: {error}"))
}
