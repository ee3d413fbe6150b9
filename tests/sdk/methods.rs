//! Every public method of the clients is called, and `docs/compatibility.md` has a table of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{env, fs};

use super::{javascript, python};
use crate::server::Server;

/// Where the table stands, and between which lines.
const DOCUMENT: &str = "docs/compatibility.md";
const BEGIN: &str = "<!-- The methods of the clients, as `tests/sdk/methods.rs` has seen them called. -->\n";
const END: &str = "<!-- The end of the methods. -->\n";

/// With this variable the table is written anew.
const WRITE: &str = "EDDYLINE_WRITE_DOCS";

/// For each method, by its name in Python, what it is called in each client.
type Table = BTreeMap<String, [Option<String>; 3]>;

#[test]
fn every_public_method_is_called() {
    let Some(in_python) = python::script("methods.py") else { return };
    let Some(in_javascript) = javascript::script("methods.js") else { return };
    let server = Server::start();
    let of_python = in_python.check(&server.url(""));
    let of_javascript = in_javascript.check(&server.url(""));
    let mut table = Table::new();
    for (client, report, kind) in
        [(0, &of_python, "called async "), (1, &of_python, "called sync "), (2, &of_javascript, "called ")]
    {
        for name in called(report, kind) {
            let row = table.entry(snake(&name)).or_default();
            row[client] = Some(name);
        }
    }
    assert!(table.len() > 45, "{table:?}");
    check(&written(&table));
}

fn called(report: &str, kind: &str) -> BTreeSet<String> {
    let lines = report.lines().map(|line| line.trim_start_matches("# "));
    lines.filter_map(|line| line.strip_prefix(kind)).map(str::to_owned).collect()
}

/// `runs.createBatch` is `runs.create_batch`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

fn written(table: &Table) -> String {
    let cell = |name: &Option<String>| match name {
        Some(name) => format!("`{name}`"),
        None => "is not there".to_owned(),
    };
    let row = |names: &[Option<String>; 3]| format!("| {} |\n", names.each_ref().map(cell).join(" | "));
    let head = "| Python | Python without `async` | JavaScript |\n|---|---|---|\n".to_owned();
    head + &table.values().map(row).collect::<String>()
}

fn check(table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCUMENT);
    let document = fs::read_to_string(&path).expect("the document is there");
    let (before, rest) = document.split_once(BEGIN).expect("the table begins");
    let (stands, after) = rest.split_once(END).expect("the table ends");
    if env::var_os(WRITE).is_some() {
        fs::write(path, format!("{before}{BEGIN}{table}{END}{after}"))
            .expect("the document can be written to");
    } else {
        assert_eq!(stands, table, "{DOCUMENT} is behind; with {WRITE}=1 this test writes it");
    }
}
