//! Validation of a value for its key.

use figment::value::{Dict, Value};

use super::keys::CONDITIONS;
use super::keys::{Key, find_key};
use super::suggest::nearest;
use super::value_origin::ValueOrigin;

impl Key {
    /// Validates a value, and returns it in the form from which the settings are read.
    ///
    /// # Errors
    /// A message for users, as [`ValueKind::check`](super::ValueKind::check) has it.
    pub(super) fn check(&self, value: Value, written: ValueOrigin) -> Result<Value, String> {
        let value = self.kind.check(value, written)?;
        match &value {
            Value::Dict(_, table) => check_conditions(self.section(), table, written),
            Value::String(..)
            | Value::Char(..)
            | Value::Bool(..)
            | Value::Num(..)
            | Value::Empty(..)
            | Value::Array(..) => Ok(value),
        }
    }
}

/// Validates the conditions of a section's `not`.
fn check_conditions(section: &str, table: &Dict, written: ValueOrigin) -> Result<Value, String> {
    let mut checked = Dict::new();
    for (name, value) in table {
        let find = |name: &str| find_key(&format!("{section}.{name}"));
        let is_condition = CONDITIONS.contains(&name.as_str());
        let Some(key) = find(name).filter(|_| is_condition) else {
            let known = CONDITIONS.into_iter().filter(|name| find(name).is_some());
            let near = nearest(name, known);
            let near = near.map(|name| format!("; did you mean `{name}`?"));
            return Err(format!("unknown condition `{name}`{}", near.unwrap_or_default()));
        };
        let value = key.kind.check(value.clone(), written);
        checked.insert(name.clone(), value.map_err(|reason| format!("`{name}`: {reason}"))?);
    }
    match checked.is_empty() {
        true => Err("it has no conditions".to_owned()),
        false => Ok(Value::from(checked)),
    }
}
