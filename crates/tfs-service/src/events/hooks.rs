//! The hooks of a configuration.

use tfs_api::wire::EventKind;
use tfs_config::{ConfiguredHook, HookBodyMode, HookCall, HookEvent, Loaded};
use tfs_hooks::{CommandTarget, HookBody, HookSettings, HookTarget, RequestTarget};

/// Returns the hooks of a configuration. Reads the files of their secrets.
#[must_use]
pub fn hook_settings(loaded: &Loaded) -> Vec<HookSettings> {
    let hidden = loaded.secret_variables();
    loaded.hooks().into_iter().map(|hook| settings(hook, &hidden)).collect()
}

fn settings(hook: ConfiguredHook, hidden: &[String]) -> HookSettings {
    let ConfiguredHook { name, on, call, timeout } = hook;
    let target = match call {
        HookCall::Command(argv) => {
            let mut argv = argv.into_iter();
            HookTarget::Command(CommandTarget {
                // The settings have one.
                program: argv.next().unwrap_or_default(),
                arguments: argv.collect(),
                hidden_variables: hidden.to_vec(),
            })
        }
        HookCall::Request { url, method, headers, body } => {
            let body = match body {
                HookBodyMode::Json => HookBody::Json,
                HookBodyMode::Text => HookBody::Text,
                HookBodyMode::None => HookBody::Empty,
            };
            HookTarget::Request(RequestTarget { url, method, headers, body })
        }
        HookCall::Unusable { shown, why } => HookTarget::Unusable { shown, why },
    };
    HookSettings { name, on: on.into_iter().map(kind).collect(), target, timeout }
}

fn kind(event: HookEvent) -> EventKind {
    match event {
        HookEvent::TorrentAdded => EventKind::TorrentAdded,
        HookEvent::TorrentFinished => EventKind::TorrentFinished,
        HookEvent::TorrentRemoved => EventKind::TorrentRemoved,
        HookEvent::TreeChanged => EventKind::TreeChanged,
        HookEvent::ServerDown => EventKind::ServerDown,
        HookEvent::ServerUp => EventKind::ServerUp,
    }
}

#[cfg(test)]
mod tests {
    use tfs_config::Sources;

    use super::*;

    #[test]
    fn each_event_has_the_name_of_its_kind() {
        let dir = tempfile::tempdir().unwrap();
        for wanted in EventKind::ALL {
            let path = dir.path().join("config.toml");
            let text = format!("[[hook]]\non = [\"{wanted}\"]\ncommand = [\"true\"]\n");
            std::fs::write(&path, text).unwrap();
            let sources = Sources { named_file: Some(path), ..Sources::default() };
            let [hook] = hook_settings(&sources.load().unwrap()).try_into().unwrap();
            let HookSettings { on, .. } = hook;
            assert_eq!(on, [wanted]);
        }
    }
}
