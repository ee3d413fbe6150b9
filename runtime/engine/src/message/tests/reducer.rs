//! The matrix of `add_messages`: ids, replacing, removing.

use uuid::Uuid;

use super::super::{Message, MessageError, Messages, add_messages};

/// Writes a message as `id=text`, a remove message as `-id`.
fn message(note: &str) -> Message {
    match note.split_once('=') {
        Some((id, text)) => Message::human(text).with_id(id),
        None if note.starts_with('-') => Message::remove(&note[1..]),
        None => Message::human(note),
    }
}

fn notes(messages: &Messages) -> Vec<String> {
    messages.iter().map(|message| format!("{}={}", message.id().unwrap_or("?"), message.text())).collect()
}

fn add(left: &[&str], right: &[&str]) -> Result<Messages, MessageError> {
    let mut count = 0;
    let list = |notes: &[&str]| notes.iter().map(|note| message(note)).collect::<Messages>();
    add_messages(&list(left), &list(right), &mut || {
        count += 1;
        Uuid::from_u128(count)
    })
}

#[test]
fn lists_take_in_messages_by_id() {
    type Case = (&'static [&'static str], &'static [&'static str], &'static [&'static str]);
    let cases: [Case; 17] = [
        (&[], &[], &[]),
        (&["1=a"], &[], &["1=a"]),
        (&["1=a"], &["2=b", "3=c"], &["1=a", "2=b", "3=c"]),
        (&["1=a", "2=b"], &["1=A"], &["1=A", "2=b"]),
        (&["1=a"], &["2=b", "2=B"], &["1=a", "2=B"]),
        (&["1=a", "2=b"], &["-1"], &["2=b"]),
        (&["1=a"], &["-1", "1=new"], &["1=new"]),
        (&["1=a"], &["1=new", "-1"], &[]),
        (&["1=a"], &["-1", "-1"], &[]),
        (&["1=a"], &["2=b", "-2"], &["1=a"]),
        (&["1=a", "1=b"], &["2=c"], &["1=a", "1=b", "2=c"]),
        (&["1=a", "1=b"], &["1=B"], &["1=a", "1=B"]),
        (&["1=a", "1=b", "2=c"], &["-1"], &["2=c"]),
        (&["=a"], &["=b"], &["=b"]),
        (&["1=a"], &["2=b", "-__remove_all__", "3=c"], &["3=c"]),
        (&["1=a"], &["-__remove_all__", "2=b", "-__remove_all__"], &[]),
        (&["1=a"], &["-unknown", "-__remove_all__", "-2"], &["2="]),
    ];
    for (left, right, expected) in cases {
        assert_eq!(notes(&add(left, right).unwrap()), expected, "{left:?} + {right:?}");
    }
}

#[test]
fn missing_ids_are_given_from_left_to_right() {
    let all = add(&["a", "1=b"], &["c"]).unwrap();
    let expected =
        ["00000000-0000-0000-0000-000000000001=a", "1=b", "00000000-0000-0000-0000-000000000002=c"];
    assert_eq!(notes(&all), expected);
}

#[test]
fn removing_what_is_not_there_fails() {
    for right in [&["-2"][..], &["2=x", "-3", "3=y"]] {
        let error = add(&["1=a"], right).unwrap_err();
        let id = if right.len() == 1 { "2" } else { "3" };
        let text = format!("Attempting to delete a message with an ID that doesn't exist ('{id}')");
        assert_eq!((error.class(), error.to_string()), ("ValueError", text));
    }
}

#[test]
fn adding_in_steps_is_adding_at_once() {
    let all: Vec<String> = (0..40).map(|number| format!("{}=t{number}", number * 7 % 13)).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let at_once = add(&[], &all).unwrap();
    for cut in 0..=all.len() {
        let first = notes(&add(&[], &all[..cut]).unwrap());
        let first: Vec<&str> = first.iter().map(String::as_str).collect();
        assert_eq!(add(&first, &all[cut..]).unwrap(), at_once);
    }
}

#[test]
fn appending_shares_the_messages() {
    let left = Messages::from([message("1=a")]);
    let all = add_messages(&left, &Messages::from([message("2=b")]), &mut Uuid::nil).unwrap();
    assert!(std::ptr::eq(left[0].content(), all[0].content()));
}
