//! What can go wrong with messages, in the words of `LangChain` and `LangGraph`.

use thiserror::Error;

use super::{Messages, Role};

/// What `LangChain` appends to the texts of its coercion errors, the space at the end included.
const TROUBLESHOOTING: &str = "\nFor troubleshooting, visit: https://docs.langchain.com/oss/python/langchain/errors/MESSAGE_COERCION_FAILURE ";

/// An error about messages.
///
/// Clients know an error by its class and text, so both are `LangChain`'s wherever it has one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MessageError {
    /// One operand of `add_messages` is null.
    #[error("Must specify non-null arguments for both 'left' and 'right'. Only received: '{received}'.")]
    NullOperand {
        /// The operand that the text names, `left` or `right`.
        received: &'static str,
    },
    /// A remove message names a message that is not in the list.
    #[error("Attempting to delete a message with an ID that doesn't exist ('{id}')")]
    UnknownId {
        /// The id that no message has.
        id: String,
    },
    /// A message given as an array is not a pair of role and content.
    #[error("Message as a sequence must be (role string, template)")]
    NotAPair,
    /// A message given as an object lacks its role or its content.
    #[error("Message dict must contain 'role' and 'content' keys, got {got}{TROUBLESHOOTING}")]
    MissingKeys {
        /// The object, written as Python shows it.
        got: String,
    },
    /// No message has this role.
    #[error(
        "Unexpected message type: '{role}'. Use one of 'human', 'user', 'ai', 'assistant', 'function', 'tool', 'system', or 'developer'.{TROUBLESHOOTING}"
    )]
    UnknownRole {
        /// The role as given.
        role: String,
    },
    /// The value is nothing that a message can be made of.
    #[error("Unsupported message type: <class '{class}'>{TROUBLESHOOTING}")]
    Unsupported {
        /// The value's Python class.
        class: &'static str,
    },
    /// A remove message does not say what to remove.
    #[error("RemoveMessage.__init__() missing 1 required positional argument: 'id'")]
    RemoveWithoutId,
    /// A field of a message has a value that it cannot have.
    #[error("invalid `{field}` of a {role} message: {problem}")]
    InvalidField {
        /// The role of the message.
        role: Role,
        /// The field's name in JSON.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// Stored JSON is not a message as we write it.
    #[error("cannot read a stored message: {problem}")]
    Stored {
        /// What is wrong with it.
        problem: String,
    },
    /// Two chunks hold values of different types under one key.
    #[error("additional_kwargs[\"{key}\"] already exists in this message, but with a different type.")]
    DifferentTypes {
        /// The key.
        key: String,
    },
    /// Two chunks hold different values under one key, of a type that has no sum.
    #[error(
        "Additional kwargs key {key} already exists in left dict and value has unsupported type <class '{class}'>."
    )]
    NoSum {
        /// The key.
        key: String,
        /// The Python class of both values.
        class: &'static str,
    },
    /// The sum of two integers has more than 64 bits.
    #[error("Integer exceeds 64-bit range")]
    IntegerRange,
}

impl MessageError {
    /// The error of `add_messages` for an operand that is null, given the list on its left if that is not null.
    ///
    /// As in `LangGraph` the text names the left operand only if it has messages.
    pub fn null_operand(left: Option<&Messages>) -> Self {
        let received = if left.is_some_and(|left| !left.is_empty()) { "left" } else { "right" };
        Self::NullOperand { received }
    }

    /// The error's class, by its Python name.
    pub fn class(&self) -> &'static str {
        match self {
            Self::NotAPair | Self::Unsupported { .. } => "NotImplementedError",
            Self::RemoveWithoutId | Self::DifferentTypes { .. } | Self::NoSum { .. } | Self::IntegerRange => {
                "TypeError"
            }
            Self::NullOperand { .. }
            | Self::UnknownId { .. }
            | Self::MissingKeys { .. }
            | Self::UnknownRole { .. }
            | Self::InvalidField { .. }
            | Self::Stored { .. } => "ValueError",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_the_operand_that_is_there() {
        let some = Messages::from(["hi"]);
        let none = Messages::default();
        for (left, named) in [(Some(&some), "left"), (Some(&none), "right"), (None, "right")] {
            let error = MessageError::null_operand(left);
            let text = format!(
                "Must specify non-null arguments for both 'left' and 'right'. Only received: '{named}'."
            );
            assert_eq!((error.class(), error.to_string()), ("ValueError", text));
        }
    }
}
