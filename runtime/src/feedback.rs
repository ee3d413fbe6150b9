//! Links at which people say what they think of a run. Who takes that in is another program; runs are told where.

use std::str::FromStr;
use std::sync::Arc;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use crate::error::Error;
use crate::runs::{Run, StartRun};

/// A URL that stands for many: `{run_id}` and `{key}` in it, which it must have, and `{thread_id}` say what feedback is
/// of.
///
/// ```
/// use eddyline_runtime::FeedbackUrl;
///
/// let url: FeedbackUrl = "https://feedback.example/runs/{run_id}?key={key}".parse()?;
/// # let _ = url;
/// assert!("https://feedback.example/".parse::<FeedbackUrl>().is_err());
/// # Ok::<(), eddyline_runtime::FeedbackUrlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedbackUrl(Arc<str>);

/// Text that is no [`FeedbackUrl`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a URL for feedback begins with `https://` or `http://`, and has `{{run_id}}` and `{{key}}` in it")]
pub struct FeedbackUrlError;

impl FromStr for FeedbackUrl {
    type Err = FeedbackUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_web = text.starts_with("https://") || text.starts_with("http://");
        let is_whole = ["{run_id}", "{key}"].iter().all(|part| text.contains(part));
        if is_web && is_whole { Ok(Self(text.into())) } else { Err(FeedbackUrlError) }
    }
}

impl FeedbackUrl {
    /// The links of a run, by the keys that it was asked for with; none if it was asked for without.
    pub fn links(&self, run: &Run) -> Map<String, Value> {
        let link = |key: &String| (key.clone(), Value::from(self.link(run, key)));
        run.kwargs.feedback_keys.iter().flatten().map(link).collect()
    }

    fn link(&self, run: &Run, key: &str) -> String {
        let (run_id, thread_id) = (run.run_id.to_string(), run.thread_id.to_string());
        let text = self.0.replace("{run_id}", &run_id).replace("{thread_id}", &thread_id);
        text.replace("{key}", &utf8_percent_encode(key, NON_ALPHANUMERIC).to_string())
    }

    /// Refuses a run that wants links where nobody knows any.
    pub(crate) fn check(url: Option<&Self>, request: &StartRun) -> Result<(), Error> {
        let wants = request.feedback_keys.as_ref().is_some_and(|keys| !keys.is_empty());
        if wants && url.is_none() {
            return Err(Error::invalid(
                "`feedback_keys`: this server does not know where feedback goes; set `feedback.url`",
            ));
        }
        Ok(())
    }
}
