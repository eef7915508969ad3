//! Which torrents are added on demand: settings of servers and mounts, and rules.

use figment::value::Value;
use serde::{Deserialize, Deserializer, de};
use tfs_types::OnDemandMode;
use tfs_views::OnDemandRule;

use super::view_section::ConditionSection;

/// A value of `on_demand`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDemandSetting {
    /// Everything is downloaded.
    Off,
    /// What programs read is downloaded.
    On(OnDemandMode),
}

/// A section `[[on_demand]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the table of keys describes each")]
pub struct OnDemandRuleSection {
    pub mode: OnDemandSetting,
    pub name: Option<String>,
    #[serde(flatten)]
    pub conditions: ConditionSection,
    #[serde(rename = "not", default)]
    pub excluded: ConditionSection,
}

impl OnDemandSetting {
    /// Returns the mode, or `None` if everything is downloaded.
    #[must_use]
    pub fn mode(self) -> Option<OnDemandMode> {
        match self {
            Self::Off => None,
            Self::On(mode) => Some(mode),
        }
    }
}

impl<'de> Deserialize<'de> for OnDemandSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum SettingForm {
            Switch(bool),
            Word(String),
        }
        match SettingForm::deserialize(deserializer)? {
            SettingForm::Switch(false) => Ok(Self::Off),
            SettingForm::Switch(true) => Err(de::Error::custom("true names no mode")),
            SettingForm::Word(word) => word.parse().map(Self::On).map_err(de::Error::custom),
        }
    }
}

impl OnDemandRuleSection {
    /// Returns the rule in the form that is compiled.
    #[must_use]
    pub fn rule(&self) -> OnDemandRule {
        OnDemandRule {
            name: self.name.clone().unwrap_or_default(),
            mode: self.mode.mode(),
            conditions: self.conditions.spec(),
            excluded: self.excluded.spec(),
        }
    }
}

/// Validates a value of `on_demand`. `"off"`, as flags have it, becomes `false`.
///
/// # Errors
/// A message for users.
pub(super) fn check(value: Value) -> Result<Value, String> {
    let wanted = "it must be false, \"pieces\" or \"file\"";
    match &value {
        Value::Bool(_, false) => Ok(value),
        Value::Bool(_, true) => Err(format!(
            "{wanted}: \"pieces\" downloads what programs read, \"file\" also the \
                         whole of a file that is read in order"
        )),
        Value::String(_, word) => match word.as_str() {
            "off" | "false" => Ok(Value::from(false)),
            "pieces" | "file" => Ok(value),
            word => {
                let near = super::suggest::nearest(word, ["pieces", "file", "off"]);
                let near = near.map(|word| format!("; did you mean `{word}`?"));
                Err(format!("{wanted}{}", near.unwrap_or_default()))
            }
        },
        Value::Char(..)
        | Value::Num(..)
        | Value::Empty(..)
        | Value::Dict(..)
        | Value::Array(..) => Err(wanted.to_owned()),
    }
}
