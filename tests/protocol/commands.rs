//! Commands that are wrong, over every transport: each is told so alike, and nothing else changes.

use serde_json::{Value, json};

use super::clients::Client;
use super::{Server, thread};

/// All transports answer with this code and these words.
fn check(clients: &mut [Box<dyn Client>], method: &str, params: &Value, code: &str, message: &str) {
    for client in clients {
        let answer = client.ask(method, params.clone());
        assert_eq!(
            (&answer["type"], &answer["error"]),
            (&json!("error"), &json!(code)),
            "{}: {answer}",
            client.name()
        );
        let said = answer["message"].as_str().unwrap();
        assert!(said.starts_with(message), "{}: {said}", client.name());
    }
}

#[test]
fn what_is_wrong_with_a_command_is_told_alike() {
    let server = Server::start();
    let mut clients = server.clients(thread());
    let mut check = |method: &str, params: Value, code: &str, message: &str| {
        check(&mut clients, method, &params, code, message);
    };
    let invalid = "invalid_argument";
    check("what.ever", json!({}), "unknown_command", "Unknown protocol command: what.ever");
    check("run.start", json!({}), invalid, "run.start requires an assistant_id.");
    check("run.start", json!({"assistant_id": "ghost"}), "unknown_error", "422: Invalid assistant");
    check("input.respond", json!({}), invalid, "input.respond requires an interrupt_id.");
    let none = "No interrupted run is bound to this thread.";
    check("input.respond", json!({"interrupt_id": "x"}), "no_such_run", none);
    check("agent.getTree", json!({}), "no_such_run", "No active run is bound to this thread.");
    check("input.inject", json!({}), "not_supported", "input.inject is not supported.");
    check("state.get", json!({"namespace": 1}), invalid, "state.get requires namespace");
    check("state.get", json!({}), "unknown_error", "404: Thread");
    check("state.fork", json!({}), invalid, "state.fork requires a checkpoint_id.");
    check("state.fork", json!({"checkpoint_id": "x"}), "no_such_checkpoint", "Unknown checkpoint: x");
    check(
        "subscription.unsubscribe",
        json!({}),
        invalid,
        "subscription.unsubscribe requires a subscription_id.",
    );
    let unsupported = "subscription.subscribe received an unsupported channel.";
    check("subscription.subscribe", json!({"channels": ["debug"]}), invalid, unsupported);
}

#[test]
fn subscriptions_belong_to_connections() {
    let server = Server::start();
    let mut clients = server.clients(thread());
    let answer = clients[0].ask("subscription.subscribe", json!({"channels": ["values"]}));
    assert_eq!(answer["error"], "not_supported");
    for client in &mut clients[1..] {
        let subscribed = client.ask("subscription.subscribe", json!({"channels": ["custom"]}));
        let id = subscribed["result"]["subscription_id"].clone();
        let unknown = client.ask("subscription.unsubscribe", json!({"subscription_id": "x"}));
        assert_eq!(unknown["message"], "Unknown subscription: x");
        let gone = client.ask("subscription.unsubscribe", json!({"subscription_id": id}));
        assert_eq!((&gone["type"], &gone["result"]), (&json!("success"), &json!({})));
        let again = client.ask("subscription.unsubscribe", json!({"subscription_id": id}));
        assert_eq!(again["error"], "no_such_subscription");
        let since = client.ask("subscription.reconnect", json!({"channels": ["values"], "since": -1}));
        assert_eq!(since["message"], "subscription.reconnect requires a non-negative integer since.");
        let kept = json!({"channels": ["values"], "since": 0, "subscription_id": "mine"});
        let kept = client.ask("subscription.reconnect", kept);
        assert_eq!(kept["result"]["subscription_id"], "mine", "{kept}");
    }
}

/// What a subscription will be told of the past is counted before it is told.
#[test]
fn the_past_is_counted_and_an_event_that_several_see_comes_once() {
    let server = Server::start();
    let thread_id = thread();
    let mut clients = server.clients(thread_id);
    clients[0].subscribe(json!({"channels": ["values", "lifecycle"]}));
    clients[0].ask("run.start", json!({"assistant_id": "agent", "input": {"topic": "cats"}}));
    let past = clients[0].until("completed");
    for client in &mut clients[1..] {
        let ask = json!({"channels": ["values", "lifecycle"]});
        let answer = client.ask("subscription.subscribe", ask);
        assert_eq!(answer["result"]["replayed_events"], past.len());
        assert!(answer["result"]["last_seq"].as_u64().unwrap() >= super::clients::seq(past.last().unwrap()));
        assert_eq!(client.until("completed"), past);
        // The second subscription is told the past, too; what comes then is for both of them, once.
        let answer = client.ask("subscription.subscribe", json!({"channels": ["lifecycle"]}));
        assert_eq!(answer["result"]["replayed_events"], 2);
        assert_eq!(client.until("completed").len(), 2);
    }
    clients[0].ask("run.start", json!({"assistant_id": "agent", "input": {"topic": "dogs"}}));
    let next = clients[0].until("completed");
    for client in &mut clients[1..] {
        assert_eq!(client.until("completed"), next);
    }
}
