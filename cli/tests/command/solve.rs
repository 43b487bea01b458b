//! Poisson and heat equations on the command line.

use serde_json::json;

use crate::support::Folder;

#[test]
fn equations_are_solved_and_failures_told() {
    let folder = Folder::new();
    let told = folder.done(&["solve", "poisson", "--dim", "2", "--points", "15"]);
    for part in
        ["Poisson, 15 x 15 points, Dirichlet", "refinement converged after 1", "ASSUMED", "Tested on silicon: no."]
    {
        assert!(told.contains(part), "{part:?} in {told}");
    }

    // The same bits on an emulated chip.
    let small = ["solve", "heat", "--dim", "2", "--points", "8", "--boundary", "periodic", "--json", "--method"];
    for method in ["refine", "multigrid", "fcg"] {
        let run = |substrate: &str| {
            let solved = folder.done_json(&[&small[..], &[method, "--substrate", substrate]].concat());
            assert_eq!((&solved["status"], &solved["tested_on_silicon"]), (&json!("converged"), &json!(false)));
            (solved["attempt"].clone(), solved["passes"].clone())
        };
        assert_eq!(run("software:akd1000"), run("emulator:akd1000"), "{method}");
    }

    let hard = ["solve", "poisson", "--points", "127", "--json"];
    let helped = folder.done_json(&hard);
    assert_eq!((&helped["attempt"]["status"], &helped["status"]), (&json!("diverged"), &json!("converged")));
    assert!(helped["residual"].as_f64().is_some_and(|residual| residual <= 1e-12));
    // Whoever asks for a solution and gets none is told by the exit code, too.
    let alone = folder.run(&[&hard[..], &["--no-fallback"]].concat());
    assert!(alone.code == Some(2) && alone.err.contains("not reached: diverged"), "{}", alone.err);
    let alone: serde_json::Value = serde_json::from_str(&alone.out).expect("JSON");
    assert_eq!((&alone["status"], &alone["fallback"]), (&json!("diverged"), &json!(null)));
    let host = folder.done_json(&[&hard[..], &["--method", "cg"]].concat());
    assert_eq!((&host["attempt"]["turns"], &host["passes"]), (&json!(127), &json!(0)));

    for (arguments, tells) in [
        (&["poisson", "--dim", "3"][..], "dimensions must be 1 or 2"),
        (&["poisson", "--points", "0"], "points per side must be 1 to 1048576"),
        (&["poisson", "--dim", "2", "--points", "18446744073709551615"], "points per side"),
        (&["poisson", "--tau", "1"], "forebay solve heat"),
        (&["heat", "--tau", "NaN"], "tau must be above 0"),
        (&["poisson", "--tolerance", "0"], "tolerance must be above 0"),
        (&["poisson", "--slices", "4"], "--slices 1 to 3"),
        (&["poisson", "--method", "multigrid", "--points", "30"], "3, 7, 15, 31"),
        (&["poisson", "--points", "5000"], "at most 4096"),
        (&["wave"], "poisson"),
    ] {
        let outcome = folder.run(&[&["solve"], arguments].concat());
        assert_eq!((outcome.code, outcome.err.lines().count()), (Some(2), 1), "{arguments:?}: {}", outcome.err);
        assert!(outcome.err.contains(tells), "{arguments:?}: {}", outcome.err);
    }
}
