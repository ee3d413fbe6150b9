//! `eddyline keys`: API keys are made, listed and ended, while a server runs, too.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use clap::{Args, Subcommand, ValueEnum};
use eddyline::settings::Auth;
use eddyline::{KeyFile, Role};
use secrecy::ExposeSecret as _;
use uuid::Uuid;

/// Whoever has a key may use a server whose setting `auth.mode` is `keys`.
#[derive(Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    order: Order,
    /// The folder that has the keys [default: .eddyline]
    #[arg(long, value_name = "FOLDER", global = true)]
    data_dir: Option<String>,
    /// The settings file, TOML or JSON [default: eddyline.toml, if it is there]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Order {
    /// Make a key and print it; it cannot be seen again
    New {
        /// Whose it is
        name: String,
        /// What it opens: what was made in its name, or everything
        #[arg(long, value_enum, default_value_t)]
        role: RoleArg,
    },
    /// List all keys that were made: id, when it was made, when it was ended, what it opens, whose it is
    List,
    /// End a key: servers refuse it from now on
    End {
        /// Its id
        id: Uuid,
    },
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum RoleArg {
    #[default]
    User,
    Admin,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::User => Self::User,
            RoleArg::Admin => Self::Admin,
        }
    }
}

impl Keys {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let mut loader = super::loader(self.config).set("auth.mode", "keys");
        if let Some(folder) = self.data_dir {
            loader = loader.set("storage.data_dir", folder).set("storage.memory", false);
        }
        let Auth::Keys(file) = loader.load()?.auth else { bail!("the settings do without keys") };
        let keys = KeyFile::new(file);
        let mut out = std::io::stdout().lock();
        match self.order {
            Order::New { name, role } => {
                ensure!(!name.trim().is_empty(), "a key needs the name of whose it is");
                let made = keys.make(&name, role.into())?;
                writeln!(out, "{}", made.key.expose_secret())?;
                eprintln!("key {} of {name}; keep it: it is shown only now", made.record.id);
            }
            Order::List => {
                for key in keys.list()? {
                    let ended = key.ended_at.map_or("-".to_owned(), |at| at.to_string());
                    let role = key.role.as_str();
                    writeln!(out, "{}\t{}\t{ended}\t{role}\t{}", key.id, key.created_at, key.name)?;
                }
            }
            Order::End { id } => {
                let key = keys.end(id).context("nothing has changed")?;
                writeln!(out, "ended\t{}\t{}", key.id, key.name)?;
            }
        }
        Ok(())
    }
}
