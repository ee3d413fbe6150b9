//! Who is who: identifiers of tasks, checkpoints and interrupts, derived as LangGraph derives them.
//!
//! Draws no random number and reads no clock: whoever makes an id from either passes it in.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

/// What separates the levels of a checkpoint namespace.
pub const NS_SEPARATOR: char = '|';

/// What separates a node's name from its task id within one level.
pub const NS_END: char = ':';

/// The task id under which writes stand that no task made: commands and resume values.
pub const NULL_TASK: Uuid = Uuid::nil();

/// A moment, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// RFC 3339 in UTC with six digits of a second and an explicit offset, as clients of the
    /// LangGraph API see times: `2026-11-20T23:31:59.713829+00:00`.
    pub fn to_rfc3339(self) -> String {
        let (seconds, micros) = (self.0.div_euclid(1_000_000), self.0.rem_euclid(1_000_000));
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        format!(
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{micros:06}+00:00",
            second / 3600,
            second / 60 % 60,
            second % 60
        )
    }
}

/// The proleptic Gregorian date of a day counted from 1970-01-01 (Howard Hinnant's `civil_from_days`).
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Makes checkpoint ids: UUIDs of version 6 that sort by creation.
///
/// The 60-bit time (100 ns since 1582-10-15) rises strictly within one source, and the clock
/// sequence is the step modulo 2^14, so that the fourth group tells the step: `bfff` for -1,
/// `8000` for 0, `8001` for 1.
#[derive(Debug, Default)]
pub struct CheckpointIds {
    last: AtomicU64,
}

impl CheckpointIds {
    /// The 100 ns between 1582-10-15 and 1970-01-01.
    const GREGORIAN_OFFSET: u64 = 0x01B2_1DD2_1381_4000;

    /// The next id; `node` gives its low 48 bits as the random part.
    pub fn next(&self, now: Timestamp, step: i64, node: u64) -> Uuid {
        let ticks = u64::try_from(now.0).unwrap_or_default() * 10 + Self::GREGORIAN_OFFSET;
        let last = self
            .last
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(ticks.max(last + 1)))
            .unwrap_or_default();
        let time = ticks.max(last + 1);
        let sequence = step.rem_euclid(1 << 14).unsigned_abs();
        let high = (time >> 12 << 16) | 0x6000 | (time & 0xfff);
        let low = 0x8000_0000_0000_0000 | (sequence << 48) | (node & 0xffff_ffff_ffff);
        Uuid::from_u64_pair(high, low)
    }
}

/// Collects the parts that an id is the hash of.
pub(crate) struct Hasher(Vec<u8>);

impl Hasher {
    pub(crate) fn after(checkpoint: Uuid) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend_from_slice(checkpoint.as_bytes());
        Self(bytes)
    }

    pub(crate) fn part(mut self, text: &str) -> Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    pub(crate) fn step(mut self, step: i64) -> Self {
        use std::io::Write as _;
        // Writing to a vector does not fail.
        let _ = write!(self.0, "{step}");
        self
    }

    pub(crate) fn finish(self) -> Uuid {
        Uuid::from_u128(xxh3_128(&self.0))
    }
}

/// The id of a question: of the first that a task has open, and of those after `answered` answers.
pub(crate) fn interrupt_id(task_ns: &str, answered: usize) -> String {
    let hash = match answered {
        0 => xxh3_128(task_ns.as_bytes()),
        n => xxh3_128(format!("{task_ns}{NS_SEPARATOR}{n}").as_bytes()),
    };
    format!("{hash:032x}")
}

/// Whether a text can be the id of a question.
pub fn is_interrupt_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A stable id made from others, for things that have no id of their own.
pub(crate) fn derived(parts: &[&[u8]]) -> Uuid {
    Uuid::from_u128(xxh3_128(&parts.concat()))
}

/// The namespace of a task: the graph's own, then `node:task`.
pub(crate) fn task_ns(graph_ns: &str, node: &str, task: Uuid) -> String {
    if graph_ns.is_empty() {
        format!("{node}{NS_END}{task}")
    } else {
        format!("{graph_ns}{NS_SEPARATOR}{node}{NS_END}{task}")
    }
}

/// A namespace with task ids and call counters taken out: what stays the same between runs.
pub fn recast_ns(ns: &str) -> String {
    let names = ns.split(NS_SEPARATOR).filter(|part| !is_counter(part));
    names.map(|part| part.split(NS_END).next().unwrap_or(part)).collect::<Vec<_>>().join("|")
}

pub(crate) fn is_counter(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECKPOINT: Uuid = Uuid::from_u128(0x1f0a_0b0c_0000_6000_8000_0000_0000_0000);

    fn id(build: impl FnOnce(Hasher) -> Hasher) -> String {
        build(Hasher::after(CHECKPOINT)).finish().to_string()
    }

    #[test]
    #[expect(clippy::many_single_char_names, reason = "the names of the nodes")]
    fn task_ids_are_those_of_langgraph() {
        let a = id(|h| h.part("a").step(1).part("a").part("__pregel_pull").part("branch:to:a"));
        assert_eq!(a, "270fd068-2cdf-4369-2796-e893d1cfde94");
        let d = |h: Hasher| {
            h.part("d").step(3).part("d").part("__pregel_pull").part("branch:to:d").part("join:b+c:d")
        };
        assert_eq!(id(d), "3fb01125-5a73-9eff-7b37-f5c5c5d29315");
        let w = id(|h| h.part("w").step(2).part("w").part("__pregel_push").part("0"));
        assert_eq!(w, "a9726f5c-60c9-dcbe-a6c2-1145d674b4c5");
        let n =
            id(|h| h.part(&format!("sub:{a}|n")).step(1).part("n").part("__pregel_pull").part("branch:to:n"));
        assert_eq!(n, "5d949079-359b-1b4b-efbe-b733232b8bbd");
        let handler = id(|h| {
            let ns = format!("a:{a}|__error_handler__a");
            let h = h.part(&ns).step(1).part("__error_handler__a").part("__pregel_push");
            h.part("node_error_handler").part(&a)
        });
        assert_eq!(handler, "932b845a-6660-fed3-63b7-fe9553e50431");
        let ns = format!("a:{a}");
        assert_eq!(interrupt_id(&ns, 0), "0ace9d34a138dc737456b889de39c7cb");
        assert_eq!(interrupt_id(&ns, 1), "cbfc9065388f7ec3189dd794c537e2c1");
    }

    #[test]
    fn updates_by_hand_have_ids_of_version_5() {
        for (name, expected) in [
            ("__interrupt__", "2a00abe4-3cb1-5261-a0f4-eca519cbdb5c"),
            ("__interrupt__:1", "f70689ae-e91e-502a-a1d2-ef8ab03aa2b1"),
            ("__input__", "ff825caa-4b72-500f-9443-0ee9381d5f8f"),
        ] {
            assert_eq!(Uuid::new_v5(&CHECKPOINT, name.as_bytes()).to_string(), expected);
        }
        assert_eq!(format!("{:032x}", xxh3_128(b"")), "99aa06d3014798d86001c324468d497f");
        assert_eq!(format!("{:032x}", xxh3_128(b"abc")), "06b05ab6733a618578af5f94892f3950");
    }

    #[test]
    fn checkpoint_ids_rise_and_tell_their_step() {
        let ids = CheckpointIds::default();
        let now = Timestamp(1_700_000_000_000_000);
        let made: Vec<String> = [-1, 0, 1].map(|step| ids.next(now, step, 7).to_string()).into();
        assert!(made.is_sorted());
        assert!(made[0].contains("-bfff-") && made[1].contains("-8000-") && made[2].contains("-8001-"));
        assert_eq!(ids.next(now, 2, 0).get_version_num(), 6);
    }

    #[test]
    fn times_are_written_as_the_api_writes_them() {
        assert_eq!(Timestamp(0).to_rfc3339(), "1970-01-01T00:00:00.000000+00:00");
        assert_eq!(Timestamp(1_709_210_096_000_001).to_rfc3339(), "2024-02-29T12:34:56.000001+00:00");
        assert_eq!(Timestamp(-1).to_rfc3339(), "1969-12-31T23:59:59.999999+00:00");
    }

    #[test]
    fn a_namespace_is_known_without_its_ids() {
        assert_eq!(recast_ns("mid:1f0a|1|inner:2b"), "mid|inner");
        assert_eq!(recast_ns(""), "");
    }
}
