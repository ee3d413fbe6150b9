//! The settings of JSON web tokens.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::error::Error;
use crate::settings::{given, invalid, seconds};
use crate::typed;

/// Which tokens say who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwt {
    /// By which algorithms they may be signed; all of them go with the key.
    pub algorithms: Vec<JwtAlgorithm>,
    /// For whom they are: a token that names none of these is for somebody else. At least one.
    pub audience: Vec<String>,
    /// Who made them; `None` for whoever has the key.
    pub issuer: Option<String>,
    /// What they are checked with.
    pub key: JwtKey,
    /// How far the clocks of those who make them may be off.
    pub leeway: Duration,
}

/// What tokens are checked with.
#[derive(Clone, Debug)]
pub enum JwtKey {
    /// A secret that whoever makes them has, too.
    Secret(SecretString),
    /// A file with a public key, as PEM.
    File(PathBuf),
    /// The keys that are there.
    Url {
        /// Where: a JSON Web Key Set.
        url: String,
        /// How long they are taken for true.
        kept: Duration,
    },
}

impl PartialEq for JwtKey {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Secret(one), Self::Secret(other)) => one.expose_secret() == other.expose_secret(),
            (Self::File(one), Self::File(other)) => one == other,
            (Self::Url { url: one, kept }, Self::Url { url: other, kept: for_so_long }) => {
                one == other && kept == for_so_long
            }
            _ => false,
        }
    }
}

impl Eq for JwtKey {}

/// How a token is signed. That it is not signed at all is none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the names of RFC 7518 and RFC 8037")]
pub enum JwtAlgorithm {
    HS256,
    HS384,
    HS512,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

impl JwtAlgorithm {
    const ALL: [(&str, Self); 12] = [
        ("HS256", Self::HS256),
        ("HS384", Self::HS384),
        ("HS512", Self::HS512),
        ("RS256", Self::RS256),
        ("RS384", Self::RS384),
        ("RS512", Self::RS512),
        ("PS256", Self::PS256),
        ("PS384", Self::PS384),
        ("PS512", Self::PS512),
        ("ES256", Self::ES256),
        ("ES384", Self::ES384),
        ("EdDSA", Self::EdDSA),
    ];

    fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, algorithm)| algorithm)
    }

    /// Whether whoever can check a token can make one.
    pub fn is_symmetric(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }
}

/// The shortest secret, in bytes: as long as what the weakest of the algorithms makes of it.
const SECRET_BYTES: usize = 32;

impl TryFrom<typed::Jwt> for Jwt {
    type Error = Error;

    fn try_from(typed: typed::Jwt) -> Result<Self, Error> {
        let kept = seconds("auth.jwt.jwks_seconds", typed.jwks_seconds, 1)?;
        let key = key(
            given("auth.jwt.secret", typed.secret)?,
            given("auth.jwt.key_file", typed.key_file)?,
            given("auth.jwt.jwks_url", typed.jwks_url)?,
            kept,
        )?;
        let audience = given("auth.jwt.audience", typed.audience)?;
        if audience.is_empty() || audience.iter().any(String::is_empty) {
            return Err(invalid("auth.jwt.audience", "says for whom tokens have to be", ""));
        }
        Ok(Self {
            algorithms: algorithms(&given("auth.jwt.algorithms", typed.algorithms)?, &key)?,
            audience,
            issuer: Some(given("auth.jwt.issuer", typed.issuer)?).filter(|issuer| !issuer.is_empty()),
            key,
            leeway: seconds("auth.jwt.leeway_seconds", typed.leeway_seconds, 0)?,
        })
    }
}

fn key(secret: String, file: String, url: String, kept: Duration) -> Result<JwtKey, Error> {
    match (secret.as_str(), file.as_str(), url.as_str()) {
        (_, "", "") if !secret.is_empty() => {
            if secret.len() < SECRET_BYTES {
                // What it is stays unsaid.
                let expected = format!("has {SECRET_BYTES} bytes or more");
                return Err(invalid("auth.jwt.secret", expected, format!("{} bytes", secret.len())));
            }
            Ok(JwtKey::Secret(secret.into()))
        }
        ("", _, "") if !file.is_empty() => Ok(JwtKey::File(file.into())),
        ("", "", _) if is_safe(&url) => Ok(JwtKey::Url { url, kept }),
        ("", "", _) if !url.is_empty() => {
            Err(invalid("auth.jwt.jwks_url", "is an https URL, or one of this machine", &url))
        }
        ("", "", _) => {
            let expected =
                "names what tokens are checked with, or `auth.jwt.secret` or `auth.jwt.jwks_url` does";
            Err(invalid("auth.jwt.key_file", expected, ""))
        }
        _ => {
            let expected =
                "stands alone: one of `secret`, `key_file` and `jwks_url` says what tokens are checked with";
            Err(invalid("auth.jwt.key_file", expected, &file))
        }
    }
}

/// Nobody between can put other keys there.
fn is_safe(url: &str) -> bool {
    let local =
        ["http://127.0.0.1:", "http://127.0.0.1/", "http://[::1]:", "http://localhost:", "http://localhost/"];
    // What stands before an `@` is no host.
    let host = url.split('/').nth(2).unwrap_or_default();
    !host.contains('@') && (url.starts_with("https://") || local.iter().any(|start| url.starts_with(start)))
}

/// A key that anybody may know must not be taken for a secret: none goes with algorithms of both kinds.
fn algorithms(names: &[String], key: &JwtKey) -> Result<Vec<JwtAlgorithm>, Error> {
    let is_secret = matches!(key, JwtKey::Secret(_));
    let expected = if is_secret {
        "lists `HS256`, `HS384` or `HS512`, which go with a secret"
    } else {
        "lists algorithms of public keys, such as `RS256` or `ES256`"
    };
    let read = |name: &String| {
        let found = JwtAlgorithm::of_name(name).filter(|found| found.is_symmetric() == is_secret);
        found.ok_or_else(|| invalid("auth.jwt.algorithms", expected, name))
    };
    if names.is_empty() {
        return Err(invalid("auth.jwt.algorithms", expected, ""));
    }
    names.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Auth, Settings};

    const SECRET: &str = "0123456789012345678901234567890123456789";

    fn load(settings: &[(&str, &str)]) -> Result<Auth, String> {
        let jwt = [("mode", "jwt"), ("jwt__audience", "eddyline"), ("jwt__algorithms", "HS256")];
        let variables = jwt
            .iter()
            .chain(settings)
            .map(|(name, value)| (format!("EDDYLINE__AUTH__{}", name.to_uppercase()), (*value).to_owned()));
        let loaded = Settings::loader().variables(variables).load();
        loaded.map(|settings| settings.auth).map_err(|error| error.to_string())
    }

    #[test]
    fn a_secret_is_a_text_that_is_not_shown() {
        let settings = load(&[("jwt__secret", SECRET), ("jwt__issuer", "us")]).unwrap();
        assert!(!format!("{settings:?}").contains(SECRET), "{settings:?}");
        let Auth::Jwt(jwt) = settings else { panic!("{settings:?}") };
        assert_eq!(jwt.key, JwtKey::Secret(SECRET.into()));
        assert_eq!((jwt.algorithms, jwt.audience), (vec![JwtAlgorithm::HS256], vec!["eddyline".to_owned()]));
        assert_eq!(jwt.issuer.as_deref(), Some("us"));
        let error = load(&[("jwt__secret", "shortword")]).unwrap_err();
        assert!(error.contains("9 bytes") && !error.contains("shortword"), "{error}");
    }

    #[test]
    fn a_key_goes_with_its_algorithms_alone() {
        let refused = |settings: &[(&str, &str)], word: &str| {
            let error = load(settings).unwrap_err();
            assert!(error.contains(word), "{error}");
        };
        let file = ("jwt__key_file", "key.pem");
        assert!(load(&[file, ("jwt__algorithms", "RS256,PS256")]).is_ok());
        refused(&[file], "auth.jwt.algorithms");
        refused(&[file, ("jwt__algorithms", "RS256,HS256")], "HS256");
        refused(&[("jwt__secret", SECRET), ("jwt__algorithms", "RS256")], "RS256");
        refused(&[("jwt__secret", SECRET), ("jwt__algorithms", "none")], "none");
        refused(&[("jwt__secret", SECRET), ("jwt__audience", "")], "auth.jwt.audience");
        refused(&[("jwt__secret", SECRET), file], "stands alone");
        refused(&[], "auth.jwt.key_file");
        let url = |url| [("jwt__jwks_url", url), ("jwt__algorithms", "ES256")];
        assert!(load(&url("https://id.example/jwks")).is_ok());
        refused(&url("http://id.example/jwks"), "https");
        refused(&url("http://localhost.example/jwks"), "https");
        refused(&url("http://localhost:80@id.example/jwks"), "https");
    }
}
