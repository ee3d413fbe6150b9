//! One child process: its lines, and its end.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eddyline_engine::prelude::NodeError;
use futures_util::StreamExt;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};

use super::said::{Said, start};

/// The longest line that a child may say, in bytes.
const MAX_LINE: usize = 8 << 20;
/// The longest line of its standard error that goes into the log.
const MAX_LOG_LINE: usize = 4096;

/// A child process. With the value the process ends, and whatever it has started.
pub(super) struct Child {
    process: tokio::process::Child,
    input: ChildStdin,
    lines: FramedRead<ChildStdout, LinesCodec>,
    /// The last line on its standard error: mostly the reason of its end.
    last_words: Arc<Mutex<String>>,
    name: String,
    /// It leads a group of processes of this number: itself, and what it has started.
    group: Option<u32>,
}

/// How long a child that says no more is given to end by itself, so that its status can be told.
const LEAVE: Duration = Duration::from_millis(200);

impl Child {
    pub(super) fn start(
        command: &[String],
        folder: &Path,
        env: &[(String, String)],
    ) -> Result<Self, NodeError> {
        let (name, arguments) = command.split_first().ok_or_else(|| failed("the process has no command"))?;
        let mut started = Command::new(name);
        started.args(arguments).current_dir(folder).envs(env.iter().cloned());
        started.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        #[cfg(unix)]
        started.process_group(0);
        let mut process =
            started.spawn().map_err(|error| failed(format!("`{name}` cannot be started: {error}")))?;
        let missing = || failed(format!("`{name}` has no standard input or output"));
        let input = process.stdin.take().ok_or_else(missing)?;
        let output = process.stdout.take().ok_or_else(missing)?;
        let last_words = Arc::<Mutex<String>>::default();
        if let Some(errors) = process.stderr.take() {
            tokio::spawn(log(errors, name.clone(), last_words.clone()));
        }
        let lines = FramedRead::new(output, LinesCodec::new_with_max_length(MAX_LINE));
        let group = process.id();
        Ok(Self { process, input, lines, last_words, name: name.clone(), group })
    }

    /// Whether it still runs.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    pub(super) async fn tell(&mut self, value: &Value) -> Result<(), NodeError> {
        let mut line = value.to_string();
        line.push('\n');
        match self.input.write_all(line.as_bytes()).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.ended().await),
        }
    }

    /// The next line.
    pub(super) async fn said(&mut self) -> Result<Said, NodeError> {
        let said = tokio::select! {
            biased;
            said = self.lines.next() => said,
            // What it has started may hold its output open; what it said itself is there already.
            _ = self.process.wait() => tokio::time::timeout(LEAVE, self.lines.next()).await.ok().flatten(),
        };
        let line = match said {
            Some(Ok(line)) => line,
            Some(Err(LinesCodecError::MaxLineLengthExceeded)) => {
                return Err(failed(format!(
                    "`{}` said a line of more than {MAX_LINE} bytes, and was ended",
                    self.name
                )));
            }
            Some(Err(LinesCodecError::Io(error))) if error.kind() == std::io::ErrorKind::InvalidData => {
                return Err(failed(format!(
                    "`{}` said something that is not UTF-8, and was ended",
                    self.name
                )));
            }
            Some(Err(LinesCodecError::Io(_))) | None => return Err(self.ended().await),
        };
        Said::read(&line).map_err(|words| failed(format!("`{}` was ended: {words}", self.name)))
    }

    /// Why nothing more comes.
    async fn ended(&mut self) -> NodeError {
        let status = match tokio::time::timeout(LEAVE, self.process.wait()).await {
            Ok(Ok(status)) => status.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it closed its standard output and went on".to_owned(),
        };
        self.kill();
        let last_words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let last_words =
            if last_words.is_empty() { last_words } else { format!("; it last said: {last_words}") };
        failed(format!("`{}` ended before it returned ({status}){last_words}", self.name))
    }

    fn kill(&self) {
        #[cfg(unix)]
        if let Some(group) = self.group.and_then(|id| rustix::process::Pid::from_raw(id.try_into().ok()?)) {
            // None of them may be left.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

fn failed(words: impl Into<String>) -> NodeError {
    NodeError::visible("ProcessError", words)
}

/// What a child says on its standard error belongs into the log.
async fn log(errors: ChildStderr, name: String, last_words: Arc<Mutex<String>>) {
    let mut lines = FramedRead::new(errors, LinesCodec::new_with_max_length(MAX_LOG_LINE));
    while let Some(line) = lines.next().await {
        match line {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => {
                tracing::info!(process = name, "{line}");
                *last_words.lock().unwrap_or_else(PoisonError::into_inner) = start(line.trim());
            }
            // The rest of it is skipped.
            Err(LinesCodecError::MaxLineLengthExceeded) => {}
            Err(LinesCodecError::Io(_)) => return,
        }
    }
}
