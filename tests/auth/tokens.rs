//! Tokens of somebody else: which of them open the server, and which never do.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use serde_json::{Value, json};

use crate::http::{agent, read};
use crate::server::Server;

const SECRET: &str = "a secret of no less than 32 bytes, as it must be";
const PRIVATE: &[u8] = include_bytes!("for_tests.pem");
const PUBLIC: &[u8] = include_bytes!("for_tests_public.pem");

fn public_file() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/auth/for_tests_public.pem").display().to_string()
}

fn server(settings: &[(&str, &str)]) -> Server {
    let common = [
        ("EDDYLINE__AUTH__MODE", "jwt"),
        ("EDDYLINE__AUTH__JWT__AUDIENCE", "eddyline,other"),
        ("EDDYLINE__AUTH__JWT__ISSUER", "https://id.example"),
    ];
    Server::start_with(&common.iter().chain(settings).copied().collect::<Vec<_>>())
}

/// What an hour's token for the server says, with this in place of it.
fn claims(other: Value) -> Value {
    let mut claims = json!({
        "sub": "kim", "name": "Kim", "aud": "eddyline", "iss": "https://id.example",
        "exp": get_current_timestamp() + 3600, "scope": "read write",
    });
    let Value::Object(other) = other else { panic!("{other} is no object") };
    for (name, value) in other {
        claims[name] = value;
    }
    claims
}

fn signed(header: Algorithm, claims: &Value, key: &EncodingKey) -> String {
    encode(&Header::new(header), claims, key).unwrap()
}

fn status(server: &Server, token: &str) -> u16 {
    let request = agent().post(server.url("/threads/count"));
    request.header("authorization", format!("Bearer {token}")).send("{}").unwrap().status().as_u16()
}

#[test]
fn a_token_says_who_asks_and_what_they_have() {
    let server =
        server(&[("EDDYLINE__AUTH__JWT__SECRET", SECRET), ("EDDYLINE__AUTH__JWT__ALGORITHMS", "HS256")]);
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let token = |other: Value| signed(Algorithm::HS256, &claims(other), &key);
    let ask = |token: &str, path: &str, body: &Value| {
        let request = agent().post(server.url(path)).header("authorization", format!("Bearer {token}"));
        read(request.send(body.to_string()).unwrap())
    };
    let (kim, lee) = (token(json!({})), token(json!({"sub": "lee", "aud": ["x", "other"]})));
    let start = json!({"assistant_id": "agent", "input": {"topic": "x"}, "on_completion": "keep"});
    let run = ask(&kim, "/runs", &start);
    let user = json!({
        "identity": "kim", "display_name": "Kim", "is_authenticated": true, "permissions": ["read", "write"],
    });
    assert_eq!(run["kwargs"]["config"]["configurable"]["langgraph_auth_user"], user, "{run}");
    assert_eq!(ask(&kim, "/threads/count", &json!({})), json!(1));
    assert_eq!(ask(&lee, "/threads/count", &json!({})), json!(0));
    let admin = token(json!({"sub": "root", "permissions": ["eddyline:admin"]}));
    assert_eq!(ask(&admin, "/threads/count", &json!({})), json!(1));
    let as_key = agent().post(server.url("/threads/count")).header("x-api-key", &kim).send("{}").unwrap();
    assert_eq!(as_key.status().as_u16(), 200, "where official clients say their key");
}

#[test]
fn tokens_that_open_nothing() {
    let secret = server(&[
        ("EDDYLINE__AUTH__JWT__SECRET", SECRET),
        ("EDDYLINE__AUTH__JWT__ALGORITHMS", "HS256,HS512"),
    ]);
    let public = server(&[
        ("EDDYLINE__AUTH__JWT__KEY_FILE", &public_file()),
        ("EDDYLINE__AUTH__JWT__ALGORITHMS", "RS256"),
    ]);
    let hs = EncodingKey::from_secret(SECRET.as_bytes());
    let rs = EncodingKey::from_rsa_pem(PRIVATE).unwrap();
    let good = claims(json!({}));
    assert_eq!(status(&secret, &signed(Algorithm::HS256, &good, &hs)), 200);
    assert_eq!(status(&secret, &signed(Algorithm::HS512, &good, &hs)), 200);
    assert_eq!(status(&public, &signed(Algorithm::RS256, &good, &rs)), 200);

    let refused = |name: &str, token: &str| {
        for server in [&secret, &public] {
            assert_eq!(status(server, token), 401, "{name}");
        }
    };
    let now = get_current_timestamp();
    for (name, other) in [
        ("expired", json!({"exp": now - 60})),
        ("no end", json!({"exp": null})),
        ("an end that is none", json!({"exp": "tomorrow"})),
        ("not yet valid", json!({"nbf": now + 600})),
        ("wrong audience", json!({"aud": "somebody"})),
        ("no audience", json!({"aud": null})),
        ("wrong issuer", json!({"iss": "https://id.example.evil"})),
        ("no issuer", json!({"iss": null})),
        ("nobody", json!({"sub": ""})),
        ("no subject", json!({"sub": null})),
        ("a subject that is none", json!({"sub": 7})),
    ] {
        let claims = claims(other);
        refused(name, &signed(Algorithm::HS256, &claims, &hs));
        refused(name, &signed(Algorithm::RS256, &claims, &rs));
    }
    // Whoever knows the public key makes a token with it, as if it were a secret.
    for known in [PUBLIC, std::str::from_utf8(PUBLIC).unwrap().trim().as_bytes()] {
        let key = EncodingKey::from_secret(known);
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            refused("key confusion", &signed(algorithm, &good, &key));
        }
    }
    refused("an algorithm that is not listed", &signed(Algorithm::HS384, &good, &hs));
    refused("an algorithm that is not listed", &signed(Algorithm::RS512, &good, &rs));
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    for name in ["none", "None", "NONE", "nOnE", ""] {
        let unsigned = format!("{}.{}", part(&json!({"alg": name, "typ": "JWT"})), part(&good));
        for token in [format!("{unsigned}."), unsigned.clone(), format!("{unsigned}.AAAA")] {
            refused("alg: none", &token);
        }
    }
    let whole = signed(Algorithm::RS256, &good, &rs);
    let (said, signature) = whole.rsplit_once('.').unwrap();
    refused("no signature", &format!("{said}."));
    let (header, _) = said.split_once('.').unwrap();
    let others = part(&claims(json!({"sub": "root"})));
    refused("what is said is something else", &format!("{header}.{others}.{signature}"));
    for odd in ["", "x", "..", "a.b.c", "edl_00"] {
        refused("no token", odd);
    }
}

/// Keys at a URL, and how often they were asked for. Ends with the process.
fn keys(set: &JwkSet) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    let (body, asked) = (serde_json::to_string(set).unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            let lines = BufReader::new(client.try_clone().unwrap()).lines();
            let _head: Vec<_> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            client.write_all(format!("{head}{body}").as_bytes()).unwrap();
        }
    });
    (url, asked)
}

#[test]
fn keys_of_a_url_are_read_once_and_kept() {
    let rs = EncodingKey::from_rsa_pem(PRIVATE).unwrap();
    let mut named = Jwk::from_encoding_key(&rs, Algorithm::RS256).unwrap();
    named.common.key_id = Some("new".to_owned());
    let secret: Jwk =
        serde_json::from_value(json!({"kty": "oct", "kid": "oct", "k": URL_SAFE_NO_PAD.encode(SECRET)}))
            .unwrap();
    let (url, asked) = keys(&JwkSet { keys: vec![named, secret] });
    let server =
        server(&[("EDDYLINE__AUTH__JWT__JWKS_URL", &url), ("EDDYLINE__AUTH__JWT__ALGORITHMS", "RS256")]);
    let token = |kid: Option<&str>| {
        let header = Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::RS256) };
        encode(&header, &claims(json!({})), &rs).unwrap()
    };
    assert_eq!(asked.load(Ordering::SeqCst), 0, "not before they are needed");
    for _ in 0..5 {
        assert_eq!(status(&server, &token(Some("new"))), 200);
        assert_eq!(status(&server, &token(None)), 200, "there is one that fits");
    }
    for kid in ["old", "oct", "other", "old"] {
        assert_eq!(status(&server, &token(Some(kid))), 401);
    }
    let header = Header { kid: Some("oct".to_owned()), ..Header::new(Algorithm::HS256) };
    let of_secret = encode(&header, &claims(json!({})), &EncodingKey::from_secret(SECRET.as_bytes()));
    assert_eq!(status(&server, &of_secret.unwrap()), 401, "a secret that anybody can read is none");
    assert_eq!(asked.load(Ordering::SeqCst), 1, "and not for each name that somebody makes up");
}

#[test]
fn without_a_key_that_reads_the_server_does_not_start() {
    let refused = |settings: &[(&str, &str)], code: &str| {
        let mut command = crate::server::command();
        command.args(["serve", "--port", "0", "--memory"]);
        command.envs([("EDDYLINE__AUTH__MODE", "jwt"), ("EDDYLINE__AUTH__JWT__AUDIENCE", "x")]);
        let output = command.envs(settings.iter().copied()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(code), "{said}");
    };
    refused(&[("EDDYLINE__AUTH__JWT__KEY_FILE", "/nowhere.pem")], "TOKEN_KEY_FILE");
    let file = public_file();
    let ec = [("EDDYLINE__AUTH__JWT__KEY_FILE", file.as_str()), ("EDDYLINE__AUTH__JWT__ALGORITHMS", "ES256")];
    refused(&ec, "TOKEN_KEY");
    refused(&[], "SETTING_INVALID");
}
