//! NARMA-10.

use forebay::random::Seed;
use ndarray::Array2;

use super::{SystemError, length};

/// Input and target of the tenth-order nonlinear autoregressive moving average,
///
/// ```text
/// y(t+1) = 0.3 y(t) + 0.05 y(t) (y(t) + y(t-1) + .. + y(t-9)) + 1.5 u(t-9) u(t) + 0.1
/// ```
///
/// with u uniform in 0..0.5. Row t of the target is `y(t+1)`, what follows from the inputs up to row t.
///
/// The recursion diverges for rare inputs: a draw with a value above 2 is thrown away and the next one taken.
///
/// # Shapes
/// Both `[steps, 1]`.
///
/// # Errors
/// [`SystemError::Range`] for a number of steps out of range; [`SystemError::Diverged`] if a hundred draws diverge. One draw of 2,000 steps in a hundred does, so that becomes likely
/// near a million steps.
///
/// # Source
/// Atiya, Parlos, IEEE Transactions on Neural Networks 11, 697 (2000).
///
/// # Examples
/// ```
/// use forebay::random::Seed;
/// use forebay_zoo::systems::narma10;
///
/// let (input, target) = narma10(500, Seed(1))?;
/// assert_eq!((input.dim(), target.dim()), ((500, 1), (500, 1)));
/// # Ok::<(), forebay_zoo::systems::SystemError>(())
/// ```
pub fn narma10(steps: usize, seed: Seed) -> Result<(Array2<f64>, Array2<f64>), SystemError> {
    length(steps, 2)?;
    let mut reached = 0;
    for draw in 0..100 {
        let mut stream = seed.stream(&format!("NARMA-10, draw {draw}"));
        // Ten inputs before the first row, so that every row follows the full recursion.
        let u: Vec<f64> = (0..steps + ORDER).map(|_| stream.uniform_in(0.0, 0.5)).collect();
        let mut y = vec![0.0; steps + ORDER + 1];
        for t in ORDER - 1..steps + ORDER {
            let past: f64 = y[t + 1 - ORDER..=t].iter().rev().sum();
            y[t + 1] = 0.3 * y[t] + 0.05 * y[t] * past + 1.5 * u[t + 1 - ORDER] * u[t] + 0.1;
            reached = t;
            if y[t + 1] > 2.0 {
                break;
            }
        }
        if y.iter().all(|v| *v <= 2.0) {
            let input = Array2::from_shape_fn((steps, 1), |(t, _)| u[ORDER + t]);
            let target = Array2::from_shape_fn((steps, 1), |(t, _)| y[ORDER + t + 1]);
            return Ok((input, target));
        }
    }
    Err(SystemError::Diverged { system: "NARMA-10", step: reached })
}

const ORDER: usize = 10;
