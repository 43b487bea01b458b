//! Skill over a window, with its uncertainty.

/// Blocks that the window is cut into, so that errors which stay alike from step to step are not taken for many.
pub(super) const BLOCKS: usize = 8;

/// The 0.975 quantile of Student's t distribution with 7 degrees of freedom, one less than blocks.
const QUANTILE: f64 = 2.364_624_251_592_785;

/// How far a head can be relied on, from the predictions of its window whose truth is known.
///
/// With the losses `l` of the head and `b` of its base rate,
///
/// ```text
/// skill = 1 - sum l / sum b         lower = skill - t s / sqrt 8
/// ```
///
/// where s is the standard deviation of the means of `(l - (1 - skill) b) / mean b` over eight stretches of the window, one
/// after the other, and t the 0.975 quantile of Student's distribution with 7 degrees of freedom. So `lower` is the lower end
/// of a 95 % interval where an eighth of the window is longer than errors stay alike, and too high where it is not.
///
/// # Source
/// Batch means: Conway, Management Science 10, 47 (1963); a ratio's error to first order: Cochran, Sampling Techniques
/// (1977), chapter 6. Both from memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trust {
    /// Predictions that count.
    pub steps: usize,
    /// 1 is perfect, 0 as good as the base rate; none while the base rate made no error, or without predictions.
    pub skill: Option<f64>,
    /// Lower end of the skill's interval; none below the rule's minimum of predictions.
    pub lower: Option<f64>,
    /// Whether `lower` is above the rule's threshold.
    pub is_trusted: bool,
}

/// The losses of the newest predictions with known truth.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// Of the head and of its base rate; a ring once it is full.
    losses: Vec<(f64, f64)>,
    count: usize,
    /// Where the next one goes; the oldest, once all places are taken.
    next: usize,
}

impl Window {
    pub(super) fn new(capacity: usize) -> Self {
        Self { losses: vec![(0.0, 0.0); capacity], count: 0, next: 0 }
    }

    pub(super) fn push(&mut self, loss: f64, base: f64) {
        self.losses[self.next] = (loss, base);
        self.next = (self.next + 1) % self.losses.len();
        self.count = (self.count + 1).min(self.losses.len());
    }

    pub(super) fn clear(&mut self) {
        (self.count, self.next) = (0, 0);
    }

    /// Oldest first.
    fn known(&self) -> impl Iterator<Item = (f64, f64)> {
        let (young, old) =
            self.losses[..self.count].split_at(if self.count < self.losses.len() { 0 } else { self.next });
        old.iter().chain(young).copied()
    }

    pub(super) fn trust(&self, minimum: usize, threshold: f64) -> Trust {
        let steps = self.count;
        let (loss, base) = self.known().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
        if base <= 0.0 {
            return Trust { steps, skill: None, lower: None, is_trusted: false };
        }
        let skill = 1.0 - loss / base;
        let lower = (steps >= minimum.max(2 * BLOCKS)).then(|| skill - QUANTILE * self.standard_error(loss, base));
        Trust { steps, skill: Some(skill), lower, is_trusted: lower.is_some_and(|lower| lower > threshold) }
    }

    fn standard_error(&self, loss: f64, base: f64) -> f64 {
        let (ratio, scale) = (loss / base, self.count as f64 / base);
        let mut residuals = self.known().map(|(l, b)| (l - ratio * b) * scale);
        let means: [f64; BLOCKS] = std::array::from_fn(|block| {
            let length = (block + 1) * self.count / BLOCKS - block * self.count / BLOCKS;
            residuals.by_ref().take(length).sum::<f64>() / length as f64
        });
        let centre = means.iter().sum::<f64>() / BLOCKS as f64;
        let squares: f64 = means.iter().map(|m| (m - centre) * (m - centre)).sum();
        (squares / ((BLOCKS - 1) * BLOCKS) as f64).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seed;

    /// Independent losses with a skill of 0.2: the bound is above it in about 2.5 % of windows.
    #[test]
    fn the_lower_bound_holds_as_often_as_it_says() {
        let mut stream = Seed(1).stream("losses");
        let mut above = 0;
        for _ in 0..4000 {
            let mut window = Window::new(128);
            for _ in 0..200 {
                let normal = stream.normal();
                window.push(0.8 * normal * normal, stream.normal().powi(2));
            }
            above += u32::from(window.trust(64, 0.0).lower.expect("there are enough") > 0.2);
        }
        assert!((60..=140).contains(&above), "{above} of 4000, 100 expected");
    }

    /// Errors with a correlation time of ten steps: an eighth of 512 steps is long enough, nearly.
    #[test]
    fn errors_that_stay_alike_are_allowed_for() {
        let mut stream = Seed(2).stream("losses");
        let mut above = 0;
        for _ in 0..1000 {
            let mut window = Window::new(512);
            let (mut a, mut b) = (stream.normal(), stream.normal());
            for _ in 0..512 {
                a = 0.9 * a + 0.19_f64.sqrt() * stream.normal();
                b = 0.9 * b + 0.19_f64.sqrt() * stream.normal();
                window.push(a * a, b * b);
            }
            above += u32::from(window.trust(64, 0.0).is_trusted);
        }
        assert!(above < 50, "{above} of 1000, 25 expected");
    }

    #[test]
    fn nothing_is_shown_where_the_base_rate_is_perfect() {
        let mut window = Window::new(32);
        (0..40).for_each(|_| window.push(0.0, 0.0));
        assert_eq!(window.trust(16, 0.0), Trust { steps: 32, skill: None, lower: None, is_trusted: false });
        (0..32).for_each(|_| window.push(0.0, 1.0));
        assert_eq!(window.trust(16, 0.5), Trust { steps: 32, skill: Some(1.0), lower: Some(1.0), is_trusted: true });
        window.push(f64::INFINITY, 1.0);
        assert!(!window.trust(16, -1e300).is_trusted);
        window.clear();
        assert_eq!(window.trust(16, 0.0).steps, 0);
    }
}
