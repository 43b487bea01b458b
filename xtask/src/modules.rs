//! The modules of `runtime` import one another in one direction: each only those that stand before it in the list of
//! `specs/architecture.md`. So there is no circle, and a reader can begin at the top.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::platform::sources;
use crate::{Options, Outcome};

/// The heading above the list.
const HEADING: &str = "## Order of the modules of `runtime`";

pub(crate) fn check(options: &Options) -> Outcome {
    let page = options.root.join("specs/architecture.md");
    let Ok(text) = fs::read_to_string(&page) else {
        return Outcome::Failed(format!("{} cannot be read", page.display()));
    };
    let order = order(&text);
    let folder = options.root.join("runtime/src");
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for path in sources(&folder) {
        let module = module_of(&folder, &path);
        if module == "lib" {
            continue;
        }
        seen.insert(module.clone());
        match fs::read_to_string(&path) {
            Ok(source) => wrong.extend(
                against(&order, &module, &imports(&source)).into_iter().map(|why| format!("{}: {why}", path.display())),
            ),
            Err(error) => return Outcome::Failed(format!("{}: {error}", path.display())),
        }
    }
    wrong.extend(order.iter().filter(|module| !seen.contains(*module)).map(|module| format!("{module}: not there")));
    wrong.sort();
    wrong.dedup();
    for line in &wrong {
        println!("{line}");
    }
    println!("{} modules, {} imports against their order", seen.len(), wrong.len());
    if wrong.is_empty() { Outcome::Passed } else { Outcome::Failed(format!("{} imports", wrong.len())) }
}

/// The names in backquotes of the list below the heading, in their order.
fn order(page: &str) -> Vec<String> {
    let list = page.split_once(HEADING).map_or("", |(_, rest)| rest);
    let list = list.split_once("\n## ").map_or(list, |(list, _)| list);
    let items = list.lines().filter_map(|line| line.split_once(". `")).map(|(_, item)| item);
    items.filter_map(|item| item.split_once('`')).map(|(name, _)| name.to_owned()).collect()
}

/// The first folder or file below `src`.
fn module_of(folder: &Path, path: &Path) -> String {
    let below = path.strip_prefix(folder).unwrap_or(path);
    let first = below.components().next().map(|part| part.as_os_str().to_string_lossy().into_owned());
    first.unwrap_or_default().trim_end_matches(".rs").to_owned()
}

/// Every module that follows a `crate::` outside of comments and of the tests at the end.
fn imports(source: &str) -> BTreeSet<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        for name in names(rest) {
            // Types and functions at the top of the crate are no modules.
            if name.starts_with(|c: char| c.is_lowercase()) {
                found.insert(name);
            }
        }
    }
    found
}

/// What follows a `crate::`: one name, or the first of each in braces.
fn names(rest: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(list) = rest.strip_prefix('{') else { return vec![word(rest)] };
    let (mut depth, mut found, mut item) = (0_usize, Vec::new(), String::new());
    for c in list.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => found.push(std::mem::take(&mut item)),
            '{' => depth += 1,
            '}' => depth -= 1,
            _ if depth == 0 => item.push(c),
            _ => {}
        }
    }
    found.push(item);
    found.iter().map(|item| word(item.trim())).collect()
}

/// The imports that do not stand before a module.
fn against(order: &[String], module: &str, imports: &BTreeSet<String>) -> Vec<String> {
    let place = |name: &str| order.iter().position(|known| known == name);
    let Some(own) = place(module) else {
        return vec![format!("{module} is not in the list of specs/architecture.md")];
    };
    let is_wrong = |name: &&String| *name != module && place(name).is_none_or(|place| place > own);
    imports
        .iter()
        .filter(is_wrong)
        .map(|name| format!("{module} imports {name}, which does not stand before it"))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{against, imports, order};

    #[test]
    fn imports_are_found_outside_of_comments_and_tests() {
        let source = "use crate::error::Error;\n// crate::esn\nuse crate::{graph::{Graph, Op}, model};\nfn f() { crate::train::g(crate::Error::X) }\n#[cfg(test)]\nuse crate::zoo;";
        let names: Vec<String> = imports(source).into_iter().collect();
        assert_eq!(names, ["error", "graph", "model", "train"]);
    }

    #[test]
    fn what_stands_later_is_told() {
        let order = order(
            "# A\n## Order of the modules of `runtime`\n\nWhy `x`.\n\n1. `error`: what\n2. `graph`: nodes, `Op`\n\n## More\n\n3. `model`\n",
        );
        assert_eq!(order, ["error", "graph"]);
        let of = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
        assert!(against(&order, "graph", &of(&["error", "graph"])).is_empty());
        assert_eq!(against(&order, "error", &of(&["graph"])).len(), 1);
        assert_eq!(against(&order, "graph", &of(&["model"])).len(), 1);
        assert_eq!(against(&order, "model", &of(&[])).len(), 1);
    }
}
