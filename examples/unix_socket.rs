//! A transport of one's own: the streaming protocol over a Unix socket, for any number of clients.
//!
//! `cargo run --example unix_socket -- eddyline.sock`, and then `nc -U eddyline.sock`.

use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::{io, thread};

use eddyline::transports::{Error, LineOptions, converse};
use eddyline::{Handle, Shutdown, Transport};
use tokio::sync::mpsc;

/// A socket that listens; each of its connections is a conversation in lines.
pub(crate) struct UnixSocket {
    listener: UnixListener,
}

impl UnixSocket {
    /// Listens at a path where nothing is yet.
    pub(crate) fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self { listener: UnixListener::bind(path)? })
    }

    /// Takes connections on an OS thread of its own, for as long as somebody wants them.
    fn accept(self) -> mpsc::Receiver<UnixStream> {
        let (sender, connections) = mpsc::channel(16);
        thread::spawn(move || {
            for connection in self.listener.incoming().flatten() {
                if sender.blocking_send(connection).is_err() {
                    return;
                }
            }
        });
        connections
    }
}

impl Transport for UnixSocket {
    async fn serve(self, runtime: Handle, stop: Shutdown) -> Result<(), Error> {
        let mut connections = self.accept();
        let mut open = tokio::task::JoinSet::new();
        while let Some(Some(connection)) = stop.or(connections.recv()).await {
            let Ok(input) = connection.try_clone() else { continue };
            // Reading waits for the client; the end of the conversation ends that too.
            let connection = Arc::new(connection);
            let (runtime, stop, output) = (runtime.clone(), stop.clone(), Arc::clone(&connection));
            open.spawn_local(async move {
                let quit = Shutdown::new();
                converse(input, Output(output), runtime, (quit, stop), LineOptions::default()).await;
                let _ = connection.shutdown(std::net::Shutdown::Both);
            });
        }
        while open.join_next().await.is_some() {}
        Ok(())
    }
}

/// The half of a connection that is written to.
struct Output(Arc<UnixStream>);

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.0).flush()
    }
}

#[allow(dead_code, reason = "the tests include this file for its transport")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "eddyline.sock".to_owned());
    let server = eddyline::Server::new(eddyline::Settings::load()?).transport(UnixSocket::bind(path)?);
    let graphs = eddyline::graphs::all()?.into_iter();
    Ok(graphs.fold(server, |server, (id, graph)| server.graph(id, graph)).run()?)
}
