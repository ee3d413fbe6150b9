//! What every transport has to do, and that all of them tell one transcript.

use serde_json::{Value, json};

use super::clients::{ALL, Client, seq};
use super::{Server, thread};

fn human() -> Value {
    json!({"messages": [{"type": "human", "content": "hi\u{2028}there", "id": "h-1"}]})
}

fn start(client: &mut dyn Client, graph: &str, input: &Value) -> Value {
    let answer = client.ask("run.start", json!({"assistant_id": graph, "input": input}));
    assert_eq!(answer["type"], "success", "{}: {answer}", client.name());
    answer["result"]["run_id"].clone()
}

/// All clients are told the same up to this end; the events of one of them.
fn told_alike(clients: &mut [Box<dyn Client>], terminal: &str) -> Vec<String> {
    let mut told = clients.iter_mut().map(|client| (client.name(), client.until(terminal)));
    let (_, first) = told.next().unwrap();
    for (name, events) in told {
        assert_eq!(events, first, "{name}");
    }
    assert!(first.windows(2).all(|pair| seq(&pair[0]) < seq(&pair[1])), "numbers grow");
    first
}

/// Whoever starts a run, everybody is told of it byte for byte alike; live, and later, and from any place on.
#[test]
fn all_transports_tell_one_transcript() {
    let server = Server::start();
    for driver in 0..4 {
        let thread_id = thread();
        let mut clients = server.clients(thread_id);
        for client in &mut clients {
            client.subscribe(json!({"channels": ALL}));
        }
        start(clients[driver].as_mut(), "tools_agent", &human());
        let live = told_alike(&mut clients, "completed");
        assert!(live.len() > 20, "{live:#?}");
        for since in [0, seq(&live[7]), seq(&live[live.len() - 2])] {
            let mut late = server.clients(thread_id);
            for client in &mut late {
                client.subscribe(json!({"channels": ALL, "since": since}));
            }
            let rest: Vec<String> = live.iter().filter(|event| seq(event) > since).cloned().collect();
            assert_eq!(told_alike(&mut late, "completed"), rest);
        }
        start(clients[driver].as_mut(), "agent", &json!({"topic": "cats"}));
        let next = told_alike(&mut clients, "completed");
        assert!(seq(&next[0]) > seq(live.last().unwrap()), "a second run goes on with greater numbers");
    }
}

/// A question is asked and answered over each transport.
#[test]
fn questions_are_asked_and_answered_over_every_transport() {
    let server = Server::start();
    for driver in 0..4 {
        let mut clients = server.clients(thread());
        for client in &mut clients {
            client.subscribe(json!({"channels": ["lifecycle", "input", "values", "custom:progress"]}));
        }
        start(clients[driver].as_mut(), "showcase", &human());
        let asked = told_alike(&mut clients, "interrupted");
        let asked: Vec<Value> = asked.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
        let question = asked.iter().find(|event| event["method"] == "input.requested").expect("it asks");
        let id = &question["params"]["data"]["interrupt_id"];
        let respond = |id: &Value| json!({"interrupt_id": id, "response": "yes", "namespace": []});
        let client = clients[driver].as_mut();
        let unknown = client.ask("input.respond", respond(&json!("nope")));
        assert_eq!(unknown["error"], "no_such_interrupt", "{unknown}");
        assert_eq!(unknown["message"], "Unknown or already-consumed interrupt: nope");
        let answer = client.ask("input.respond", respond(id));
        assert_eq!((&answer["type"], &answer["result"]), (&json!("success"), &json!({})));
        let again = client.ask("input.respond", respond(id));
        assert_eq!(again["error"], "no_such_interrupt", "{again}");
        let rest = told_alike(&mut clients, "completed");
        assert!(rest.iter().any(|event| event.contains(r#""method":"input.answered""#)), "{rest:#?}");
        assert!(rest.iter().any(|event| event.contains(r#""event":"started""#)), "a graph inside began");
    }
}

/// Input to a thread that waits is the answer.
#[test]
fn input_to_a_thread_that_waits_is_the_answer() {
    let server = Server::start();
    for driver in 0..4 {
        let client = &mut server.clients(thread())[driver];
        client.subscribe(json!({"channels": ["lifecycle"]}));
        start(client.as_mut(), "showcase", &human());
        client.until("interrupted");
        start(client.as_mut(), "showcase", &json!("yes"));
        client.until("completed");
        let state = client.ask("state.get", json!({"namespace": [], "keys": ["items"]}));
        let items = state["result"]["values"]["items"].as_array().unwrap();
        assert_eq!(items.last().unwrap(), "sub", "{state}");
        assert!(items.contains(&json!("asked")));
    }
}

/// Filters say what is told: channels, namespaces, depth.
#[test]
fn filters_choose_alike() {
    let server = Server::start();
    let thread_id = thread();
    let mut clients = server.clients(thread_id);
    clients[0].subscribe(json!({"channels": ALL}));
    start(clients[0].as_mut(), "nested", &json!({"foo": "x"}));
    let all = clients[0].until("completed");
    let depth = |event: &String| {
        let event: Value = serde_json::from_str(event).unwrap();
        event["params"]["namespace"].as_array().unwrap().len()
    };
    assert!(all.iter().any(|event| depth(event) == 1));
    for (params, shown) in [
        (json!({"channels": ALL, "namespaces": [[]], "depth": 0}), 0),
        (json!({"channels": ALL, "namespaces": [[]], "depth": 1}), 1),
        (json!({"channels": ALL, "depth": 0}), usize::MAX),
    ] {
        let mut late = server.clients(thread_id);
        for client in &mut late {
            client.subscribe(params.clone());
        }
        let expected: Vec<String> = all.iter().filter(|event| depth(event) <= shown).cloned().collect();
        assert_eq!(told_alike(&mut late, "completed"), expected, "{params}");
    }
}
