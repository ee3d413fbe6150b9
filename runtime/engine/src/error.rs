//! What can go wrong, and what a client may read of it.
//!
//! Classes are the field's words (`ValueError`, `GraphRecursionError`); codes are for programs to match on.

use std::any::type_name;
use std::borrow::Cow;
use std::fmt;

use crate::command::{AnyCommand, Interrupt};
use crate::fact::Failure;
use crate::value::{Key, ReadError};

/// What a node returns when it does not return an update.
///
/// `?` makes one of any error; its text stays in the log and clients read `An internal error occurred`.
/// [`NodeError::visible`] chooses what they read.
/// An interrupt travels in the same type, so that `?` is the pause:
///
/// ```
/// # use eddyline_engine::NodeError;
/// let error = NodeError::visible("ValueError", "bad topic");
/// assert_eq!(error.to_string(), "ValueError: bad topic");
/// ```
pub struct NodeError(Box<Kind>);

pub(crate) enum Kind {
    Failed {
        class: Cow<'static, str>,
        message: String,
        visible: bool,
        source: Option<Source>,
    },
    Interrupted(Vec<Interrupt>),
    /// A command to the graph around the one that runs.
    Parent(AnyCommand),
    /// Such a command, arrived: the task that holds the graph acts on it.
    Delivered(AnyCommand),
    Cancelled,
    /// The engine's own errors pass through nodes that hold graphs.
    Run(RunError),
}

type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

impl NodeError {
    /// An error whose class and text clients may read.
    pub fn visible(class: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::failed(class.into(), message.into(), true)
    }

    /// An error whose class clients may read, and whose text stays in the log.
    pub fn masked(class: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::failed(class.into(), message.into(), false)
    }

    fn failed(class: Cow<'static, str>, message: String, visible: bool) -> Self {
        Self(Box::new(Kind::Failed { class, message, visible, source: None }))
    }

    pub(crate) fn interrupted(interrupts: Vec<Interrupt>) -> Self {
        Self(Box::new(Kind::Interrupted(interrupts)))
    }

    pub(crate) fn parent(command: AnyCommand) -> Self {
        Self(Box::new(Kind::Parent(command)))
    }

    pub(crate) fn cancelled() -> Self {
        Self(Box::new(Kind::Cancelled))
    }

    pub(crate) fn delivered(command: AnyCommand) -> Self {
        Self(Box::new(Kind::Delivered(command)))
    }

    pub(crate) fn from_kind(kind: Kind) -> Self {
        Self(Box::new(kind))
    }

    pub(crate) fn into_kind(self) -> Kind {
        *self.0
    }

    /// The class name that clients see.
    pub fn class(&self) -> &str {
        match &*self.0 {
            Kind::Failed { class, .. } => class,
            Kind::Interrupted(_) => "GraphInterrupt",
            Kind::Parent(_) | Kind::Delivered(_) => "ParentCommand",
            Kind::Cancelled => "CancelledError",
            Kind::Run(error) => error.class(),
        }
    }

    /// The questions, when the node did not fail but waits for answers.
    pub fn interrupts(&self) -> Option<&[Interrupt]> {
        match &*self.0 {
            Kind::Interrupted(interrupts) => Some(interrupts),
            _ => None,
        }
    }

    /// True for a failure; false for a pause, a command to the parent, and a cancellation.
    pub fn is_failure(&self) -> bool {
        matches!(&*self.0, Kind::Failed { .. } | Kind::Run(_))
    }

    /// The error as data.
    pub fn failure(&self) -> Failure {
        match &*self.0 {
            Kind::Failed { class, message, visible, .. } => {
                Failure { class: (&**class).into(), message: message.as_str().into(), visible: *visible }
            }
            Kind::Run(error) => error.failure(),
            Kind::Interrupted(_) | Kind::Parent(_) | Kind::Delivered(_) | Kind::Cancelled => {
                Failure { class: self.class().into(), message: "".into(), visible: true }
            }
        }
    }
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Failed { class, message, .. } => write!(f, "{class}: {message}"),
            Kind::Interrupted(interrupts) => write!(f, "waits for {} answers", interrupts.len()),
            Kind::Run(error) => write!(f, "{error}"),
            Kind::Parent(_) | Kind::Delivered(_) | Kind::Cancelled => f.write_str(self.class()),
        }
    }
}

impl fmt::Debug for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        if let Kind::Failed { source: Some(source), .. } = &*self.0 {
            write!(f, " ({source:?})")?;
        }
        Ok(())
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for NodeError {
    fn from(error: E) -> Self {
        let any: &dyn std::any::Any = &error;
        if let Some(error) = any.downcast_ref::<RunError>() {
            return error.clone().into_node_error();
        }
        if let Some(error) = any.downcast_ref::<crate::message::MessageError>() {
            return Self::visible(error.class(), error.to_string());
        }
        let name = type_name::<E>().split('<').next().unwrap_or_default();
        let class = name.rsplit("::").next().unwrap_or(name);
        Self(Box::new(Kind::Failed {
            class: class.to_owned().into(),
            message: error.to_string(),
            visible: false,
            source: Some(Box::new(error)),
        }))
    }
}

/// What a node returns: `Ok` with an update, a command or nothing, or a [`NodeError`].
pub type Result<T, E = NodeError> = std::result::Result<T, E>;

/// Why a run did not reach an end or a pause.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The run took as many supersteps as it may.
    #[error(
        "Recursion limit of {limit} reached without hitting a stop condition. You can increase the limit \
         by setting the `recursion_limit` config key.\nFor troubleshooting, visit: \
         https://docs.langchain.com/oss/python/langgraph/errors/GRAPH_RECURSION_LIMIT"
    )]
    Recursion {
        /// The limit that was in force.
        limit: u64,
    },
    /// Nodes send more packets than a superstep may have tasks.
    #[error("{tasks} tasks are to run in one superstep, and there may be {limit}")]
    TooManyTasks {
        /// How many were sent.
        tasks: usize,
        /// The limit that was in force.
        limit: usize,
    },
    /// The values would be longer than a state may be.
    #[error("the state would have {bytes} bytes, and it may have {limit}")]
    StateTooLarge {
        /// How many it would have, as JSON.
        bytes: usize,
        /// The limit that was in force.
        limit: usize,
    },
    /// Writes that a channel does not take: two for a key that holds one, a value of the wrong shape, ….
    #[error("{message}")]
    InvalidUpdate {
        /// What is wrong, with the key.
        message: String,
    },
    /// A reducer did not take what was written.
    #[error("{message}")]
    Reducer {
        /// The class that clients see, such as `ValueError`.
        class: Key,
        /// The key that was written to.
        key: Key,
        /// What the reducer said.
        message: String,
    },
    /// There is neither input nor anything to resume.
    #[error("{message}")]
    EmptyInput {
        /// What was missing.
        message: String,
    },
    /// A resume names a question that is not open.
    #[error("{message}")]
    UnknownInterrupt {
        /// Which.
        message: String,
    },
    /// The thread waits at a node that its graph does not have any more.
    #[error(
        "the thread waits at node `{node}`, which the graph does not have any more; put the node back, go to another \
         one, or begin anew with an input"
    )]
    NodeGone {
        /// The node.
        node: Key,
    },
    /// The run was asked for in a way that makes no sense.
    #[error("{message}")]
    Invalid {
        /// The class that clients see, such as `ValueError`.
        class: &'static str,
        /// What to change.
        message: String,
    },
    /// A node failed for good.
    #[error("node `{node}`: {class}: {message}")]
    Node {
        /// The node.
        node: Key,
        /// The class of its error.
        class: Key,
        /// The whole text.
        message: Key,
        /// True when a client may read the text.
        visible: bool,
    },
    /// A command to the graph around this one, and there is none.
    #[error("There is no parent graph")]
    NoParent,
    /// The run waits for answers where a result was asked for.
    #[error("the run waits for {} answers", interrupts.len())]
    Waiting {
        /// The questions.
        interrupts: Vec<Interrupt>,
    },
    /// A superstep took longer than the graph allows.
    #[error("")]
    StepTimeout,
    /// The run was asked to stop after a superstep, and did.
    #[error("Graph drained: {reason}")]
    Drained {
        /// Who asked.
        reason: String,
    },
    /// A reducer or a route panicked while the engine ran it; the text is for the log.
    #[error("the run panicked: {message}")]
    Panicked {
        /// What the panic said.
        message: String,
    },
    /// The host could not store or load; the text is for the log.
    #[error("storage: {message}")]
    Storage {
        /// What it said.
        message: String,
    },
}

/// The text, because this is what a program prints whose `main` returns the error.
impl fmt::Debug for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.code())
    }
}

impl RunError {
    pub(crate) fn value_error(message: impl Into<String>) -> Self {
        Self::Invalid { class: "ValueError", message: message.into() }
    }

    pub(crate) fn runtime_error(message: impl Into<String>) -> Self {
        Self::Invalid { class: "RuntimeError", message: message.into() }
    }

    pub(crate) fn invalid_update(message: impl Into<String>) -> Self {
        Self::InvalidUpdate { message: message.into() }
    }

    pub(crate) fn empty_input(message: impl Into<String>) -> Self {
        Self::EmptyInput { message: message.into() }
    }

    /// Names what went wrong for programs; stable, documented in `docs/errors.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Recursion { .. } => "GRAPH_RECURSION_LIMIT",
            Self::TooManyTasks { .. } => "TOO_MANY_TASKS",
            Self::StateTooLarge { .. } => "STATE_TOO_LARGE",
            Self::InvalidUpdate { .. } => "INVALID_CONCURRENT_GRAPH_UPDATE",
            Self::Reducer { .. } => "INVALID_REDUCER_INPUT",
            Self::EmptyInput { .. } => "EMPTY_INPUT",
            Self::UnknownInterrupt { .. } => "UNKNOWN_INTERRUPT",
            Self::NodeGone { .. } => "NODE_GONE",
            Self::Invalid { .. } => "INVALID_RUN",
            Self::Node { .. } => "NODE_FAILED",
            Self::NoParent => "NO_PARENT_GRAPH",
            Self::Waiting { .. } => "RUN_WAITS",
            Self::StepTimeout => "STEP_TIMEOUT",
            Self::Drained { .. } => "GRAPH_DRAINED",
            Self::Panicked { .. } => "RUN_PANICKED",
            Self::Storage { .. } => "STORAGE",
        }
    }

    /// The class name that clients see.
    pub fn class(&self) -> &str {
        match self {
            Self::Recursion { .. } => "GraphRecursionError",
            Self::TooManyTasks { .. } => "TooManyTasks",
            Self::StateTooLarge { .. } => "StateTooLarge",
            Self::InvalidUpdate { .. } | Self::NoParent => "InvalidUpdateError",
            Self::EmptyInput { .. } => "EmptyInputError",
            Self::UnknownInterrupt { .. } => "UnknownInterruptError",
            Self::NodeGone { .. } => "ValueError",
            Self::Invalid { class, .. } => class,
            Self::Node { class, .. } | Self::Reducer { class, .. } => class,
            Self::Waiting { .. } => "GraphInterrupt",
            Self::StepTimeout => "TimeoutError",
            Self::Drained { .. } => "GraphDrained",
            Self::Panicked { .. } => "RunPanicked",
            Self::Storage { .. } => "StorageError",
        }
    }

    /// The error as data.
    pub fn failure(&self) -> Failure {
        let class = self.class().into();
        match self {
            Self::Node { message, visible, .. } => {
                Failure { class, message: message.clone(), visible: *visible }
            }
            Self::Storage { .. } | Self::Panicked { .. } => {
                Failure { class, message: self.to_string().into(), visible: false }
            }
            _ => Failure { class, message: self.to_string().into(), visible: true },
        }
    }

    /// The same error, as a node that holds the graph passes it on.
    pub(crate) fn into_node_error(self) -> NodeError {
        NodeError(Box::new(Kind::Run(self)))
    }

    /// The error of `node`, as its graph passes it on.
    pub(crate) fn of_node(node: &Key, failure: Failure) -> Self {
        let Failure { class, message, visible } = failure;
        Self::Node { node: node.clone(), class, message, visible }
    }
}

impl RunError {
    /// A node got a state that it cannot read.
    pub(crate) fn unreadable(node: &str, error: &ReadError) -> NodeError {
        NodeError::visible("ValueError", format!("node `{node}` cannot read its input: {error}"))
    }
}

/// What a panic said, as far as it said it in words.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
