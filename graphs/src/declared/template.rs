//! Templates and conditions: minijinja, with limits on how much they may compute and how much they may say.
//!
//! A text with something else around its `{{ }}` gives a text; one that is a single `{{ expression }}` gives what the
//! expression gives, whatever that is. Lists and maps are looked into.

use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::{Arc, LazyLock};

use eddyline_engine::message::Message;
use eddyline_engine::{NodeError, Shared};
use minijinja::value::{Object, ObjectRepr, Serde};
use minijinja::{Environment, Expression, UndefinedBehavior, Value as Jinja};
use serde_json::Value;

use super::filters;
use super::located::{Located, Named};
use super::mistake::{Mistake, Place};
use super::tree::{Kind, Tree};
use crate::text::spoken;

/// How much an evaluation may compute: some tenths of a second at most.
const FUEL: u64 = 2_000_000;
/// How many bytes a text may have that a template makes.
const MAX_TEXT: usize = 4 << 20;
/// How deep templates may nest.
const MAX_NESTING: usize = 64;
/// What the one template of an environment is called.
const TEXT: &str = "template";

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(MAX_NESTING);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.add_filter("text", |value: &Jinja| in_words(value));
    environment
});

/// A message as its text, a text as it is, anything else as JSON.
fn in_words(value: &Jinja) -> Result<String, minijinja::Error> {
    let json = to_json(value)?;
    let message = json.get("content").and_then(|_| serde_json::from_value::<Message>(json.clone()).ok());
    Ok(message.map_or_else(|| spoken(&json), |message| message.text().into_owned()))
}

fn to_json(value: &Jinja) -> Result<Value, minijinja::Error> {
    serde_json::to_value(value)
        .map_err(|error| minijinja::Error::new(minijinja::ErrorKind::BadSerialization, error.to_string()))
}

fn of_json(value: &Value) -> Jinja {
    Jinja::from(Serde(value))
}

/// A condition, or what stands in `each`.
#[derive(Clone)]
pub(super) struct Expr {
    source: Arc<str>,
    expression: Arc<Expression<'static, 'static>>,
}

/// A value with templates in it.
#[derive(Clone)]
pub(super) enum Template {
    Constant(Value),
    Expression(Expr),
    Text(Arc<Environment<'static>>),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

impl Expr {
    pub(super) fn new(source: &Located<String>, scope: &Scope, mistakes: &mut Vec<Mistake>) -> Self {
        Self::compile(&source.value, source.place, scope, mistakes)
    }

    fn compile(source: &str, place: Place, scope: &Scope, mistakes: &mut Vec<Mistake>) -> Self {
        let compiled = ENVIRONMENT.compile_expression_owned(source.to_owned()).unwrap_or_else(|error| {
            let help = "write a value or a condition, such as `topic == 'rain' and n > 2`";
            mistakes.push(unreadable(place, "expression", source, &error).help(help));
            ENVIRONMENT.compile_expression("none").expect("a constant is an expression")
        });
        scope.check(place, compiled.undeclared_variables(false), mistakes);
        filters::check(&ENVIRONMENT, place, source, mistakes);
        Self { source: source.into(), expression: Arc::new(compiled) }
    }

    pub(super) fn value(&self, vars: &Vars) -> Result<Value, NodeError> {
        let evaluated = self.expression.eval(vars.to_jinja()).and_then(|value| {
            if value.is_undefined() {
                return Err(minijinja::ErrorKind::UndefinedError.into());
            }
            to_json(&value)
        });
        evaluated.map_err(|error| failed(&self.source, &error))
    }

    pub(super) fn is_true(&self, vars: &Vars) -> Result<bool, NodeError> {
        let value = self.expression.eval(vars.to_jinja()).map_err(|error| failed(&self.source, &error))?;
        Ok(value.is_true())
    }
}

impl Template {
    pub(super) fn new(tree: &Tree, scope: &Scope, mistakes: &mut Vec<Mistake>) -> Self {
        match &tree.kind {
            Kind::Text(text) => Self::of_text(text, tree.place, scope, mistakes),
            Kind::List(items) => {
                let items: Vec<_> = items.iter().map(|item| Self::new(item, scope, mistakes)).collect();
                Self::folded(Self::List(items), tree)
            }
            Kind::Map(entries) => {
                let entry =
                    |(key, value): &(Tree, Tree)| (key.text().to_owned(), Self::new(value, scope, mistakes));
                Self::folded(Self::Map(entries.iter().map(entry).collect()), tree)
            }
            _ => Self::Constant(tree.to_json()),
        }
    }

    /// A constant, if everything in it is one.
    fn folded(self, tree: &Tree) -> Self {
        let constant = |template: &Self| matches!(template, Self::Constant(_));
        let all = match &self {
            Self::List(items) => items.iter().all(constant),
            Self::Map(entries) => entries.iter().all(|(_, value)| constant(value)),
            _ => false,
        };
        if all { Self::Constant(tree.to_json()) } else { self }
    }

    fn of_text(text: &str, place: Place, scope: &Scope, mistakes: &mut Vec<Mistake>) -> Self {
        if !text.contains("{{") && !text.contains("{%") && !text.contains("{#") {
            return Self::Constant(text.into());
        }
        if let Some(expression) = only_expression(text) {
            return Self::Expression(Expr::compile(expression, place, scope, mistakes));
        }
        let mut environment = ENVIRONMENT.clone();
        if let Err(error) = environment.add_template_owned(TEXT, text.to_owned()) {
            let help = "close each `{{` with `}}` and each `{% … %}` with its `{% end… %}`";
            mistakes.push(unreadable(place, "template", text, &error).help(help));
            return Self::Constant(Value::Null);
        }
        let names = environment.get_template(TEXT).map(|template| template.undeclared_variables(false));
        scope.check(place, names.unwrap_or_default(), mistakes);
        filters::check(&ENVIRONMENT, place, text, mistakes);
        Self::Text(Arc::new(environment))
    }

    /// The value with everything in place.
    pub(super) fn value(&self, vars: &Vars) -> Result<Value, NodeError> {
        match self {
            Self::Constant(value) => Ok(value.clone()),
            Self::Expression(expression) => expression.value(vars),
            Self::Text(environment) => render(environment, vars).map(Value::String),
            Self::List(items) => items.iter().map(|item| item.value(vars)).collect(),
            Self::Map(entries) => {
                entries.iter().map(|(key, value)| Ok((key.clone(), value.value(vars)?))).collect()
            }
        }
    }

    /// The value in words.
    pub(super) fn text(&self, vars: &Vars) -> Result<String, NodeError> {
        Ok(spoken(&self.value(vars)?))
    }
}

/// Values by name, in the order of the file.
#[derive(Clone, Default)]
pub(super) struct Templates(pub(super) Vec<(String, Template)>);

impl Templates {
    pub(super) fn new(named: &Named<Tree>, scope: &Scope, mistakes: &mut Vec<Mistake>) -> Self {
        let compiled =
            named.0.iter().map(|(name, tree)| (name.value.clone(), Template::new(tree, scope, mistakes)));
        Self(compiled.collect())
    }

    pub(super) fn values<'a>(
        &'a self,
        vars: &'a Vars,
    ) -> impl Iterator<Item = Result<(&'a str, Value), NodeError>> {
        self.0.iter().map(|(name, template)| Ok((&**name, template.value(vars)?)))
    }
}

/// What is between the braces, if the text is one expression and nothing else.
fn only_expression(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.strip_prefix('-').unwrap_or(inner);
    let inner = inner.strip_suffix('-').unwrap_or(inner);
    // A second pair of braces would be inside; braces of a map literal are single ones.
    (!inner.contains("}}") && !inner.contains("{{")).then_some(inner.trim())
}

fn render(environment: &Environment<'static>, vars: &Vars) -> Result<String, NodeError> {
    let template = environment.get_template(TEXT).map_err(|error| failed(TEXT, &error))?;
    let mut text = Limited(Vec::new());
    template
        .render_captured_to(vars.to_jinja(), &mut text)
        .map_err(|error| failed(template.source(), &error))?;
    String::from_utf8(text.0).map_err(|error| NodeError::visible("ValueError", error.to_string()))
}

/// Takes so much and no more.
struct Limited(Vec<u8>);

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_TEXT {
            return Err(io::Error::other(format!("the text has more than {MAX_TEXT} bytes")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn unreadable(place: Place, what: &str, source: &str, error: &minijinja::Error) -> Mistake {
    let line = error.line().filter(|line| *line > 1);
    let line = line.map(|line| format!(", in line {line} of the text")).unwrap_or_default();
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    Mistake::new(place, format!("the {what} `{}` cannot be read{line}: {detail}", shortened(source)))
}

fn failed(source: &str, error: &minijinja::Error) -> NodeError {
    use std::error::Error as _;
    let detail = error.detail().map_or_else(String::new, |detail| format!(": {detail}"));
    let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
    let words = format!("`{}` gives no value: {}{detail}{cause}", shortened(source), error.kind());
    NodeError::visible("ValueError", words)
}

/// The first line, or what fits of it.
fn shortened(source: &str) -> String {
    let line = source.trim().lines().next().unwrap_or_default();
    if line.chars().count() <= 80 { line.to_owned() } else { line.chars().take(79).chain(['…']).collect() }
}

/// Names that expressions may use.
#[derive(Clone, Default)]
pub(super) struct Scope {
    names: Vec<String>,
}

impl Scope {
    pub(super) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self { names: names.into_iter().map(str::to_owned).collect() }
    }

    /// With these names as well.
    pub(super) fn and<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = self.names.iter().cloned().chain(names.into_iter().map(str::to_owned)).collect();
        Self { names }
    }

    fn check(&self, place: Place, used: HashSet<String>, mistakes: &mut Vec<Mistake>) {
        let is_known = |name: &String| {
            self.names.contains(name) || ENVIRONMENT.globals().any(|(global, _)| global == name)
        };
        let mut unknown: Vec<_> = used.into_iter().filter(|name| !is_known(name)).collect();
        unknown.sort_unstable();
        for name in unknown {
            let mistake = Mistake::new(place, format!("nothing here is called `{name}`"));
            mistakes.push(match &*name {
                ENV => {
                    mistake.help("it can be used in `headers` of `http`, where nobody sees what stands there")
                }
                RESULT => mistake.help("it can be used in `set` beside a kind that has a result"),
                _ => mistake.known(&name, self.names.iter().map(String::as_str)),
            });
        }
    }
}

/// The values of names: those of the input of a node, and some beside it.
#[derive(Clone, Debug)]
pub(super) struct Vars {
    input: Shared,
    beside: Arc<Vec<(&'static str, Value)>>,
    item: Option<(Arc<str>, Value)>,
}

impl Vars {
    pub(super) fn new(input: Shared) -> Self {
        Self { input, beside: Arc::default(), item: None }
    }

    /// With a value of this name as well, which is found before a key of the input.
    pub(super) fn with(mut self, name: &'static str, value: Value) -> Self {
        Arc::make_mut(&mut self.beside).push((name, value));
        self
    }

    /// With an item of a list.
    pub(super) fn item(mut self, name: &Arc<str>, value: Value) -> Self {
        self.item = Some((name.clone(), value));
        self
    }

    pub(super) fn input(&self) -> &Shared {
        &self.input
    }

    fn to_jinja(&self) -> Jinja {
        Jinja::from_object(self.clone())
    }
}

impl Object for Vars {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Jinja) -> Option<Jinja> {
        let name = key.as_str()?;
        if let Some((_, value)) = self.item.as_ref().filter(|(item, _)| &**item == name) {
            return Some(of_json(value));
        }
        if let Some((_, value)) = self.beside.iter().find(|(beside, _)| *beside == name) {
            return Some(of_json(value));
        }
        if name == STATE {
            return Some(of_json(self.input.json()));
        }
        match self.input.object() {
            Some(object) => object.get(name).map(|value| of_json(value.json())),
            None => self.input.json().get(name).map(of_json),
        }
    }
}

/// The variables of the environment, for expressions.
pub(super) fn environment() -> Value {
    Value::Object(std::env::vars().map(|(name, value)| (name, value.into())).collect())
}

/// The whole input of a node.
pub(super) const STATE: &str = "state";
/// What the kind of a node gave.
pub(super) const RESULT: &str = "result";
/// The run around a node.
pub(super) const RUN: &str = "run";
/// Variables of the environment.
pub(super) const ENV: &str = "env";
/// Names that no key and no item may have.
pub(super) const RESERVED: [&str; 4] = [STATE, RESULT, RUN, ENV];
