//! Sending word of the end of runs over HTTP.
//!
//! Owns the connection: to which addresses it may lead, how long it may take, and how what is sent is signed. Does not
//! know what is owed to whom, nor when it is tried again: that is the runtime's.

mod signature;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;
use std::time::Duration;

use eddyline_engine::ids::Timestamp;
use eddyline_net::Guard;
use eddyline_runtime::{EndedRun, Undelivered, WebhookDelivery, Webhooks};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder, StatusCode};
use secrecy::SecretString;

use crate::wire::{ended_run, sent_at};

/// How long a delivery may take, from the look-up of the address to the answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Tells receivers which delivery it is: one may come twice.
const DELIVERY: &str = "eddyline-delivery";

/// When it was signed, and the signature.
const SIGNATURE: &str = "eddyline-signature";

/// How webhooks are sent.
#[derive(Clone, Debug, Default)]
pub struct WebhookOptions {
    /// Hosts, by the names or addresses that URLs say, that may be private, loopback or link-local.
    /// Default: none.
    pub allowed_hosts: Vec<String>,
    /// What to sign with; `None` signs nothing. Default: `None`.
    pub secret: Option<SecretString>,
}

/// Sends webhooks: to public addresses and to hosts that are allowed by name, without redirects and proxies.
///
/// The name of a host is looked up once for each attempt, and the connection leads to an address that was found then:
/// a name that means something else a moment later leads nowhere else.
#[derive(Debug)]
pub struct WebhookSender {
    guard: Guard,
    secret: Option<SecretString>,
    /// Made with the first use, as the certificates of the system are read then; `None` when there are none.
    client: OnceLock<Option<Client>>,
}

impl WebhookSender {
    /// Reads nothing yet. Where the system has no certificates, every webhook is refused.
    pub fn new(options: WebhookOptions) -> Self {
        let guard = Guard::new(&options.allowed_hosts);
        Self::over(options, guard)
    }

    /// The same, with requests to where this one lets them go.
    fn over(options: WebhookOptions, guard: Guard) -> Self {
        Self { guard, secret: options.secret, client: OnceLock::new() }
    }

    fn client(&self) -> Result<&Client, String> {
        let client = self.client.get_or_init(|| {
            let built = self.guard.client().timeout(TIMEOUT).build();
            built.inspect_err(|error| tracing::error!(?error, "webhooks cannot be sent")).ok()
        });
        client
            .as_ref()
            .ok_or_else(|| "this server has no certificates by which it would know receivers".to_owned())
    }

    fn request(&self, delivery: &WebhookDelivery, now: Timestamp) -> Result<RequestBuilder, String> {
        let url = self.guard.check(&delivery.url)?;
        let body = sent_at(&delivery.body, now);
        let mut request = self
            .client()?
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(DELIVERY, delivery.delivery_id.to_string());
        if let Some(secret) = &self.secret {
            request = request.header(SIGNATURE, signature::of(secret, &body, now));
        }
        Ok(request.body(body))
    }
}

impl Webhooks for WebhookSender {
    fn check(&self, url: &str) -> Result<(), String> {
        self.client()?;
        self.guard.check(url).map(|_| ())
    }

    fn tell(&self, ended: &EndedRun<'_>) -> String {
        ended_run(ended)
    }

    fn send(&self, delivery: WebhookDelivery, now: Timestamp) -> BoxFuture<'static, Result<(), Undelivered>> {
        let request = self.request(&delivery, now);
        async move {
            let request = request.map_err(|message| Undelivered { message, again: false })?;
            // What the receiver says beside its status is not read.
            let answer = request.send().await.map_err(|error| unsent(&error))?;
            answered(answer.status())
        }
        .boxed()
    }
}

/// What a receiver's status means: it may be better later when the receiver says so, or is at fault itself.
fn answered(status: StatusCode) -> Result<(), Undelivered> {
    if status.is_success() {
        return Ok(());
    }
    let again = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    Err(Undelivered { message: format!("the receiver answered {}", status.as_u16()), again })
}

/// Why nothing was sent, or no answer came. The library's own words would tell the URL.
fn unsent(error: &reqwest::Error) -> Undelivered {
    if let Some(refused) = eddyline_net::refusal(error) {
        return Undelivered { message: refused.to_string(), again: false };
    }
    let message = match error {
        error if error.is_timeout() => "the receiver did not answer in time",
        error if error.is_connect() => "there is no connection to the receiver",
        error if error.is_builder() => {
            return Undelivered { message: "the URL is none".to_owned(), again: false };
        }
        _ => "the connection to the receiver broke",
    };
    Undelivered { message: message.to_owned(), again: true }
}
