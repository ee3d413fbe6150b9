//! How much room a thread takes, as clients read it.

use eddyline_runtime::{Amount, ThreadUsage};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// `{thread_id, total_bytes, checkpoints, channel_values, pending_writes}`.
pub(crate) fn thread_usage(thread_id: Uuid, usage: &ThreadUsage) -> Value {
    let amount = |Amount { count, bytes }: Amount| json!({"count": count, "bytes": bytes});
    let mut values = amount(usage.values());
    let channels = usage.channels.iter().map(|(name, Amount { count, bytes })| {
        (name.to_string(), json!({"versions": count, "bytes": bytes}))
    });
    values["by_channel"] = channels.collect::<Map<_, _>>().into();
    json!({
        "thread_id": thread_id,
        "total_bytes": usage.bytes(),
        "checkpoints": amount(usage.checkpoints),
        "channel_values": values,
        "pending_writes": amount(usage.writes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_thread_takes_is_told_by_kind() {
        let amount = |count, bytes| Amount { count, bytes };
        let usage = ThreadUsage {
            checkpoints: amount(1, 2),
            channels: [("a".into(), amount(3, 4)), ("b".into(), amount(5, 6))].into(),
            writes: amount(7, 8),
        };
        let expected = json!({
            "thread_id": Uuid::nil(), "total_bytes": 20, "checkpoints": {"count": 1, "bytes": 2},
            "channel_values": {
                "count": 8, "bytes": 10,
                "by_channel": {"a": {"versions": 3, "bytes": 4}, "b": {"versions": 5, "bytes": 6}},
            },
            "pending_writes": {"count": 7, "bytes": 8},
        });
        assert_eq!(thread_usage(Uuid::nil(), &usage), expected);
    }
}
