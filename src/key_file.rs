//! API keys in a file: whoever has one of them may use the server.
//!
//! The file has no key in it, only what tells that a key is one of those which were made. It is read again when it has
//! changed, so keys come and end while the server runs.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::time::SystemTime;

use eddyline_transports::{Authenticate, Credentials, Denied, Owners, User};
use futures_util::future::{BoxFuture, FutureExt as _, ready};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

/// How every key begins, so that people and scanners of secrets know it for one.
const PREFIX: &str = "edl_";

/// What a key opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// What was made in its name.
    #[default]
    User,
    /// Everything.
    Admin,
}

impl Role {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }

    fn permissions(self) -> Vec<String> {
        match self {
            Self::User => Vec::new(),
            Self::Admin => vec![Owners::ADMIN.to_owned()],
        }
    }
}

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Its id, by which it is ended. It says nothing of the key.
    pub id: Uuid,
    /// Whose it is; also the identity of whoever uses it.
    pub name: String,
    /// What it opens. Keys that do not say it open what was made in their name.
    #[serde(default)]
    pub role: Role,
    /// The SHA-256 of the key, in hexadecimal digits.
    sha256: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was ended; `None` while it opens.
    pub ended_at: Option<Timestamp>,
}

/// A key that was just made, which is nowhere else.
#[derive(Debug)]
pub struct NewKey {
    /// The key itself: 256 random bits.
    pub key: secrecy::SecretString,
    /// What is kept of it.
    pub record: KeyRecord,
}

/// Why keys are not read or not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file cannot be read or written.
    #[error("the keys in {} cannot be read or changed", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// The file does not say what it should.
    #[error("{} does not hold keys", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// No key has this id, or it is ended already.
    #[error("no key that opens has the id `{id}`")]
    NoKey {
        /// The id.
        id: Uuid,
    },
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers")]
    Random,
}

impl KeyFileError {
    /// Names what went wrong for programs; stable, documented in `docs/errors.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "KEY_FILE",
            Self::Content { .. } => "KEY_FILE_CONTENT",
            Self::NoKey { .. } => "KEY_NOT_FOUND",
            Self::Random => "NO_RANDOM_NUMBERS",
        }
    }
}

/// The file of the keys; one that is not there has none.
#[derive(Debug)]
pub struct KeyFile {
    path: PathBuf,
    // Held for one look-up, or while the file is read once more.
    read: RwLock<Read>,
}

/// What was read, and of which file.
#[derive(Debug, Default)]
struct Read {
    version: Option<(SystemTime, u64)>,
    keys: Vec<([u8; 32], User)>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    keys: Vec<KeyRecord>,
}

impl KeyFile {
    /// The file at `path`. Nothing is read before it is asked.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), read: RwLock::default() }
    }

    /// All keys that were made, the oldest first, those that are ended included.
    pub fn list(&self) -> Result<Vec<KeyRecord>, KeyFileError> {
        Ok(self.content()?.keys)
    }

    /// Makes a key for `name`. Running servers know it from their next request on.
    pub fn make(&self, name: &str, role: Role) -> Result<NewKey, KeyFileError> {
        let mut bits = [0; 32];
        getrandom::fill(&mut bits).map_err(|_| KeyFileError::Random)?;
        let key = format!("{PREFIX}{}", hex(&bits));
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|_| KeyFileError::Random)?;
        let record = KeyRecord {
            id: uuid::Builder::from_random_bytes(id).into_uuid(),
            name: name.to_owned(),
            role,
            sha256: hex(&digest(&key)),
            created_at: Timestamp::now(),
            ended_at: None,
        };
        self.change(|keys| {
            keys.push(record.clone());
            Ok(())
        })?;
        Ok(NewKey { key: key.into(), record })
    }

    /// Ends a key. Running servers refuse it from their next request on; streams that it opened go on to their end.
    pub fn end(&self, id: Uuid) -> Result<KeyRecord, KeyFileError> {
        let mut ended = None;
        self.change(|keys| {
            let opens = |key: &&mut KeyRecord| key.id == id && key.ended_at.is_none();
            let key = keys.iter_mut().find(opens).ok_or(KeyFileError::NoKey { id })?;
            key.ended_at = Some(Timestamp::now());
            ended = Some(key.clone());
            Ok(())
        })?;
        ended.ok_or(KeyFileError::NoKey { id })
    }

    /// One change at a time, over all processes; whoever reads meanwhile reads the file before it or after it.
    fn change(
        &self,
        change: impl FnOnce(&mut Vec<KeyRecord>) -> Result<(), KeyFileError>,
    ) -> Result<(), KeyFileError> {
        let failed = |source| KeyFileError::File { path: self.path.clone(), source };
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let lock = create(&beside(&self.path, "lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut content = self.content()?;
        change(&mut content.keys)?;
        let text = serde_json::to_string_pretty(&content).expect("plain records can be written as JSON");
        let new = beside(&self.path, "new");
        let mut file = create(&new).map_err(failed)?;
        file.set_len(0).and_then(|()| file.write_all(text.as_bytes())).map_err(failed)?;
        file.sync_all().and_then(|()| fs::rename(&new, &self.path)).map_err(failed)
    }

    fn content(&self) -> Result<Content, KeyFileError> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Content::default()),
            Err(source) => return Err(KeyFileError::File { path: self.path.clone(), source }),
        };
        serde_json::from_slice(&text)
            .map_err(|source| KeyFileError::Content { path: self.path.clone(), source })
    }

    /// Whose key it is.
    fn owner(&self, key: &str) -> Option<User> {
        // A look at the file's date for each request: keys end at once.
        let version =
            fs::metadata(&self.path).ok().and_then(|file| Some((file.modified().ok()?, file.len())));
        let digest = digest(key);
        let known = |read: &Read| {
            // Each is compared in full, so that time tells nothing.
            let look = |found, (of_key, user): &([u8; 32], User)| {
                if bool::from(of_key.ct_eq(&digest)) { Some(user.clone()) } else { found }
            };
            read.keys.iter().fold(None, look)
        };
        let read = self.read.read().unwrap_or_else(PoisonError::into_inner);
        if read.version == version {
            return known(&read);
        }
        drop(read);
        let mut read = self.read.write().unwrap_or_else(PoisonError::into_inner);
        match self.content() {
            Ok(content) => {
                let opens = content.keys.into_iter().filter(|key| key.ended_at.is_none());
                let keys = opens.filter_map(|key| Some((bytes(&key.sha256)?, user(key)))).collect();
                *read = Read { version, keys };
            }
            Err(error) => {
                tracing::error!(code = error.code(), %error, "the file of the keys is not read; no key opens");
                *read = Read { version, keys: Vec::new() };
            }
        }
        known(&read)
    }
}

impl Authenticate for KeyFile {
    fn authenticate<'a>(&'a self, said: Credentials<'a>) -> BoxFuture<'a, Result<User, Denied>> {
        let known = match said.api_key.or(said.bearer) {
            None => Err("this server wants an API key, in the header `x-api-key`"),
            Some(key) => self.owner(key).ok_or("this API key does not open this server"),
        };
        ready(known.map_err(|text| Denied::Unknown(text.to_owned()))).boxed()
    }
}

fn user(key: KeyRecord) -> User {
    User { identity: key.name, permissions: key.role.permissions(), ..User::default() }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// Only for whoever runs the server.
fn create(path: &Path) -> std::io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.create(true).write(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn bytes(hex: &str) -> Option<[u8; 32]> {
    let digit = |place: usize| u8::from_str_radix(hex.get(2 * place..2 * place + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..hex.len() / 2).map(digit).collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    struct Folder(PathBuf);

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn user_of(keys: &KeyFile, key: &str) -> Option<User> {
        let said = Credentials { api_key: Some(key), ..Credentials::default() };
        keys.authenticate(said).now_or_never().unwrap().ok()
    }

    fn who(keys: &KeyFile, key: &str) -> Option<String> {
        user_of(keys, key).map(|user| user.identity)
    }

    #[test]
    fn a_key_opens_from_when_it_is_made_until_it_is_ended() {
        let folder = Folder(std::env::temp_dir().join(format!("eddyline-keys-{}", std::process::id())));
        let path = folder.0.join("keys.json");
        let (server, command) = (KeyFile::new(&path), KeyFile::new(&path));
        assert_eq!(who(&server, "edl_"), None);
        let first = command.make("ci", Role::User).unwrap();
        let second = command.make("kim", Role::Admin).unwrap();
        let key = first.key.expose_secret();
        assert_eq!(key.len(), PREFIX.len() + 64);
        assert_eq!(who(&server, key).as_deref(), Some("ci"));
        assert_eq!(who(&server, second.key.expose_secret()).as_deref(), Some("kim"));
        assert_eq!(user_of(&server, key).unwrap().permissions, [""; 0]);
        assert_eq!(user_of(&server, second.key.expose_secret()).unwrap().permissions, [Owners::ADMIN]);
        assert_eq!(who(&server, &key[..key.len() - 1]), None);
        assert_eq!(who(&server, ""), None);
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&key[PREFIX.len()..]), "the key is nowhere");
        let ended = command.end(first.record.id).unwrap();
        assert!(ended.ended_at.is_some());
        assert_eq!(command.end(first.record.id).unwrap_err().code(), "KEY_NOT_FOUND");
        assert_eq!(who(&server, key), None);
        assert_eq!(who(&server, second.key.expose_secret()).as_deref(), Some("kim"));
        assert_eq!(command.list().unwrap().len(), 2);
        fs::write(&path, "{").unwrap();
        assert_eq!(who(&server, second.key.expose_secret()), None, "what does not read opens nothing");
        assert_eq!(command.list().unwrap_err().code(), "KEY_FILE_CONTENT");
    }
}
