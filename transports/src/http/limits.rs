//! How much each client may have at once: connections for each address, requests for each caller.

use std::any::Any;
use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_http::Extensions;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::http::header::HeaderMap;
use actix_web::middleware::Next;
use actix_web::rt::net::TcpStream;
use actix_web::{HttpMessage as _, ResponseError as _};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::auth::User;
use crate::wire::{Reason, Refusal};

/// How many callers are remembered before those that have asked nothing for a while are forgotten.
const CALLERS: usize = 8192;

/// How many bytes the headers of a request may have, names and values together.
const HEADER_BYTES: usize = 64 << 10;

/// How many connections there are from each address.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    most: usize,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One of them, until it is dropped.
#[derive(Debug)]
struct Connection {
    of: Connections,
    address: IpAddr,
    /// It is one too many.
    is_too_many: bool,
}

impl Connections {
    pub(super) fn new(most: usize) -> Self {
        Self { most, open: Arc::default() }
    }

    /// A client has connected: its connection counts as long as its data are kept.
    pub(super) fn meet(&self, socket: &dyn Any, data: &mut Extensions) {
        let peer = socket.downcast_ref::<TcpStream>().and_then(|socket| socket.peer_addr().ok());
        if let Some(peer) = peer {
            data.insert(self.open(peer.ip()));
        }
    }

    fn open(&self, address: IpAddr) -> Connection {
        let mut open = self.lock();
        let count = open.entry(address).or_default();
        *count += 1;
        Connection { of: self.clone(), address, is_too_many: *count > self.most }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut open = self.of.lock();
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

/// How many requests each caller makes.
#[derive(Debug)]
pub(super) struct Rate(Option<DefaultKeyedRateLimiter<Caller>>);

/// Who asks: a user, or an address.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
enum Caller {
    User(String),
    Address(IpAddr),
}

impl Rate {
    /// So many a second; `None` for any number.
    pub(super) fn new(most: Option<NonZeroU32>) -> Self {
        Self(most.map(|most| RateLimiter::keyed(Quota::per_second(most))))
    }

    /// Takes one request of this caller in, unless it is one too many.
    fn take(&self, caller: &Caller) -> Result<(), Excess> {
        let Some(limiter) = &self.0 else { return Ok(()) };
        if limiter.len() > CALLERS {
            limiter.retain_recent();
        }
        limiter.check_key(caller).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            Excess::Requests { retry_after: wait.as_secs() + 1 }
        })
    }
}

/// What there is too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Excess {
    /// Connections from one address.
    #[error("{}: an address may have {most} connections at once", self.code())]
    Connections { most: usize },
    /// Requests of one caller; after so many seconds there is room again.
    #[error("{}: ask more slowly", self.code())]
    Requests { retry_after: u64 },
}

impl Excess {
    fn code(&self) -> &'static str {
        match self {
            Self::Connections { .. } => "TOO_MANY_CONNECTIONS",
            Self::Requests { .. } => "TOO_MANY_REQUESTS",
        }
    }

    fn refusal(self) -> Refusal {
        let retry_after = match self {
            Self::Connections { .. } => 1,
            Self::Requests { retry_after } => retry_after,
        };
        Refusal::new(Reason::TooMany { retry_after }, self.to_string())
    }
}

/// Refuses what is asked on a connection too many, or by a caller who has asked too much, or with too many words. That the server is there is
/// said to everybody.
pub(super) async fn limited(
    rate: Arc<Rate>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, actix_web::Error> {
    if request.path() == "/ok" {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    if let Some(connection) = request.conn_data::<Connection>().filter(|connection| connection.is_too_many) {
        let mut answer = Excess::Connections { most: connection.of.most }.refusal().error_response();
        answer.head_mut().set_connection_type(ConnectionType::Close);
        return Ok(request.into_response(answer).map_into_right_body());
    }
    if bytes_of(request.headers()) > HEADER_BYTES {
        let refused =
            Refusal::new(Reason::HeadersTooLarge, format!("Headers too large (limit: {HEADER_BYTES} bytes)"));
        return Ok(request.into_response(refused.error_response()).map_into_right_body());
    }
    if let Err(excess) = caller(&request).map_or(Ok(()), |caller| rate.take(&caller)) {
        return Ok(request.into_response(excess.refusal().error_response()).map_into_right_body());
    }
    Ok(next.call(request).await?.map_into_left_body())
}

fn bytes_of(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

fn caller(request: &ServiceRequest) -> Option<Caller> {
    if let Some(user) = request.extensions().get::<Arc<User>>() {
        return Some(Caller::User(user.identity.clone()));
    }
    request.peer_addr().map(|peer| Caller::Address(peer.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_count_until_they_are_closed() {
        let connections = Connections::new(2);
        let [one, other] = [1, 2].map(|last| IpAddr::from([127, 0, 0, last]));
        let open = [one, one, one, other].map(|address| connections.open(address));
        assert_eq!(open.each_ref().map(|connection| connection.is_too_many), [false, false, true, false]);
        drop(open);
        assert!(connections.lock().is_empty(), "an address without connections is forgotten");
        assert!(!connections.open(one).is_too_many);
    }

    #[test]
    fn each_caller_has_a_rate_of_its_own() {
        let rate = Rate::new(NonZeroU32::new(2));
        let [kim, lee] = ["kim", "lee"].map(|name| Caller::User(name.to_owned()));
        assert_eq!([&kim, &kim, &lee].map(|caller| rate.take(caller)), [Ok(()); 3]);
        assert_eq!(rate.take(&kim), Err(Excess::Requests { retry_after: 1 }));
        assert_eq!(rate.take(&lee), Ok(()));
        assert_eq!(Rate::new(None).take(&kim), Ok(()));
    }
}
