//! A server with rules of its own: tokens say who asks and for which team, a team shares what it has, and its leads
//! alone delete.
//!
//! `cargo run --example teams`, and then
//! `curl localhost:2024/threads --json '{}' -H 'authorization: Bearer kim-of-red'`.

use eddyline::transports::{Action, Authenticate, Authorize, Credentials, Denied, Resource, User, Verdict};
use futures_util::future::{BoxFuture, FutureExt, ready};

/// Who is known, by token: name, team, and whether they lead it. A program would ask its database.
const STAFF: [(&str, &str, &str, bool); 3] = [
    ("kim-of-red", "kim", "red", true),
    ("lee-of-red", "lee", "red", false),
    ("max-of-blue", "max", "blue", true),
];

/// Everybody of the staff.
#[derive(Debug)]
pub(crate) struct Staff;

impl Authenticate for Staff {
    fn authenticate<'a>(&'a self, said: Credentials<'a>) -> BoxFuture<'a, Result<User, Denied>> {
        let user = match said.bearer {
            None => Err(Denied::Unknown("a token is needed".to_owned())),
            Some(said) => match STAFF.iter().find(|(token, ..)| *token == said) {
                None => Err(Denied::Forbidden("you are not of the staff".to_owned())),
                Some(&(_, name, team, leads)) => {
                    let permissions = [Some(team), leads.then_some("lead")];
                    let permissions = permissions.into_iter().flatten().map(str::to_owned).collect();
                    Ok(User { identity: name.to_owned(), permissions, ..User::default() })
                }
            },
        };
        ready(user).boxed()
    }
}

/// A team shares what it has; only its leads delete.
#[derive(Debug)]
pub(crate) struct Teams;

impl Authorize for Teams {
    fn authorize(&self, user: &User, resource: Resource, action: Action) -> Verdict {
        let Some(team) = user.permissions.first() else { return Verdict::Deny("no team".to_owned()) };
        let leads = user.permissions.iter().any(|word| word == "lead");
        match (resource, action) {
            (_, Action::Delete) if !leads => Verdict::Deny("only leads delete".to_owned()),
            (Resource::Store, _) => Verdict::Below(vec![team.clone()]),
            _ => Verdict::rows("team", team),
        }
    }
}

#[allow(dead_code, reason = "the tests include this file for its rules")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = eddyline::Server::new(eddyline::Settings::load()?).authenticate(Staff).authorize(Teams);
    let graphs = eddyline::graphs::all()?.into_iter();
    Ok(graphs.fold(server, |server, (id, graph)| server.graph(id, graph)).run()?)
}
