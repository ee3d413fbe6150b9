//! How a list of messages takes in new ones: `LangGraph`'s `add_messages`.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::{Message, MessageError, Messages, REMOVE_ALL, Role};

/// Adds the messages of `right` to those of `left`, by id.
///
/// A message with a new id goes to the end; one whose id is there replaces that message in its place.
/// A remove message drops the message with its id, and one with the id [`REMOVE_ALL`] drops all that comes before it.
/// Messages without an id get one from `new_id`, those of `left` first.
///
/// ```
/// use eddyline_engine::message::{Message, Messages, add_messages};
/// use uuid::Uuid;
///
/// let left = Messages::from([Message::human("hi").with_id("1"), Message::ai("helo").with_id("2")]);
/// let right = Messages::from([Message::ai("hello").with_id("2"), Message::human("bye").with_id("3")]);
/// let all = add_messages(&left, &right, &mut || Uuid::nil()).unwrap();
/// let texts: Vec<_> = all.iter().map(Message::text).collect();
/// assert_eq!(texts, ["hi", "hello", "bye"]);
/// ```
///
/// # Errors
/// A `ValueError` if a remove message names an id that no message has.
pub fn add_messages(
    left: &Messages,
    right: &Messages,
    new_id: &mut dyn FnMut() -> Uuid,
) -> Result<Messages, MessageError> {
    let left = left.with_ids(new_id);
    let right = right.with_ids(new_id);
    match right.iter().rposition(|message| is_remove(message) && message.id() == Some(REMOVE_ALL)) {
        Some(position) => Ok(right[position + 1..].iter().cloned().collect()),
        None => merge(&left, &right),
    }
}

fn merge(left: &[Message], right: &[Message]) -> Result<Messages, MessageError> {
    let mut merged = left.to_vec();
    let mut places: HashMap<&str, usize> =
        left.iter().enumerate().map(|(place, message)| (id_of(message), place)).collect();
    let mut removed = HashSet::new();
    for message in right {
        let id = id_of(message);
        match places.get(id) {
            Some(_) if is_remove(message) => drop(removed.insert(id)),
            Some(&place) => {
                removed.remove(id);
                merged[place] = message.clone();
            }
            None if is_remove(message) => return Err(MessageError::UnknownId { id: id.to_owned() }),
            None => {
                places.insert(id, merged.len());
                merged.push(message.clone());
            }
        }
    }
    merged.retain(|message| !removed.contains(id_of(message)));
    Ok(merged.into())
}

fn is_remove(message: &Message) -> bool {
    message.role() == Role::Remove
}

fn id_of(message: &Message) -> &str {
    message.id().expect("with_ids gave every message an id")
}
