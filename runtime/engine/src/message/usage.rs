//! What a model's answer cost.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Counts of tokens, `LangChain`'s `usage_metadata`.
///
/// The details split a count by kind, such as `cache_read` or `reasoning`; they need not add up to it.
///
/// ```
/// use eddyline_engine::message::Usage;
///
/// assert_eq!(Usage::new(3, 4).merge(&Usage::new(1, 1)).total_tokens, 9);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt.
    pub input_tokens: i64,
    /// Tokens of the answer.
    pub output_tokens: i64,
    /// Both together.
    pub total_tokens: i64,
    /// Tokens of the prompt by kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_token_details: Option<BTreeMap<String, i64>>,
    /// Tokens of the answer by kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_token_details: Option<BTreeMap<String, i64>>,
}

impl Usage {
    /// So many tokens in and out, without details.
    pub fn new(input_tokens: i64, output_tokens: i64) -> Self {
        Self {
            input_tokens,
            output_tokens,
            total_tokens: input_tokens.saturating_add(output_tokens),
            ..Self::default()
        }
    }

    /// The sum of both, count by count and detail by detail; what one side lacks counts as 0.
    pub fn merge(&self, other: &Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            total_tokens: self.total_tokens.saturating_add(other.total_tokens),
            input_token_details: merge_details(
                self.input_token_details.as_ref(),
                other.input_token_details.as_ref(),
            ),
            output_token_details: merge_details(
                self.output_token_details.as_ref(),
                other.output_token_details.as_ref(),
            ),
        }
    }
}

fn merge_details(
    left: Option<&BTreeMap<String, i64>>,
    right: Option<&BTreeMap<String, i64>>,
) -> Option<BTreeMap<String, i64>> {
    let mut merged = left.or(right)?.clone();
    if let (Some(_), Some(right)) = (left, right) {
        for (kind, count) in right {
            let sum = merged.entry(kind.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
    }
    Some(merged)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_add_up() {
        let plain = json!({"input_tokens": 1, "output_tokens": 2, "total_tokens": 3});
        let cached = json!({"input_tokens": 10, "output_tokens": 0, "total_tokens": 10, "input_token_details": {"cache_read": 4}});
        let both = json!({"input_tokens": 11, "output_tokens": 2, "total_tokens": 13, "input_token_details": {"cache_read": 4}});
        let twice = json!({"input_tokens": 20, "output_tokens": 0, "total_tokens": 20, "input_token_details": {"cache_read": 8}});
        for (left, right, expected) in [(&plain, &cached, both), (&cached, &cached, twice)] {
            let read = |value: &serde_json::Value| serde_json::from_value::<Usage>(value.clone()).unwrap();
            let (left, right) = (read(left), read(right));
            assert_eq!(serde_json::to_value(left.merge(&right)).unwrap(), expected);
            assert_eq!(left.merge(&right), right.merge(&left));
        }
    }
}
