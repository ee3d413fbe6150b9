//! Who asks: known before anything else of a request is looked at. And what they may do.

use std::fmt;

use eddyline_runtime::{Action, Resource, Verdict};
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

/// Finds out who asks, before every request but `GET /ok`, and `GET /metrics` where that is open.
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

/// Decides what those may do who are known: asked for each thing that a request wants done, whatever ids stand in its
/// path or body.
///
/// ```
/// use eddyline_transports::{Action, Authorize, Resource, User, Verdict};
/// ///
/// /// Everybody reads what there is, and only editors change it.
/// #[derive(Debug)]
/// struct Editors;
///
/// impl Authorize for Editors {
///     fn authorize(&self, user: &User, _: Resource, action: Action) -> Verdict {
///         let reads = matches!(action, Action::Read | Action::Search | Action::Get | Action::ListNamespaces);
///         let edits = user.permissions.iter().any(|permission| permission == "edit");
///         if reads || edits { Verdict::All } else { Verdict::Deny("only editors change anything".to_owned()) }
///     }
/// }
/// # let verdict = Editors.authorize(&User::default(), Resource::Threads, Action::Create);
/// # assert!(matches!(verdict, Verdict::Deny(_)));
/// ```
pub trait Authorize: fmt::Debug + Send + Sync + 'static {
    /// What is decided. There is no waiting here: what has to be looked up, [`Authenticate`] has looked up, and says in
    /// [`User::permissions`].
    fn authorize(&self, user: &User, resource: Resource, action: Action) -> Verdict;
}

/// Everybody has what they made, and nobody sees what others have; the default.
///
/// Threads, assistants and crons say in their metadata whose they are, as `owner`: the identity of whoever made them.
/// Namespaces of the store begin with the identity, in which `.`, `*` and `%` are written `%2E`, `%2A` and `%25`.
/// Whoever has the permission [`ADMIN`](Self::ADMIN) may do everything, and what they make is nobody's.
#[derive(Clone, Copy, Debug, Default)]
pub struct Owners;

impl Owners {
    /// Whoever has this permission may do everything.
    pub const ADMIN: &'static str = "eddyline:admin";

    /// The label with which the namespaces of somebody begin.
    pub fn label(identity: &str) -> String {
        identity.replace('%', "%25").replace('.', "%2E").replace('*', "%2A")
    }
}

impl Authorize for Owners {
    fn authorize(&self, user: &User, resource: Resource, _: Action) -> Verdict {
        let User { identity, permissions, .. } = user;
        if permissions.iter().any(|permission| permission == Self::ADMIN) {
            return Verdict::All;
        }
        match resource {
            _ if identity.is_empty() => Verdict::Deny("Forbidden".to_owned()),
            Resource::Threads | Resource::Assistants | Resource::Crons => Verdict::rows("owner", identity),
            Resource::Store => Verdict::Below(vec![Self::label(identity)]),
            _ => Verdict::Deny("Forbidden".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_identities_have_one_label() {
        let labels = ["a.b", "a%2Eb", "a*", "*", "%", "%25", "a"].map(Owners::label);
        assert_eq!(labels, ["a%2Eb", "a%252Eb", "a%2A", "%2A", "%25", "%2525", "a"]);
    }

    #[test]
    fn who_is_nobody_has_nothing() {
        let of = |user: &User| Owners.authorize(user, Resource::Threads, Action::Read);
        assert!(matches!(of(&User::default()), Verdict::Deny(_)));
        let kim = User { identity: "kim".to_owned(), ..User::default() };
        assert_eq!(of(&kim), Verdict::rows("owner", "kim"));
        assert_eq!(of(&User { permissions: vec![Owners::ADMIN.to_owned()], ..kim }), Verdict::All);
    }
}
