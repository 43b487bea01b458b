//! `cargo xtask long`: sets that take too long for every change; named one by one, or all.

use crate::{Check, Options, Outcome, cargo, mutants, processors};

/// Mutants that the set of them draws.
const MUTANTS: usize = 200;

pub(crate) const SETS: &[Check] = &[
    Check {
        name: "processors-long",
        about: "larger commands on emulated processors: the same bytes (hours)",
        run: processors::long,
    },
    Check {
        name: "spectral",
        about: "spectral radii of up to 3,000 units beside all eigenvalues (minutes)",
        run: spectral,
    },
    Check {
        name: "surrogates",
        about: "four surrogates at full size over several lengths: the table of specs/conductor.md (minutes)",
        run: surrogates,
    },
    Check {
        name: "mutants",
        about: "200 mutants of training, drift, metrics and kernels, drawn with seed 1 (tens of minutes)",
        run: |options| mutants::run(options, MUTANTS, 1),
    },
];

fn surrogates(options: &Options) -> Outcome {
    cargo(options, &["run", "--release", "-p", "forebay-examples", "--example", "four_surrogates", "--", "lengths"])
}

fn spectral(options: &Options) -> Outcome {
    let test = ["test", "--release", "-p", "forebay", "--test", "linear_algebra", "spectral_radius_large"];
    cargo(options, &[&test[..], &["--", "--ignored", "--nocapture"]].concat())
}
