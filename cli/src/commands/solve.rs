//! `forebay solve`: Poisson and heat equations on few-digit products.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use forebay::random::Seed;
use forebay::refine::{Boundary, Grid, Operator, Solution, Solver, SolverMethod, SolverSettings, Stage, Status};
use forebay::{Precision, Substrate};
use serde_json::{Value, json};

use crate::output::{self, align};

/// Solve a Poisson or heat equation with a random right-hand side: 4-bit products on a substrate, the rest in f64.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  forebay solve poisson --dim 2 --points 31
  forebay solve poisson --points 127 --no-fallback         two slices are not enough here: it diverges and says so
  forebay solve poisson --dim 2 --points 63 --method multigrid --digits 1
  forebay solve heat --points 127 --tau 1 --slices 1 --method fcg --json

What converges, and why the rest does not: specs/pde-refinement.md. Tested on silicon: no.")]
pub(crate) struct Solve {
    /// What to solve: K x = b, or one implicit Euler step (I + tau K) x = b
    #[arg(value_enum)]
    equation: Equation,
    /// Dimensions: 1 or 2
    #[arg(long, default_value_t = 1)]
    dim: usize,
    /// Points per side; for multigrid 2^k - 1 (dirichlet) or 2^k (periodic)
    #[arg(long, default_value_t = 31)]
    points: usize,
    /// What is beyond the edge: zeros, or the other edge
    #[arg(long, value_enum, default_value = "dirichlet")]
    boundary: Edge,
    /// Time step over the squared spacing (heat only) [default: 1]
    #[arg(long, allow_negative_numbers = true)]
    tau: Option<f64>,
    /// Refinement or flexible conjugate gradients with a rounded inverse, multigrid, or conjugate gradients in f64
    #[arg(long, value_enum, default_value = "refine")]
    method: How,
    /// Slices of 4 bits that the inverse is rounded to, 1 to 3 (refine, fcg)
    #[arg(long, default_value_t = 2)]
    slices: u8,
    /// Digits of 4 bits that residuals are rounded to, 1 to 4 (refine, fcg, multigrid)
    #[arg(long, default_value_t = 2)]
    digits: u8,
    /// Form products on this substrate
    #[arg(long, value_name = "ADDRESS", default_value = "software:akd1000")]
    substrate: String,
    /// Largest residual |b - A x| / |b| that is good enough
    #[arg(long, default_value_t = 1e-12)]
    tolerance: f64,
    /// Seed of the right-hand side
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Leave it at that where the method does not converge, instead of going on with conjugate gradients in f64
    #[arg(long)]
    no_fallback: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Equation {
    Poisson,
    Heat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Edge {
    Dirichlet,
    Periodic,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum How {
    Refine,
    Multigrid,
    Fcg,
    Cg,
}

/// What a pass of a board over PCIe is ASSUMED to take, in seconds: nobody has measured it.
const ASSUMED_PASS: [f64; 2] = [50e-6, 400e-6];
/// Runs of conjugate gradients that take longer are not timed twice.
const LONG: Duration = Duration::from_secs(1);
/// Rows of the history that people want to read.
const MOST_ROWS: usize = 30;

impl Solve {
    pub(super) fn run(self) -> Result<()> {
        let operator = self.operator()?;
        let precision = Precision::new(self.digits, self.slices);
        ensure!(
            precision.is_some(),
            "--digits must be 1 to 4 and --slices 1 to 3, found {} and {}",
            self.digits,
            self.slices
        );
        let settings = SolverSettings {
            method: match self.method {
                How::Refine => SolverMethod::Refinement,
                How::Multigrid => SolverMethod::Multigrid,
                How::Fcg => SolverMethod::FlexibleConjugateGradients,
                How::Cg => SolverMethod::ConjugateGradients,
            },
            precision: precision.unwrap_or_default(),
            tolerance: self.tolerance,
            fallback: !self.no_fallback,
            ..SolverSettings::default()
        };
        let substrate = super::substrates::open(&self.substrate)?;
        let mut stream = Seed(self.seed).stream("right-hand side");
        let b: Vec<f64> = (0..operator.grid().unknowns()).map(|_| stream.normal()).collect();
        let (solution, set_up) = solve(&*substrate, operator, settings, &b)?;
        let by_host = on_host(&*substrate, operator, settings, &b)?;
        let capabilities = substrate.capabilities();
        if self.json {
            let fallback = solution.fallback.as_ref().map(stage);
            output::print_json(&json!({
                "equation": self.title(), "unknowns": b.len(), "substrate": self.substrate, "seed": self.seed,
                "is_silicon": capabilities.is_silicon, "tested_on_silicon": false,
                "digits": self.digits, "slices": self.slices, "tolerance": self.tolerance,
                "status": solution.status().to_string(), "residual": solution.residual,
                "attempt": stage(&solution.attempt), "fallback": fallback, "passes": solution.passes,
                "seconds": {"set_up": set_up.as_secs_f64(), "substrate": solution.on_substrate.as_secs_f64(), "host": solution.on_host.as_secs_f64()},
                "conjugate_gradients_on_the_host": {
                    "turns": by_host.attempt.turns(), "seconds": by_host.on_host.as_secs_f64(),
                },
                "assumed_seconds_on_a_board": ASSUMED_PASS.map(|pass| pass * solution.passes as f64),
            }))?;
            return verdict(&solution);
        }
        let mut text = format!("{}, on {}\n\n", self.title(), self.substrate);
        let stages = [Some(&solution.attempt), solution.fallback.as_ref()];
        text.extend(stages.into_iter().flatten().map(history));
        text += &format!(
            "|b - A x| / |b| = {:.2e}, formed in f64 from x\n{} on {} in {}, the host's part in {}; set-up in {}, once per operator\n",
            solution.residual,
            if solution.passes == 1 { "1 pass".to_owned() } else { format!("{} passes", solution.passes) },
            self.substrate,
            time(solution.on_substrate),
            time(solution.on_host),
            time(set_up),
        );
        text += &format!(
            "conjugate gradients in f64 on this host alone: {} in {}\n",
            output::count(by_host.attempt.turns(), "turn"),
            time(by_host.on_host)
        );
        let has_converged = solution.attempt.status == Status::Converged;
        text += &estimate(solution.passes, by_host.on_host, has_converged);
        output::print(&text)?;
        verdict(&solution)
    }

    fn operator(&self) -> Result<Operator> {
        let boundary = match self.boundary {
            Edge::Dirichlet => Boundary::Dirichlet,
            Edge::Periodic => Boundary::Periodic,
        };
        let grid = Grid::new(self.dim, self.points, boundary)?;
        Ok(match (self.equation, self.tau) {
            (Equation::Poisson, None) => Operator::poisson(grid),
            (Equation::Poisson, Some(_)) => anyhow::bail!("--tau belongs to `forebay solve heat`"),
            (Equation::Heat, tau) => Operator::heat(grid, tau.unwrap_or(1.0))?,
        })
    }

    fn title(&self) -> String {
        let tau = self.tau.unwrap_or(1.0);
        let equation = if self.equation == Equation::Heat { format!("heat, tau {tau}") } else { "Poisson".to_owned() };
        let points = vec![self.points.to_string(); self.dim].join(" x ");
        format!("{equation}, {points} points, {:?}", self.boundary)
    }
}

/// The solution, and the time to prepare its programs.
fn solve(
    substrate: &dyn Substrate,
    operator: Operator,
    settings: SolverSettings,
    b: &[f64],
) -> Result<(Solution, Duration)> {
    let begin = Instant::now();
    let mut solver = Solver::new(substrate, operator, settings)?;
    let set_up = begin.elapsed();
    Ok((solver.solve(b)?, set_up))
}

/// A solution that is not one is a failure for whoever asked.
fn verdict(solution: &Solution) -> Result<()> {
    let status = solution.status();
    ensure!(status == Status::Converged, "the tolerance was not reached: {status}, residual {:.2e}", solution.residual);
    Ok(())
}

/// The same with conjugate gradients in f64, for comparison; the first run pays for its memory.
fn on_host(substrate: &dyn Substrate, operator: Operator, settings: SolverSettings, b: &[f64]) -> Result<Solution> {
    let mut solver =
        Solver::new(substrate, operator, SolverSettings { method: SolverMethod::ConjugateGradients, ..settings })?;
    let first = solver.solve(b)?;
    if first.on_host > LONG {
        return Ok(first);
    }
    let second = solver.solve(b)?;
    Ok(if second.on_host < first.on_host { second } else { first })
}

fn stage(stage: &Stage) -> Value {
    json!({
        "method": stage.method.to_string(), "status": stage.status.to_string(), "turns": stage.turns(),
        "history": stage.history,
    })
}

/// Residuals turn by turn; of a long history every second, third and so on, and the last.
fn history(stage: &Stage) -> String {
    let every = stage.history.len().div_ceil(MOST_ROWS).max(1);
    // Conjugate gradients carry their residual along; only the last line of the output is formed from x.
    let name = if stage.method == SolverMethod::ConjugateGradients { "residual carried along" } else { "residual" };
    let mut rows = vec![vec!["turn".to_owned(), name.to_owned()]];
    for (turn, residual) in stage.history.iter().enumerate() {
        if turn % every == 0 || turn == stage.turns() {
            rows.push(vec![turn.to_string(), format!("{residual:.2e}")]);
        }
    }
    let turns = output::count(stage.turns(), "turn");
    format!("{}\n{} {} after {turns}\n\n", align(&rows), stage.method, stage.status)
}

/// What a board would take, if a pass took what is assumed.
fn estimate(passes: u64, by_host: Duration, has_converged: bool) -> String {
    if passes == 0 {
        return "The substrate was not used. Tested on silicon: no.\n".to_owned();
    }
    if !has_converged {
        return "Tested on silicon: no.\n".to_owned();
    }
    let [least, most] = ASSUMED_PASS.map(|pass| pass * passes as f64);
    let verdict = if least > by_host.as_secs_f64() {
        "slower than conjugate gradients on the host"
    } else {
        "large programs take longer than that: expect no gain over the host"
    };
    format!(
        "On a board over PCIe, at an ASSUMED 50 to 400 us per pass (not measured), these passes take {} to {}:\n{verdict}. \
         Tested on silicon: no.\n",
        time(Duration::from_secs_f64(least)),
        time(Duration::from_secs_f64(most)),
    )
}

fn time(duration: Duration) -> String {
    format!("{:.3} ms", duration.as_secs_f64() * 1e3)
}
