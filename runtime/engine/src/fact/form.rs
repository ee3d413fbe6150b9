//! Where the JSON of a fact is not just its fields.

/// A task without its input, which is as long as a state may be: those who tell its beginning and its end tell that, and
/// nobody asks for it in between.
pub(super) mod brief {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::fact::TaskInfo;
    use crate::value::Shared;

    pub(in crate::fact) fn serialize<S: Serializer>(
        task: &Arc<TaskInfo>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let brief = TaskInfo {
            id: task.id,
            name: task.name.clone(),
            step: task.step,
            ns: task.ns.clone(),
            path: task.path.clone(),
            triggers: task.triggers.clone(),
            input: Shared::null(),
            metadata: task.metadata.clone(),
            tags: task.tags.clone(),
            hidden: task.hidden,
        };
        brief.serialize(serializer)
    }

    pub(in crate::fact) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<TaskInfo>, D::Error> {
        Arc::deserialize(deserializer)
    }
}

/// Some JSON, or none: `null` is some.
pub(super) mod maybe {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde calls it so")]
    pub(in crate::fact) fn serialize<T: Serialize, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(value)
    }

    pub(in crate::fact) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        Ok(Vec::deserialize(deserializer)?.into_iter().next())
    }
}
