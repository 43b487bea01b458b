//! Skill over a window, with its uncertainty.

use forebay_kernels::Real;

use super::layout::{Definition, HeadKind, Rule};
use crate::keep::{KeepError, Reader, Writer, must};

/// Blocks that the window is cut into, so that errors which stay alike from step to step are not taken for many.
pub(super) const BLOCKS: usize = 8;

/// The 0.975 quantile of Student's t distribution with 7 degrees of freedom, one less than blocks.
const QUANTILE: f64 = 2.364_624_251_592_785;

/// How far a head can be relied on, from the predictions of its window whose truth is known.
///
/// With the losses `l` of the head and `b` of its base rate over the window, which is cut into eight stretches one
/// after the other,
///
/// ```text
/// skill = 1 - sum l / sum b
/// lower = 1 - exp(ln p + t s),     p = (h + sum l) / sum b,     s^2 = 7/8 sum over stretches (ln p_i - mean ln p_i)^2
/// ```
///
/// where `p_i` leaves stretch i out, t is the 0.975 quantile of Student's distribution with 7 degrees of freedom, and
/// `h = sum b^2 / (2 sum b)` is half a typical error of the base rate, without which a head with errors in one stretch
/// alone would have no bound. So `lower` is about the lower end of a 95 % interval where an eighth of the window is
/// longer than errors stay alike, and too high where it is not.
///
/// # Source
/// The jackknife with groups: Miller, Biometrika 61, 1 (1974), from memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trust {
    /// Predictions that count.
    pub steps: usize,
    /// 1 is perfect, 0 as good as the base rate; none while the base rate made no error, or without predictions.
    pub skill: Option<f64>,
    /// Lower end of the skill's interval; none below the rule's minimum of predictions or eight times its horizon, while all
    /// errors of the base rate are in one stretch, or while its losses do not differ, as where the truth never changed.
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

    /// What is known, oldest first, then zeros for what is not.
    pub(super) fn write(&self, to: &mut Writer) {
        to.count(self.count);
        let unknown = std::iter::repeat_n((0.0, 0.0), self.losses.len() - self.count);
        self.known().chain(unknown).for_each(|(loss, base)| to.floats(&[loss, base]));
    }

    /// Of a head; its losses are such as its kind has.
    pub(super) fn read(definition: &Definition, from: &mut Reader<'_>) -> Result<Self, KeepError> {
        let capacity = definition.trust.window;
        let count = from.count("number of known losses", 0, capacity)?;
        from.must_have("losses", capacity, 2 * size_of::<f64>())?;
        let mut window = Self::new(capacity);
        let (expected, most) = match definition.kind {
            // Of a number far off it may be beyond all numbers.
            HeadKind::Regression { .. } => ("at least 0", f64::INFINITY),
            HeadKind::Classification { .. } | HeadKind::Probability => ("0 to 1", 1.0),
        };
        for number in 0..capacity {
            let mut loss = || from.raw_float("loss", expected, |loss| (0.0..=most).contains(&loss));
            let (loss, base) = (loss()?, loss()?);
            if number < count {
                window.push(loss, base);
            } else {
                must(loss.to_bits() == 0 && base.to_bits() == 0, "loss", || "is there and not counted")?;
            }
        }
        Ok(window)
    }

    pub(super) fn trust(&self, rule: &Rule) -> Trust {
        let steps = self.count;
        let (loss, base) = self.known().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
        if base <= 0.0 {
            return Trust { steps, skill: None, lower: None, is_trusted: false };
        }
        let skill = 1.0 - loss / base;
        // Forecasts that overlap have errors that do: a stretch shorter than the horizon is no observation of its own.
        let least = rule.minimum.max(BLOCKS * rule.horizon().max(2));
        let lower = if steps >= least && self.varies() { self.lower() } else { None };
        Trust { steps, skill: Some(skill), lower, is_trusted: lower.is_some_and(|lower| lower > rule.threshold) }
    }

    /// Whether the base rate's losses differ. Of a truth that never changed there is one observation, however often it was
    /// told.
    fn varies(&self) -> bool {
        let mut bases = self.known().map(|(_, base)| base);
        bases.next().is_some_and(|first| bases.any(|base| base != first))
    }

    fn lower(&self) -> Option<f64> {
        let (mut known, mut sums) = (self.known(), [(0.0, 0.0); BLOCKS]);
        for (block, sum) in sums.iter_mut().enumerate() {
            let length = (block + 1) * self.count / BLOCKS - block * self.count / BLOCKS;
            *sum = known.by_ref().take(length).fold(*sum, |sum, (l, b)| (sum.0 + l, sum.1 + b));
        }
        let squares: f64 = self.known().map(|(_, b)| b * b).sum();
        let (loss, base) = sums.iter().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
        // A loss beyond all numbers, or all errors of the base rate in one stretch: there is no bound.
        if !Real::is_finite(loss) || !Real::is_finite(squares) || sums.iter().any(|(_, b)| base - b <= 0.0) {
            return None;
        }
        let half = 0.5 * squares / base;
        let without = sums.map(|(l, b)| {
            // A stretch takes its share of the half error along.
            libm::log((loss - l + half * (BLOCKS - 1) as f64 / BLOCKS as f64) / (base - b))
        });
        let mean = without.iter().sum::<f64>() / BLOCKS as f64;
        let variance = without.iter().map(|log| (log - mean) * (log - mean)).sum::<f64>() * (BLOCKS - 1) as f64;
        let error = (variance / BLOCKS as f64).sqrt();
        let worst = libm::log((loss + half) / base) + QUANTILE * error;
        // Beyond that the exponential is no number.
        (worst < 700.0).then(|| 1.0 - libm::exp(worst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seed;

    fn rule(minimum: usize, threshold: f64) -> Rule {
        Rule { minimum, threshold, ..Rule::default() }
    }

    fn square(x: f64) -> f64 {
        x * x
    }

    /// How many of `windows` have a lower bound above `skill`; `losses` fills one.
    fn above(windows: usize, skill: f64, mut losses: impl FnMut(&mut Window)) -> usize {
        let is_above = |_: &usize| {
            let mut window = Window::new(512);
            losses(&mut window);
            window.trust(&rule(64, skill)).is_trusted
        };
        (0..windows).filter(is_above).count()
    }

    /// Where the skill is the threshold, 2.5 % of windows should be trusted.
    #[test]
    fn the_lower_bound_holds_about_as_often_as_it_says() {
        let mut stream = Seed(1).stream("losses");
        let normal = above(4000, 0.2, |window| {
            for _ in 0..128 {
                let loss = stream.normal();
                window.push(0.8 * loss * loss, square(stream.normal()));
            }
        });
        let mut stream = Seed(2).stream("losses");
        let mut error = |chance: f64| f64::from(u8::from(stream.uniform() < chance));
        let classes = above(4000, 0.2, |window| (0..256).for_each(|_| window.push(error(0.2), error(0.25))));
        // Errors that stay alike for ten steps: an eighth of 512 steps is long enough.
        let mut stream = Seed(3).stream("losses");
        let alike = above(1000, 0.0, |window| {
            let (mut a, mut b) = (stream.normal(), stream.normal());
            for _ in 0..512 {
                a = 0.9 * a + 0.19_f64.sqrt() * stream.normal();
                b = 0.9 * b + 0.19_f64.sqrt() * stream.normal();
                window.push(a * a, b * b);
            }
        });
        println!("trusted at the threshold: {normal} and {classes} of 4000 windows, {alike} of 1000");
        assert!((50..=130).contains(&normal) && (50..=130).contains(&classes) && alike < 45);
    }

    /// One error against eighteen of the base rate is skill, wherever it falls.
    #[test]
    fn few_errors_are_enough() {
        let mut window = Window::new(64);
        (0..64).for_each(|i| window.push(f64::from(u8::from(i == 20)), f64::from(u8::from(i % 7 < 2))));
        let trust = window.trust(&rule(64, 0.0));
        assert!(trust.is_trusted, "{trust:?}");
    }

    #[test]
    fn nothing_is_shown_where_the_base_rate_is_perfect() {
        let mut window = Window::new(32);
        (0..40).for_each(|_| window.push(0.0, 0.0));
        assert_eq!(window.trust(&rule(16, 0.0)), Trust { steps: 32, skill: None, lower: None, is_trusted: false });
        (0..32).for_each(|i| window.push(0.0, 1.0 + f64::from(i % 2)));
        let perfect = window.trust(&rule(16, 0.5));
        assert!(perfect.skill == Some(1.0) && perfect.lower > Some(0.98) && perfect.is_trusted, "{perfect:?}");
        window.push(f64::INFINITY, 1.0);
        assert!(!window.trust(&rule(16, -1e300)).is_trusted);
        window.clear();
        assert_eq!(window.trust(&rule(16, 0.0)).steps, 0);
    }
}
