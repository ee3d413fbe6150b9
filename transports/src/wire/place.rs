//! Where a reader of a run's events stands, and which of them it wants to see.

use eddyline_runtime::{Begin, EVENTS_PER_FACT};

use super::{Query, Refusal};

/// From where on a reader is told the events of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It was there before the run was, and is owed everything.
    First,
    /// From the oldest event that is still known.
    Oldest,
    /// After the event of this id; everything after it is owed.
    After(u64),
    /// From the next event on: it is nowhere yet, until it hears that the past is told.
    Now,
}

impl Place {
    /// What a client says by `Last-Event-ID` when it takes up the events of a run. Only those of a
    /// `resumable` run can be told again.
    pub(crate) fn from_last_event_id(text: Option<&str>, resumable: bool) -> Result<Self, Refusal> {
        match text.map(str::trim).filter(|text| resumable && !text.is_empty()) {
            None => Ok(Self::Now),
            Some("-" | "-1" | "0") => Ok(Self::Oldest),
            // Other servers add a part after a dash; ours have none, and what comes before decides.
            Some(text) => match text.split('-').next().unwrap_or_default().parse() {
                Ok(id) => Ok(Self::After(id)),
                Err(_) => Err(Refusal::unprocessable(format!("Invalid Last-Event-ID: {text:?}"))),
            },
        }
    }

    /// From where on the facts are needed: runs are told from their beginning, whatever of them is shown.
    pub(crate) fn begin(self) -> Begin {
        match self {
            Self::Now => Begin::OldestToPresent,
            Self::First | Self::Oldest | Self::After(_) => Begin::Oldest,
        }
    }

    /// Whether the event of this id is still to be told.
    pub(super) fn shows(self, id: u64) -> bool {
        match self {
            Self::First | Self::Oldest => true,
            Self::Now => false,
            Self::After(last) => id > last,
        }
    }

    /// Whether a reader here is owed something of what came before the fact whose first number is `seq`.
    pub(super) fn misses(self, seq: u64) -> bool {
        match self {
            Self::First => true,
            Self::Oldest | Self::Now => false,
            // The fact after that of the event begins at the next whole number of facts.
            Self::After(last) => {
                seq > (last / EVENTS_PER_FACT).saturating_add(1).saturating_mul(EVENTS_PER_FACT)
            }
        }
    }
}

/// The names of events that a reader wants; all of them if it names none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted(Vec<String>);

impl Wanted {
    /// What `stream_mode` in a query asks for.
    pub(crate) fn from_query(query: &Query) -> Self {
        Self(query.list("stream_mode"))
    }

    /// Whether an event of this name is shown. How a run failed is told to everybody.
    pub(super) fn shows(&self, name: &str) -> bool {
        let base = name.split('|').next().unwrap_or_default();
        let fits = |wanted: &String| match wanted.as_str() {
            "messages" | "messages-tuple" => name.starts_with("messages"),
            wanted => wanted == name || wanted == base,
        };
        self.0.is_empty() || name == "error" || self.0.iter().any(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(last_event_id: Option<&str>, expected: Place) {
        assert_eq!(Place::from_last_event_id(last_event_id, true), Ok(expected));
        assert_eq!(Place::from_last_event_id(last_event_id, false), Ok(Place::Now));
    }

    #[test]
    fn clients_say_in_many_ways_where_they_stand() {
        check(None, Place::Now);
        check(Some(""), Place::Now);
        check(Some("-1"), Place::Oldest);
        check(Some("-"), Place::Oldest);
        check(Some("0"), Place::Oldest);
        check(Some("17179869184"), Place::After(17_179_869_184));
        check(Some("1763700000000-3"), Place::After(1_763_700_000_000));
        assert!(Place::from_last_event_id(Some("soon"), true).is_err());
    }

    #[test]
    fn what_was_told_is_not_told_again_and_a_hole_is_noticed() {
        assert!(!Place::After(9).shows(9) && Place::After(9).shows(10) && Place::Oldest.shows(0));
        let fact = EVENTS_PER_FACT;
        assert!(!Place::After(9).misses(fact) && Place::After(9).misses(2 * fact));
        assert!(!Place::After(fact).misses(2 * fact), "the first event of a fact");
        assert!(Place::First.misses(1) && !Place::Oldest.misses(1));
    }

    #[test]
    fn readers_choose_by_name() {
        let all = ["metadata", "updates", "updates|a:1", "messages", "messages/partial", "error"];
        for (wanted, expected) in [
            (&[][..], &all[..]),
            (&["updates"], &["updates", "updates|a:1", "error"]),
            (&["updates|a:1"], &["updates|a:1", "error"]),
            (&["messages-tuple"], &["messages", "messages/partial", "error"]),
            (&["messages", "metadata"], &["metadata", "messages", "messages/partial", "error"]),
            (&["nothing"], &["error"]),
        ] {
            let wanted = Wanted(wanted.iter().map(ToString::to_string).collect());
            let shown: Vec<_> = all.into_iter().filter(|name| wanted.shows(name)).collect();
            assert_eq!(shown, expected, "{wanted:?}");
        }
    }
}
