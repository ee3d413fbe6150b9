//! Files and templates that would take all there is, if they were let.

use std::fmt::Write as _;

use eddyline_engine::local::Memory;
use eddyline_engine::testing::mutants;
use eddyline_graphs::declared::parse;
use serde_json::json;

use crate::kinds::run;

/// What a file says that is refused as a whole.
fn refused(text: &str) -> String {
    parse(text, "bomb.yaml").expect_err("a bomb").to_string()
}

#[test]
fn aliases_do_not_multiply_without_end() {
    let mut text = "a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]\n".to_owned();
    for level in 1..12 {
        let inside = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{inside}]").unwrap();
    }
    assert!(refused(&text).starts_with("bomb.yaml:"), "{}", refused(&text));
}

#[test]
fn nothing_nests_without_end() {
    let lists = format!("state: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    refused(&lists);
    let maps = (0..500).fold("state:\n".to_owned(), |text, depth| text + &" ".repeat(depth + 1) + "a:\n");
    refused(&maps);
    let toml = format!("state = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    parse(&toml, "bomb.toml").expect_err("a bomb");
}

#[test]
fn a_file_has_an_end() {
    let text = format!("state: {{ a: string }} # {}", "x".repeat(2 << 20));
    assert!(refused(&text).contains("bytes, and a graph file may have"));
}

/// What a node that renders the template fails with.
fn failure(template: &str) -> String {
    let file = json!({
        "state": {"a": "any", "n": "integer"},
        "nodes": {"n1": {"set": {"a": template}}},
        "edges": ["START -> n1"],
    });
    let graph = parse(&file.to_string(), "bomb.json").unwrap();
    run(&graph, json!({"n": 1_000_000_000}), &Memory::new("bomb")).expect_err("a bomb").to_string()
}

#[test]
fn templates_end() {
    for template in [
        "{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}",
        "{% macro again(n) %}{{ again(n + 1) }}{% endmacro %}{{ again(0) }}",
        "{% for a in range(9999) %}{{ 'x' * 1000 }}{% endfor %}",
        "{{ 'x' * n }}",
        "{{ ['x'] * n }}",
        "{{ range(n) | list }}",
        "{{ 'x' * 99999 * 99999 }}",
        "a{{ ('x' * 1000000) | replace('x', 'y' * 1000000) }}",
        "{{ 10 ** 1000000000 }}",
    ] {
        let said = failure(template);
        assert!(said.contains("gives no value") || said.contains("more than"), "{template}: {said}");
    }
}

#[test]
fn what_is_no_bomb_goes_through() {
    let file = json!({
        "state": {"a": "any"},
        "nodes": {"n1": {"set": {"a": "{% for a in range(1000) %}{{ a }},{% endfor %}"}}},
        "edges": ["START -> n1"],
    });
    let graph = parse(&file.to_string(), "fine.json").unwrap();
    let end = run(&graph, json!({}), &Memory::new("fine")).unwrap();
    assert_eq!(end["a"].as_str().map(|text| text.matches(',').count()), Some(1000));
}

#[test]
fn a_corpus_of_files_is_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/graph_files");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let seed = std::fs::read(entry.unwrap().path()).unwrap();
        for mutant in std::iter::once(seed.clone()).chain(mutants(&seed, 150)) {
            let Ok(text) = String::from_utf8(mutant) else { continue };
            for name in ["mutant.yaml", "mutant.toml"] {
                if let Err(error) = parse(&text, name) {
                    assert!(!error.mistakes().is_empty());
                }
            }
        }
        files += 1;
    }
    assert!(files > 5, "the corpus is there");
}
