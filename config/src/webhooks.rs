//! The settings of webhooks.

use secrecy::{ExposeSecret, SecretString};

use crate::error::Error;
use crate::settings::{given, invalid};
use crate::typed;

/// Word of the end of runs, which is sent to where clients ask for it.
#[derive(Clone, Debug)]
pub struct Webhooks {
    /// Hosts, by the names or addresses that URLs say, that may be private, loopback or link-local.
    pub allowed_hosts: Vec<String>,
    /// What to sign with; `None` signs nothing.
    pub secret: Option<SecretString>,
}

impl PartialEq for Webhooks {
    fn eq(&self, other: &Self) -> bool {
        let secret = |webhooks: &Self| webhooks.secret.as_ref().map(|text| text.expose_secret().to_owned());
        self.allowed_hosts == other.allowed_hosts && secret(self) == secret(other)
    }
}

impl Eq for Webhooks {}

impl TryFrom<typed::Webhooks> for Webhooks {
    type Error = Error;

    fn try_from(typed: typed::Webhooks) -> Result<Self, Error> {
        let key = "webhooks.allowed_hosts";
        let allowed_hosts = given(key, typed.allowed_hosts)?;
        let odd = |host: &&String| host.is_empty() || host.contains(['/', '*', ' ', '@']);
        if let Some(odd) = allowed_hosts.iter().find(odd) {
            return Err(invalid(key, "lists hosts such as `hooks.internal` or `10.0.0.7`", odd));
        }
        let secret = given("webhooks.secret", typed.secret)?;
        Ok(Self { allowed_hosts, secret: (!secret.is_empty()).then(|| secret.into()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    #[test]
    fn a_secret_is_kept_and_not_shown() {
        let settings = Settings::loader().load().unwrap();
        assert_eq!(settings.webhooks, Webhooks { allowed_hosts: Vec::new(), secret: None });
        let variables = [
            ("EDDYLINE__WEBHOOKS__SECRET", "00123,4"),
            ("EDDYLINE__WEBHOOKS__ALLOWED_HOSTS", "localhost,10.0.0.7"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let settings = Settings::loader().variables(variables).load().unwrap();
        assert_eq!(settings.webhooks.secret.as_ref().unwrap().expose_secret(), "00123,4");
        assert_eq!(settings.webhooks.allowed_hosts, ["localhost", "10.0.0.7"]);
        assert!(!format!("{settings:?}").contains("00123"));
    }

    #[test]
    fn hosts_are_no_urls() {
        for odd in ["", "http://localhost", "*.internal", "a b"] {
            let error = Settings::loader().set("webhooks.allowed_hosts", vec![odd]).load().unwrap_err();
            let lists = "lists hosts such as `hooks.internal` or `10.0.0.7`";
            assert_eq!(error.to_string(), format!("setting `webhooks.allowed_hosts` {lists}, not `{odd}`"));
        }
    }
}
