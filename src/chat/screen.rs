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
    /// The last message in pieces.
    message: Option<String>,
    /// Messages that were shown in pieces.
    shown: HashSet<String>,
}

impl Screen {
    pub(super) fn new() -> Self {
        let out = io::stdout();
        let person = out.is_terminal() && io::stdin().is_terminal();
        Self { out, person, open: false, message: None, shown: HashSet::new() }
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

    /// Says something that only people want to know.
    pub(super) fn hint(&mut self, words: &str) -> io::Result<()> {
        if self.person { self.aside(words) } else { Ok(()) }
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
            return writeln!(
                self.out,
                "Answer {{\"decisions\": [{{\"type\": \"approve\"}}]}}, or \"reject\" with a \"message\", for each."
            );
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
        let words = text(piece);
        if !words.is_empty() {
            write!(self.out, "{words}")?;
            self.out.flush()?;
            self.open = true;
        }
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

    fn tool(&mut self, message: &Value) -> io::Result<()> {
        let words = text(message);
        let start: String = words.chars().take(SHOWN).collect();
        let more = if start.len() < words.len() { "…" } else { "" };
        self.aside(&format!("← {} {start}{more}", message["name"].as_str().unwrap_or("tool")))
    }

    /// Ends the line on which something stands.
    pub(super) fn end_of_line(&mut self) -> io::Result<()> {
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
        Value::Array(blocks) => blocks.iter().filter_map(|block| block["text"].as_str()).collect(),
        _ => String::new(),
    }
}
