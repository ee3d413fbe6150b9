//! What a line means as the answer to a question.

use serde_json::{Value, json};

/// JSON is the answer itself, and any other line a text. Where tool calls are to be approved, a text has to be a
/// decision on all of them; `None` when it is none.
pub(super) fn answer(question: &Value, line: String) -> Option<Value> {
    if let Ok(answer) = serde_json::from_str(&line) {
        return Some(answer);
    }
    let Some(actions) = question["action_requests"].as_array() else { return Some(line.into()) };
    let line = line.trim();
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let decision = match (word.to_lowercase().as_str(), rest.trim()) {
        ("approve" | "yes" | "y", "") => json!({"type": "approve"}),
        ("reject" | "no" | "n", "") => json!({"type": "reject"}),
        ("reject" | "no" | "n", why) => json!({"type": "reject", "message": why}),
        ("edit", arguments) => edited(actions, arguments)?,
        _ => return None,
    };
    Some(json!({ "decisions": vec![decision; actions.len()] }))
}

/// The only call, with other arguments.
fn edited(actions: &[Value], arguments: &str) -> Option<Value> {
    let [action] = actions else { return None };
    let arguments = serde_json::from_str(arguments).ok().filter(Value::is_object)?;
    Some(json!({"type": "edit", "edited_action": {"name": action["name"], "args": arguments}}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(question: &Value, line: &str, expected: impl Into<Option<Value>>) {
        assert_eq!(answer(question, line.to_owned()), expected.into(), "{line}");
    }

    #[test]
    fn a_line_is_json_or_a_text() {
        let question = json!("how many?");
        check(&question, "3", Some(json!(3)));
        check(&question, r#"{"many": 3}"#, Some(json!({"many": 3})));
        check(&question, " a few", Some(json!(" a few")));
        check(&question, "", Some(json!("")));
    }

    #[test]
    fn calls_are_decided_on_in_words() {
        let call = json!({"name": "pay", "args": {"sum": 5}});
        let one = json!({ "action_requests": [call] });
        let two = json!({ "action_requests": [call, call] });
        let approve = json!({"type": "approve"});
        check(&one, "approve", Some(json!({ "decisions": [approve] })));
        check(&two, " Yes ", Some(json!({ "decisions": [approve, approve] })));
        check(&one, "n", Some(json!({"decisions": [{"type": "reject"}]})));
        let why = json!({"type": "reject", "message": "too much"});
        check(&one, "reject too much", Some(json!({ "decisions": [why] })));
        let edit = json!({"type": "edit", "edited_action": {"name": "pay", "args": {"sum": 4}}});
        check(&one, r#"edit {"sum": 4}"#, Some(json!({ "decisions": [edit] })));
        check(&two, r#"edit {"sum": 4}"#, None);
        check(&one, "edit 4", None);
        check(&one, "perhaps", None);
        check(&one, r#"{"decisions": []}"#, Some(json!({"decisions": []})));
    }
}
