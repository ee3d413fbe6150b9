//! Filters that nobody knows, told before a graph runs. The library looks them up when a template is rendered.

use std::sync::LazyLock;

use minijinja::{Environment, ErrorKind};
use regex::Regex;

use super::mistake::{Mistake, Place};

/// Filters that are proposed.
const FILTERS: [&str; 28] = [
    "abs",
    "batch",
    "capitalize",
    "default",
    "dictsort",
    "first",
    "float",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "replace",
    "reverse",
    "round",
    "select",
    "sort",
    "split",
    "sum",
    "text",
    "title",
    "trim",
];

static LITERAL: LazyLock<Regex> = LazyLock::new(|| pattern(r#"'[^'\n]*'|"[^"\n]*""#));
static FILTER: LazyLock<Regex> = LazyLock::new(|| pattern(r"\|\s*([A-Za-z_]\w*)"));
static EXPRESSIONS: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?s)\{\{.*?\}\}|\{%.*?%\}"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is right")
}

/// Looks through an expression, or through those of a template.
pub(super) fn check(environment: &Environment<'_>, place: Place, source: &str, mistakes: &mut Vec<Mistake>) {
    // What stands in a raw block is no expression.
    if source.contains("raw %}") || source.contains("raw -%}") {
        return;
    }
    let parts: Vec<&str> = match EXPRESSIONS.find_iter(source).map(|part| part.as_str()).collect::<Vec<_>>() {
        parts if parts.is_empty() => vec![source],
        parts => parts,
    };
    let mut state = environment.empty_state();
    for part in parts {
        for found in FILTER.captures_iter(&LITERAL.replace_all(part, "''")) {
            let name = &found[1];
            let applied = state.apply_filter(name, &[]);
            if applied.is_err_and(|error| error.kind() == ErrorKind::UnknownFilter) {
                let mistake = Mistake::new(place, format!("there is no filter `{name}`"));
                mistakes.push(mistake.known(name, FILTERS));
            }
        }
    }
}
