//! A channel that keeps any of the values written in one superstep.

use super::{Channel, NewId};
use crate::error::RunError;
use crate::value::Shared;

/// Keeps the last of any number of writes, until a superstep writes nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct AnyValue {
    value: Option<Shared>,
}

impl Channel for AnyValue {
    fn update(&mut self, values: &[Shared], _new_id: NewId<'_>) -> Result<bool, RunError> {
        let before = std::mem::replace(&mut self.value, values.last().cloned());
        Ok(before.is_some() || self.value.is_some())
    }

    fn get(&self) -> Option<Shared> {
        self.value.clone()
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
