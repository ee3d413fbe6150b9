//! Who asks: known before anything else of a request is looked at.

use std::fmt;

use futures_util::future::BoxFuture;

/// What a request says of whoever sends it.
#[derive(Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// The header `x-api-key`, which official clients send.
    pub api_key: Option<&'a str>,
    /// What stands behind `Bearer` in the header `authorization`, or in a WebSocket's protocol `lg.bearer.…`.
    pub bearer: Option<&'a str>,
}

/// Without what they say.
impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { api_key, bearer } = self;
        f.debug_struct("Credentials")
            .field("api_key", &api_key.is_some())
            .field("bearer", &bearer.is_some())
            .finish()
    }
}

/// Who asks. Graphs read it among the configurable values, as `langgraph_auth_user`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// What tells this user from all others.
    pub identity: String,
    /// What people call them.
    pub display_name: Option<String>,
    /// What they may do, in words that graphs know.
    pub permissions: Vec<String>,
}

/// Why a request is not answered. The text is for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// It does not say who asks, or not so that it can be believed: 401.
    Unknown(String),
    /// Whoever asks is known, and may not: 403.
    Forbidden(String),
}

/// Finds out who asks, before every request but `GET /ok`.
///
/// ```
/// use eddyline_transports::{Authenticate, Credentials, Denied, User};
/// use futures_util::future::{BoxFuture, FutureExt, ready};
///
/// /// One word opens everything.
/// #[derive(Debug)]
/// struct Sesame;
///
/// impl Authenticate for Sesame {
///     fn authenticate<'a>(&'a self, said: Credentials<'a>) -> BoxFuture<'a, Result<User, Denied>> {
///         let user = User { identity: "ali".to_owned(), ..User::default() };
///         let is_known = said.bearer == Some("sesame");
///         ready(if is_known { Ok(user) } else { Err(Denied::Unknown("open?".to_owned())) }).boxed()
///     }
/// }
/// # let known = Sesame.authenticate(Credentials { bearer: Some("sesame"), ..Credentials::default() });
/// # assert_eq!(known.now_or_never().unwrap().unwrap().identity, "ali");
/// ```
pub trait Authenticate: fmt::Debug + Send + Sync + 'static {
    /// Who says so, or why nobody is believed. Dropped when the client goes away.
    fn authenticate<'a>(&'a self, said: Credentials<'a>) -> BoxFuture<'a, Result<User, Denied>>;
}
