//! Requests to URLs that others wrote: webhooks of clients, and what templates and models make of what they are told.
//!
//! They reach the public internet, and hosts that are allowed by name; no redirect and no proxy leads elsewhere. The
//! name of a host is looked up once for each request, and the connection leads to an address that was found then: a
//! name that means something else a moment later leads nowhere else.

mod addresses;
mod policy;
mod resolver;

use std::error::Error;
use std::sync::Arc;

use reqwest::{Client, ClientBuilder, Url, redirect};

pub use resolver::{Lookup, Refused};

use policy::Policy;
use resolver::{Guarded, SystemLookup};

/// To which hosts requests may go.
///
/// ```
/// let guard = eddyline_net::Guard::new(&["intranet.example".to_owned()]);
/// assert!(guard.check("https://example.com/").is_ok());
/// assert!(guard.check("http://intranet.example/").is_ok());
/// assert!(guard.check("http://169.254.169.254/latest/meta-data").is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Guard(Arc<Guarded>);

impl Guard {
    /// The public internet, and these hosts, by the names or addresses that URLs say.
    pub fn new(allowed_hosts: &[String]) -> Self {
        Self::over(allowed_hosts, Arc::new(SystemLookup))
    }

    /// The same, with names looked up there.
    pub fn over(allowed_hosts: &[String], lookup: Arc<dyn Lookup>) -> Self {
        Self(Arc::new(Guarded { policy: Policy::new(allowed_hosts), lookup }))
    }

    /// The URL, if something may be sent there as far as its text tells; else why not, in words that go on from the
    /// URL. What a name means is known when a request is sent.
    pub fn check(&self, url: &str) -> Result<Url, String> {
        self.0.policy.check(url)
    }

    /// What a client is made of that goes nowhere else.
    pub fn client(&self) -> ClientBuilder {
        Client::builder()
            .dns_resolver(Arc::clone(&self.0))
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            // Each request looks its address up, and is measured against the policy.
            .pool_max_idle_per_host(0)
            .user_agent(concat!("eddyline/", env!("CARGO_PKG_VERSION")))
    }
}

/// The refusal because of which a request failed, if there was one.
pub fn refusal<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Refused> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref() {
            return Some(refused);
        }
        cause = error.source();
    }
    None
}
