//! A receiver on loopback, and everything that must not lead to it.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use eddyline_engine::ids::Timestamp;
use eddyline_net::Lookup;
use futures_util::future::ready;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::*;

/// Knows names that lead to odd places, and counts who asks.
#[derive(Debug, Default)]
struct Names {
    known: HashMap<&'static str, Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Names {
    fn new(known: &[(&'static str, &[&str])]) -> Arc<Self> {
        let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let known = known.iter().map(|(name, texts)| (*name, addresses(texts))).collect();
        Arc::new(Self { known, asked: AtomicUsize::new(0) })
    }
}

impl Lookup for Names {
    fn addresses(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let found = self.known.get(host.trim_end_matches('.')).cloned();
        ready(found.ok_or_else(|| io::Error::other("nobody knows"))).boxed()
    }
}

/// Answers every request with this head, and tells what it was asked. `None` never answers.
async fn receiver(head: Option<&'static str>) -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, heard) = mpsc::channel(8);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut asked = String::new();
            let mut piece = [0; 4096];
            // The body of a delivery in these tests ends so.
            while !asked.ends_with("00:00\"}") {
                match socket.read(&mut piece).await {
                    Ok(read @ 1..) => asked.push_str(&String::from_utf8_lossy(&piece[..read])),
                    _ => break,
                }
            }
            let _ = told.send(asked).await;
            let Some(head) = head else { return std::future::pending().await };
            let answer = format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = socket.write_all(answer.as_bytes()).await;
        }
    });
    (port, heard)
}

fn sender(allowed: &[&str], secret: Option<&str>, names: &Arc<Names>) -> WebhookSender {
    let options = WebhookOptions {
        allowed_hosts: allowed.iter().map(ToString::to_string).collect(),
        secret: secret.map(SecretString::from),
    };
    let guard = Guard::over(&options.allowed_hosts, Arc::<Names>::clone(names));
    WebhookSender::over(options, guard)
}

fn delivery(url: &str) -> WebhookDelivery {
    WebhookDelivery {
        delivery_id: Uuid::from_u128(1),
        run_id: Uuid::nil(),
        thread_id: Uuid::nil(),
        url: url.to_owned(),
        body: r#"{"a":1}"#.to_owned(),
        attempts: 0,
        due: None,
        error: None,
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
    }
}

async fn send(sender: &WebhookSender, url: &str) -> Result<(), Undelivered> {
    sender.send(delivery(url), Timestamp(0)).await
}

/// Ways to say an address that is not public; `PORT` is where somebody listens.
const SPELLINGS: &[&str] = &[
    "http://127.0.0.1:PORT/",
    "http://127.1:PORT/",
    "http://127.0.1:PORT/",
    "http://2130706433:PORT/",
    "http://0x7f000001:PORT/",
    "http://0x7F.0.0.1:PORT/",
    "http://0x7f.1:PORT/",
    "http://0177.0.0.1:PORT/",
    "http://017700000001:PORT/",
    "http://0177.0x0.0.1:PORT/",
    "http://127.0.0.1.:PORT/",
    "http://127.255.255.254:PORT/",
    "http://%31%32%37.0.0.1:PORT/",
    "http://１２７.0.0.1:PORT/",
    "http://127。0。0。1:PORT/",
    "http://①②⑦.⓪.⓪.①:PORT/",
    "http://0.0.0.0:PORT/",
    "http://0:PORT/",
    "http://[::1]:PORT/",
    "http://[0:0:0:0:0:0:0:1]:PORT/",
    "http://[::]:PORT/",
    "http://[::ffff:127.0.0.1]:PORT/",
    "http://[::ffff:7f00:1]:PORT/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]:PORT/",
    "http://[::127.0.0.1]:PORT/",
    "http://[64:ff9b::127.0.0.1]:PORT/",
    "http://[64:ff9b::a00:1]:PORT/",
    "http://[64:ff9b:1::7f00:1]:PORT/",
    "http://[2002:7f00:1::]:PORT/",
    "http://[fe80::1]:PORT/",
    "http://[fe80::1%25lo]:PORT/",
    "http://[fc00::1]:PORT/",
    "http://[fd00:ec2::254]:PORT/",
    "http://10.0.0.1:PORT/",
    "http://172.16.0.1:PORT/",
    "http://192.168.1.1:PORT/",
    "http://100.64.0.1:PORT/",
    "http://198.18.0.1:PORT/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/latest/meta-data/",
    "http://localhost:PORT/",
    "http://LocalHost:PORT/",
    "http://localhost.:PORT/",
    "http://a.localhost:PORT/",
    "http://ｌｏｃａｌｈｏｓｔ:PORT/",
    "http://user@127.0.0.1:PORT/",
    "http://user:word@localhost:PORT/",
    "http://public.test@127.0.0.1:PORT/",
    "http://127.0.0.1:PORT#@public.test/",
    "http://127.0.0.1:PORT\\@public.test/",
    "http:\\\\127.0.0.1:PORT\\",
    "http:127.0.0.1:PORT",
    "HTTPS://127.0.0.1:PORT/",
    "http://\t127.0.0.1:PORT/",
    // Names that lead there.
    "http://loop.test:PORT/",
    "http://LOOP.test.:PORT/",
    "https://loop.test:PORT/",
    "http://user@loop.test:PORT/",
    "http://six.test:PORT/",
    "http://mapped.test:PORT/",
    "http://nat.test:PORT/",
    "http://ten.test:PORT/",
    "http://zero.test:PORT/",
    "http://cloud.test:PORT/",
    "http://local.test:PORT/",
    "http://mixed.test:PORT/",
    // What is no address of the web at all.
    "ftp://127.0.0.1:PORT/",
    "file:///etc/passwd",
    "//127.0.0.1:PORT/",
    "/runs",
    "127.0.0.1:PORT",
    "http://",
];

#[tokio::test]
async fn no_spelling_of_a_private_address_is_reached() {
    let names = Names::new(&[
        ("loop.test", &["127.0.0.1"]),
        ("six.test", &["::1"]),
        ("mapped.test", &["::ffff:127.0.0.1"]),
        ("nat.test", &["64:ff9b::7f00:1"]),
        ("ten.test", &["10.0.0.1"]),
        ("zero.test", &["0.0.0.0"]),
        ("cloud.test", &["169.254.169.254"]),
        ("local.test", &["fd00::1"]),
        ("mixed.test", &["8.8.8.8", "127.0.0.1"]),
    ]);
    let (port, mut heard) = receiver(Some("200 OK")).await;
    // Another name for the same address is allowed, and says nothing of these.
    let sender = sender(&["allowed.test", "127.0.0.2"], None, &names);
    let mut resolved = 0;
    for spelling in SPELLINGS {
        let url = spelling.replace("PORT", &port.to_string());
        resolved += usize::from(sender.check(&url).is_ok());
        let refused = send(&sender, &url).await.unwrap_err();
        assert!(!refused.again, "{url}: {refused:?}");
    }
    assert!(heard.try_recv().is_err(), "somebody came");
    assert_eq!(resolved, 12, "all others are known by their text, when the run is asked for");
    assert_eq!(names.asked.load(Ordering::SeqCst), resolved);
}

#[tokio::test]
async fn what_is_allowed_by_name_is_reached_and_looked_up_once() {
    let names = Names::new(&[("hooks.test", &["127.0.0.1"])]);
    let (port, mut heard) = receiver(Some("204 No Content")).await;
    let sender = sender(&["Hooks.test.", "127.0.0.1"], Some("secret"), &names);
    for (host, asked) in [("hooks.test", 1), ("127.0.0.1", 1), ("0x7f.1", 1), ("HOOKS.test.", 2)] {
        let url = format!("http://{host}:{port}/hook?a=1");
        assert_eq!((sender.check(&url), send(&sender, &url).await), (Ok(()), Ok(())), "{host}");
        assert_eq!(names.asked.load(Ordering::SeqCst), asked, "{host}");
        let request = heard.recv().await.unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /hook?a=1 HTTP/1.1\r\n"), "{head}");
        for line in [
            "content-type: application/json",
            "eddyline-delivery: 00000000-0000-0000-0000-000000000001",
            &format!("eddyline-signature: {}", signature::of(&"secret".into(), body, Timestamp(0))),
        ] {
            assert!(head.lines().any(|other| other == line), "{line}\n{head}");
        }
        assert_eq!(body, r#"{"a":1,"webhook_sent_at":"1970-01-01T00:00:00.000000+00:00"}"#);
    }
}

#[tokio::test]
async fn answers_say_whether_to_try_again() {
    let names = Names::new(&[]);
    let sender = sender(&["127.0.0.1"], None, &names);
    for (head, again) in [
        ("500 Internal Server Error", true),
        ("503 Service Unavailable", true),
        ("429 Too Many Requests", true),
        ("404 Not Found", false),
        ("400 Bad Request", false),
        ("302 Found\r\nlocation: /elsewhere", false),
        ("307 Temporary Redirect\r\nlocation: http://127.0.0.1/", false),
    ] {
        let (port, mut heard) = receiver(Some(head)).await;
        let failed = send(&sender, &format!("http://127.0.0.1:{port}/")).await.unwrap_err();
        let message = format!("the receiver answered {}", &head[..3]);
        assert_eq!(failed, Undelivered { message, again });
        assert!(heard.recv().await.unwrap().starts_with("POST / "));
        assert!(heard.try_recv().is_err(), "nobody follows a redirect");
    }
}

#[tokio::test]
async fn who_is_not_there_may_be_there_later() {
    let names = Names::new(&[]);
    let sender = sender(&["127.0.0.1"], None, &names);
    let (port, heard) = receiver(None).await;
    drop(heard);
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let refused = send(&sender, &format!("http://127.0.0.1:{free}/")).await.unwrap_err();
    assert_eq!((refused.message.as_str(), refused.again), ("there is no connection to the receiver", true));
    let unknown = send(&sender, "http://nobody.test/").await.unwrap_err();
    assert!(unknown.again, "{unknown:?}");
    // Nothing else happens, so five seconds are over at once.
    tokio::time::pause();
    let late = send(&sender, &format!("http://127.0.0.1:{port}/")).await.unwrap_err();
    assert_eq!((late.message.as_str(), late.again), ("the receiver did not answer in time", true));
}

#[test]
fn a_signature_is_that_of_the_time_and_the_body() {
    let signature = signature::of(&"secret".into(), r#"{"a":1}"#, Timestamp(3_999_999));
    assert_eq!(signature, "t=3,v1=f1fcd0feac087bb9c6ecde524d2d766bc1ce8d0efa5d19fa54333892c8b45add");
}

#[test]
fn what_is_wrong_with_a_url_is_said() {
    let sender = sender(&[], None, &Names::new(&[]));
    let check = |url: &str, expected: &str| assert_eq!(sender.check(url).unwrap_err(), expected);
    check(&format!("https://a.test/{}", "a".repeat(4096)), "has more than 4096 bytes");
    check("nowhere", "is no URL: relative URL without a base");
    check("ftp://a.test/", "must begin with `https://` or `http://`");
    let private = "is not on the public internet, and is not allowed by name";
    check("http://127.1/", &format!("`127.0.0.1` {private}"));
    check("http://LOCALHOST./", &format!("`localhost` {private}"));
    assert_eq!(sender.check("https://example.org:8443/hook?token=a"), Ok(()));
}
