//! A channel that merges every write into what it holds (LangGraph's `BinaryOperatorAggregate`).

use super::{Channel, HELP, NewId, Reducer};
use crate::command::overwritten;
use crate::error::RunError;
use crate::value::{Key, Shared};

/// Holds the result of a reducer over everything written.
#[derive(Clone, Debug)]
pub(super) struct Aggregate {
    key: Key,
    reducer: Reducer,
    value: Option<Shared>,
}

impl Aggregate {
    pub(super) fn new(key: Key, reducer: Reducer) -> Self {
        let value = reducer.zero();
        Self { key, reducer, value }
    }
}

impl Channel for Aggregate {
    fn update(&mut self, values: &[Shared], new_id: NewId<'_>) -> Result<bool, RunError> {
        let mut rest = values.iter();
        let mut replaced = false;
        if self.value.is_none() {
            // The first value is taken as it is, whatever its shape.
            self.value = rest.next().cloned();
        }
        for value in rest {
            if let Some(inner) = overwritten(value) {
                if std::mem::replace(&mut replaced, true) {
                    let message = format!("Can receive only one Overwrite value per super-step.{HELP}");
                    return Err(RunError::invalid_update(message));
                }
                self.value = Some(self.reducer.settle(inner));
            } else if !replaced {
                let left = self.value.take().unwrap_or_default();
                let merged = self.reducer.reduce(&left, value, new_id);
                self.value = Some(merged.as_ref().cloned().unwrap_or(left));
                merged.map_err(|error| error.at(&self.key))?;
            }
        }
        Ok(!values.is_empty())
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

    fn settle(&self, value: Shared) -> Shared {
        self.reducer.settle(value)
    }

    fn restore(&mut self, value: &Shared) {
        self.value = Some(self.reducer.settle(value.clone()));
    }

    fn boxed_clone(&self) -> Box<dyn Channel> {
        Box::new(self.clone())
    }
}
