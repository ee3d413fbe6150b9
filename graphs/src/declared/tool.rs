//! Tools that a file describes.

use std::collections::HashMap;
use std::sync::Arc;

use eddyline_engine::Shared;
use eddyline_engine::message::ToolCall;
use eddyline_engine::model::ToolSpec as Offered;
use futures_util::future::ready;
use serde_json::Value;

use super::compile::{Home, duration};
use super::http::Request;
use super::keys::Keys;
use super::located::Located;
use super::mistake::Mistake;
use super::node::run_vars;
use super::process::Processes;
use super::spec::{ErrorsSpec, File, McpSpec, ToolSpec};
use super::template::{ENV, RUN, STATE, Scope, Template, Templates, Vars, environment};
use crate::text::spoken;
use crate::tools::{McpServer, Tool, ToolContext, ToolErrors};

/// What a tool does with its arguments.
enum Work {
    Template(Template),
    Http(Request),
    Process(Arc<Processes>),
}

/// The tools of a file by the names by which nodes have them: one, or all of an MCP server.
pub(super) fn tools(file: &File, home: &Home, mistakes: &mut Vec<Mistake>) -> HashMap<String, Vec<Tool>> {
    let mut tools = HashMap::new();
    for (name, spec) in &file.mcp.0 {
        for tool in of_server(name, spec, home, mistakes) {
            tools.insert(format!("{}.{}", name.value, tool.spec().name), vec![tool.clone()]);
            tools.entry(name.value.clone()).or_insert_with(Vec::new).push(tool);
        }
    }
    for (name, spec) in &file.tools.0 {
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
        tools.insert(name.value.clone(), vec![tool(&name.value, spec, &arguments, work)]);
    }
    tools
}

/// The tools of an MCP server, which is asked for them now.
fn of_server(name: &Located<String>, spec: &McpSpec, home: &Home, mistakes: &mut Vec<Mistake>) -> Vec<Tool> {
    let before = mistakes.len();
    let headers = Templates::new(&spec.headers, &Scope::new([ENV]), mistakes);
    let timeout = spec.timeout.as_ref().and_then(|timeout| duration(timeout, mistakes));
    let server = match (&spec.command[..], &spec.url) {
        ([program, arguments @ ..], None) => {
            spec.command.iter().for_each(|argument| home.started_with(argument));
            McpServer::command(program, arguments).folder(&home.folder)
        }
        ([], Some(url)) => McpServer::http(url),
        _ => {
            let mistake = Mistake::new(name.place, "an MCP server has a `command`, or a `url`");
            mistakes.push(mistake.help("give it one of them"));
            return Vec::new();
        }
    };
    let mut server = spec.env.iter().fold(server, |server, (name, value)| server.env(name, value));
    let vars = Vars::new(Shared::null()).with(ENV, environment());
    for pair in headers.values(&vars) {
        match pair {
            Ok((name, value)) => server = server.header(name, spoken(&value)),
            Err(error) => {
                let mistake = Mistake::new(name.place, error.to_string());
                mistakes.push(mistake.help("set the variable, or give it a default"));
            }
        }
    }
    if mistakes.len() > before {
        return Vec::new();
    }
    match timeout.into_iter().fold(server, McpServer::timeout).tools() {
        Ok(tools) if spec.review => tools.into_iter().map(Tool::reviewed).collect(),
        Ok(tools) => tools,
        Err(error) => {
            let mistake = Mistake::new(name.place, error.to_string());
            mistakes.push(mistake.help("look whether it can be started or reached"));
            Vec::new()
        }
    }
}

fn tool(name: &str, spec: &ToolSpec, arguments: &Keys, work: Work) -> Tool {
    let offered = Offered {
        name: name.into(),
        description: spec.description.clone(),
        parameters: arguments.parameters(),
    };
    let tool = match work {
        Work::Template(template) => {
            Tool::dynamic(offered, move |call, ctx| ready(template.text(&vars(call, &ctx))))
        }
        Work::Http(request) => {
            let requests = request.requests.clone();
            Tool::requesting(offered, requests, move |call, ctx| request.asked(&vars(call, ctx)))
        }
        Work::Process(processes) => Tool::dynamic(offered, move |call, ctx| {
            let processes = processes.clone();
            async move {
                let answer = processes.call(vars(call, &ctx).input().json(), &ctx).await?;
                Ok(spoken(&answer.update))
            }
        }),
    };
    let tool = match spec.errors {
        ErrorsSpec::Tell => tool,
        ErrorsSpec::Fail => tool.errors(ToolErrors::Fail),
    };
    if spec.review { tool.reviewed() } else { tool }
}

/// What the expressions of a tool know: its arguments, and the run around it.
fn vars(call: ToolCall, ctx: &ToolContext) -> Vars {
    run_vars(Shared::from(Value::Object(call.args)), ctx)
}
