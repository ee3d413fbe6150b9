//! Connections that break, as those of a network do.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::server::Server;

/// What lies between clients and a server: it passes bytes on, but breaks a stream that tells a run from its
/// beginning within its third event of mode `custom`. One that is taken up again lives.
///
/// Ends with the process.
pub(super) struct Network {
    address: SocketAddr,
    leads_to: Arc<Mutex<String>>,
    /// One for each stream that broke.
    broken: Receiver<()>,
}

impl Network {
    pub(super) fn before(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let leads_to = Arc::new(Mutex::new(address_of(server)));
        let (sender, broken) = channel();
        let target = Arc::clone(&leads_to);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (server, broken) =
                    (target.lock().expect("nobody panics with it").clone(), sender.clone());
                // What goes wrong here is for the client to notice.
                thread::spawn(move || client.and_then(|client| pass(client, &server, &broken)));
            }
        });
        Self { address, leads_to, broken }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on new connections lead to another server.
    pub(super) fn lead_to(&self, server: &Server) {
        *self.leads_to.lock().expect("nobody panics with it") = address_of(server);
    }

    /// Waits for a stream to break; false when none does.
    pub(super) fn breaks(&self) -> bool {
        self.broken.recv_timeout(Duration::from_mins(1)).is_ok()
    }

    /// How many streams broke and were not waited for.
    pub(super) fn broken(&self) -> usize {
        self.broken.try_iter().count()
    }
}

fn address_of(server: &Server) -> String {
    server.url("").strip_prefix("http://").expect("a URL").to_owned()
}

/// Passes on what the two say, until one leaves or the stream is to break.
fn pass(mut client: TcpStream, server: &str, broken: &Sender<()>) -> io::Result<()> {
    let mut server = TcpStream::connect(server)?;
    let (mut asks, mut asked) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        io::copy(&mut asks, &mut asked)?;
        asked.shutdown(Shutdown::Write)
    });
    let (mut told, mut part) = (String::new(), [0; 4096]);
    loop {
        let part = match server.read(&mut part)? {
            0 => break,
            length => &part[..length],
        };
        told.push_str(&String::from_utf8_lossy(part));
        let from_the_beginning = told.rsplit_once("\"attempt\":1}").map_or("", |(_, told)| told);
        if from_the_beginning.matches("event: custom").count() >= 3 {
            client.write_all(&part[..part.len() / 2])?;
            // Nobody counts any more when the test is over.
            let _ = broken.send(());
            break;
        }
        client.write_all(part)?;
    }
    server.shutdown(Shutdown::Both)?;
    client.shutdown(Shutdown::Both)
}
