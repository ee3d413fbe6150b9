//! Checks of our own that no compiler makes: the size of files, the direction of arrows, the documents.

use std::fs;
use std::path::{Path, PathBuf};

/// The folders with code of the product.
const SOURCES: [&str; 8] = [
    "src",
    "config/src",
    "graphs/src",
    "runtime/src",
    "runtime/engine/src",
    "runtime/engine/macros/src",
    "transports/net/src",
    "transports/src",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All Rust files below a folder, as paths from the root.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is there") {
            let path = entry.expect("the entry can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path.strip_prefix(root()).expect("it is below the root").to_owned());
            }
        }
    }
    found.sort();
    found
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests")
        || path.file_stem().is_some_and(|name| name == "tests" || name.to_string_lossy().ends_with("_tests"))
}

/// The part of a manifest that names what the crate needs to be built.
fn dependencies(manifest: &str) -> Vec<String> {
    let manifest = read(manifest);
    let table = manifest.split("\n[").find(|table| table.starts_with("dependencies]")).unwrap_or_default();
    let names = table.lines().skip(1).filter(|line| !line.is_empty() && !line.starts_with('#'));
    names.map(|line| line.split(['.', ' ', '=']).next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_file_is_short_enough_to_be_read() {
    const LINES: usize = 400;
    let long =
        SOURCES.iter().flat_map(|folder| files(folder)).filter(|path| !is_test(path)).filter_map(|path| {
            let lines = read(&path).lines().count();
            (lines > LINES).then(|| format!("{}: {lines} lines", path.display()))
        });
    assert_eq!(
        long.collect::<Vec<_>>(),
        Vec::<String>::new(),
        "split by concept; {LINES} lines are too many"
    );
}

#[test]
fn the_engine_is_pure() {
    let banned = ["actix", "tokio", "async-std", "smol", "mio", "rusqlite", "reqwest", "tracing"];
    let impure = dependencies("runtime/engine/Cargo.toml");
    let impure: Vec<_> =
        impure.iter().filter(|name| banned.iter().any(|banned| name.starts_with(banned))).collect();
    assert!(impure.is_empty(), "the engine knows no I/O, no clock and no async runtime, but {impure:?}");
}

#[test]
fn arrows_point_one_way() {
    for (folder, may_know) in [
        ("runtime/engine", &["eddyline-engine-macros"][..]),
        ("runtime/engine/macros", &[]),
        ("runtime", &["eddyline-engine"]),
        ("graphs", &["eddyline-engine", "eddyline-net"]),
        ("config", &[]),
        ("transports/net", &[]),
        ("transports", &["eddyline-engine", "eddyline-net", "eddyline-runtime"]),
    ] {
        let known = dependencies(&format!("{folder}/Cargo.toml"));
        let ours = known.into_iter().filter(|name| name.starts_with("eddyline-"));
        let back: Vec<_> = ours.filter(|name| !may_know.contains(&name.as_str())).collect();
        assert!(back.is_empty(), "{folder} must not know {back:?}");
    }
}

#[test]
fn only_wire_knows_what_clients_read() {
    let elsewhere =
        files("transports/src").into_iter().filter(|path| !path.starts_with("transports/src/wire"));
    let knows: Vec<_> = elsewhere
        .filter(|path| !is_test(path) && read(path).lines().any(|line| line.contains("serde_json")))
        .collect();
    assert!(knows.is_empty(), "JSON belongs to transports/src/wire, not to {knows:?}");
}

#[test]
fn every_crate_keeps_the_lints() {
    for source in SOURCES {
        let folder = source.strip_suffix("src").expect("sources are in `src`");
        let manifest = read(Path::new(folder).join("Cargo.toml"));
        assert!(manifest.contains("[lints]\nworkspace = true"), "{folder}Cargo.toml leaves the lints out");
    }
}

/// The codes that a file gives to errors: texts in capitals inside `fn code`.
fn codes(source: &str) -> Vec<String> {
    let functions = source.split("fn code(&self)").skip(1);
    let bodies = functions.map(|rest| rest.split("\n    }\n").next().unwrap_or_default());
    let texts = bodies.flat_map(|body| body.split('"').skip(1).step_by(2));
    texts.filter(|text| text.chars().all(|c| c.is_ascii_uppercase() || c == '_')).map(str::to_owned).collect()
}

#[test]
fn every_error_code_has_its_paragraph() {
    let explained = read("docs/errors.md");
    let headings: Vec<&str> = explained.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let sources = SOURCES.iter().flat_map(|folder| files(folder));
    let mut known: Vec<String> = sources.flat_map(|path| codes(&read(path))).collect();
    known.sort();
    known.dedup();
    assert!(known.len() > 10, "the codes are not found any more");
    for code in &known {
        assert!(headings.contains(&code.as_str()), "docs/errors.md does not explain {code}");
    }
    for heading in headings {
        assert!(
            known.iter().any(|code| code == heading),
            "docs/errors.md explains {heading}, which is no code"
        );
    }
}

#[test]
fn packages_accept_the_licences_that_the_project_accepts() {
    let list = |path: &str, key: &str| {
        let text = read(path);
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
        line.expect(key).to_owned()
    };
    assert_eq!(list("packaging/about.toml", "accepted"), list("deny.toml", "allow"));
}
