//! How far a model is from its targets, measured on its own outputs.

/// A target's values about their mean; all errors of that target are measured in [`unit`](Self::unit), so that no
/// square leaves the range of numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    /// Inverse of the largest distance from the first value.
    unit: f64,
    /// Sum of weighted squared distances from the weighted mean.
    squares: f64,
    /// Sum of the weights: how many values there are, unless they have others than 1.
    weight: f64,
}

impl Spread {
    /// `None` for a constant, as far as numbers can tell: a standard deviation of no more than four roundings of the mean.
    pub(crate) fn of(values: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        Self::weighted(values.map(|y| (y, 1.0)))
    }

    /// The same of values with weights above 0.
    pub(crate) fn weighted(values: impl Iterator<Item = (f64, f64)> + Clone) -> Option<Self> {
        let (first, _) = values.clone().next()?;
        let largest = values.clone().fold(0.0_f64, |largest, (y, _)| largest.max((y - first).abs()));
        // Below, the inverse is beyond the largest number.
        if largest < f64::MIN_POSITIVE {
            return None;
        }
        let unit = largest.recip();
        // Distances from the first value: a constant part costs no digits.
        let add = |(sum, weight): (f64, f64), (y, w): (f64, f64)| (sum + w * ((y - first) * unit), weight + w);
        let (sum, weight) = values.clone().fold((0.0, 0.0), add);
        let mean = sum / weight;
        let squares: f64 = values.map(|(y, w)| ((y - first) * unit - mean, w)).map(|(y, w)| w * (y * y)).sum();
        let rounding = 4.0 * f64::EPSILON * (first.abs() * unit);
        (squares > weight * rounding * rounding).then_some(Self { unit, squares, weight })
    }

    /// Square of an error, in units of the target.
    pub(crate) fn square(&self, error: f64) -> f64 {
        let error = error * self.unit;
        error * error
    }

    /// Sum of [squared errors](Self::square) over the sum of squared distances from the mean: 1 for the mean itself.
    pub(crate) fn nmse(&self, squared_errors: f64) -> f64 {
        squared_errors / self.squares
    }

    /// 1 over the variance, in the target's own units.
    pub(crate) fn precision(&self) -> f64 {
        self.unit * self.unit * self.weight / self.squares
    }
}

/// Sums of squared errors per output, one set for every stretch of the series. They are added up in the order of the
/// stretches, whatever the order in which the stretches were run.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    spreads: Vec<Option<Spread>>,
    /// `[stretches, outputs]`.
    sums: Vec<f64>,
}

impl Tally {
    /// Spreads: one per output.
    pub(crate) fn new(stretches: usize, spreads: Vec<Option<Spread>>) -> Self {
        Self { sums: vec![0.0; stretches * spreads.len()], spreads }
    }

    /// Adds an error in one output.
    pub(crate) fn add(&mut self, stretch: usize, output: usize, error: f64) {
        self.add_weighted(stretch, output, error, 1.0);
    }

    /// Adds an error at a step of this weight.
    pub(crate) fn add_weighted(&mut self, stretch: usize, output: usize, error: f64, weight: f64) {
        if let Some(spread) = &self.spreads[output] {
            self.sums[stretch * self.spreads.len() + output] += weight * spread.square(error);
        }
    }

    /// Normalised mean squared error of every output; none for a constant target.
    pub(crate) fn nmse(&self) -> Vec<Option<f64>> {
        let outputs = self.spreads.len();
        let sum = |output: usize| self.sums.iter().skip(output).step_by(outputs).sum::<f64>();
        self.spreads.iter().enumerate().map(|(o, spread)| spread.map(|spread| spread.nmse(sum(o)))).collect()
    }

    /// Its root.
    pub(crate) fn nrmse(&self) -> Vec<Option<f64>> {
        self.nmse().into_iter().map(|nmse| nmse.map(f64::sqrt)).collect()
    }
}

/// Mean over the outputs that are not constant; 0 if all are.
pub(crate) fn mean(shares: &[Option<f64>]) -> f64 {
    let scored: Vec<f64> = shares.iter().copied().flatten().collect();
    scored.iter().sum::<f64>() / scored.len().max(1) as f64
}
