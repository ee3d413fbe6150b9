//! Tools that a file describes.

use std::collections::HashMap;
use std::sync::Arc;

use eddyline_engine::Shared;
use eddyline_engine::message::ToolCall;
use eddyline_engine::model::ToolSpec as Offered;
use eddyline_engine::prelude::NodeError;
use serde_json::Value;

use super::compile::Home;
use super::http::Request;
use super::keys::Keys;
use super::located::Named;
use super::mistake::Mistake;
use super::node::run_vars;
use super::process::Processes;
use super::spec::{ErrorsSpec, ToolSpec};
use super::template::{RUN, STATE, Scope, Template};
use crate::text::spoken;
use crate::tools::{Tool, ToolContext, ToolErrors};

/// What a tool does with its arguments.
enum Work {
    Template(Template),
    Http(Request),
    Process(Arc<Processes>),
}

/// The tools of a file, by name.
pub(super) fn tools(
    specs: &Named<ToolSpec>,
    home: &Home,
    mistakes: &mut Vec<Mistake>,
) -> HashMap<String, Tool> {
    let mut tools = HashMap::new();
    for (name, spec) in &specs.0 {
        let arguments = Keys::new(&spec.arguments, mistakes);
        let scope = Scope::new(arguments.names()).and([RUN, STATE]);
        let kinds = [spec.template.is_some(), spec.http.is_some(), spec.process.is_some()];
        if kinds.iter().filter(|written| **written).count() != 1 {
            let mistake =
                Mistake::new(name.place, format!("tool `{}` has no kind, or more than one", name.value));
            mistakes.push(mistake.help("give it one of `template`, `http` and `process`"));
            continue;
        }
        let work = if let Some(template) = &spec.template {
            Work::Template(Template::new(template, &scope, mistakes))
        } else if let Some(http) = &spec.http {
            Work::Http(Request::new(http, &scope, mistakes))
        } else {
            let process = spec.process.as_ref().and_then(|process| Processes::new(process, home, mistakes));
            let Some(process) = process else { continue };
            Work::Process(process)
        };
        tools.insert(name.value.clone(), tool(&name.value, spec, &arguments, work));
    }
    tools
}

fn tool(name: &str, spec: &ToolSpec, arguments: &Keys, work: Work) -> Tool {
    let offered = Offered {
        name: name.into(),
        description: spec.description.clone(),
        parameters: arguments.parameters(),
    };
    let work = Arc::new(work);
    let tool = Tool::dynamic(offered, move |call, ctx| {
        let work = work.clone();
        async move { work.done(call, ctx).await }
    });
    let tool = match spec.errors {
        ErrorsSpec::Tell => tool,
        ErrorsSpec::Fail => tool.errors(ToolErrors::Fail),
    };
    if spec.review { tool.reviewed() } else { tool }
}

impl Work {
    /// What the model is told.
    async fn done(&self, call: ToolCall, ctx: ToolContext) -> Result<String, NodeError> {
        let vars = run_vars(Shared::from(Value::Object(call.args)), &ctx);
        match self {
            Self::Template(template) => template.text(&vars),
            Self::Http(request) => Ok(spoken(&request.send(&vars).await?["body"])),
            Self::Process(processes) => {
                let answer = processes.call(vars.input().json(), &ctx).await?;
                Ok(spoken(&answer.update))
            }
        }
    }
}
