//! Checks the rules of on-demand torrents.

use tfs_views::OnDemandPolicy;

use super::check_tools::{EMBEDDED, best_place, repeats};
use super::{ConditionSection, Loaded, OnDemandRuleSection, Problem, ServerArg};

/// Adds the problems of the sections `[[on_demand]]`.
pub(super) fn check(loaded: &Loaded, problems: &mut Vec<Problem>) {
    let sections = &loaded.settings.on_demand_rules;
    let item = |idx: usize| format!("on_demand[{idx}]");
    let rules: Vec<_> = sections.iter().map(OnDemandRuleSection::rule).collect();
    for wrong in OnDemandPolicy::compile(&rules, None).err().unwrap_or_default() {
        let key = wrong.key.split('.').next().unwrap_or_default();
        let message = format!("`{}`: {}", wrong.key, wrong.message);
        problems.push(Problem::at(best_place(loaded, &item(wrong.view), key), message));
    }
    for (idx, first, name) in repeats(sections.iter().filter_map(|rule| rule.name.as_ref())) {
        let message = format!("two rules are named `{name}`");
        let first = loaded.place(&item(first));
        let place = best_place(loaded, &item(idx), "name");
        problems.push(Problem::at(place, message).hint(format!("the first is at {first}")));
    }
    let has_no_conditions = |rule: &OnDemandRuleSection| {
        let none = ConditionSection::default();
        rule.conditions == none && rule.excluded == none
    };
    if let Some(all) = sections.iter().position(has_no_conditions)
        && all + 1 < sections.len()
    {
        let message = "every torrent meets this rule, so those after it have no effect";
        let problem = Problem::at(loaded.place(&item(all)), message);
        problems.push(problem.hint("move it to the end, or add a condition"));
    }
    servers(loaded, problems);
}

/// Checks the names of servers, unless the command line or the environment may add others.
fn servers(loaded: &Loaded, problems: &mut Vec<Problem>) {
    let is_other = |server: &ServerArg| !matches!(server, ServerArg::Name(_));
    if loaded.environment.server.is_some() || loaded.servers.iter().any(is_other) {
        return;
    }
    let servers = &loaded.settings.servers;
    let names: Vec<&str> = servers.iter().map(|server| server.name.as_str()).collect();
    for (idx, rule) in loaded.settings.on_demand_rules.iter().enumerate() {
        let named = rule.conditions.servers.iter().chain(&rule.excluded.servers);
        for name in named.filter(|name| *name != EMBEDDED && !names.contains(&name.as_str())) {
            let place = best_place(loaded, &format!("on_demand[{idx}]"), "server");
            let problem = Problem::at(place, format!("no server is named `{name}`"));
            problems.push(problem.hint(format!("the servers are: {}", names.join(", "))));
        }
    }
}
