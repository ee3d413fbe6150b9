//! Where a provider listens, and who we are to it.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use secrecy::{ExposeSecret, SecretString};

use super::fault::Fault;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);

/// As much of an error's body is read, in bytes.
const ERROR_BODY: usize = 64 << 10;

/// Address, headers, limits. Of keys nothing is shown by `Debug`.
#[derive(Clone)]
pub(super) struct Endpoint {
    pub(super) base: String,
    /// Is appended to the path of the base.
    path: &'static str,
    /// Header and scheme of the key, such as `authorization` and `Bearer `.
    pub(super) key_header: (String, &'static str),
    pub(super) key: Option<SecretString>,
    /// A header that is the same for everybody.
    pub(super) version: Option<(&'static str, &'static str)>,
    /// Their values may be keys, too.
    pub(super) headers: Vec<(String, SecretString)>,
    /// How often a request that failed is made again.
    pub(super) retries: usize,
    /// The longest silence of the provider.
    pub(super) patience: Duration,
}

impl Endpoint {
    pub(super) fn new(base: &str, path: &'static str, key_header: &str, scheme: &'static str) -> Self {
        Self {
            base: base.to_owned(),
            path,
            key_header: (key_header.to_owned(), scheme),
            key: None,
            version: None,
            headers: Vec::new(),
            retries: 2,
            patience: Duration::from_mins(5),
        }
    }

    pub(super) fn header(&mut self, name: impl Into<String>, value: impl Into<SecretString>) {
        self.headers.push((name.into(), value.into()));
    }

    /// What must not be told.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &SecretString> {
        self.key.iter().chain(self.headers.iter().map(|(_, value)| value))
    }

    /// Sends a request, and returns the answer once it begins and is none of an error.
    ///
    /// Dropping the future, and later the answer, closes the connection.
    pub(super) async fn open(&self, body: Vec<u8>) -> Result<Response, Fault> {
        if tokio::runtime::Handle::try_current().is_err() {
            let words = "a model over the network needs a Tokio runtime around the node";
            return Err(Fault::lasting("RuntimeError", words));
        }
        let request = client()?.post(self.url()?).headers(self.header_map()?).body(body);
        let sent = tokio::time::timeout(self.patience, request.send());
        let response = sent.await.map_err(|_| Fault::silent(self.patience))??;
        let status = response.status();
        let headers = response.headers().clone();
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        // Gateways are known to tell errors with a status of success.
        if status.is_success() && !kind.starts_with("application/json") && !kind.starts_with("text/html") {
            return Ok(response);
        }
        let text = tokio::time::timeout(self.patience, error_text(response)).await.unwrap_or_default();
        Err(Fault::of_status(status, &headers, &text))
    }

    fn url(&self) -> Result<Url, Fault> {
        let refused =
            |problem: &str| Fault::lasting("ValueError", format!("the base URL is not one: {problem}"));
        let mut url = Url::parse(&self.base).map_err(|error| refused(&error.to_string()))?;
        url.path_segments_mut()
            .map_err(|()| refused("it has no path"))?
            .pop_if_empty()
            .extend(self.path.split('/'));
        Ok(url)
    }

    fn header_map(&self) -> Result<HeaderMap, Fault> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some((name, version)) = self.version {
            headers.insert(name, HeaderValue::from_static(version));
        }
        let (name, scheme) = &self.key_header;
        let key = self.key.iter().map(|key| (name, format!("{scheme}{}", key.expose_secret())));
        let others = self.headers.iter().map(|(name, value)| (name, value.expose_secret().to_owned()));
        for (name, value) in key.chain(others) {
            let refused = || Fault::lasting("ValueError", format!("the header `{name}` cannot be sent"));
            let header = HeaderName::try_from(name).map_err(|_| refused())?;
            let mut value = HeaderValue::try_from(value).map_err(|_| refused())?;
            value.set_sensitive(true);
            headers.insert(header, value);
        }
        Ok(headers)
    }
}

/// The address alone, without its query: that is where some providers want keys.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.base.split('?').next().unwrap_or_default();
        f.debug_struct("Endpoint").field("address", &address).finish_non_exhaustive()
    }
}

/// The body of an error, as far as it is worth reading.
async fn error_text(mut response: Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(bytes)) = response.chunk().await {
        body.extend_from_slice(&bytes);
        if body.len() >= ERROR_BODY {
            break;
        }
    }
    String::from_utf8_lossy(&body).into_owned()
}

/// One for all models, so that they share connections. It follows no redirects: a key goes where it was meant to.
fn client() -> Result<&'static Client, Fault> {
    static CLIENT: OnceLock<Result<Client, String>> = OnceLock::new();
    let make = || {
        let agent = concat!("eddyline/", env!("CARGO_PKG_VERSION"));
        let client = Client::builder().user_agent(agent).redirect(Policy::none()).connect_timeout(CONNECT);
        client.build().map_err(|error| error.to_string())
    };
    CLIENT.get_or_init(make).as_ref().map_err(|error| Fault::lasting("RuntimeError", error))
}
