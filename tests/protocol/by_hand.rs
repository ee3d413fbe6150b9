//! A state that is changed by hand while clients listen: nothing is told of it by itself, as no run did it; the next
//! run is told from there.

use serde_json::{Value, json};

use super::clients::{ALL, Client};
use super::{Server, thread};

/// Changes the state over HTTP; the checkpoint that came of it.
fn change(server: &Server, thread_id: uuid::Uuid, body: &Value) -> String {
    let url = format!("http://{}/threads/{thread_id}/state", server.address);
    let post = crate::http::agent().post(url).content_type("application/json");
    let mut answer = post.send(body.to_string()).unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    assert_eq!(answer.status(), 200, "{text}");
    let changed: Value = serde_json::from_str(&text).unwrap();
    changed["checkpoint"]["checkpoint_id"].as_str().unwrap().to_owned()
}

fn read(events: &[String]) -> Vec<Value> {
    events.iter().map(|event| serde_json::from_str(event).unwrap()).collect()
}

fn of<'a>(events: &'a [Value], method: &'a str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| event["method"] == method).map(|event| &event["params"]["data"])
}

/// The next run over `graph`, as all clients are told it alike.
fn next_run(clients: &mut [Box<dyn Client>], graph: &str, input: &Value) -> Vec<Value> {
    let answer = clients[1].ask("run.start", json!({"assistant_id": graph, "input": input}));
    assert_eq!(answer["type"], "success", "{answer}");
    let first = clients[0].until("completed");
    for client in &mut clients[1..] {
        assert_eq!(client.until("completed"), first, "{}", client.name());
    }
    read(&first)
}

fn listening(server: &Server, thread_id: uuid::Uuid) -> Vec<Box<dyn Client>> {
    let mut clients = server.clients(thread_id);
    for client in &mut clients {
        client.subscribe(json!({"channels": ALL}));
    }
    clients
}

#[test]
fn a_state_changed_by_hand_is_where_the_next_run_begins() {
    let server = Server::start();
    let thread_id = thread();
    let mut clients = listening(&server, thread_id);
    next_run(&mut clients, "agent", &json!({"topic": "cats"}));
    let changed =
        change(&server, thread_id, &json!({"values": {"joke": "by hand"}, "as_node": "generate_joke"}));
    let told = next_run(&mut clients, "agent", &json!({"topic": "dogs"}));
    assert_eq!(told[0]["params"]["data"]["event"], "running", "the change tells nothing by itself");
    assert_eq!(of(&told, "values").next().unwrap(), &json!({"topic": "dogs", "joke": "by hand"}));
    assert_eq!(of(&told, "checkpoints").next().unwrap()["parent_id"], changed, "{told:#?}");
    let state = clients[2].ask("state.listCheckpoints", json!({"namespace": [], "limit": 100}));
    let ids = state["result"]["checkpoints"].as_array().unwrap();
    assert!(ids.iter().any(|checkpoint| checkpoint["id"] == changed), "{state}");
}

#[test]
fn messages_changed_by_hand_are_told_with_the_next_values_and_not_as_answers() {
    let server = Server::start();
    let thread_id = thread();
    let mut clients = listening(&server, thread_id);
    let human = |id: &str| json!({"messages": [{"type": "human", "content": "hi", "id": id}]});
    let first = next_run(&mut clients, "tools_agent", &human("h-1"));
    let answer = of(&first, "values").last().unwrap()["messages"].as_array().unwrap().last().unwrap().clone();
    let mut corrected = answer.clone();
    corrected["content"] = json!("corrected");
    change(&server, thread_id, &json!({"values": {"messages": [corrected]}}));
    let told = next_run(&mut clients, "tools_agent", &human("h-2"));
    let before = of(&told, "values").next().unwrap()["messages"].as_array().unwrap();
    let found: Vec<&Value> = before.iter().filter(|message| message["id"] == answer["id"]).collect();
    assert_eq!(found.len(), 1, "the message is changed in its place");
    assert_eq!(found[0]["content"], "corrected", "{before:#?}");
    let spoken = of(&told, "messages").filter(|data| data["event"] == "message-start");
    assert!(spoken.into_iter().all(|data| data["id"] != answer["id"]), "nobody said it again");
}
