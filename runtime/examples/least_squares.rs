//! Solves ridge regressions that another program wrote, so that it can judge the answers.
//!
//! Takes a folder with `x0.npy` `[rows, features]`, `y0.npy` `[rows, outputs]`, `ridge0.npy` `[1]`, then `x1.npy` and so on;
//! writes `direct0.npy` and `tridiagonal0.npy` `[1 + features, outputs]`: intercepts above weights, from the solver of one
//! penalty and from that of a grid. Used by `runtime/tests/lstsq.py`.

use std::path::PathBuf;

use forebay::train::Gram;
use forebay::train::ridge::{Penalties, RidgeSolution, solve};
use ndarray::{Array1, Array2, s};
use ndarray_npy::{read_npy, write_npy};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("name a folder of problems")?);
    let file = |name: &str, problem: usize| folder.join(format!("{name}{problem}.npy"));
    for problem in (0..).take_while(|&problem| file("x", problem).exists()) {
        let (x, y): (Array2<f64>, Array2<f64>) = (read_npy(file("x", problem))?, read_npy(file("y", problem))?);
        let ridge: Array1<f64> = read_npy(file("ridge", problem))?;
        let mut gram = Gram::new(x.ncols(), y.ncols());
        for (x, y) in x.rows().into_iter().zip(y.rows()) {
            gram.push(|features, targets| {
                features.iter_mut().zip(x).for_each(|(to, from)| *to = *from);
                targets.iter_mut().zip(y).for_each(|(to, from)| *to = *from);
            });
        }
        let (_, of_grid) = Penalties::new(gram.clone())?.gcv(ridge[0])?;
        let direct = solve(gram, ridge[0]).map_err(|error| format!("problem {problem}: {error}"))?;
        write_npy(file("direct", problem), &stacked(&direct))?;
        write_npy(file("grid", problem), &stacked(&of_grid))?;
    }
    Ok(())
}

fn stacked(solution: &RidgeSolution) -> Array2<f64> {
    let mut all = Array2::zeros((solution.weights.ncols() + 1, solution.weights.nrows()));
    all.row_mut(0).assign(&solution.bias);
    all.slice_mut(s![1.., ..]).assign(&solution.weights.t());
    all
}
