//! What is wrong in a graph file, where, and what to do about it.

use std::fmt;
use std::path::PathBuf;

use serde::de::{self, Expected, Unexpected};

/// A place in a file; lines and columns count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

impl Place {
    /// Where a file begins.
    pub(super) const TOP: Self = Self { line: 1, column: 1 };
}

/// One mistake in a graph file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub(super) place: Option<Place>,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl Mistake {
    pub(super) fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place: Some(place), message: message.into(), help: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Proposes the known name nearest to the one that was written, or else lists what there is.
    pub(super) fn known<'a>(self, written: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        match nearest(written, &known) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None if known.is_empty() => self,
            None => self.help(format!("there is {}", listed(&known))),
        }
    }

    /// At this place, unless a nearer one is known.
    pub(super) fn at(mut self, place: Place) -> Self {
        self.place = self.place.or(Some(place));
        self
    }

    /// Where it is.
    pub fn place(&self) -> Place {
        self.place.unwrap_or(Place::TOP)
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do, where that is known.
    pub fn remedy(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { line, column } = self.place();
        write!(f, "{line}:{column}: {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Mistake {}

impl de::Error for Mistake {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { place: None, message: message.to_string(), help: None }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = match &*expected.to_string() {
            "f64" => "a number".to_owned(),
            "u32" | "u64" | "usize" | "i64" => "a whole number".to_owned(),
            "a sequence" => "a list".to_owned(),
            other => other.to_owned(),
        };
        let found = match found {
            Unexpected::Str(text) => format!("the text \"{text}\""),
            Unexpected::Seq => "a list".to_owned(),
            Unexpected::Unit => "nothing".to_owned(),
            other => other.to_string(),
        };
        Self::custom(format_args!("here stands {found}")).help(format!("write {expected}"))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format_args!("unknown field `{field}`")).known(field, expected.iter().copied())
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format_args!("`{variant}` is not known here")).known(variant, expected.iter().copied())
    }

    fn missing_field(field: &'static str) -> Self {
        Self::custom(format_args!("the field `{field}` is missing")).help(format!("add `{field}: …`"))
    }
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The name that was meant, perhaps.
fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let limit = (written.chars().count() / 3).max(1);
    let distance = |name: &str| strsim::osa_distance(&written.to_lowercase(), &name.to_lowercase());
    let near = known.iter().map(|name| (distance(name), *name)).filter(|(distance, _)| *distance <= limit);
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// Why a graph file is no graph: every mistake that was found in it.
#[derive(Debug)]
pub struct FileError {
    pub(super) file: PathBuf,
    pub(super) mistakes: Vec<Mistake>,
}

impl FileError {
    /// The file.
    pub fn file(&self) -> &std::path::Path {
        &self.file
    }

    /// The mistakes, in the order of the file.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }
}

/// `file:line:column: what is wrong; what to do`, a line for each mistake.
impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        let lines: Vec<_> = self.mistakes.iter().map(|mistake| format!("{file}:{mistake}")).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for FileError {}
