//! The stream modes of the API.

/// A kind of event that a client may ask for, by the names of the API.
///
/// The runtime keeps them for the record, and asks models for tokens when one of them shows tokens;
/// transports choose their projection by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamMode {
    /// The state after each step.
    Values,
    /// What each node returned.
    Updates,
    /// Messages in the older form: metadata once, then the message as it grows.
    Messages,
    /// Messages piece by piece, each with its metadata.
    MessagesTuple,
    /// The tree of everything that runs.
    Events,
    /// Checkpoints and tasks in one stream.
    Debug,
    /// Starts and ends of tasks.
    Tasks,
    /// Checkpoints.
    Checkpoints,
    /// What nodes write to the stream.
    Custom,
    /// Calls of tools.
    Tools,
    /// Accepted, and shows nothing.
    Lifecycle,
}

impl StreamMode {
    /// All of them, in the order of the API's documentation.
    pub const ALL: [Self; 11] = [
        Self::Values,
        Self::Messages,
        Self::MessagesTuple,
        Self::Updates,
        Self::Events,
        Self::Debug,
        Self::Tasks,
        Self::Checkpoints,
        Self::Custom,
        Self::Tools,
        Self::Lifecycle,
    ];

    /// The mode of this name, such as `messages-tuple`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == name)
    }

    /// The word that clients read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Values => "values",
            Self::Updates => "updates",
            Self::Messages => "messages",
            Self::MessagesTuple => "messages-tuple",
            Self::Events => "events",
            Self::Debug => "debug",
            Self::Tasks => "tasks",
            Self::Checkpoints => "checkpoints",
            Self::Custom => "custom",
            Self::Tools => "tools",
            Self::Lifecycle => "lifecycle",
        }
    }

    /// True for modes that show models at work, piece by piece.
    pub fn shows_tokens(self) -> bool {
        matches!(self, Self::Messages | Self::MessagesTuple | Self::Events)
    }
}
