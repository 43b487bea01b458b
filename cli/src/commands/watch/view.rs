//! The live view: three curves and a bar, redrawn on standard error where that is a terminal.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Columns of a curve.
const WIDTH: usize = 72;
/// Pictures per second.
const PICTURES: u32 = 25;

pub(super) struct Screen {
    bar: ProgressBar,
    start: Instant,
    speed: u32,
    steps: u32,
    stream: Curve,
    error: Curve,
    score: Curve,
}

/// The last values, several steps to a column.
struct Curve {
    columns: [f64; WIDTH],
    next: usize,
}

impl Screen {
    pub(super) fn new(is_wanted: bool, speed: u32) -> Self {
        // A spinner draws on standard error only if that is a terminal.
        let bar = if is_wanted { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        let curve = || Curve { columns: [0.0; WIDTH], next: 0 };
        Self { bar, start: Instant::now(), speed, steps: 0, stream: curve(), error: curve(), score: curve() }
    }

    /// Draws a step, no sooner than it is due.
    pub(super) fn show(&mut self, value: f64, error: f64, score: f64, is_trusted: bool) {
        self.steps = self.steps.saturating_add(1);
        if self.bar.is_hidden() {
            return;
        }
        self.stream.push(value);
        self.error.push(error);
        self.score.push(score);
        if !self.steps.is_multiple_of((self.speed / PICTURES).max(1)) {
            return;
        }
        let due = Duration::from_secs_f64(f64::from(self.steps) / f64::from(self.speed));
        std::thread::sleep(due.saturating_sub(self.start.elapsed()));
        let filled = ((score * 36.0) as usize).min(WIDTH);
        let gauge: String = (0..WIDTH)
            .map(|c| {
                if c == 36 {
                    '|'
                } else if c < filled {
                    '='
                } else {
                    ' '
                }
            })
            .collect();
        self.bar.set_message(format!(
            "step {:6}   {}\nstream     {}\nerror      {}\nscore      {}\nthreshold  {gauge}",
            self.steps,
            if is_trusted { "in control" } else { "HELD: forecasts are not to be trusted" },
            self.stream.draw(),
            self.error.draw(),
            self.score.draw(),
        ));
        self.bar.tick();
    }

    /// Puts a line above the curves, where it stays.
    pub(super) fn tell(&self, line: &str) {
        if !self.bar.is_hidden() {
            self.bar.println(line.trim_end());
        }
    }

    pub(super) fn close(&self) {
        self.bar.finish_and_clear();
    }
}

impl Curve {
    fn push(&mut self, value: f64) {
        self.columns[self.next] = value;
        self.next = (self.next + 1) % WIDTH;
    }

    /// Eight heights between the least and the largest value.
    fn draw(&self) -> String {
        let (low, high) = self.columns.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
        let scale = if high > low { 7.99 / (high - low) } else { 0.0 };
        let (newer, older) = self.columns.split_at(self.next);
        let height = |value: &f64| HEIGHTS[(((value - low) * scale) as usize).min(7)];
        older.iter().chain(newer).map(height).collect()
    }
}

const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

#[cfg(test)]
mod tests {
    use super::{Curve, WIDTH};

    #[test]
    fn a_curve_shows_its_last_values_in_order() {
        let mut curve = Curve { columns: [0.0; WIDTH], next: 0 };
        assert_eq!(curve.draw(), "▁".repeat(WIDTH));
        (0..WIDTH + 8).for_each(|t| curve.push(t as f64));
        let drawn: Vec<char> = curve.draw().chars().collect();
        assert_eq!((drawn[0], drawn[WIDTH - 1]), ('▁', '█'));
        assert!(drawn.windows(2).all(|pair| pair[0] <= pair[1]));
    }
}
