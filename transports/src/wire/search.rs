//! What searches have in common: pages and orders.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Refusal;

/// Which part of what was found a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(super) limit: usize,
    pub(super) offset: usize,
}

/// One page, and where the next one begins if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageOf<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<usize>,
    /// At least so many were found; no more is promised.
    pub(crate) total: usize,
}

impl Page {
    /// At most 1,000 at a time, and 10 when nobody says.
    pub(super) fn new(limit: Option<i64>, offset: Option<i64>) -> Result<Self, Refusal> {
        let limit = usize::try_from(limit.unwrap_or(10)).ok().filter(|limit| (1..=1000).contains(limit));
        let offset = usize::try_from(offset.unwrap_or_default()).ok();
        Ok(Self {
            limit: limit.ok_or_else(|| Refusal::unprocessable("`limit`: must be between 1 and 1000"))?,
            offset: offset.ok_or_else(|| Refusal::unprocessable("`offset`: must not be negative"))?,
        })
    }

    /// The page of everything that was found.
    pub(super) fn of<T>(self, found: impl Iterator<Item = T>) -> PageOf<T> {
        let mut rest = found.skip(self.offset);
        let items: Vec<T> = rest.by_ref().take(self.limit).collect();
        let more = rest.next().is_some();
        PageOf::new(items, self.offset, more)
    }
}

impl<T> PageOf<T> {
    /// The page that begins at `offset`; `more` when another follows.
    pub(crate) fn new(items: Vec<T>, offset: usize, more: bool) -> Self {
        let end = offset + items.len();
        Self { items, next: more.then_some(end), total: end + usize::from(more) }
    }
}

/// In which direction what was found is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum SortOrder {
    Asc,
    #[default]
    Desc,
}

impl SortOrder {
    pub(super) fn apply(self, ordering: Ordering) -> Ordering {
        match self {
            Self::Asc => ordering,
            Self::Desc => ordering.reverse(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_whether_another_follows() {
        let page = |limit, offset| Page::new(Some(limit), Some(offset)).unwrap().of(0..8);
        assert_eq!(page(2, 0), PageOf { items: vec![0, 1], next: Some(2), total: 3 });
        assert_eq!(page(2, 6), PageOf { items: vec![6, 7], next: None, total: 8 });
        assert_eq!(page(9, 6), PageOf { items: vec![6, 7], next: None, total: 8 });
        assert_eq!(page(2, 9), PageOf { items: vec![], next: None, total: 9 });
        for (limit, offset) in [(0, 0), (1001, 0), (-1, 0), (1, -1)] {
            assert!(Page::new(Some(limit), Some(offset)).is_err(), "{limit} {offset}");
        }
    }
}
