//! The settings of hooks, with their secrets.

use std::collections::BTreeSet;
use std::time::Duration;

use rqbit_client::{ExtraHeader, RequestUrl, UrlMethod};

use super::model::{HookBodyMode, HookEvent, HookMethod, HookSection};
use super::secret_source::{SecretSource, parse_request_url, split_header};
use super::{Loaded, Secret};

/// A hook, ready to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfiguredHook {
    /// Its name.
    pub name: String,
    /// The events that it is called for.
    pub on: Vec<HookEvent>,
    /// What it calls.
    pub call: HookCall,
    /// The time limit.
    pub timeout: Duration,
}

/// What a hook calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookCall {
    /// A program with its arguments.
    Command(Vec<String>),
    /// A request.
    Request {
        /// The address.
        url: RequestUrl,
        /// The method.
        method: UrlMethod,
        /// Further headers.
        headers: Vec<ExtraHeader>,
        /// The body.
        body: HookBodyMode,
    },
    /// A request with a secret that cannot be read.
    Unusable {
        /// The address, without what may be secret.
        shown: String,
        /// Why.
        why: String,
    },
}

impl Loaded {
    /// Returns the hooks, in the order of the configuration. Reads the files of their secrets.
    #[must_use]
    pub fn hooks(&self) -> Vec<ConfiguredHook> {
        let hooks = self.settings.hooks.iter().enumerate();
        hooks.map(|(idx, hook)| self.configured(idx, hook)).collect()
    }

    /// Returns the variables whose value may be secret, beside those of tfs itself.
    #[must_use]
    pub fn secret_variables(&self) -> Vec<String> {
        let servers = self.settings.servers.iter();
        let of_servers = servers.flat_map(|server| server.headers.iter().chain(&server.proxy));
        let hooks = self.settings.hooks.iter();
        let of_hooks = hooks.flat_map(|hook| hook.headers.iter().chain(&hook.url));
        let names = of_servers.chain(of_hooks).filter_map(|secret| {
            let text = secret.expose();
            let in_header = split_header(text).1;
            [SecretSource::of(text), in_header].into_iter().find_map(SecretSource::variable)
        });
        names.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn configured(&self, idx: usize, hook: &HookSection) -> ConfiguredHook {
        let name = hook.name.clone().unwrap_or_else(|| format!("hook-{}", idx + 1));
        let call = match (&hook.command, &hook.url) {
            (Some(command), _) => HookCall::Command(command.clone()),
            (None, url) => {
                let url = url.as_ref().map_or("", Secret::expose);
                self.request(hook, url).unwrap_or_else(|why| {
                    let shown = shown_origin(url);
                    HookCall::Unusable { shown, why }
                })
            }
        };
        ConfiguredHook { name, on: hook.on.clone(), call, timeout: hook.timeout }
    }

    fn request(&self, hook: &HookSection, url: &str) -> Result<HookCall, String> {
        let url = SecretSource::of(url).read(&self.variables);
        let url = url.map_err(|error| format!("no address: cannot {error}"))?;
        let url = parse_request_url(url.expose())?;
        let mut headers: Vec<ExtraHeader> = Vec::new();
        for text in &hook.headers {
            let (name, source) = split_header(text.expose());
            let value = source
                .read(&self.variables)
                .map_err(|error| format!("no value for the header {name}: cannot {error}"))?;
            let header = ExtraHeader::new(name, value.expose())
                .map_err(|error| format!("cannot {error}"))?;
            if headers.iter().any(|other| other.name() == header.name()) {
                return Err(format!("the header {name} is given twice"));
            }
            headers.push(header);
        }
        let body = hook.body.unwrap_or(match hook.method {
            HookMethod::Get => HookBodyMode::None,
            HookMethod::Post | HookMethod::Put => HookBodyMode::Json,
        });
        let method = match hook.method {
            HookMethod::Get => UrlMethod::Get,
            HookMethod::Post => UrlMethod::Post,
            HookMethod::Put => UrlMethod::Put,
        };
        Ok(HookCall::Request { url, method, headers, body })
    }
}

/// Returns scheme, host and port of an address, or where it comes from.
fn shown_origin(text: &str) -> String {
    text.parse::<RequestUrl>().map_or_else(|_source| text.to_owned(), |url| url.to_string())
}
