//! No function of the platform's mathematics library in library code: its bits differ between processors. `libm` has them all.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Options, Outcome};

/// Folders whose code computes results.
const ROOMS: [&str; 9] = [
    "kernels/src",
    "substrates/core/src",
    "substrates/akida/src",
    "substrates/software/src",
    "substrates/emulator/src",
    "runtime/src",
    "zoo/src",
    "forecast/src",
    "cli/src",
];

/// Methods of floats that the standard library leaves to the platform, or to the compiler (`powi`).
const FUNCTIONS: &str = "acos acosh asin asinh atan atan2 atanh cbrt cos cosh erf exp exp2 exp_m1 gamma hypot ln ln_1p ln_gamma log log10 \
                         log2 powf powi sin sin_cos sinh tan tanh";

/// Looks through all of it, tests aside: those may compare with the platform.
pub(crate) fn check(options: &Options) -> Outcome {
    let mut found = Vec::new();
    for room in ROOMS {
        for path in sources(&options.root.join(room)) {
            match fs::read_to_string(&path) {
                Ok(text) => found.extend(calls(&text).into_iter().map(|(line, call)| {
                    let path = path.strip_prefix(&options.root).unwrap_or(&path);
                    format!("{}:{line}: {call}: use libm, or a product", path.display())
                })),
                Err(error) => return Outcome::Failed(format!("{}: {error}", path.display())),
            }
        }
    }
    for line in &found {
        println!("{line}");
    }
    if found.is_empty() {
        Outcome::Passed
    } else {
        Outcome::Failed(format!("{} calls of the platform's functions", found.len()))
    }
}

/// All Rust files below a folder.
pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Lines, from 1, that call one of the functions on a float. Tests stand at the end of a file.
fn calls(text: &str) -> Vec<(usize, String)> {
    let code = text.lines().enumerate().take_while(|(_, line)| !line.trim_start().starts_with("#[cfg(test)]"));
    let code = code.filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.flat_map(|(index, line)| {
        FUNCTIONS.split_whitespace().filter_map(move |name| Some((index + 1, call(line, name)?)))
    })
    .collect()
}

/// The call of this function in a line, if there is one.
fn call(line: &str, name: &str) -> Option<String> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    // `f64::log` takes a base; what takes none is a log of something else.
    let by_method = |at: usize| !(name == "log" && line[at..].starts_with(".log()"));
    let method = format!(".{name}(");
    if let Some((at, _)) = line.match_indices(&method).find(|&(at, _)| by_method(at)) {
        return Some(line[at..at + method.len() - 1].to_owned());
    }
    ["f32::", "f64::"].iter().map(|of| format!("{of}{name}")).find(|path| {
        line.match_indices(path.as_str()).any(|(at, _)| {
            let whole = |c: Option<char>| !c.is_some_and(is_part);
            whole(line[..at].chars().next_back()) && whole(line[at + path.len()..].chars().next())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::calls;

    #[test]
    fn calls_of_the_platform_are_found_and_nothing_else() {
        let found = |text| calls(text).into_iter().map(|(line, call)| format!("{line}{call}")).collect::<Vec<_>>();
        assert_eq!(found("let a = x.sin();\n\nlet b = map(f64::exp2);"), ["1.sin", "3f64::exp2"]);
        assert_eq!(found("x.powi(2) + y.log(3.0)"), ["1.log", "1.powi"]);
        assert!(found("ladder.log()[0] + libm::sin(x) + x.sinks() + my_f64::sin + f64::sinx + x.sqrt()").is_empty());
        assert!(found("/// let a = x.sin();\n#[cfg(test)]\nmod tests { x.sin(); }").is_empty());
    }
}
