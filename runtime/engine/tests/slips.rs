//! Common slips, and what the compiler says of them.
//!
//! Each file in `slips/` must not compile, and its first lines name what the errors have to say.
//! Only these phrases are compared: compilers word the rest differently from version to version.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn the_compiler_names_the_slip() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let slips: Vec<(String, String)> = fs::read_dir(here.join("tests/slips"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap())
        })
        .collect();
    assert!(slips.len() > 5, "the slips are there");
    let said = compile(here, &slips);
    let mut missing = Vec::new();
    for (name, source) in &slips {
        let errors = said.get(name).map(String::as_str).unwrap_or_default();
        for phrase in source.lines().filter_map(|line| line.strip_prefix("//! expect: ")) {
            if !errors.contains(phrase) {
                missing.push(format!("{name}: nobody says {phrase:?}; the compiler says:\n{errors}"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// Checks all files as binaries of one scratch package; the errors of each, rendered.
fn compile(here: &Path, slips: &[(String, String)]) -> HashMap<String, String> {
    let scratch = target(here).join("slips");
    fs::create_dir_all(scratch.join("src/bin")).unwrap();
    let manifest = format!(
        "[package]\nname = \"slips\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[dependencies]\neddyline-engine = {{ path = \"{}\" }}\n[workspace]\n",
        here.display()
    );
    fs::write(scratch.join("Cargo.toml"), manifest).unwrap();
    fs::copy(here.join("../../Cargo.lock"), scratch.join("Cargo.lock")).unwrap();
    for (name, source) in slips {
        fs::write(scratch.join(format!("src/bin/{name}.rs")), source).unwrap();
    }
    let cargo = Command::new(env!("CARGO"))
        .args(["check", "--bins", "--keep-going", "--offline", "--message-format=json", "--quiet"])
        .current_dir(&scratch)
        .env("CARGO_TARGET_DIR", target(here))
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&cargo.stdout);
    let mut said: HashMap<String, String> = HashMap::new();
    for message in stdout.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()) {
        let text = message["message"]["rendered"].as_str().unwrap_or_default();
        if let Some(name) = message["target"]["name"].as_str() {
            said.entry(name.to_owned()).or_default().push_str(text);
        }
    }
    assert!(!said.is_empty(), "cargo said nothing:\n{}", String::from_utf8_lossy(&cargo.stderr));
    said
}

/// The folder into which this test itself was built.
fn target(here: &Path) -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    let target = exe.ancestors().find(|folder| folder.ends_with("target")).map(Path::to_owned);
    target.unwrap_or_else(|| here.join("../../target"))
}
