//! How the command says why it failed: a line for people with the error's code, or a line of the log for programs.

use std::io;

use eddyline::settings::LogFormat;

/// Says it on stderr.
pub(crate) fn failure(error: &anyhow::Error, format: LogFormat) {
    let (code, words) = (code(error), words(error));
    match (format, code) {
        (LogFormat::Text, Some(code)) => eprintln!("error[{code}]: {words}"),
        (LogFormat::Text, None) => eprintln!("error: {words}"),
        (LogFormat::Json, code) => {
            // Where the log was never started, this is its only line.
            let log = tracing_subscriber::fmt().json().with_writer(io::stderr).finish();
            tracing::subscriber::with_default(log, || tracing::error!(code, "{words}"));
        }
    }
}

/// True when whoever read the output has read enough.
pub(crate) fn nobody_reads(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// The code of the first error that has one: `docs/errors.md` is searched by it.
fn code(error: &anyhow::Error) -> Option<&'static str> {
    use eddyline::runtime::storage::BackupError;
    error.chain().find_map(|error| {
        let server = error.downcast_ref::<eddyline::Error>().map(eddyline::Error::code);
        let settings = || error.downcast_ref().map(eddyline::settings::Error::code);
        let backup = || error.downcast_ref().map(BackupError::code);
        let run = || error.downcast_ref().map(eddyline::RunError::code);
        let runtime = || error.downcast_ref().map(eddyline::runtime::Error::code);
        server.or_else(settings).or_else(backup).or_else(run).or_else(runtime)
    })
}

/// The error and what caused it. Libraries say some of it twice.
fn words(error: &anyhow::Error) -> String {
    let mut said: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        if !said.last().is_some_and(|last| last.contains(&cause) || cause.contains(last)) {
            said.push(cause);
        }
    }
    said.join(": ")
}
