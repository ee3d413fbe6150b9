//! What a conversation looks like: words as they come, what is done on the way in grey, questions in full.

use std::collections::HashSet;
use std::io::{self, IsTerminal as _, Stdout, Write as _};

use serde_json::Value;

/// How much of what a tool says is shown.
const SHOWN: usize = 200;

/// Where a conversation is shown.
pub(super) struct Screen {
    out: Stdout,
    /// Whether a person looks at it; programs get no prompts and no colours.
    person: bool,
    /// Something stands on the line.
    open: bool,
    /// It is what a model thinks, and not what it says.
    thinking: bool,
    /// The last message in pieces.
    message: Option<String>,
    /// Messages that were shown in pieces.
    shown: HashSet<String>,
}

impl Screen {
    pub(super) fn new() -> Self {
        let out = io::stdout();
        let person = out.is_terminal() && io::stdin().is_terminal();
        Self { out, person, open: false, thinking: false, message: None, shown: HashSet::new() }
    }

    /// Asks for a line.
    pub(super) fn prompt(&mut self, prompt: &str) -> io::Result<()> {
        self.end_of_line()?;
        if self.person {
            write!(self.out, "{prompt}")?;
        }
        self.out.flush()
    }

    /// Says something beside the conversation.
    pub(super) fn aside(&mut self, words: &str) -> io::Result<()> {
        self.end_of_line()?;
        if self.person { writeln!(self.out, "\x1b[2m{words}\x1b[0m") } else { writeln!(self.out, "{words}") }
    }

    pub(super) fn failed(&mut self, class: &str, words: &str) -> io::Result<()> {
        self.end_of_line()?;
        let (red, plain) = if self.person { ("\x1b[31m", "\x1b[0m") } else { ("", "") };
        writeln!(self.out, "{red}error: {class}: {words}{plain}")
    }

    /// What a node wrote.
    pub(super) fn update(&mut self, node: &str, update: &Value) -> io::Result<()> {
        self.end_of_line()?;
        writeln!(self.out, "{node}: {update}")
    }

    /// A question, in the shapes in which frontends know them.
    pub(super) fn asks(&mut self, question: &Value) -> io::Result<()> {
        self.end_of_line()?;
        if let Some(actions) = question["action_requests"].as_array() {
            for action in actions {
                let name = action["name"].as_str().unwrap_or("an action");
                writeln!(self.out, "May {name} be called with {}?", action["args"])?;
            }
            let one = actions.len() == 1;
            let edit = if one { ", or `edit` and the arguments as JSON" } else { "" };
            return writeln!(self.out, "Answer `approve`, or `reject` and why{edit}.");
        }
        match question {
            Value::String(words) => writeln!(self.out, "{words}"),
            other => writeln!(self.out, "{other:#}"),
        }
    }

    /// A message that was said earlier.
    pub(super) fn said(&mut self, message: &Value) -> io::Result<()> {
        match message["type"].as_str() {
            Some("human") => writeln!(self.out, "> {}", text(message)),
            Some("ai") => {
                let words = text(message);
                if !words.is_empty() {
                    writeln!(self.out, "{words}")?;
                }
                calls(&message["tool_calls"]).try_for_each(|call| self.aside(&call))
            }
            Some("tool") => self.tool(message),
            _ => Ok(()),
        }
    }

    /// A message on its way, or one that came whole.
    pub(super) fn piece(&mut self, piece: &Value) -> io::Result<()> {
        let id = piece["id"].as_str().unwrap_or_default();
        match piece["type"].as_str() {
            Some("AIMessageChunk") => self.chunk(id, piece),
            Some("tool") => self.tool(piece),
            Some("ai") if !self.shown.contains(id) => {
                self.end_of_line()?;
                self.said(piece)
            }
            _ => Ok(()),
        }
    }

    fn chunk(&mut self, id: &str, piece: &Value) -> io::Result<()> {
        if self.message.as_deref() != Some(id) {
            self.end_of_line()?;
            self.message = Some(id.to_owned());
            self.shown.insert(id.to_owned());
        }
        let thoughts: String = parts(piece, "reasoning").collect();
        self.words(&thoughts, true)?;
        self.words(&text(piece), false)?;
        for call in piece["tool_call_chunks"].as_array().into_iter().flatten() {
            if let Some(name) = call["name"].as_str() {
                self.end_of_line()?;
                write!(self.out, "→ {name} ")?;
                self.open = true;
            }
            if let Some(arguments) = call["args"].as_str().filter(|arguments| !arguments.is_empty()) {
                write!(self.out, "{arguments}")?;
                self.open = true;
            }
            self.out.flush()?;
        }
        Ok(())
    }

    /// Words on the way to the end of their line. Programs are not told what a model thinks.
    fn words(&mut self, words: &str, thinking: bool) -> io::Result<()> {
        if words.is_empty() || (thinking && !self.person) {
            return Ok(());
        }
        if self.thinking != thinking {
            self.end_of_line()?;
        }
        if thinking { write!(self.out, "\x1b[2m{words}\x1b[0m") } else { write!(self.out, "{words}") }?;
        (self.open, self.thinking) = (true, thinking);
        self.out.flush()
    }

    fn tool(&mut self, message: &Value) -> io::Result<()> {
        let words = text(message);
        let start: String = words.chars().take(SHOWN).collect();
        let more = if start.len() < words.len() { "…" } else { "" };
        self.aside(&format!("← {} {start}{more}", message["name"].as_str().unwrap_or("tool")))
    }

    /// Ends the line on which something stands.
    pub(super) fn end_of_line(&mut self) -> io::Result<()> {
        self.thinking = false;
        if std::mem::take(&mut self.open) {
            writeln!(self.out)?;
        }
        Ok(())
    }
}

/// Calls as they are shown.
fn calls(calls: &Value) -> impl Iterator<Item = String> {
    let calls = calls.as_array().into_iter().flatten();
    calls.map(|call| format!("→ {} {}", call["name"].as_str().unwrap_or_default(), call["args"]))
}

/// The text of a message, whether it stands by itself or in blocks.
fn text(message: &Value) -> String {
    match &message["content"] {
        Value::String(words) => words.clone(),
        _ => parts(message, "text").collect(),
    }
}

/// What the blocks of a message have of a kind.
fn parts<'a>(message: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a str> {
    let blocks = message["content"].as_array().into_iter().flatten();
    blocks.filter_map(move |block| block[kind].as_str())
}
