//! Every kind of mistake, and what is said of it: `mistakes.txt` has both.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use eddyline_graphs::declared::parse;

/// A case begins with such a line, which names its file.
const FILE: &str = "=== ";
/// What is said of it comes after such a line.
const SAID: &str = "--- is said";

/// With `EDDYLINE_WRITE_SNAPSHOTS=1`, what is said is written instead of compared.
#[test]
fn every_mistake_has_its_place_and_its_remedy() {
    let path = folder().join("mistakes.txt");
    let known = fs::read_to_string(&path).unwrap();
    let (mut told, mut count) = (String::new(), 0);
    for case in known.split(FILE).skip(1) {
        let (name, rest) = case.split_once('\n').unwrap();
        let text = rest.split_once(SAID).map_or(rest, |(text, _)| text);
        let said = match parse(text, folder().join("files").join(name)) {
            Ok(_) => "nothing".to_owned(),
            Err(error) => {
                let helpless = error.mistakes().iter().find(|mistake| mistake.remedy().is_none());
                assert!(helpless.is_none(), "{name}: {helpless:?}");
                error.to_string().replace(&format!("{}/files/", folder().display()), "")
            }
        };
        write!(told, "{FILE}{name}\n{text}{SAID}\n{said}\n\n").unwrap();
        count += 1;
    }
    if std::env::var_os("EDDYLINE_WRITE_SNAPSHOTS").is_some() {
        fs::write(&path, &told).unwrap();
    }
    assert!(count >= 40, "there are {count} cases");
    assert!(!told.contains("\nnothing\n"), "a mistake is not noticed");
    for (told, known) in told.split(FILE).zip(known.split(FILE)) {
        assert_eq!(told.trim_end(), known.trim_end());
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/declared")
}
