//! The orders in which threads are listed, and the indexes that have them.

use super::filter::Part;
use crate::threads::{SearchThreads, SortThreads, ThreadStatus};

/// The order that is asked for, and the index that has it.
pub(super) struct Order {
    index: &'static str,
    columns: &'static [&'static str],
    direction: &'static str,
    /// The status of all threads that the index is gone through for, if it begins with the status.
    status: Option<ThreadStatus>,
}

impl Order {
    pub(super) fn new(request: &SearchThreads, parts: &[Part]) -> Self {
        let status =
            parts.iter().find_map(|part| if let Part::Status(status) = part { Some(*status) } else { None });
        let (index, columns, status): (_, &[_], _) = match (request.sort_by, status) {
            // The index of a UNIQUE column has no name of ours, and no other has this order.
            (SortThreads::ThreadId, _) => ("", &["id"], None),
            (SortThreads::CreatedAt, _) => ("INDEXED BY threads_by_creation", &["created", "key"], None),
            (SortThreads::StateUpdatedAt, _) => {
                ("INDEXED BY threads_by_state", &["state_updated", "key"], None)
            }
            // Without a status, those of each are merged.
            (SortThreads::UpdatedAt, status) => ("INDEXED BY threads_by_status", &["updated", "key"], status),
            (SortThreads::Status, status) => {
                ("INDEXED BY threads_by_status", &["status", "updated", "key"], status)
            }
        };
        Self { index, columns, direction: if request.descending { "DESC" } else { "ASC" }, status }
    }

    /// Whether going through the index meets threads that do not fit these parts.
    pub(super) fn leaves_out(&self, parts: &[Part]) -> bool {
        parts.iter().any(|part| !matches!(part, Part::Status(status) if self.status == Some(*status)))
    }

    /// Whether rows that have no record stand apart in the index.
    pub(super) fn knows_records(&self) -> bool {
        self.columns[0] != "id"
    }

    /// The order among those of a status.
    pub(super) fn within(&self, status: ThreadStatus) -> Self {
        Self { status: Some(status), ..*self }
    }

    /// Whether the order is that within each status, but asked for without one.
    pub(super) fn merges(&self) -> bool {
        self.columns[0] == "updated" && self.status.is_none()
    }

    pub(super) fn clause(&self) -> String {
        let columns: Vec<_> =
            self.columns.iter().map(|column| format!("t.{column} {}", self.direction)).collect();
        format!("ORDER BY {}", columns.join(", "))
    }

    /// The keys of the threads in order; `?1` is the status of all of them, or null.
    pub(super) fn walk(&self) -> (String, Option<&'static str>) {
        let status = self.status.map(ThreadStatus::as_str);
        if self.merges() {
            let one = |status: ThreadStatus| {
                let status = status.as_str();
                format!(
                    "SELECT key, updated FROM threads {} WHERE status = '{status}' AND ?1 IS NULL",
                    self.index
                )
            };
            let all = ThreadStatus::ALL.map(one).join(" UNION ALL ");
            return (
                format!("{all} ORDER BY 2 {direction}, 1 {direction}", direction = self.direction),
                status,
            );
        }
        let first = self.columns[0];
        let condition = if status.is_some() { "t.status = ?1" } else { "?1 IS NULL" };
        let sql = format!(
            "SELECT t.key FROM threads t {} WHERE {condition} AND t.{first} IS NOT NULL {}",
            self.index,
            self.clause()
        );
        (sql, status)
    }
}
