//! A Poisson equation to the accuracy of f64 with 4-bit products: the processor corrects, the host keeps the residual.

use anyhow::Result;
use forebay::Precision;
use forebay::random::Seed;
use forebay::refine::{Boundary, Grid, Operator, Solver, SolverMethod, SolverSettings};

fn main() -> Result<()> {
    let substrate = forebay::open("software:akd1000")?;
    let cases = [
        (1, 63, SolverMethod::Refinement, 1),
        (1, 63, SolverMethod::Refinement, 2),
        (1, 63, SolverMethod::Refinement, 3),
        (2, 31, SolverMethod::Refinement, 2),
        (2, 31, SolverMethod::FlexibleConjugateGradients, 2),
        (2, 31, SolverMethod::Multigrid, 1),
        (2, 127, SolverMethod::Multigrid, 1),
    ];
    for (dimensions, points, method, slices) in cases {
        let operator = Operator::poisson(Grid::new(dimensions, points, Boundary::Dirichlet)?);
        let mut stream = Seed(1).stream("right-hand side");
        let b: Vec<f64> = (0..operator.grid().unknowns()).map(|_| stream.normal()).collect();
        // Residuals of two digits; the inverse in slices of 4 bits. Multigrid needs one: its weights are -1 and 4.
        let precision = Precision::new(2, slices).expect("1 to 3 slices");
        let settings = SolverSettings { method, precision, ..SolverSettings::default() };
        let solution = Solver::new(&*substrate, operator, settings)?.solve(&b)?;
        print!("{dimensions}-D, {points:3} a side, {method:28}, {slices} slices: ");
        print!("{} after {} turns, {} passes", solution.attempt.status, solution.attempt.turns(), solution.passes);
        if let Some(fallback) = &solution.fallback {
            print!("; {} {} after {} turns", fallback.method, fallback.status, fallback.turns());
        }
        println!("; residual {:.1e}", solution.residual);
    }
    println!("\nExact integers in software here, and the same bits on every substrate. Tested on silicon: no.");
    Ok(())
}
