//! Which networks of the archives are rebuilt, which only with a loop of one's own, and which not at all.

use std::collections::BTreeSet;

use crate::arrays::{Network, networks};

/// Rebuilt, but not by a setting or a node: the test shows how.
const BY_HAND: [(&str, &str, &str); 12] = [
    ("reservoirpy", "feedback_two_steps_ago", "feedback is of one step: the caller keeps the line"),
    ("reservoirpy", "feedback_after_a_run", "a state from before the run with the output from after it"),
    ("reservoirpy", "ridge_without_bias", "Training has an intercept: rows and their negatives"),
    ("reservoirpy", "rls_bias", "a bias that is no feature: a learner of 30 lines"),
    ("reservoirpy", "lms", "not normalised: a learner of 30 lines"),
    ("reservoirpy", "lms_bias", "not normalised: a learner of 30 lines"),
    ("reservoirpy", "force", "the output after the correction is fed back: the caller's loop"),
    ("reservoirpy", "intrinsic_plasticity", "what was learned runs; the rule is not here"),
    ("reservoirpy", "local_plasticity", "what was learned runs; the rule is not here"),
    ("pyrcn", "esn_without_intercept", "Training has an intercept: rows and their negatives"),
    ("pyrcn", "esn_classifier", "a label at every step, outputs added up: the caller's loop"),
    ("pyrcn", "bidirectional", "two runs, one of them backwards"),
];

/// Not rebuilt.
const NOT_EXPRESSED: [(&str, &str, &str); 6] = [
    ("reservoirpy", "softmax", "functions of a reservoir here are of one unit"),
    ("reservoirpy", "es2n", "what is kept of the state is turned by an orthogonal matrix"),
    ("reservoirpy", "lif", "no spiking units"),
    ("reservoirpy", "intrinsic_plasticity_leaky", "the leak is in front of the function"),
    ("reservoirpy", "lasso", "no penalty on absolute values"),
    ("pyrcn", "euler", "the old state is kept whole, not its share 1 - a"),
];

/// The tests of the networks, from the sources of this directory: each is named after its network.
fn tests() -> BTreeSet<String> {
    let sources = [
        include_str!("plain.rs"),
        include_str!("deep.rs"),
        include_str!("feedback.rs"),
        include_str!("runs.rs"),
        include_str!("nvar.rs"),
        include_str!("training.rs"),
        include_str!("online.rs"),
        include_str!("pyrcn.rs"),
    ];
    let lines: Vec<&str> = sources.iter().flat_map(|source| source.lines()).map(str::trim).collect();
    let tests = lines.windows(2).filter(|pair| pair[0] == "#[test]");
    tests.filter_map(|pair| pair[1].strip_prefix("fn ")?.split_once('(')).map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn every_network_is_rebuilt_or_listed() {
    let (tests, mut rebuilt) = (tests(), 0);
    for library in ["reservoirpy", "pyrcn"] {
        for network in networks(library) {
            let is = |list: &[(&str, &str, &str)]| list.iter().any(|row| (row.0, row.1) == (library, &*network));
            let (has_test, not_expressed) = (tests.contains(&network), is(&NOT_EXPRESSED));
            assert!(has_test != not_expressed, "{library}, {network}: test {has_test}, listed {not_expressed}");
            assert!(has_test || !is(&BY_HAND), "{library}, {network}: by hand, but where?");
            rebuilt += usize::from(has_test);
        }
    }
    assert!(rebuilt >= 40, "only {rebuilt} networks are rebuilt");
    for (library, network, why) in BY_HAND.into_iter().chain(NOT_EXPRESSED) {
        assert!(networks(library).contains(network) && !why.is_empty(), "{library}, {network}: listed, but not there");
    }
}

/// A comparison with constants would show nothing.
#[test]
fn what_is_compared_varies() {
    for library in ["reservoirpy", "pyrcn"] {
        for name in networks(library) {
            let network = Network::open(library, &name);
            for (array, values) in network.arrays().filter(|(array, _)| matches!(*array, "x" | "y" | "x1" | "x2")) {
                let first = values.row(0);
                let moved = values.rows().into_iter().flat_map(|row| (&row - &first).to_vec());
                let most = moved.fold(0.0_f64, |most, x| most.max(x.abs()));
                assert!(most > 0.02, "{library}, {name}: {array} moves by {most} only");
            }
        }
    }
}

/// The page says nothing of tests that do not exist, and of every network that is not rebuilt.
#[test]
fn the_page_names_tests_that_exist() {
    let page = include_str!("../../../docs/coming-from.md");
    let tests = tests();
    let mut named = 0;
    for words in page.split("`peers::").skip(1).filter(|rest| !rest.starts_with('`')) {
        let test = words.split_once('`').expect("closed").0;
        assert!(tests.contains(test), "the page names the test {test:?}, which is not there");
        named += 1;
    }
    assert!(named >= 40, "{named} claims with a test");
    for (_, network, _) in NOT_EXPRESSED.into_iter().chain(BY_HAND) {
        assert!(page.contains(&format!("`{network}`")) || page.contains(&format!("`peers::{network}`")), "{network}");
    }
}
