//! Converts between TOML and figment values.

use std::fmt::Write as _;

use figment::value::{Dict, Value};
use toml::de::DeValue;

/// Returns a value without its place.
///
/// # Errors
/// A message for users, for types that no setting has.
pub(super) fn value_of(value: &DeValue<'_>) -> Result<Value, String> {
    match value {
        DeValue::String(text) => Ok(Value::from(text.as_ref())),
        DeValue::Boolean(value) => Ok(Value::from(*value)),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(Value::from)
            .map_err(|_overflow| "the number is too large".to_owned()),
        DeValue::Float(number) => {
            let number = number.as_str().parse::<f64>();
            number.map(Value::from).map_err(|error| error.to_string())
        }
        DeValue::Array(items) => {
            let items: Result<Vec<Value>, _> =
                items.iter().map(|item| value_of(item.get_ref())).collect();
            items.map(Value::from)
        }
        DeValue::Datetime(_) => Err("write a date in quotes, as in \"2026-01-31\"".to_owned()),
        DeValue::Table(table) => {
            let items = table
                .iter()
                .map(|(name, value)| Ok((name.get_ref().to_string(), value_of(value.get_ref())?)));
            items.collect::<Result<Dict, String>>().map(Value::from)
        }
    }
}

/// Formats a value as TOML.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(_, text) => quoted(text),
        Value::Bool(_, value) => value.to_string(),
        Value::Num(_, number) => {
            let unsigned = || number.to_u128().map(|number| number.to_string());
            let signed = number.to_i128().map(|number| number.to_string());
            signed.or_else(unsigned).unwrap_or_else(|| format!("{number:?}"))
        }
        Value::Array(_, items) => {
            let items: Vec<_> = items.iter().map(text_of).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Dict(_, items) => {
            // Keys of settings are bare.
            let items = items.iter().map(|(name, value)| format!("{name} = {}", text_of(value)));
            format!("{{ {} }}", items.collect::<Vec<_>>().join(", "))
        }
        // Such values do not pass validation.
        Value::Char(..) | Value::Empty(..) => String::new(),
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            other if other.is_control() => {
                // Writing to a string cannot fail.
                _ = write!(quoted, "\\u{:04X}", u32::from(other));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_as_it_was() {
        for text in [
            "\"a \\\" b \\\\ \\u001B ü\"",
            "true",
            "-7",
            "[\"a\", [\"b\", 1]]",
            "{ a = 1, b = [true] }",
        ] {
            let value = DeValue::parse(text).unwrap();
            assert_eq!(text_of(&value_of(value.get_ref()).unwrap()), text);
        }
        let hexadecimal = DeValue::parse("0xff").unwrap();
        assert_eq!(text_of(&value_of(hexadecimal.get_ref()).unwrap()), "255");
        // As a flag has it.
        assert_eq!(text_of(&Value::from(7_u64)), "7");
        for wrong in ["2026-01-01", "{ a = 2026-01-01 }", "99999999999999999999"] {
            let value = DeValue::parse(wrong).unwrap();
            assert!(value_of(value.get_ref()).is_err(), "{wrong}");
        }
    }
}
