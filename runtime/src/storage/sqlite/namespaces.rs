//! Namespaces as rows have them: bytes that sort as the labels do, and begin as the namespaces above them, so that
//! everything below a namespace is one range of an index.
//!
//! A label is its bytes and a zero, which no label has: a zero inside of one is written as 1 1, and a one as 1 2.

use eddyline_engine::ids::Timestamp;
use eddyline_engine::store::ListNamespaces;
use rusqlite::{Connection, params};

use super::error::{Result, corrupt};

/// The bytes of a namespace.
pub(super) fn encode(namespace: &[String]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(namespace.iter().map(|label| label.len() + 1).sum());
    for label in namespace {
        for byte in label.bytes() {
            match byte {
                0 | 1 => bytes.extend([1, byte + 1]),
                byte => bytes.push(byte),
            }
        }
        bytes.push(0);
    }
    bytes
}

/// The namespace of these bytes.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<String>> {
    let torn = || corrupt("a namespace is torn");
    let whole = match bytes {
        [] => return Ok(Vec::new()),
        [labels @ .., 0] => labels,
        _ => return Err(torn()),
    };
    let label = |escaped: &[u8]| {
        let (mut label, mut bytes) = (Vec::with_capacity(escaped.len()), escaped.iter());
        while let Some(byte) = bytes.next() {
            label.push(match byte {
                1 => bytes.next().filter(|next| matches!(next, 1 | 2)).ok_or_else(torn)? - 1,
                byte => *byte,
            });
        }
        String::from_utf8(label).map_err(|_| torn())
    };
    whole.split(|byte| *byte == 0).map(label).collect()
}

/// The range of everything below a namespace: from the first bytes up to, and not including, the others.
pub(super) fn below(prefix: &[String]) -> (Vec<u8>, Vec<u8>) {
    let from = encode(prefix);
    // No text has a byte of 255. A prefix ends with a zero, and what follows that one is below it.
    let to = match from.split_last() {
        None => vec![255],
        Some((_, labels)) => [labels, &[1]].concat(),
    };
    (from, to)
}

pub(super) const LIST: &str = "SELECT DISTINCT namespace FROM items
    WHERE namespace >= ?1 AND namespace < ?2 AND (ends IS NULL OR ends > ?3)
    ORDER BY namespace";

/// The namespaces that a listing shows.
pub(super) fn list(db: &Connection, list: &ListNamespaces, at: Timestamp) -> Result<Vec<Vec<String>>> {
    let (from, to) = below(list.known_prefix());
    let mut find = db.prepare_cached(LIST)?;
    let mut rows = find.query(params![from, to, at.0])?;
    list.page(std::iter::from_fn(|| {
        let row = rows.next().transpose()?;
        Some(
            row.map_err(Into::into)
                .and_then(|row| decode(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)),
        )
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Labels that are hard on the encoding.
    fn namespaces() -> impl Strategy<Value = Vec<String>> {
        proptest::collection::vec("[a\u{0}\u{1}\u{2}\u{10ffff}é]{0,3}", 0..4)
    }

    proptest! {
        #[test]
        fn a_namespace_comes_back(namespace in namespaces()) {
            prop_assert_eq!(decode(&encode(&namespace)).expect("reads"), namespace);
        }

        #[test]
        fn bytes_sort_as_labels_do(one in namespaces(), other in namespaces()) {
            prop_assert_eq!(encode(&one).cmp(&encode(&other)), one.cmp(&other));
        }

        #[test]
        fn what_is_below_is_in_the_range(prefix in namespaces(), namespace in namespaces()) {
            let ((from, to), bytes) = (below(&prefix), encode(&namespace));
            prop_assert_eq!(from <= bytes && bytes < to, namespace.starts_with(&prefix));
        }

        #[test]
        fn torn_bytes_are_no_panic(bytes in proptest::collection::vec(0_u8..4, 0..6)) {
            if let Ok(namespace) = decode(&bytes) {
                prop_assert_eq!(encode(&namespace), bytes);
            }
        }
    }
}
