//! A channel whose value lives for one superstep: inputs and routing.

use super::{Channel, NewId};
use crate::error::RunError;
use crate::value::{Key, Shared};

/// Keeps a value until a superstep writes nothing.
#[derive(Clone, Debug)]
pub(super) struct Ephemeral {
    key: Key,
    guard: bool,
    value: Option<Shared>,
}

impl Ephemeral {
    pub(super) fn new(key: Key, guard: bool) -> Self {
        Self { key, guard, value: None }
    }
}

impl Channel for Ephemeral {
    fn update(&mut self, values: &[Shared], _new_id: NewId<'_>) -> Result<bool, RunError> {
        if self.guard && values.len() > 1 {
            return Err(RunError::invalid_update(format!(
                "At key '{}': EphemeralValue(guard=True) can receive only one value per step. Use \
                 guard=False if you want to store any one of multiple values.",
                self.key
            )));
        }
        let before = std::mem::replace(&mut self.value, values.last().cloned());
        Ok(before.is_some() || self.value.is_some())
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
