//! Recursive least squares with exponential forgetting, in factors that stay positive.

use forebay_kernels::{Form, Real, all_finite};
use ndarray::{Array2, ArrayView2};

use super::kept::{sizes, weights};
use super::{OnlineLearner, check_pair, check_sizes, check_weights, correct, dot, out_of_range, range, residuals};
use crate::error::Error;
use crate::keep::{Content, KeepError, MOST_STEPS, Reader, Writer, must};

/// A feature is unexcited in what it has beyond the features before it, once that is below this share of its own power.
///
/// From here down, what is left of a feature is of the size of what rounding makes of it (2^-52 of the power is what an
/// f64 keeps of a square), and gains that grow on would fit rounding.
const SHARE: f64 = 1.0 / (1_u64 << 44) as f64;

/// Recursive least squares with exponential forgetting.
///
/// ```text
/// k = P phi / (lambda + phi' P phi)
/// W <- W + (y - W phi) k'
/// P <- (P - k phi' P) / lambda          P starts as I / ridge
/// ```
///
/// After step t the weights minimise `sum_i lambda^(t-i) |y_i - W phi_i|^2 + lambda^t ridge |W|^2`; with `lambda = 1` they
/// are those of ridge regression on all steps so far. `O(F^2)` per step.
///
/// P is kept as `U D U'`, U unit upper triangular and D positive, and updated in these factors: P cannot lose its
/// positive definiteness, and the work is half of what the full matrix takes. The same bits on every processor.
///
/// # What is held
/// Where nothing excites a direction, the recursion lets P grow as `lambda^-t`, without bound. `1 / (D_j R_jj)` is the
/// share of feature j's power `R_jj = sum_i lambda^(t-i) phi_ij^2 + lambda^t ridge` that the features before it do not
/// explain (the inverse of its variance inflation factor). While that share is below 2^-44, a step does not divide
/// `D_j` by lambda: that direction alone keeps what it knows, all others forget. [`held`](Self::held) says so. With
/// `lambda = 1` nothing is ever held.
///
/// A feature that varies by less than 2^-22 of its size, such as one at 1e8 with a deviation of 1, has its variation held:
/// take its offset off. While a direction was not excited at all yet, it is held from where `ridge` is below 2^-44 of the
/// powers.
///
/// Sources: Haykin, Adaptive Filter Theory, chapter on the RLS algorithm; Bierman, Factorization Methods for Discrete
/// Sequential Estimation (1977), chapter V, for the update of U and D.
///
/// ```
/// use forebay::train::online::{OnlineLearner, Rls};
///
/// let mut rls = Rls::new(2, 1, 1.0, 1e-9)?;
/// for t in 0..50 {
///     let phi = [1.0, f64::from(t).sin()];
///     rls.update(&phi, &[0.5 - 2.0 * phi[1]])?;
/// }
/// assert!((rls.weights()[[0, 1]] + 2.0).abs() < 1e-6);
/// assert_eq!(rls.held().directions, 0);
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rls {
    forgetting: f64,
    /// What a feature's power counts as at least: one that is never there has none, and its variance would overflow.
    least_power: f64,
    now: State,
    next: State,
    /// P phi, then k.
    gain: Vec<f64>,
    errors: Vec<f64>,
    form: Form,
    prepared: bool,
}

/// What an update changes.
#[derive(Clone, Debug)]
struct State {
    weights: Array2<f64>,
    /// Above U's diagonal of ones, column after column: column j has j values.
    columns: Vec<f64>,
    /// D.
    variances: Vec<f64>,
    /// `R_jj`.
    powers: Vec<f64>,
    held: Held,
}

/// What an [`Rls`] did not forget, because nothing in the features tells it anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Directions that the last update held, of as many as there are features.
    pub directions: usize,
    /// Updates so far that held at least one direction.
    pub updates: u64,
}

impl Rls {
    /// Weights zero, `P = I / ridge`.
    ///
    /// # Errors
    /// [`Error::Range`] unless `forgetting` is in (0, 1] and `ridge` in 1e-250 to 1e250; [`Error::Shape`] unless both
    /// sizes are at least 1.
    pub fn new(features: usize, outputs: usize, forgetting: f64, ridge: f64) -> Result<Self, Error> {
        check_sizes(features, outputs)?;
        if !(forgetting > 0.0 && forgetting <= 1.0) {
            return Err(range("forgetting", "above 0 and at most 1", forgetting));
        }
        // Beyond, the variance of a feature that is never there would not fit f64.
        if !(1e-250..=1e250).contains(&ridge) {
            return Err(range("ridge", "1e-250 to 1e250", ridge));
        }
        let now = State {
            weights: Array2::zeros((outputs, features)),
            columns: vec![0.0; features * (features - 1) / 2],
            variances: vec![1.0 / ridge; features],
            powers: vec![ridge; features],
            held: Held::default(),
        };
        Ok(Self {
            forgetting,
            least_power: SHARE * ridge,
            next: now.clone(),
            now,
            gain: vec![0.0; features],
            errors: vec![0.0; outputs],
            form: Form::best(),
            prepared: false,
        })
    }

    /// Puts weights W0 in the place of those it has, zero at first. From there on, what is minimised is
    /// `sum_i lambda^(t-i) |y_i - W phi_i|^2 + lambda^t ridge |W - W0|^2`.
    ///
    /// # Shapes
    /// `weights`: `[outputs, features]`.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::NonFinite`].
    pub fn with_weights(mut self, weights: ArrayView2<'_, f64>) -> Result<Self, Error> {
        check_weights(&self, weights)?;
        self.now.weights.assign(&weights);
        self.prepared = false;
        Ok(self)
    }

    /// The forgetting factor lambda.
    pub fn forgetting(&self) -> f64 {
        self.forgetting
    }

    /// What was not forgotten so far, see [above](Self#what-is-held).
    pub fn held(&self) -> Held {
        self.now.held
    }

    /// Takes back the last correction; nothing may have been worked out since.
    pub(crate) fn undo(&mut self) {
        std::mem::swap(&mut self.now, &mut self.next);
    }

    /// D, U, the powers and P phi of the next state; gives `lambda + phi' P phi`, or nothing if f64 cannot hold a number.
    fn factors(&mut self, features: &[f64]) -> Option<f64> {
        let Self { forgetting, least_power, now, next, gain, form, .. } = self;
        let (forgetting, form) = (*forgetting, *form);
        let mut held = 0;
        let mut finite = true;
        // lambda + what the features up to here have of phi' P phi.
        let mut divisor = forgetting;
        let (mut old_columns, mut new_columns) = (&now.columns[..], &mut next.columns[..]);
        for (j, &x) in features.iter().enumerate() {
            let (column, old_rest) = old_columns.split_at(j);
            let (new, new_rest) = new_columns.split_at_mut(j);
            (old_columns, new_columns) = (old_rest, new_rest);

            let variance = now.variances[j];
            let innovation = x + dot(column, &features[..j]);
            let weighted = variance * innovation;
            let larger = divisor + innovation * weighted;
            let remembered = variance * (divisor / larger);
            let forgotten = remembered / forgetting;
            let power = (forgetting * now.powers[j] + x * x).max(*least_power);
            let holds = forgetting < 1.0 && forgotten * power * SHARE > 1.0;
            held += usize::from(holds);
            let variance = if holds { remembered } else { forgotten };
            (next.variances[j], next.powers[j]) = (variance, power);

            let slope = -innovation / divisor;
            for ((new, old), gain) in new.iter_mut().zip(column).zip(&mut gain[..j]) {
                *new = old + *gain * slope;
                *gain += old * weighted;
            }
            gain[j] = weighted;
            divisor = larger;
            // A variance that underflows would never be learnt from again.
            finite &= variance.is_normal() && Real::is_finite(power) && all_finite(form, new);
        }
        let Held { updates, .. } = now.held;
        next.held = Held { directions: held, updates: updates + u64::from(held > 0) };
        (finite && Real::is_finite(divisor)).then_some(divisor)
    }
}

impl OnlineLearner for Rls {
    fn features(&self) -> usize {
        self.now.weights.ncols()
    }

    fn outputs(&self) -> usize {
        self.now.weights.nrows()
    }

    fn weights(&self) -> ArrayView2<'_, f64> {
        self.now.weights.view()
    }

    fn prepare(&mut self, features: &[f64], target: &[f64]) -> Result<(), Error> {
        self.prepared = false;
        check_pair(self, features, target)?;
        let Some(divisor) = self.factors(features) else {
            return Err(out_of_range(features, target));
        };
        self.gain.iter_mut().for_each(|gain| *gain /= divisor);
        residuals(&self.now.weights, features, target, &mut self.errors);
        if !correct(&self.now.weights, &self.errors, &self.gain, &mut self.next.weights) {
            return Err(out_of_range(features, target));
        }
        self.prepared = true;
        Ok(())
    }

    fn commit(&mut self) {
        if std::mem::take(&mut self.prepared) {
            std::mem::swap(&mut self.now, &mut self.next);
        }
    }
}

/// A correction that is prepared and not taken over is not kept.
impl Content for Rls {
    const KIND: &'static str = "recursive least squares";

    fn write(&self, to: &mut Writer) -> Result<(), Error> {
        let State { weights, columns, variances, powers, held } = &self.now;
        to.count(self.features());
        to.count(self.outputs());
        to.float(self.forgetting);
        to.float(self.least_power);
        to.floats(weights);
        to.floats(columns);
        to.floats(variances);
        to.floats(powers);
        to.count(held.directions);
        to.number(held.updates);
        Ok(())
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let (features, outputs) = sizes(from)?;
        let forgetting = from.float_that("forgetting", "above 0 and at most 1", |f| f > 0.0 && f <= 1.0)?;
        let ridge = SHARE * 1e-250..=SHARE * 1e250;
        let least_power =
            from.float_that("least power", "one that a ridge of 1e-250 to 1e250 gives", |p| ridge.contains(&p))?;
        let weights = weights(from, features, outputs)?;
        let columns = from.floats("factor U of the covariance", features.saturating_mul(features - 1) / 2)?;
        let variances = from.floats("factor D of the covariance", features)?;
        // P is positive definite if D is; and it can be learnt from if no variance has underflowed.
        let positive = variances.iter().all(|d| *d > 0.0 && d.is_normal());
        must(positive, "factor D of the covariance", || "is not positive")?;
        let powers = from.floats("powers", features)?;
        must(powers.iter().all(|power| *power >= least_power), "powers", || "are below the least")?;
        let directions = from.count("number of held directions", 0, features)?;
        let updates = from.number("number of held updates", MOST_STEPS)?;
        must(
            (directions, updates) == (0, 0) || (forgetting < 1.0 && updates > 0),
            "number of held updates",
            || "does not fit the directions held or the forgetting",
        )?;
        let rest = Self::new(features, outputs, forgetting, 1.0).map_err(|why| KeepError::content("size", why))?;
        let now = State { weights, columns, variances, powers, held: Held { directions, updates } };
        Ok(Self { least_power, next: now.clone(), now, ..rest })
    }
}
