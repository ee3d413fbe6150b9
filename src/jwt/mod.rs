//! JSON web tokens of somebody else: whoever has one that was made for this server may use it.
//!
//! Which algorithms are taken is said by the settings and never by a token, and a key goes with algorithms of its own
//! kind: what everybody may know is never taken for a secret.

mod jwks;

use std::path::{Path, PathBuf};

use eddyline_config::{Jwt, JwtAlgorithm, JwtKey};
use eddyline_transports::{Authenticate, Credentials, Denied, User};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::Value;

use self::jwks::Jwks;

/// Checks tokens.
#[derive(Debug)]
pub(crate) struct Tokens {
    keys: Keys,
    validation: Validation,
}

#[derive(Debug)]
enum Keys {
    One(Box<DecodingKey>),
    Elsewhere(Jwks),
}

/// Why tokens cannot be checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenKeyError {
    /// The file of the key cannot be read.
    #[error("the key of tokens in {} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// The file holds no public key that goes with the algorithms.
    #[error("{} holds no public key, as PEM, that goes with `auth.jwt.algorithms`", path.display())]
    Content {
        /// The file.
        path: PathBuf,
    },
    /// Keys cannot be asked for, as the system has no certificates.
    #[error("this machine has no certificates by which it would know who has the keys of tokens")]
    Certificates,
}

impl TokenKeyError {
    /// Names what went wrong for programs; stable, documented in `docs/errors.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "TOKEN_KEY_FILE",
            Self::Content { .. } => "TOKEN_KEY",
            Self::Certificates => "NO_CERTIFICATES",
        }
    }
}

/// What a token says.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    name: Option<String>,
    #[serde(default)]
    permissions: Value,
    #[serde(default)]
    scope: Value,
}

impl Tokens {
    /// Checks them as the settings say. The key is read now, and those that are elsewhere when they are needed.
    pub(crate) fn new(settings: &Jwt) -> Result<Self, TokenKeyError> {
        let algorithms: Vec<Algorithm> = settings.algorithms.iter().copied().map(algorithm).collect();
        let keys = match &settings.key {
            JwtKey::Secret(secret) => {
                Keys::One(Box::new(DecodingKey::from_secret(secret.expose_secret().as_bytes())))
            }
            JwtKey::File(path) => Keys::One(Box::new(public_key(path, &algorithms)?)),
            JwtKey::Url { url, kept } => {
                Keys::Elsewhere(Jwks::new(url, *kept).ok_or(TokenKeyError::Certificates)?)
            }
        };
        let leeway = settings.leeway.as_secs();
        let mut validation = Validation { algorithms, leeway, validate_nbf: true, ..Validation::default() };
        validation.set_audience(&settings.audience);
        let mut required = vec!["exp", "aud", "sub"];
        if let Some(issuer) = &settings.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        validation.set_required_spec_claims(&required);
        Ok(Self { keys, validation })
    }

    async fn user(&self, token: &str) -> Result<User, Denied> {
        let refuse = |error: &jsonwebtoken::errors::Error| {
            tracing::debug!(%error, "a token is refused");
            Denied::Unknown(in_words(error.kind()).to_owned())
        };
        let header = decode_header(token).map_err(|error| refuse(&error))?;
        let claims = match &self.keys {
            Keys::One(key) => decode::<Claims>(token, key, &self.validation),
            Keys::Elsewhere(jwks) => {
                let found = jwks.find(header.kid.as_deref(), header.alg).await;
                let key =
                    found.ok_or_else(|| Denied::Unknown("no key is known for this token".to_owned()))?;
                decode::<Claims>(token, &key, &self.validation)
            }
        };
        let Claims { sub, name, permissions, scope } = claims.map_err(|error| refuse(&error))?.claims;
        if sub.is_empty() {
            return Err(Denied::Unknown("this token does not say whose it is".to_owned()));
        }
        let permissions = [words(&permissions), words(&scope)].concat();
        Ok(User { identity: sub, display_name: name, permissions })
    }
}

impl Authenticate for Tokens {
    fn authenticate<'a>(&'a self, said: Credentials<'a>) -> BoxFuture<'a, Result<User, Denied>> {
        async move {
            let nothing =
                || Denied::Unknown("this server wants a token, as `Authorization: Bearer`".to_owned());
            self.user(said.bearer.or(said.api_key).ok_or_else(nothing)?).await
        }
        .boxed()
    }
}

/// A list of texts, or one of words: both are usual.
fn words(claim: &Value) -> Vec<String> {
    match claim {
        Value::String(text) => text.split_whitespace().map(str::to_owned).collect(),
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn public_key(path: &Path, algorithms: &[Algorithm]) -> Result<DecodingKey, TokenKeyError> {
    let pem = std::fs::read(path).map_err(|source| TokenKeyError::File { path: path.to_owned(), source })?;
    let read = [DecodingKey::from_rsa_pem, DecodingKey::from_ec_pem, DecodingKey::from_ed_pem];
    let fits = |key: &DecodingKey| algorithms.iter().all(|algorithm| algorithm.family() == key.family());
    let mut keys = read.into_iter().filter_map(|read| read(&pem).ok());
    keys.find(fits).ok_or_else(|| TokenKeyError::Content { path: path.to_owned() })
}

/// What a client learns of why its token is not taken.
fn in_words(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpiredSignature => "this token has expired",
        ErrorKind::ImmatureSignature => "this token is not valid yet",
        ErrorKind::InvalidAudience => "this token is for somebody else",
        _ => "this token does not open this server",
    }
}

fn algorithm(named: JwtAlgorithm) -> Algorithm {
    match named {
        JwtAlgorithm::HS256 => Algorithm::HS256,
        JwtAlgorithm::HS384 => Algorithm::HS384,
        JwtAlgorithm::HS512 => Algorithm::HS512,
        JwtAlgorithm::RS256 => Algorithm::RS256,
        JwtAlgorithm::RS384 => Algorithm::RS384,
        JwtAlgorithm::RS512 => Algorithm::RS512,
        JwtAlgorithm::PS256 => Algorithm::PS256,
        JwtAlgorithm::PS384 => Algorithm::PS384,
        JwtAlgorithm::PS512 => Algorithm::PS512,
        JwtAlgorithm::ES256 => Algorithm::ES256,
        JwtAlgorithm::ES384 => Algorithm::ES384,
        JwtAlgorithm::EdDSA => Algorithm::EdDSA,
    }
}
