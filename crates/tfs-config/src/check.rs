//! Checks combinations of values that are valid on their own.

use tfs_views::{ViewRules, check_view_name};
use vfs_core::Query;

use super::check_tools::{EMBEDDED, best_place, repeats, unknown_server};
use super::{
    HookBodyMode, HookMethod, Loaded, MountRoot, Origin, Problem, Provenance, ServerArg, Settings,
    ViewSection, WatchSection,
};

/// Returns all invalid combinations.
pub(super) fn check(loaded: &Loaded) -> Vec<Problem> {
    let mut problems = Vec::new();
    servers(loaded, &mut problems);
    mounts(loaded, &mut problems);
    views(loaded, &mut problems);
    super::check_on_demand::check(loaded, &mut problems);
    intake(loaded, &mut problems);
    hooks(loaded, &mut problems);
    memory(loaded, &mut problems);
    preload(loaded, &mut problems);
    passwords(loaded, &mut problems);
    page(loaded, &mut problems);
    super::check_serve::check(loaded, &mut problems);
    problems
}

fn servers(loaded: &Loaded, problems: &mut Vec<Problem>) {
    let servers = &loaded.settings.servers;
    if servers.is_empty() {
        let message = "`server` is an empty list";
        problems.push(Problem::at(loaded.place("server"), message).hint("add a [[server]]"));
    }
    for (idx, first, name) in repeats(servers.iter().map(|server| &server.name)) {
        let message = format!("two servers are named `{name}`");
        let first = loaded.place(&format!("server[{first}]"));
        let place = best_place(loaded, &format!("server[{idx}]"), "name");
        let hint = format!("give one of them another `name`; the first is at {first}");
        problems.push(Problem::at(place, message).hint(hint));
    }
    for (idx, first, _) in repeats(servers.iter().map(|server| &server.url)) {
        let first = servers.get(first).map_or("", |server| &server.name);
        let message = format!("its `url` is that of the server `{first}`");
        let place = best_place(loaded, &format!("server[{idx}]"), "url");
        problems.push(Problem::at(place, message).hint("remove one of them"));
    }
    for (idx, server) in servers.iter().enumerate() {
        let place = |key| loaded.place(&format!("server[{idx}].{key}"));
        if server.username.is_none() && server.password_file.is_some() {
            let message = "a password without a user name";
            let problem = Problem::at(place("password_file"), message);
            problems.push(problem.hint("add `username`, or remove `password_file`"));
        }
        if server.username.is_some()
            && server.password_file.is_none()
            && loaded.environment.password.is_none()
            && loaded.environment.password_file.is_none()
            && !loaded.flags.iter().any(|flag| flag.key == "server.password_file")
        {
            let problem = Problem::at(place("username"), "a user name without a password");
            problems.push(problem.hint("name a file with `password_file`, or set TFS_PASSWORD"));
        }
    }
}

fn mounts(loaded: &Loaded, problems: &mut Vec<Problem>) {
    let mounts = &loaded.settings.mounts;
    for (idx, first, path) in repeats(mounts.iter().map(|mount| &mount.path)) {
        let message = format!("two mounts at {}", path.display());
        let first = loaded.place(&format!("mount[{first}]"));
        let place = best_place(loaded, &format!("mount[{idx}]"), "path");
        problems.push(Problem::at(place, message).hint(format!("the first is at {first}")));
    }
    let names: Vec<&str> =
        loaded.settings.servers.iter().map(|server| server.name.as_str()).collect();
    for (idx, mount) in mounts.iter().enumerate() {
        for name in mount.servers.iter().filter(|name| !names.contains(&name.as_str())) {
            let place = loaded.place(&format!("mount[{idx}].servers"));
            let message = format!("no server is named `{name}`");
            let problem = Problem::at(place, message);
            problems.push(match super::suggest::nearest(name, names.iter().copied()) {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem.hint(format!("the servers are: {}", names.join(", "))),
            });
        }
    }
}

fn views(loaded: &Loaded, problems: &mut Vec<Problem>) {
    let settings = &loaded.settings;
    let specs: Vec<_> = settings.views.iter().map(ViewSection::spec).collect();
    for wrong in ViewRules::compile(&specs, None).err().unwrap_or_default() {
        let key = wrong.key.split('.').next().unwrap_or_default();
        let place = best_place(loaded, &format!("view[{}]", wrong.view), key);
        let problem = Problem::at(place, wrong.to_string());
        problems.push(match wrong.hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        });
    }
    for (idx, mount) in settings.mounts.iter().enumerate() {
        let place = |key| best_place(loaded, &format!("mount[{idx}]"), key);
        if let Err(reason) = check_view_name(&mount.rest_view)
            && !mount.rest_view.is_empty()
        {
            let message = format!("`rest_view`: {reason}");
            problems.push(Problem::at(place("rest_view"), message));
        }
        if settings.views.is_empty() && mount.root == Some(MountRoot::Views) {
            let problem = Problem::at(place("root"), "the root would be empty: there are no views");
            problems.push(problem.hint("add a [[view]], or use root = \"flat\""));
        }
    }
    // An address on the command line or in the environment may have any name.
    let has_other_servers = loaded.environment.server.is_some()
        || loaded.servers.iter().any(|server| !matches!(server, ServerArg::Name(_)));
    if has_other_servers {
        return;
    }
    let names: Vec<&str> = settings.servers.iter().map(|server| server.name.as_str()).collect();
    for (idx, view) in settings.views.iter().enumerate() {
        let named = view.conditions.servers.iter().chain(&view.excluded.servers);
        let is_unknown = |name: &&String| *name != EMBEDDED && !names.contains(&name.as_str());
        for name in named.filter(is_unknown) {
            let message = format!("the view {:?}: no server is named `{name}`", view.name);
            let problem =
                Problem::at(best_place(loaded, &format!("view[{idx}]"), "server"), message);
            problems.push(problem.hint(format!("the servers are: {}", names.join(", "))));
        }
    }
}

/// Checks the watch folders, and the server for Sonarr and Radarr.
fn intake(loaded: &Loaded, problems: &mut Vec<Problem>) {
    let Settings { watches, arr, .. } = &loaded.settings;
    for (idx, first, dir) in repeats(watches.iter().map(|watch| &watch.dir)) {
        let message = format!("two watch folders at {}", dir.display());
        let first = loaded.place(&format!("watch[{first}]"));
        let place = best_place(loaded, &format!("watch[{idx}]"), "dir");
        problems.push(Problem::at(place, message).hint(format!("the first is at {first}")));
    }
    for (idx, watch) in watches.iter().enumerate() {
        let is_around = |other: &&WatchSection| {
            other.recursive && other.dir != watch.dir && watch.dir.starts_with(&other.dir)
        };
        if let Some(other) = watches.iter().find(is_around) {
            let message = format!("the watch folder {} has it inside", other.dir.display());
            let place = best_place(loaded, &format!("watch[{idx}]"), "dir");
            let hint = "remove one of them, or set `recursive = false`";
            problems.push(Problem::at(place, message).hint(hint));
        }
        let drops = loaded.settings.mounts.iter().filter_map(|mount| mount.drop.as_ref());
        if let Some(drop) = drops.into_iter().find(|drop| watch.dir.starts_with(drop)) {
            let message = format!("{} is a drop folder, which adds files itself", drop.display());
            let place = best_place(loaded, &format!("watch[{idx}]"), "dir");
            problems.push(Problem::at(place, message).hint("remove the [[watch]] section"));
        }
        let name = format!("watch[{idx}].server");
        problems.extend(unknown_server(loaded, watch.server.as_deref(), &name));
    }
    problems.extend(unknown_server(loaded, arr.server.as_deref(), "arr.server"));
}

/// Checks that each hook has one target, and no key of the other.
fn hooks(loaded: &Loaded, problems: &mut Vec<Problem>) {
    let hooks = &loaded.settings.hooks;
    for (idx, first, name) in repeats(hooks.iter().filter_map(|hook| hook.name.as_ref())) {
        let message = format!("two hooks are named `{name}`");
        let first = loaded.place(&format!("hook[{first}]"));
        let place = best_place(loaded, &format!("hook[{idx}]"), "name");
        problems.push(Problem::at(place, message).hint(format!("the first is at {first}")));
    }
    for (idx, hook) in hooks.iter().enumerate() {
        let place = |key| best_place(loaded, &format!("hook[{idx}]"), key);
        if hook.on.is_empty() {
            let problem = Problem::at(place("on"), "a hook without events");
            problems.push(problem.hint("name them, as in on = [\"torrent_finished\"]"));
        }
        match (&hook.command, &hook.url) {
            (Some(_), Some(_)) => {
                let message = "a hook with a `command` and a `url`";
                let hint = "remove one of them, or write two [[hook]] sections";
                problems.push(Problem::at(place("url"), message).hint(hint));
            }
            (None, None) => {
                let problem = Problem::at(place("on"), "a hook without `command` or `url`");
                problems.push(problem.hint("add one, as in command = [\"/usr/local/bin/notify\"]"));
            }
            (Some(_), None) => {
                let is_set = |key: &&str| {
                    let name = format!("hook[{idx}].{key}");
                    loaded.place(&name).origin != Origin::Default
                };
                for key in ["method", "headers", "body"].into_iter().filter(is_set) {
                    let message = format!("`{key}` is for a `url`, and this hook has a `command`");
                    problems.push(Problem::at(place(key), message).hint("remove it"));
                }
            }
            (None, Some(_)) => {
                let has_body = hook.body.is_some_and(|body| body != HookBodyMode::None);
                if hook.method == HookMethod::Get && has_body {
                    let problem = Problem::at(place("body"), "a GET has no body");
                    problems.push(problem.hint("remove `body`, or use method = \"POST\""));
                }
            }
        }
    }
}

fn memory(loaded: &Loaded, problems: &mut Vec<Problem>) {
    let settings = &loaded.settings;
    let (key, part) = ("cache.memory_bytes", settings.cache.memory_bytes);
    if part.zip(settings.read.memory_bytes).is_some_and(|(part, whole)| part > whole) {
        let message = format!("`{key}` is more than `read.memory`");
        let problem = Problem::at(loaded.place(key), message);
        problems.push(problem.hint("it is a share of `read.memory`: raise that, or lower this"));
    }
}

fn preload(loaded: &Loaded, problems: &mut Vec<Problem>) {
    let preload = &loaded.settings.preload;
    let parts = [("preload.head", preload.head_bytes), ("preload.tail", preload.tail_bytes)];
    for pattern in &preload.patterns {
        if let Err(error) = Query::glob(pattern) {
            let place = loaded.place("preload.patterns");
            problems.push(Problem::at(place, format!("`preload.patterns`: {error}")));
        }
    }
    for (key, part) in parts {
        if part.is_some() && preload.patterns.is_empty() {
            let message = format!("`{key}` without `preload.patterns`");
            let problem = Problem::at(loaded.place(key), message);
            problems.push(problem.hint("name the files, as in patterns = [\"**/*.mkv\"]"));
        }
    }
}

fn passwords(loaded: &Loaded, problems: &mut Vec<Problem>) {
    let environment = &loaded.environment;
    if environment.password.is_some() && environment.password_file.is_some() {
        let place = Provenance::of(Origin::Variable("TFS_PASSWORD".to_owned()));
        let message = "TFS_PASSWORD_FILE is set too";
        problems.push(Problem::at(place, message).hint("unset one of them"));
    }
}

/// Checks the page: at an address that other machines can reach it needs a token.
fn page(loaded: &Loaded, problems: &mut Vec<Problem>) {
    let (web, environment) = (&loaded.settings.web, &loaded.environment);
    let has_token = web.token_file.is_some() || environment.web_token.is_some();
    if let Some(address) = web.listen
        && !address.ip().to_canonical().is_loopback()
        && !has_token
    {
        let message = "other machines can reach this address, and the page has no token";
        let hint = "set `web.token_file`, or listen on 127.0.0.1";
        problems.push(Problem::at(loaded.place("web.listen"), message).hint(hint));
    }
    let file = loaded.place("web.token_file");
    if environment.web_token.is_some() && matches!(file.origin, Origin::Variable(_)) {
        let place = Provenance::of(Origin::Variable("TFS_WEB_TOKEN".to_owned()));
        let message = "TFS_WEB__TOKEN_FILE is set too";
        problems.push(Problem::at(place, message).hint("unset one of them"));
    }
}
