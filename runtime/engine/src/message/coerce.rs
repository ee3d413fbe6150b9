//! Making a message of what a client or a node gives for one, as `LangChain`'s `convert_to_messages` does.

use serde_json::{Map, Value};

use super::{AiFields, Body, Content, Message, MessageError, Role, ToolFields, ToolStatus, field, python};

impl Message {
    /// Makes a message of anything that stands for one.
    ///
    /// - A string is a human message, and an array of two is a role and a content.
    /// - An object has a `role` (or else a `type`) and a `content`. Besides, `name`, `id`, `tool_call_id`,
    ///   `tool_calls` and `response_metadata` mean what they say, and every other field becomes one of
    ///   `additional_kwargs`. This holds even for `usage_metadata` and `invalid_tool_calls`,
    ///   so our own JSON does not come back as it was: [`from_json`](Self::from_json) reads that.
    /// - Tool calls may have the shape of `OpenAI`.
    /// - An object of `LangChain`'s serialised constructor form is unwrapped first.
    ///
    /// ```
    /// use eddyline_engine::message::Message;
    /// use serde_json::json;
    ///
    /// let message = Message::coerce(&json!({"role": "user", "content": "hi", "mood": "good"})).unwrap();
    /// assert_eq!(message, Message::human("hi").with_additional_kwarg("mood", "good"));
    /// ```
    ///
    /// # Errors
    /// `LangChain`'s, in class and text, if the value stands for no message.
    pub fn coerce(value: &Value) -> Result<Self, MessageError> {
        match value {
            Value::String(text) => Ok(Self::human(text.as_str())),
            Value::Array(items) => match items.as_slice() {
                [role, content] => Draft::default().build(role, content.clone()),
                _ => Err(MessageError::NotAPair),
            },
            Value::Object(map) => match unwrap_constructor(map) {
                Some(kwargs) => coerce_object(kwargs),
                None => coerce_object(map.clone()),
            },
            other => Err(MessageError::Unsupported { class: python::class(other) }),
        }
    }
}

/// The arguments of a serialised constructor call of a message class, with the type that the class has.
fn unwrap_constructor(map: &Map<String, Value>) -> Option<Map<String, Value>> {
    if map.get("lc")?.as_f64() != Some(1.0) || map.get("type")? != "constructor" {
        return None;
    }
    let kind = match map.get("id")?.as_array()?.last()?.as_str()? {
        "HumanMessage" | "HumanMessageChunk" => Role::Human,
        "AIMessage" | "AIMessageChunk" => Role::Ai,
        "SystemMessage" | "SystemMessageChunk" => Role::System,
        "FunctionMessage" | "FunctionMessageChunk" => Role::Function,
        "ToolMessage" | "ToolMessageChunk" => Role::Tool,
        "RemoveMessage" => Role::Remove,
        _ => return None,
    };
    let mut kwargs = map.get("kwargs")?.as_object()?.clone();
    kwargs.insert("type".into(), kind.as_str().into());
    Some(kwargs)
}

fn coerce_object(mut map: Map<String, Value>) -> Result<Message, MessageError> {
    let role_key = if map.contains_key("role") { "role" } else { "type" };
    if !map.contains_key(role_key) || !map.contains_key("content") {
        return Err(MessageError::MissingKeys { got: python::repr_map(&map) });
    }
    let role = map.shift_remove(role_key).unwrap_or_default();
    let content = map.shift_remove("content").filter(python::is_truthy).unwrap_or_else(|| "".into());
    Draft::new(map).build(&role, content)
}

/// The fields of a message whose role has not been looked at.
#[derive(Default)]
struct Draft {
    name: Option<Value>,
    id: Option<Value>,
    tool_call_id: Option<Value>,
    tool_calls: Option<Value>,
    response_metadata: Option<Value>,
    nested_kwargs: Option<Value>,
    additional_kwargs: Map<String, Value>,
}

impl Draft {
    fn new(mut rest: Map<String, Value>) -> Self {
        let mut take = |key: &str| rest.shift_remove(key).filter(|value| !value.is_null());
        Self {
            name: take("name"),
            id: take("id"),
            tool_call_id: take("tool_call_id"),
            tool_calls: take("tool_calls"),
            response_metadata: take("response_metadata").filter(python::is_truthy),
            nested_kwargs: take("additional_kwargs"),
            additional_kwargs: rest,
        }
    }

    fn build(mut self, role: &Value, content: Value) -> Result<Message, MessageError> {
        let word = python::text(role);
        let role = match word.as_str() {
            "human" | "user" => Role::Human,
            "ai" | "assistant" => Role::Ai,
            "system" | "developer" => Role::System,
            "function" => Role::Function,
            "tool" => Role::Tool,
            "remove" => Role::Remove,
            _ => return Err(MessageError::UnknownRole { role: word }),
        };
        if let Some(nested) = self.nested_kwargs.take() {
            self.additional_kwargs.extend(field::object(role, "additional_kwargs", nested)?);
        }
        if word == "developer" {
            self.additional_kwargs.insert("__openai_role__".into(), "developer".into());
        }
        self.into_message(role, content)
    }

    fn into_message(mut self, role: Role, content: Value) -> Result<Message, MessageError> {
        let content = match role {
            Role::Remove => Content::default(),
            _ => field::content(role, content)?,
        };
        let body = self.take_body(role)?;
        let mut message = Message::new(body, content);
        let fields = message.fields();
        fields.extra = self.take_extra(role);
        fields.additional_kwargs = self.additional_kwargs;
        if let Some(name) = self.name {
            fields.name = Some(field::string(role, "name", name)?);
        }
        if let Some(id) = self.id {
            fields.id = Some(field::id_string(role, "id", id)?);
        }
        if let Some(metadata) = self.response_metadata {
            fields.response_metadata = field::object(role, "response_metadata", metadata)?;
        }
        message.checked()
    }

    fn take_body(&mut self, role: Role) -> Result<Body, MessageError> {
        if let Some(calls) = self.tool_calls.as_mut() {
            *calls = field::normal_tool_calls(role, calls.take())?;
        }
        Ok(match role {
            Role::Human => Body::Human,
            Role::Ai => Body::Ai(AiFields {
                tool_calls: self.tool_calls.take().map_or(Ok(Vec::new()), field::tool_calls)?,
                ..AiFields::default()
            }),
            Role::System => Body::System,
            Role::Function => Body::Function,
            Role::Tool => Body::Tool(self.take_tool_fields()?),
            Role::Remove => Body::Remove,
        })
    }

    /// What the role has no field for, but the constructors of its class take and keep.
    fn take_extra(&mut self, role: Role) -> Map<String, Value> {
        let example = match role {
            Role::Human | Role::Ai => self.additional_kwargs.shift_remove("example"),
            _ => None,
        };
        let extra = [
            ("tool_call_id", self.tool_call_id.take()),
            ("tool_calls", self.tool_calls.take()),
            ("example", example.filter(python::is_truthy)),
        ];
        extra.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    }

    fn take_tool_fields(&mut self) -> Result<ToolFields, MessageError> {
        let kwargs = &mut self.additional_kwargs;
        let artifact = kwargs.shift_remove("artifact").filter(|artifact| !artifact.is_null());
        let status = kwargs.shift_remove("status").filter(|status| !status.is_null());
        let call_id = self.tool_call_id.take();
        let call_id = call_id.ok_or_else(|| field::invalid(Role::Tool, "tool_call_id", "field required"))?;
        Ok(ToolFields {
            tool_call_id: field::id_string(Role::Tool, "tool_call_id", call_id)?,
            artifact,
            status: status.map_or(Ok(ToolStatus::default()), field::status)?,
        })
    }
}

impl Message {
    /// Refuses a message that lacks what its role needs.
    fn checked(self) -> Result<Self, MessageError> {
        match self.role() {
            Role::Remove if self.id().is_none() => Err(MessageError::RemoveWithoutId),
            Role::Function if self.name().is_none() => {
                Err(field::invalid(Role::Function, "name", "field required"))
            }
            _ => Ok(self),
        }
    }
}
