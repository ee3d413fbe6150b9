//! What is understood, what is refused and with which words, and the shape of the output.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse_quote;

use crate::kind::Kind;
use crate::parse::{self, Errors, Key};

/// The keys of a struct and the texts of its mistakes.
fn read(item: &str) -> (Vec<Key>, Vec<String>) {
    let mut errors = Errors::default();
    match parse::structure(item.parse().unwrap()) {
        Ok(mut item) => (parse::keys(&mut item, &mut errors), errors.texts()),
        Err(error) => (Vec::new(), vec![error.to_string()]),
    }
}

fn kind(field: &str) -> Kind {
    let (mut keys, errors) = read(&format!("struct S {{ {field} }}"));
    assert!(errors.is_empty(), "{field}: {errors:?}");
    keys.remove(0).kind
}

fn refuses(item: &str, expected: &[&str]) {
    let (_, texts) = read(item);
    assert_eq!(texts.len(), expected.len(), "{texts:#?}");
    for (text, expected) in texts.iter().zip(expected) {
        assert!(text.starts_with(expected), "{text}\n\ndoes not start with\n\n{expected}");
    }
}

/// Tokens without the spaces between them, which depend on where the tokens came from.
fn dense(tokens: &TokenStream) -> String {
    tokens.to_string().replace(' ', "").replace(",}", "}").replace(",)", ")")
}

/// The output for `item`, under the root `::root`.
fn output(item: &str) -> String {
    dense(&crate::expanded(TokenStream::new(), &item.parse().unwrap(), Ok(quote!(::root))))
}

fn makes(item: &str, expected: &str) {
    let (output, expected) = (output(item), dense(&expected.parse().unwrap()));
    assert!(output.contains(&expected), "{expected}\n\nis not in\n\n{output}");
}

fn lacks(item: &str, unexpected: &str) {
    let (output, unexpected) = (output(item), dense(&unexpected.parse().unwrap()));
    assert!(!output.contains(&unexpected), "{unexpected}\n\nis in\n\n{output}");
}

#[test]
fn kinds() {
    let item = || parse_quote!(u8);
    for (field, expected) in [
        ("a: u8", Kind::LastValue),
        ("#[state] a: u8", Kind::LastValue),
        ("#[state(replace)] a: Messages", Kind::LastValue),
        ("a: eddyline::Messages", Kind::Messages),
        ("#[state(reduce = messages)] a: Messages", Kind::Messages),
        ("#[state(reduce = append)] a: Vec<u8>", Kind::Append { item: item() }),
        ("#[state(reduce = add)] a: u8", Kind::Add { item: None, start: true }),
        ("#[state(reduce = add)] a: Option<u8>", Kind::Add { item: None, start: false }),
        (
            "#[state(start = none, reduce = add)] a: std::vec::Vec<u8>",
            Kind::Add { item: Some(item()), start: false },
        ),
        ("#[state(ephemeral)] a: u8", Kind::Ephemeral { guard: true }),
        ("#[state(ephemeral(unguarded))] a: u8", Kind::Ephemeral { guard: false }),
        ("#[state(untracked)] a: u8", Kind::Untracked { guard: true }),
        ("#[state(untracked(unguarded))] a: u8", Kind::Untracked { guard: false }),
        ("#[state(any)] a: u8", Kind::AnyValue),
        ("#[state(topic)] a: Vec<u8>", Kind::Topic { accumulate: false, item: item() }),
        ("#[state(topic(accumulate))] a: Vec<u8>", Kind::Topic { accumulate: true, item: item() }),
        ("#[state(managed = remaining_steps)] a: u8", Kind::RemainingSteps),
        ("#[state(managed = is_last_step)] a: bool", Kind::IsLastStep),
    ] {
        assert_eq!(kind(field), expected, "{field}");
    }
}

#[test]
fn functions() {
    let path = Kind::Custom { function: parse_quote!(some::longest), start: true };
    assert_eq!(kind("#[state(reduce = some::longest)] a: String"), path);
    let closure = Kind::Custom { function: parse_quote!(|a, b| a + b), start: false };
    assert_eq!(kind("#[state(reduce = |a, b| a + b, start = none)] a: u8"), closure);
    let own = Kind::Custom { function: parse_quote!(self::add), start: false };
    assert_eq!(kind("#[state(reduce = self::add)] a: Option<u8>"), own);
}

#[test]
fn names_are_serdes() {
    for (rule, expected) in [
        ("lowercase", "max_turns"),
        ("UPPERCASE", "MAX_TURNS"),
        ("PascalCase", "MaxTurns"),
        ("camelCase", "maxTurns"),
        ("snake_case", "max_turns"),
        ("SCREAMING_SNAKE_CASE", "MAX_TURNS"),
        ("kebab-case", "max-turns"),
        ("SCREAMING-KEBAB-CASE", "MAX-TURNS"),
    ] {
        let (keys, errors) = read(&format!(
            r#"#[serde(rename_all = "{rule}", crate = "x")]
            struct S {{ max_turns: u8, #[serde(default, rename = "own_one")] b: u8, r#type: u8 }}"#
        ));
        assert!(errors.is_empty(), "{errors:?}");
        let names: Vec<_> = keys.iter().map(|key| key.name.as_str()).collect();
        assert_eq!(names[..2], [expected, "own_one"], "{rule}");
        assert!(names[2].eq_ignore_ascii_case("type"), "{names:?}");
    }
}

#[test]
fn refuses_what_is_not_a_struct_with_named_fields() {
    let shape = "`#[state]` goes above a struct with named fields";
    refuses("enum E { A }", &[&format!("{shape}, not an enum")]);
    refuses("union U { a: u8 }", &[&format!("{shape}, not a union")]);
    refuses("fn f() {}", &[shape]);
    refuses("struct S(u8);", &[&format!("{shape}, not a tuple")]);
    refuses("struct S;", &[&format!("{shape}; a state without keys is `struct S {{}}`")]);
    refuses("struct S<T> { a: T }", &["a state has no generics"]);
    refuses("struct S where u8: Copy { a: u8 }", &["a state has no `where` clause"]);
    let error = parse::args(quote!(reduce = add)).unwrap_err().to_string();
    assert_eq!(error, "`#[state]` takes no arguments here; options stand above the fields");
}

#[test]
fn refuses_everything_at_once() {
    let fields = [
        ("#[state(reduce = append)] a: String", "`append` needs a `Vec<_>`, found `String`"),
        ("#[state(topic)] b: u8", "`topic` needs a `Vec<_>`, found `u8`"),
        (
            "#[state(topic(acumulate))] c: Vec<u8>",
            "unknown `topic(acumulate)`; known are `reduce = append`, `reduce = add`, ",
        ),
        ("#[state(reduce = messages)] d: Vec<u8>", "`messages` needs `Messages`, found `Vec<u8>`"),
        ("#[state(reduce = 3)] e: u8", "expected `append`, `add`, `messages`, the path of a function, or a "),
        ("#[state(any, topic)] f: Vec<u8>", "a key has one kind: `any` or `topic`"),
        ("#[state(start = none)] g: u8", "`start = none` goes beside `reduce`"),
        ("#[state(topic, start = none)] h: Vec<u8>", "`topic` has a start of its own, or needs none"),
        ("#[state(reduce = add, start = 3)] i: u8", "expected `start = none`"),
        (
            "#[state(managed = remaining_steps)] j: String",
            "`managed = remaining_steps` needs an integer, found `String`",
        ),
        ("#[state(managed = is_last_step)] k: u8", "`managed = is_last_step` needs a `bool`, found `u8`"),
        ("#[state(managed = other)] l: u8", "unknown `managed = other`; known are "),
        ("#[serde(flatten)] m: Inner", "`#[serde(flatten)]` does not go with `#[state]`: each field of a "),
        ("#[serde(skip)] n: u8", "`#[serde(skip)]` does not go with `#[state]`"),
        (
            r#"#[serde(rename(serialize = "a", deserialize = "b"))] o: u8"#,
            "a key of a state has one name in both directions: write `rename = \"...\"`",
        ),
        (r#"#[serde(rename = "a")] p: u8"#, "two fields have the key `a`"),
    ];
    let (fields, texts): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
    let item = format!("#[serde(transparent)] struct S {{ {} }}", fields.join(", "));
    let texts: Vec<_> =
        ["`#[serde(transparent)]` does not go with `#[state]`"].into_iter().chain(texts).collect();
    refuses(&item, &texts);
}

#[test]
fn mistakes_leave_the_rest_whole() {
    let item = "struct S { #[state(nonsense)] a: u8 }";
    assert!(output(item).contains("compile_error!"));
    makes(item, "struct S { a: u8 }");
    makes(item, r#"::root::state::Field::new("a", ::root::channel::Kind::LastValue)"#);
    assert!(output("enum E { A }").ends_with("enumE{A}"));
    assert!(output("struct S<T> { #[state(any)] a: T }").ends_with("structS<T>{a:T}"));
}

#[test]
fn derives_only_what_is_missing() {
    let all = r#"
        #[derive(
            ::core::clone::Clone, ::core::fmt::Debug, ::root::__private::serde::Serialize,
            ::root::__private::serde::Deserialize, ::root::__private::schemars::JsonSchema
        )]
        #[serde(crate = "::root::__private::serde")]
        #[schemars(crate = "::root::__private::schemars")]
    "#;
    makes("struct S {}", all);
    let item = r#"
        #[derive(Clone, PartialEq)]
        #[derive(std::fmt::Debug, serde::Serialize)]
        #[serde(crate = "serde")]
        struct S {}
    "#;
    let some = r#"
        #[derive(::root::__private::serde::Deserialize, ::root::__private::schemars::JsonSchema)]
        #[schemars(crate = "::root::__private::schemars")]
    "#;
    makes(item, some);
    makes(item, item);
}

#[test]
fn setters() {
    let item = r#"
        pub(crate) struct Joke {
            /// What about.
            #[serde(rename = "t")]
            #[cfg(test)]
            topic: Option<Box<Self>>,
            #[state(reduce = append)]
            drafts: Vec<String>,
            #[state(topic)]
            seen: Vec<u8>,
            chat: Messages,
            #[state(managed = is_last_step)]
            last: bool,
        }
    "#;
    let topic = r#"
        #[cfg(test)]
        /// What about.
        pub(crate) fn topic(mut self, value: impl ::root::state::IntoWrite<Option<Box<Joke>>>) -> Self {
            self.writes.push("t", ::root::state::IntoWrite::<Option<Box<Joke>>>::into_write(value));
            self
        }
    "#;
    makes(item, "pub(crate) struct JokeUpdate { writes: ::root::state::Writes }");
    makes(item, topic);
    makes(item, "#[doc = \"Writes the key `drafts`.\"]");
    makes(item, "fn drafts(mut self, value: impl ::root::state::IntoItems<String>)");
    makes(item, "fn seen(mut self, value: impl ::root::state::IntoWrite<u8>)");
    makes(item, "fn chat(mut self, value: impl ::root::state::IntoItems<::root::Message>)");
    lacks(item, "fn last");
    makes(item, "#[serde(default)] seen: Vec<u8>");
}

#[test]
fn channels() {
    let merged = "struct S { #[state(reduce = f)] n: u8 }";
    makes(merged, "::root::channel::Reducer::custom::<u8, _>(f).starting_from");
    let optional = "struct S { #[state(reduce = add)] n: Option<u8> }";
    makes(optional, "::root::channel::Kind::Reduce(::root::channel::Reducer::add())");
    lacks(optional, "starting_from");
    let guarded = "struct S { #[state(ephemeral(unguarded))] n: u8 }";
    makes(guarded, "::root::channel::Kind::Ephemeral { guard: false }");
    let left = "struct S { #[state(managed = remaining_steps)] n: u8 }";
    makes(left, "::root::channel::Kind::Managed(::root::channel::Managed::RemainingSteps)");
}
