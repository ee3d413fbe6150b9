//! To which URLs anything is sent.

use std::collections::HashSet;
use std::net::IpAddr;

use reqwest::Url;

use super::addresses::is_public;

/// The longest URL, in bytes.
const LENGTH: usize = 4096;

/// What is allowed beside the public internet.
#[derive(Debug)]
pub(super) struct Policy {
    /// As [`canonical`] has them.
    allowed: HashSet<String>,
}

impl Policy {
    pub(super) fn new(allowed_hosts: &[String]) -> Self {
        Self { allowed: allowed_hosts.iter().map(|host| canonical(host)).collect() }
    }

    /// The URL, if something may be sent there as far as its text tells; else why not. What a name means, the resolver
    /// knows.
    pub(super) fn check(&self, text: &str) -> Result<Url, String> {
        if text.len() > LENGTH {
            return Err(format!("has more than {LENGTH} bytes"));
        }
        // Addresses in their odd forms, such as `0x7f.1`, come out as what they mean.
        let url = Url::parse(text).map_err(|error| format!("is no URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("must begin with `https://` or `http://`".to_owned());
        }
        let host = canonical(url.host_str().unwrap_or_default());
        if host.is_empty() {
            return Err("names no host".to_owned());
        }
        if self.allows(&host) {
            return Ok(url);
        }
        let is_local = host == "localhost" || host.ends_with(".localhost");
        let is_private = host.parse().is_ok_and(|address: IpAddr| !is_public(address));
        if is_local || is_private { Err(private(&host)) } else { Ok(url) }
    }

    /// Whether the host may be anywhere; `host` is canonical.
    pub(super) fn allows(&self, host: &str) -> bool {
        self.allowed.contains(host)
    }
}

/// What is said of a host that may not be reached.
pub(super) fn private(host: &str) -> String {
    format!("`{host}` is not on the public internet, and is not allowed by name")
}

/// A host as it is compared: small letters, no dot at the end, no brackets around an address.
pub(super) fn canonical(host: &str) -> String {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host.parse::<IpAddr>().map_or(host, |address| address.to_string())
}
