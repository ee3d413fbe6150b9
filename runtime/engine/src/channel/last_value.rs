//! Channels that keep one value.

use super::{Channel, HELP, NewId};
use crate::error::RunError;
use crate::value::{Key, Shared};

/// Keeps the last value; one write in a superstep.
#[derive(Clone, Debug)]
pub(super) struct LastValue {
    key: Key,
    value: Option<Shared>,
}

impl LastValue {
    pub(super) fn new(key: Key) -> Self {
        Self { key, value: None }
    }
}

impl Channel for LastValue {
    fn update(&mut self, values: &[Shared], _new_id: NewId<'_>) -> Result<bool, RunError> {
        match values {
            [] => Ok(false),
            [value] => {
                self.value = Some(value.clone());
                Ok(true)
            }
            _ => Err(RunError::invalid_update(format!(
                "At key '{}': Can receive only one value per step. Use an Annotated key to handle multiple \
                 values.{HELP}",
                self.key
            ))),
        }
    }

    fn get(&self) -> Option<Shared> {
        self.value.clone()
    }

    fn is_available(&self) -> bool {
        self.value.is_some()
    }

    fn checkpoint(&self) -> Option<Shared> {
        self.value.clone()
    }

    fn restore(&mut self, value: &Shared) {
        self.value = Some(value.clone());
    }

    fn boxed_clone(&self) -> Box<dyn Channel> {
        Box::new(self.clone())
    }
}

/// Keeps the last value and is never stored.
#[derive(Clone, Debug)]
pub(super) struct Untracked {
    key: Key,
    guard: bool,
    value: Option<Shared>,
}

impl Untracked {
    pub(super) fn new(key: Key, guard: bool) -> Self {
        Self { key, guard, value: None }
    }
}

impl Channel for Untracked {
    fn update(&mut self, values: &[Shared], _new_id: NewId<'_>) -> Result<bool, RunError> {
        if self.guard && values.len() > 1 {
            return Err(RunError::invalid_update(format!(
                "At key '{}': UntrackedValue(guard=True) can receive only one value per step. Use \
                 guard=False if you want to store any one of multiple values.",
                self.key
            )));
        }
        if let Some(value) = values.last() {
            self.value = Some(value.clone());
        }
        Ok(!values.is_empty())
    }

    fn get(&self) -> Option<Shared> {
        self.value.clone()
    }

    fn checkpoint(&self) -> Option<Shared> {
        None
    }

    fn restore(&mut self, _value: &Shared) {}

    fn boxed_clone(&self) -> Box<dyn Channel> {
        Box::new(self.clone())
    }
}

/// Keeps the last value and shows it only when the run looks finished: the routing channel of a
/// deferred node. Stored as `[value, finished]`.
#[derive(Clone, Debug, Default)]
pub(super) struct LastValueAfterFinish {
    value: Option<Shared>,
    finished: bool,
}

impl Channel for LastValueAfterFinish {
    fn update(&mut self, values: &[Shared], _new_id: NewId<'_>) -> Result<bool, RunError> {
        if let Some(value) = values.last() {
            self.value = Some(value.clone());
            self.finished = false;
        }
        Ok(!values.is_empty())
    }

    fn get(&self) -> Option<Shared> {
        self.value.clone().filter(|_| self.finished)
    }

    fn consume(&mut self) -> bool {
        if self.finished {
            *self = Self::default();
            return true;
        }
        false
    }

    fn finish(&mut self) -> bool {
        let changed = self.value.is_some() && !self.finished;
        self.finished |= changed;
        changed
    }

    fn checkpoint(&self) -> Option<Shared> {
        self.value.as_ref().map(|value| Shared::from(serde_json::json!([value, self.finished])))
    }

    fn restore(&mut self, value: &Shared) {
        if let Some([value, finished]) = value.json().as_array().map(Vec::as_slice) {
            self.value = Some(value.clone().into());
            self.finished = finished.as_bool().unwrap_or_default();
        }
    }

    fn boxed_clone(&self) -> Box<dyn Channel> {
        Box::new(self.clone())
    }
}
