//! Keys that are somewhere else: read when they are needed, and kept for a while.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use reqwest::{Client, redirect};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// They are not asked for again before: whoever makes up the names of keys does not have them asked for all the time.
const PAUSE: Duration = Duration::from_secs(30);

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long an answer may be, in bytes.
const LENGTH: usize = 256 << 10;

/// The keys at a URL.
#[derive(Debug)]
pub(super) struct Jwks {
    url: String,
    kept: Duration,
    client: Client,
    // Held for one look, or to put what was read.
    known: RwLock<Known>,
    // Held while they are read, by one for all who wait.
    reading: Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    keys: Vec<(Option<String>, Option<Algorithm>, DecodingKey)>,
    /// When they were read last.
    read: Option<Instant>,
    /// When they were asked for last, whatever came of it.
    asked: Option<Instant>,
}

impl Known {
    fn is_fresh(&self, kept: Duration) -> bool {
        self.read.is_some_and(|read| read.elapsed() < kept)
    }

    fn may_ask(&self) -> bool {
        self.asked.is_none_or(|asked| asked.elapsed() >= PAUSE)
    }

    /// The key of this name. A token that names none means the only one that there is for its algorithm.
    fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
        let fits = |(_, of, key): &&(Option<String>, Option<Algorithm>, DecodingKey)| {
            key.family() == algorithm.family() && of.is_none_or(|of| of == algorithm)
        };
        let mut fitting = self.keys.iter().filter(fits);
        let found = match kid {
            Some(kid) => fitting.find(|(name, _, _)| name.as_deref() == Some(kid)),
            None => fitting.next().filter(|_| fitting.next().is_none()),
        };
        found.map(|(_, _, key)| key.clone())
    }
}

impl Jwks {
    /// `None` where the system has no certificates.
    pub(super) fn new(url: &str, kept: Duration) -> Option<Self> {
        let client = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .timeout(TIMEOUT)
            .user_agent(concat!("eddyline/", env!("CARGO_PKG_VERSION")))
            .build();
        let client = client.inspect_err(|error| tracing::error!(?error, "keys cannot be asked for")).ok()?;
        Some(Self { url: url.to_owned(), kept, client, known: RwLock::default(), reading: Mutex::default() })
    }

    /// The key that a token names, if it is among those that are there. Dropping the future gives up waiting.
    ///
    /// What is known is used while nothing newer can be read; the log says so.
    pub(super) async fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
        let look = || {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            let found = known.find(kid, algorithm);
            let is_enough = found.is_some() && known.is_fresh(self.kept);
            (found, is_enough || !known.may_ask())
        };
        let (found, is_enough) = look();
        if is_enough {
            return found;
        }
        let _one_at_a_time = self.reading.lock().await;
        // Whoever was before may have read them.
        let (found, is_enough) = look();
        if is_enough {
            return found;
        }
        self.read().await;
        look().0
    }

    async fn read(&self) {
        let keys = self.ask().await;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.asked = Some(Instant::now());
        match keys {
            Ok(set) => {
                known.keys = set.keys.iter().filter_map(usable).collect();
                known.read = known.asked;
            }
            Err(error) => {
                tracing::warn!(url = self.url, error, "the keys of tokens cannot be read; those known stay");
            }
        }
    }

    async fn ask(&self) -> Result<JwkSet, String> {
        let answer = self.client.get(&self.url).send().await.map_err(|error| error.to_string())?;
        let mut answer = answer.error_for_status().map_err(|error| error.to_string())?;
        let mut text = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|error| error.to_string())? {
            text.extend_from_slice(&part);
            if text.len() > LENGTH {
                return Err(format!("it is longer than {LENGTH} bytes"));
            }
        }
        serde_json::from_slice(&text).map_err(|error| error.to_string())
    }
}

/// A public key for signatures. A secret would be none, where it is.
fn usable(jwk: &Jwk) -> Option<(Option<String>, Option<Algorithm>, DecodingKey)> {
    let is_secret = matches!(jwk.algorithm, AlgorithmParameters::OctetKey(_));
    let signs = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
    if is_secret || !signs {
        return None;
    }
    // One whose algorithm is none of ours is not for us.
    let algorithm = jwk.common.key_algorithm.map(Algorithm::try_from).transpose().ok()?;
    Some((jwk.common.key_id.clone(), algorithm, DecodingKey::from_jwk(jwk).ok()?))
}
