//! How receivers know that it is us: `t=SECONDS,v1=HEX`, where the second part is HMAC-SHA256 of `SECONDS.BODY`.

use std::fmt::Write as _;

use eddyline_engine::ids::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

pub(super) fn of(secret: &SecretString, body: &str, now: Timestamp) -> String {
    let seconds = now.0.div_euclid(1_000_000);
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body.as_bytes());
    let mut text = format!("t={seconds},v1=");
    for byte in mac.finalize().into_bytes() {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
