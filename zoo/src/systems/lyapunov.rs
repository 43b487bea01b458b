//! The largest Lyapunov exponent, measured.

/// Largest Lyapunov exponent per step of a map, by following two nearby orbits and pulling the second back to distance
/// `1e-8` after every step.
///
/// The mean growth of the distance over `steps` steps, after `settle` steps in which the difference turns into the
/// fastest growing direction. Divide by the time per step to get the exponent of a flow. Orbits that fall onto each other
/// have the exponent minus infinity; without steps, or on an orbit that diverges, there is none and the result is NaN.
///
/// Source: Benettin, Galgani, Giorgilli, Strelcyn, Meccanica 15, 9 (1980).
///
/// ```
/// use forebay_zoo::systems::largest_exponent;
///
/// // The logistic map has the exponent ln 2.
/// let exponent = largest_exponent(|x| x[0] = 4.0 * x[0] * (1.0 - x[0]), &[0.3], 100, 100_000);
/// assert!((exponent - std::f64::consts::LN_2).abs() < 0.005);
/// ```
pub fn largest_exponent(mut step: impl FnMut(&mut [f64]), start: &[f64], settle: usize, steps: usize) -> f64 {
    const DISTANCE: f64 = 1e-8;
    let mut orbit = start.to_vec();
    let share = DISTANCE / (orbit.len() as f64).sqrt();
    let mut other: Vec<f64> = orbit.iter().map(|v| v + share).collect();
    let mut growth = 0.0;
    for k in 0..settle + steps {
        step(&mut orbit);
        step(&mut other);
        let squares: f64 = orbit.iter().zip(&other).map(|(a, b)| (b - a) * (b - a)).sum();
        let factor = squares.sqrt() / DISTANCE;
        if factor == 0.0 {
            return f64::NEG_INFINITY;
        }
        if k >= settle {
            growth += libm::log(factor);
        }
        other.iter_mut().zip(&orbit).for_each(|(b, a)| *b = a + (*b - a) / factor);
    }
    growth / steps as f64
}
