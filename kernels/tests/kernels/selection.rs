//! The environment variable that forces a form. Only this test touches it, so that no other one races with it.

use std::{env, process::Command};

use forebay_kernels::{FORM_VARIABLE, Form, FormError};

/// The environment belongs to the process, so each value is tried in a process of its own: this test, run again.
#[test]
fn environment_forces_the_form() {
    const EXPECTED: &str = "FOREBAY_TEST_EXPECTED_FORM";
    if let Ok(expected) = env::var(EXPECTED) {
        match Form::from_env() {
            Ok(form) => assert_eq!(form.name(), expected),
            Err(FormError::Unknown { name, available }) => {
                assert_eq!((name.as_str(), "unknown"), ("sse9", expected.as_str()));
                assert_eq!(available, Form::available());
            }
            Err(FormError::Unavailable { available, .. }) => {
                assert_eq!(expected, "unavailable");
                assert_eq!(available, Form::available());
            }
            Err(error) => panic!("{error}"),
        }
        return;
    }
    let available: Vec<&str> = Form::available().iter().map(|form| form.name()).collect();
    let mut cases = vec![(None, Form::best().name()), (Some("sse9"), "unknown")];
    for name in ["scalar", "avx2", "avx512", "neon"] {
        cases.push((Some(name), if available.contains(&name) { name } else { "unavailable" }));
    }
    for (value, expected) in cases {
        let mut child = Command::new(env::current_exe().expect("this test is a program"));
        child.args(["--exact", "selection::environment_forces_the_form"]).env(EXPECTED, expected);
        child.env_remove(FORM_VARIABLE).envs(value.map(|value| (FORM_VARIABLE, value)));
        let output = child.output().expect("this test runs again");
        assert!(output.status.success(), "{value:?} is not {expected}: {}", String::from_utf8_lossy(&output.stdout));
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "the test ran in the child");
    }
}
