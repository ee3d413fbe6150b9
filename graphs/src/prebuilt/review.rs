//! A person looks at tool calls before they are made.
//!
//! Question and answer have the shape that frontends of LangChain's agents know: all calls at once as
//! `action_requests`, and one of `decisions` for each.

use std::collections::HashMap;
use std::sync::Arc;

use eddyline_engine::message::{Message, ToolCall, ToolStatus};
use eddyline_engine::prelude::{NodeContext, NodeError, Update, Value, json, view};
use serde_json::Map;

use super::AgentState;
use super::asked::{Asked, last_of_model, open_calls};
use crate::tools::Tool;

/// What the person says.
#[view]
struct Answer {
    decisions: Vec<Decision>,
}

#[view]
#[serde(tag = "type", rename_all = "snake_case")]
enum Decision {
    Approve,
    Edit { edited_action: Action },
    Reject { message: Option<String> },
}

#[view]
struct Action {
    name: String,
    args: Map<String, Value>,
}

/// Asks about the open calls of tools that are to be reviewed. What is refused is answered here; what is changed
/// stands so in the model's message, as if the model had said it.
pub(super) async fn review(
    tools: Arc<[Tool]>,
    state: AgentState,
    ctx: NodeContext,
) -> Result<Update<AgentState>, NodeError> {
    let calls: Vec<ToolCall> = open_calls(&state.messages)
        .into_iter()
        .filter_map(|asked| match asked {
            Asked::ToolCall(call) => Some(call),
            Asked::InvalidToolCall(_) => None,
        })
        .filter(|call| tools.iter().any(|tool| tool.is_reviewed() && *tool.spec().name == *call.name))
        .collect();
    let Some(said) = last_of_model(&state.messages).filter(|_| !calls.is_empty()) else {
        return Ok(AgentState::update());
    };
    let Answer { decisions } = ctx.interrupt(question(&calls))?;
    if decisions.len() != calls.len() {
        let words = format!("there are {} decisions on {} tool calls", decisions.len(), calls.len());
        return Err(NodeError::visible("ValueError", words));
    }
    let mut edited = HashMap::new();
    let mut refused = Vec::new();
    for (call, decision) in calls.iter().zip(decisions) {
        match decision {
            Decision::Approve => {}
            Decision::Edit { edited_action: Action { name, args } } => {
                edited.insert(call.id.clone(), ToolCall { name, args, id: call.id.clone() });
            }
            Decision::Reject { message } => refused.push(refusal(call, message)),
        }
    }
    let changed = (!edited.is_empty()).then(|| {
        let calls =
            said.tool_calls().iter().map(|call| edited.remove(&call.id).unwrap_or_else(|| call.clone()));
        said.clone().with_tool_calls(calls.collect::<Vec<_>>())
    });
    Ok(AgentState::update().messages(changed.into_iter().chain(refused).collect::<Vec<_>>()))
}

fn question(calls: &[ToolCall]) -> Value {
    let requests = calls.iter().map(|call| {
        let args = Value::Object(call.args.clone());
        let description = format!("Tool execution requires approval\n\nTool: {}\nArgs: {args}", call.name);
        json!({"name": call.name, "args": args, "description": description})
    });
    let configs = calls
        .iter()
        .map(|call| json!({"action_name": call.name, "allowed_decisions": ["approve", "edit", "reject"]}));
    json!({"action_requests": requests.collect::<Value>(), "review_configs": configs.collect::<Value>()})
}

fn refusal(call: &ToolCall, words: Option<String>) -> Message {
    let id = call.id.as_deref().unwrap_or_default();
    let words =
        words.unwrap_or_else(|| format!("User rejected the tool call for `{}` with id {id}", call.name));
    Message::answer(call, words).with_status(ToolStatus::Error)
}
