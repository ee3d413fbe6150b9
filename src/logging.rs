//! The log: to stderr, because stdout belongs to whoever reads answers there.

use std::io::IsTerminal as _;

use eddyline_config::{Log, LogFormat};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{Directive, ParseError};
use tracing_subscriber::fmt::SubscriberBuilder;

use crate::Error;

/// A word alone is a level; the library would take any other for the name of a module.
fn filter(level: &str) -> Result<EnvFilter, ParseError> {
    for word in level.split(',').filter(|part| !part.contains('=')) {
        format!("module={word}").parse::<Directive>()?;
    }
    EnvFilter::try_new(level)
}

/// Starts the log as the settings say; a program that has a log of its own keeps it.
pub(crate) fn start(settings: &Log) -> Result<(), Error> {
    let filter = filter(&settings.level).map_err(Error::LogLevel)?;
    let lines = SubscriberBuilder::default().with_env_filter(filter).with_writer(std::io::stderr);
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
