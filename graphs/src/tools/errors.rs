//! What becomes of a tool's errors.

use std::fmt;
use std::sync::Arc;

use eddyline_engine::NodeError;

/// What happens when a tool fails. A question, a command to the graph around and a cancellation are no failures.
///
/// ```
/// use eddyline_graphs::tools::ToolErrors;
///
/// let in_our_words = ToolErrors::say(|error| format!("It did not work ({}). Try something else.", error.class()));
/// # let _ = in_our_words;
/// ```
#[derive(Clone, Default)]
pub enum ToolErrors {
    /// The model is told, and may try something else. As with clients, it reads the text of errors that are
    /// [visible](NodeError::visible); any other text stays in the log.
    #[default]
    Tell,
    /// The node fails, and with it the run, unless the node is tried again.
    Fail,
    /// The model is told what the function makes of the error.
    Say(Arc<dyn Fn(&NodeError) -> String + Send + Sync>),
}

impl ToolErrors {
    /// Tells the model what `words` makes of the error.
    pub fn say(words: impl Fn(&NodeError) -> String + Send + Sync + 'static) -> Self {
        Self::Say(Arc::new(words))
    }

    /// What the model is told; the error itself if it ends the node.
    pub(crate) fn words(&self, error: NodeError) -> Result<String, NodeError> {
        if !error.is_failure() {
            return Err(error);
        }
        match self {
            Self::Fail => Err(error),
            Self::Say(words) => Ok(words(&error)),
            Self::Tell => {
                let failure = error.failure();
                if failure.visible {
                    return Ok(format!("Error: {}: {}", failure.class, failure.message));
                }
                tracing::warn!(error = %error, "a tool failed, and the model is told so without the reason");
                Ok("Error: An internal error occurred".to_owned())
            }
        }
    }
}

impl fmt::Debug for ToolErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tell => "Tell",
            Self::Fail => "Fail",
            Self::Say(_) => "Say",
        })
    }
}
