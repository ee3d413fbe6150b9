//! What the name of a host means: looked up once, and only as far as the policy goes.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::addresses::is_public;
use super::policy::{Policy, canonical, private};

/// Looks names up.
pub trait Lookup: fmt::Debug + Send + Sync {
    /// The addresses of a host.
    fn addresses(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// As the operating system does it.
#[derive(Debug)]
pub(super) struct SystemLookup;

impl Lookup for SystemLookup {
    fn addresses(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect()) }
            .boxed()
    }
}

/// Gives connections only addresses to which they may lead.
#[derive(Debug)]
pub(super) struct Guarded {
    pub(super) policy: Policy,
    pub(super) lookup: Arc<dyn Lookup>,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let host = canonical(name.as_str());
        let is_allowed = self.policy.allows(&host);
        let found = self.lookup.addresses(name.as_str().to_owned());
        async move {
            // One that is not public among others says nothing good of the others.
            let found = found.await?;
            if !is_allowed && !found.iter().copied().all(is_public) {
                return Err(Refused(private(&host)).into());
            }
            Ok(Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        }
        .boxed()
    }
}

/// A name that leads where nothing may be sent.
#[derive(Debug)]
pub struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Refused {}
