//! `forebay steer`: a lattice that keeps predictions honest.

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use clap::Args;
use forebay_zoo::steering::protocol::{Check, Kernel, Protocol, Reference, Report};
use forebay_zoo::steering::rejection::{Row, Study};
use forebay_zoo::steering::scores::Interval;
use forebay_zoo::steering::thermalisation::Rule;
use serde_json::json;

use crate::output::{self, align};
use crate::plot::SteerPlots;
use crate::results::Results;

/// Predict, watch and screen an SU(3) lattice chain: every table with its base rate, interval and ceiling.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  forebay steer                      the whole protocol; tables, three plots and a report in out/steer
  forebay steer --seed 2             the same with other random numbers
  forebay steer --scale 0.1          a tenth of it: wider intervals
  forebay steer --rehearsal          seconds, on a lattice of 2^4: does it run here? Its numbers say nothing
  forebay steer --scale 0.1 --substrate emulator:akd1000    the same bits, from the emulated chip

What may be done with a prediction, and what may not: specs/lattice-hmc.md. Tested on silicon: no.")]
pub(crate) struct Steer {
    /// Everything random follows from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Length of all runs relative to the whole protocol, above 0 and at most 1
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    scale: f64,
    /// Run every part as briefly as it can be, on a lattice of 2^4: to see that it runs, not for its numbers
    #[arg(long, conflicts_with = "scale")]
    rehearsal: bool,
    /// Where the reservoirs of 4-bit integers run
    #[arg(long, value_name = "ADDRESS", default_value = "software:akd1000")]
    substrate: String,
    /// Folder for plots and steer.json
    #[arg(long, value_name = "FOLDER", default_value = "out/steer")]
    out: PathBuf,
    /// Replace the results of another run in that folder
    #[arg(long)]
    force: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Steer {
    pub(super) fn run(self) -> Result<()> {
        ensure!(self.scale > 0.0 && self.scale <= 1.0, "--scale must be above 0 and at most 1, found {}", self.scale);
        let substrate = super::substrates::open(&self.substrate)?;
        let files = ["steer.json", "reliability.png", "thermalisation.png", "plaquette.png"];
        let capabilities = substrate.capabilities();
        let name = format!("{}, {}", capabilities.name, capabilities.device);
        let identity = json!({"seed": self.seed, "scale": self.scale, "rehearsal": self.rehearsal, "substrate": name});
        Results { folder: &self.out, files: &files, identity }.check(self.force)?;
        let protocol = Protocol { seed: self.seed, scale: self.scale, rehearsal: self.rehearsal, substrate };
        let small = if self.rehearsal { "trajectories of 2^4" } else { "trajectories of 4^4" };
        let bar = output::progress(protocol.length(), small);
        let report = protocol.run(&|work| bar.inc(work))?;
        bar.finish_and_clear();
        output::make_folder(&self.out)?;
        let json = serde_json::to_string_pretty(&report)?;
        output::write_file(&self.out.join("steer.json"), json.as_bytes())?;
        SteerPlots { report: &report }.write(&self.out)?;
        if self.json {
            output::print_json(&report)?;
            return verdict(&report);
        }
        output::print(&tables(&report))?;
        output::print(&format!("plots and steer.json: {}\n", self.out.display()))?;
        verdict(&report)
    }
}

/// What had to agree and did not. In a rehearsal nothing is long enough to disagree but what has no statistical error.
fn verdict(report: &Report) -> Result<()> {
    if report.rehearsal {
        let broken = report.checks.iter().find(|check| check.error == 0.0 && !check.passed);
        return broken
            .map_or(Ok(()), |check| bail!("{} is {:e}, allowed {:e}", check.name, check.value, check.allowed));
    }
    let checks = report.checks.iter().filter(|check| !check.passed).map(|check| check.name.as_str());
    let kernels = report.kernels.iter().filter(|kernel| kernel.is_exact && !kernel.agrees);
    let failed: Vec<&str> = checks.chain(kernels.map(|kernel| kernel.name.as_str())).collect();
    ensure!(
        failed.is_empty(),
        "not within three standard errors: {}{}",
        failed.join("; "),
        if report.scale < 1.0 { " (a small --scale has few trajectories to estimate errors from)" } else { "" }
    );
    Ok(())
}

fn tables(report: &Report) -> String {
    let size = if report.rehearsal {
        "a rehearsal on a lattice of 2^4: it ran, and none of its numbers is physics".to_owned()
    } else {
        format!("scale {}", report.scale)
    };
    let mut text = format!(
        "seed {}, {size}; reservoirs of 4-bit integers on {}{}\n\n",
        report.seed,
        report.substrate,
        if report.is_silicon { "" } else { ", not silicon" }
    );
    text += &checks(&report.checks, &report.references);
    for (steps, study) in &report.rejection {
        text += &rejection(small_lattice(report), *steps, study);
    }
    for (lattice, rules) in &report.thermalisation {
        text += &thermalisation(lattice, rules);
    }
    let tuning = &report.tuning;
    text += &format!(
        "\nStep by dual averaging towards an acceptance of {}: {} steps became {}, then frozen; acceptance {:.3} +- {:.3}\n",
        tuning.target, tuning.steps[0], tuning.steps[1], tuning.acceptance[0], tuning.acceptance[1]
    );
    text += &kernels(small_lattice(report), &report.kernels);
    text += "\nTested on silicon: no.\n";
    text
}

fn small_lattice(report: &Report) -> &str {
    report.thermalisation.first().map_or("4^4", |(lattice, _)| lattice)
}

fn strings<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

fn checks(checks: &[Check], references: &[Reference]) -> String {
    let mut rows = vec![strings(["check", "measured", "error", "known", "allowed", ""])];
    rows.extend(checks.iter().map(|check| {
        let small = check.allowed < 1e-6;
        let tell = |v: f64| if small { format!("{v:.1e}") } else { format!("{v:.5}") };
        let error = if check.error > 0.0 { tell(check.error) } else { "-".to_owned() };
        let word = if check.passed { "ok" } else { "FAILED" };
        vec![check.name.clone(), tell(check.value), error, tell(check.expected), tell(check.allowed), word.to_owned()]
    }));
    let mut text = align(&rows);
    let mut rows = vec![strings(["\nequilibrium", "P", "error", "tau", "error", "acceptance", "trajectories"])];
    rows.extend(references.iter().map(|reference| {
        let [value, error, tau, tau_error] = reference.plaquette;
        vec![
            reference.name.clone(),
            format!("{value:.5}"),
            format!("{error:.5}"),
            format!("{tau:.1}"),
            format!("{tau_error:.1}"),
            format!("{:.3}", reference.acceptance),
            reference.count.to_string(),
        ]
    }));
    text += &align(&rows);
    text
}

fn interval(interval: &Interval) -> String {
    format!("{:.3} [{:.3}, {:.3}]", interval.value, interval.low, interval.high)
}

fn rejection(lattice: &str, steps: usize, study: &Study) -> String {
    let [train, gap, test] = study.rows_used;
    let mut text = format!(
        "\nWill it be accepted? {lattice}, beta 5.7, leapfrog of {steps} steps; {train} trajectories to learn from, {gap} left out, \
         {test} to test;\n{:.1} % of those accepted; with dH known and the Metropolis number not, {:.3} is the expected accuracy; 95 % intervals in \
         blocks of {}\n",
        100.0 * study.base_rate,
        study.ceiling,
        study.block
    );
    let mut rows =
        vec![strings(["predictor", "sees", "accuracy", "AUC", "Brier", "skill", "Brier gain over logistic"])];
    rows.extend(study.rows.iter().map(|row: &Row| {
        let gain = row.gain.as_ref().map_or("-".to_owned(), |gain| {
            let range = format!("{:+.4} [{:+.4}, {:+.4}]", gain.value, gain.low, gain.high);
            // The registered rule: an interval that holds 0 says nothing.
            format!("{range}{}", if gain.contains_zero() { " none" } else { "" })
        });
        vec![
            row.name.clone(),
            row.sees.to_owned(),
            interval(&row.scores.accuracy),
            interval(&row.scores.auc),
            interval(&row.scores.brier),
            format!("{:.3}", row.skill),
            gain,
        ]
    }));
    text += &align(&rows);
    for row in &study.rows {
        let Some(gain) = row.gain.as_ref().filter(|_| row.name.starts_with("reservoir")) else { continue };
        let verdict = match gain {
            gain if gain.contains_zero() => {
                format!("no difference resolved, a Brier gain of at most {:.4},", gain.high)
            }
            gain if gain.value > 0.0 => "better".to_owned(),
            _ => "worse".to_owned(),
        };
        text += &format!("  {} ({}): {verdict} beside logistic regression.\n", row.name, row.sees);
    }
    text
}

fn thermalisation(lattice: &str, rules: &[Rule]) -> String {
    let chains = rules.first().map_or(0, |rule| rule.stops.len());
    let mut text = format!(
        "\nWhen to begin to measure? {lattice}, beta 5.7, {chains} chains, half hot; bias of the first 20 kept, in standard \
         deviations of P\n"
    );
    let titles = ["rule", "stop", "bias hot", "bias cold", "rms bias", "early", "saved at equal bias"];
    let mut rows = vec![strings(titles)];
    rows.extend(rules.iter().map(|rule| {
        let saved = rule.saved.map_or("-".to_owned(), |[value, low, high]| {
            let none = if low <= 0.0 && high >= 0.0 { " none" } else { "" };
            format!("{value:+.1} [{low:+.1}, {high:+.1}]{none}")
        });
        vec![
            rule.name.clone(),
            format!("{:.1} [{:.1}, {:.1}]", rule.stop[0], rule.stop[1], rule.stop[2]),
            format!("{:+.2}", rule.bias_hot),
            format!("{:+.2}", rule.bias_cold),
            format!("{:.2}", rule.rms_bias),
            format!("{:.0} %", 100.0 * rule.early),
            saved,
        ]
    }));
    text += &align(&rows);
    text + "  A saving is against the fixed schedule from which on the bias is no larger, 0.25 being the least that is resolved; \"none\" where \
            its interval holds 0. The oracle knows equilibrium; MSER-5 sees the whole chain.\n"
}

fn kernels(lattice: &str, kernels: &[Kernel]) -> String {
    let count = kernels.first().map_or(0, |kernel| kernel.count);
    let mut text =
        format!("\nScreening at half time: {lattice}, beta 5.7, leapfrog of 8 steps, {count} trajectories each\n");
    let titles = ["kernel", "exact", "P", "error", "sigmas", "acceptance", "ended", "forces", "tau", "cost", "verdict"];
    let mut rows = vec![strings(titles)];
    rows.extend(kernels.iter().enumerate().map(|(i, kernel)| {
        let [value, error, tau, tau_error] = kernel.plaquette;
        let verdict = match (i, kernel.is_exact, kernel.agrees) {
            (0, ..) => "reference",
            (_, true, true) => "ok: unbiased",
            (_, true, false) => "FAILED",
            (_, false, false) => "biased, as expected",
            (_, false, true) => "bias not resolved",
        };
        vec![
            kernel.name.clone(),
            if kernel.is_exact { "yes" } else { "no" }.to_owned(),
            format!("{value:.5}"),
            format!("{error:.5}"),
            format!("{:+.1}", kernel.sigmas),
            format!("{:.3}", kernel.acceptance),
            format!("{:.3}", kernel.aborted),
            format!("{:.2}", kernel.forces),
            format!("{tau:.1} +- {tau_error:.1}"),
            format!("{:.0}", kernel.cost),
            verdict.to_owned(),
        ]
    }));
    text += &align(&rows);
    text += "  Cost is 2 tau x forces per independent plaquette; beside plain trajectories:";
    let (plain, others) = (&kernels[..1], kernels.iter().skip(1).filter(|kernel| kernel.is_exact));
    for (plain, kernel) in plain.iter().cycle().zip(others) {
        let doubt = |kernel: &Kernel| kernel.plaquette[3] / kernel.plaquette[2];
        let ratio = kernel.cost / plain.cost;
        text += &format!(" {ratio:.2} +- {:.2} ({}),", ratio * libm::hypot(doubt(plain), doubt(kernel)), kernel.name);
    }
    text.truncate(text.trim_end_matches(',').len());
    text += ".\n";
    text
}
