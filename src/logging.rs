//! The log: to stderr, because stdout belongs to whoever reads answers there.

use std::io::IsTerminal as _;

use eddyline_config::{Log, LogFormat};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{Directive, ParseError};
use tracing_subscriber::fmt::SubscriberBuilder;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::Error;
use crate::lossy::Lossy;

/// A word alone is a level; the library would take any other for the name of a module.
fn filter(level: &str) -> Result<EnvFilter, ParseError> {
    for word in level.split(',').filter(|part| !part.contains('=')) {
        format!("module={word}").parse::<Directive>()?;
    }
    EnvFilter::try_new(level)
}

/// What the log does when nobody reads stderr.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sink {
    /// It waits, and the program with it.
    Waits,
    /// It drops lines, and says how many.
    Drops,
}

/// Starts the log as the settings say; a program that has a log of its own keeps it.
pub(crate) fn start(settings: &Log, sink: Sink) -> Result<(), Error> {
    let filter = filter(&settings.level).map_err(Error::LogLevel)?;
    let writer = match sink {
        Sink::Waits => BoxMakeWriter::new(std::io::stderr),
        Sink::Drops => BoxMakeWriter::new(Lossy::start(std::io::stderr())),
    };
    let lines = SubscriberBuilder::default().with_env_filter(filter).with_writer(writer);
    let lines = lines.with_ansi(std::io::stderr().is_terminal());
    let started = match settings.format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    if started.is_err() {
        tracing::debug!("the program has a log of its own; the settings for the log are not used");
    }
    Ok(())
}
