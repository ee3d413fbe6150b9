//! Secrets that would sing if anybody let them out: they are put wherever a server takes one, and then looked for in
//! everything that it has written, logged and said.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{KEYS, make};
use crate::http::agent;
use crate::server::{Server, command};

const WEBHOOK: &str = "canary-webhook-7f3a91c2d4e8b605";
const MODEL: &str = "sk-canary-openai-8842aa10bb93cc74";
const OTHER_MODEL: &str = "sk-ant-canary-anthropic-5519ee20ff";
const TOKENS: &str = "canary-token-secret-31d7a9f0c8b2e644";
const COOKIE: &str = "session=canary-cookie-60af2b91";
const HEADER: &str = "canary-header-1b9cc07e22";
const WRONG_KEY: &str = "edl_canary00wrong11key22";

/// Somebody out there who says everything back that was said to them, with 401. What they heard is told.
fn parrot() -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (heard, hears) = mpsc::channel();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            // Who hears of it may have heard enough.
            let _ = heard.send(answer(client.unwrap()));
        }
    });
    (url, hears)
}

fn answer(mut client: TcpStream) -> String {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let mut head = String::new();
    while reader.read_line(&mut head).unwrap() > 2 {}
    let length =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or_default()];
    reader.read_exact(&mut body).unwrap();
    let said = json!({"error": {"message": format!("Incorrect API key provided: {head}"), "type": "auth"}})
        .to_string();
    let answer = format!(
        "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\nx-echo: {}\r\n\r\n{said}",
        said.len(),
        head.replace(['\r', '\n'], " "),
    );
    client.write_all(answer.as_bytes()).unwrap();
    head
}

/// Everything that is asked, and everything that is answered.
struct Asked<'a> {
    server: &'a Server,
    secret: &'a str,
    answers: String,
}

impl Asked<'_> {
    fn ask(&mut self, method: &str, path: &str, body: &str) -> Value {
        self.ask_with(method, path, body, self.secret)
    }

    fn ask_with(&mut self, method: &str, path: &str, body: &str, secret: &str) -> Value {
        let request = ureq::http::Request::builder().method(method).uri(self.server.url(path));
        let request = request
            .header("x-api-key", secret)
            .header("authorization", format!("Bearer {secret}"))
            .header("cookie", COOKIE)
            .header("x-own", HEADER)
            .header("proxy-authorization", format!("Basic {}", STANDARD.encode(HEADER)));
        let mut answer = agent().run(request.body(body.to_owned()).unwrap()).unwrap();
        let said = answer.body_mut().read_to_string().unwrap();
        let (status, headers) = (answer.status(), answer.headers());
        writeln!(
            self.answers,
            "{method} {path}: {status} {headers:?}
{said}"
        )
        .unwrap();
        serde_json::from_str(&said).unwrap_or_default()
    }

    fn everything(&mut self, receiver: &str) {
        let thread = self.ask("POST", "/threads", r#"{"metadata": {"a": 1}}"#);
        let thread = format!("/threads/{}", thread["thread_id"].as_str().unwrap());
        let asks = json!([{"role": "user", "content": "weather"}]);
        let run = json!({
            "assistant_id": "prebuilt_agent", "input": {"messages": asks}, "webhook": receiver,
            "stream_mode": ["values", "debug", "messages", "events"], "stream_resumable": true,
        });
        self.ask("POST", &format!("{thread}/runs/stream"), &run.to_string());
        self.ask("POST", &format!("{thread}/runs/wait"), &run.to_string());
        let joke = json!({"assistant_id": "agent", "input": {"topic": "x"}, "webhook": receiver});
        self.ask("POST", "/runs/wait", &joke.to_string());
        let cron = json!({"assistant_id": "agent", "schedule": "0 0 1 1 *", "webhook": receiver});
        self.ask("POST", "/runs/crons", &cron.to_string());
        self.ask("PUT", "/store/items", r#"{"namespace": ["kim"], "key": "k", "value": {"v": 1}}"#);
        for path in ["/runs", "/state", "/history", "/storage", ""] {
            self.ask("GET", &format!("{thread}{path}"), "");
        }
        for path in
            ["/info", "/ok?check_db=1", "/metrics", "/openapi.json", "/docs", "/webhooks/failed", "/nowhere"]
        {
            self.ask("GET", path, "");
        }
        for (path, body) in
            [("/threads/search", "{}"), ("/runs/crons/search", "{}"), ("/store/items/search", "{}")]
        {
            self.ask("POST", path, body);
        }
        // Things that go wrong, and say why.
        for body in ["{", "[]", r#"{"assistant_id": 7}"#, r#"{"assistant_id": "nobody"}"#] {
            self.ask("POST", "/runs/wait", body);
        }
        for wrong in [WRONG_KEY, TOKENS, WEBHOOK] {
            self.ask_with("POST", "/threads/search", "{}", wrong);
        }
    }
}

/// Where a secret or a form of it is found in what was written: names of places.
fn found(secrets: &[String], places: &[(String, Vec<u8>)]) -> Vec<String> {
    let has = |text: &[u8], secret: &str| text.windows(secret.len()).any(|part| part == secret.as_bytes());
    let mut found = Vec::new();
    for (place, text) in places {
        found.extend(
            secrets.iter().filter(|secret| has(text, secret)).map(|secret| format!("{secret} in {place}")),
        );
    }
    found
}

fn forms(secret: &str) -> [String; 3] {
    [secret.to_owned(), STANDARD.encode(secret), hex(secret.as_bytes())]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Has the server do everything, and searches it. How many places were searched.
fn sings(
    server: &Server,
    secret: &str,
    receiver: &str,
    hears: &mpsc::Receiver<String>,
) -> (Vec<String>, usize) {
    let mut asked = Asked { server, secret, answers: String::new() };
    asked.everything(receiver);
    let answers = asked.answers;
    // What is out there has heard the key of the model and the signature: there was something to be found.
    let mut heard = String::new();
    while !(heard.contains(MODEL) && heard.contains("eddyline-signature")) {
        heard.push_str(&hears.recv_timeout(std::time::Duration::from_mins(1)).expect("it is told"));
    }
    assert!(!heard.contains(WEBHOOK), "a receiver is shown what signs, not told");
    let mut listed = command();
    listed.args(["keys", "list", "--data-dir"]).arg(server.folder());
    let listed = listed.output().unwrap();
    let mut places = vec![
        ("the answers".to_owned(), answers.into_bytes()),
        ("the list of keys".to_owned(), [listed.stdout, listed.stderr].concat()),
        ("the log".to_owned(), server.log().into_bytes()),
    ];
    for path in files(server.folder()) {
        places.push((path.display().to_string(), fs::read(&path).unwrap()));
    }
    let secrets = [
        secret,
        secret.trim_start_matches("edl_"),
        WEBHOOK,
        MODEL,
        OTHER_MODEL,
        TOKENS,
        COOKIE,
        HEADER,
        WRONG_KEY,
    ];
    let secrets: Vec<String> = secrets.into_iter().flat_map(forms).collect();
    assert!(places.iter().any(|(place, text)| place == "the log" && text.len() > 1000), "there is a log");
    // What is no secret is found where it belongs, or the search would be none.
    let control = found(&["weather".to_owned()], &places);
    for place in ["the answers", server.folder().to_str().unwrap()] {
        assert!(control.iter().any(|found| found.contains(place)), "{control:?}");
    }
    (found(&secrets, &places), places.len())
}

#[test]
fn no_secret_is_written_logged_or_said() {
    let (url, hears) = parrot();
    let (base, receiver) = (format!("{url}/v1"), format!("{url}/hook"));
    let common = [
        ("EDDYLINE__LOG__LEVEL", "trace"),
        ("EDDYLINE__WEBHOOKS__SECRET", WEBHOOK),
        ("EDDYLINE__WEBHOOKS__ALLOWED_HOSTS", "127.0.0.1"),
        ("OPENAI_API_KEY", MODEL),
        ("OPENAI_BASE_URL", base.as_str()),
        ("ANTHROPIC_API_KEY", OTHER_MODEL),
        ("ANTHROPIC_BASE_URL", base.as_str()),
        ("EDDYLINE__AUTH__JWT__SECRET", TOKENS),
        ("EDDYLINE__AUTH__JWT__ALGORITHMS", "HS256"),
        ("EDDYLINE__AUTH__JWT__AUDIENCE", "eddyline"),
    ];
    let with = |other: (&'static str, &'static str)| {
        Server::start_with(&common.iter().copied().chain([other]).collect::<Vec<_>>())
    };
    let by_keys = with(KEYS[0]);
    let key = make(&by_keys, "kim");
    // What is kept of a key says nothing of it: it is made of 256 random bits.
    let kept = fs::read_to_string(by_keys.folder().join("keys.json")).unwrap();
    let digest = hex(&Sha256::digest(&key));
    assert!(kept.contains(&digest) && !kept.contains(&key[4..]));
    let (mut singing, mut searched) = sings(&by_keys, &key, &receiver, &hears);

    let by_tokens = with(("EDDYLINE__AUTH__MODE", "jwt"));
    let claims = json!({"sub": "kim", "aud": "eddyline", "exp": get_current_timestamp() + 600});
    let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(TOKENS.as_bytes())).unwrap();
    assert!(URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).is_ok());
    let (more, places) = sings(&by_tokens, &token, &receiver, &hears);
    singing.extend(more);
    searched += places;
    println!("canaries {} in {searched} files, logs and answers", singing.len());
    assert!(singing.is_empty(), "{}", singing.join("\n"));
}

#[test]
fn settings_that_are_wrong_do_not_say_the_secret() {
    for (variable, value) in
        [("EDDYLINE__AUTH__JWT__SECRET", "canary-short"), ("EDDYLINE__AUTH__MODE", "oops")]
    {
        let mut command = command();
        command.envs([("EDDYLINE__AUTH__MODE", "jwt"), ("EDDYLINE__WEBHOOKS__SECRET", WEBHOOK)]);
        command.env("EDDYLINE__AUTH__JWT__AUDIENCE", "x").env(variable, value);
        let output = command.args(["serve", "--port", "0", "--memory"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("SETTING_INVALID"), "{said}");
        assert!(!said.contains("canary"), "{said}");
    }
}
