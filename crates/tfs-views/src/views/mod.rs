//! Compiled views.

use strsim::normalized_damerau_levenshtein;
use vfs_core::{ArrangedFile, ArrangedTorrent, Arrangement, FileIndex, NAME_BYTES_MAX, ViewPlace};

use crate::conditions::{Conditions, WrongKey};
use crate::facts::ExaminedTorrent;
use crate::folder_name::NameTemplate;
use crate::hide::HideRule;
use crate::problem::ViewProblem;
use crate::spec::{ViewDepth, ViewSpec};

/// The name of the view with the torrents that are in no other.
pub const REST_NAME: &str = "Other";

/// Maximum number of views. Each costs a look at each torrent.
pub const VIEWS_MAX: usize = 64;

/// Maximum number of hide rules of a view. Each is matched with each file.
const HIDE_RULES_MAX: usize = 64;

/// Similarity from which on a word of `hide` is a misspelled rule: that of `sample` is 0.86.
const LIKENESS_MIN: f64 = 0.8;

/// The views of a mount, in their order.
#[derive(Debug)]
pub struct ViewRules {
    views: Vec<CompiledView>,
    /// What they were compiled from.
    specs: Vec<ViewSpec>,
    rest: Option<String>,
}

/// Two are equal if they show every torrent in the same way, as far as their rules tell.
impl PartialEq for ViewRules {
    fn eq(&self, other: &Self) -> bool {
        (&self.specs, &self.rest) == (&other.specs, &other.rest)
    }
}

impl Eq for ViewRules {}

/// A view with compiled rules.
#[derive(Debug)]
struct CompiledView {
    name: String,
    conditions: Conditions,
    excluded: Conditions,
    has_conditions: bool,
    passes_on: bool,
    is_rest: bool,
    largest_only: bool,
    depth: ViewDepth,
    rename: Option<NameTemplate>,
    hide: Vec<HideRule>,
    hides_duplicates: bool,
}

/// The place of a torrent with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedPlace {
    /// The place.
    pub place: ViewPlace,
    /// The conditions that decided, such as `kind film`.
    pub reason: String,
}

/// A view that does not show a torrent, with the condition that decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedView {
    /// Position of the view.
    pub view: usize,
    /// The condition that is not met, or the one of `not` that is.
    pub reason: String,
}

impl ViewRules {
    /// Compiles views. A view named `rest`, if there is one, shows the torrents that are in no
    /// other; it is left out if a view without conditions shows them.
    ///
    /// # Errors
    /// All problems, each with the name of its view.
    pub fn compile(specs: &[ViewSpec], rest: Option<&str>) -> Result<Self, Vec<ViewProblem>> {
        let mut problems = Vec::new();
        let mut views: Vec<CompiledView> = Vec::new();
        for (idx, spec) in specs.iter().enumerate() {
            let mut wrong = check_name(specs, idx);
            match CompiledView::compile(spec) {
                Ok(view) => views.push(view),
                Err(more) => wrong.extend(more),
            }
            problems.extend(wrong.into_iter().map(|(key, message, hint)| ViewProblem {
                view: idx,
                name: spec.name.clone(),
                key,
                message,
                hint,
            }));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let problems = unreachable_views(&views);
        if !problems.is_empty() {
            return Err(problems);
        }
        let has_rest = views.iter().any(|view| !view.has_conditions && !view.passes_on);
        if let Some(name) = rest.filter(|_| !has_rest && !specs.is_empty()) {
            // A view of that name with conditions shows the rest as well as its own.
            match views.iter_mut().find(|view| view.name == name) {
                Some(view) => view.is_rest = true,
                None => views.push(CompiledView::rest(name)),
            }
        }
        Ok(Self { views, specs: specs.to_vec(), rest: rest.map(str::to_owned) })
    }

    /// Returns whether there are no views.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.views.is_empty()
    }

    /// Returns the places of a torrent with the reasons, and the views that were asked before and
    /// do not show it.
    #[must_use]
    pub fn explain(
        &self,
        torrent: &ArrangedTorrent<'_>,
    ) -> (Vec<ExplainedPlace>, Vec<SkippedView>) {
        let facts = ExaminedTorrent::new(torrent);
        let (mut places, mut skipped) = (Vec::new(), Vec::new());
        self.walk(&facts, |idx, view, decision| match decision {
            Decision::Shown(place) => {
                places.push(ExplainedPlace { place, reason: view.reason(&facts) });
            }
            Decision::AllHidden => {
                let reason = "all of its files are hidden".to_owned();
                skipped.push(SkippedView { view: idx, reason });
            }
            Decision::NotMatched => {
                skipped.push(SkippedView { view: idx, reason: view.reason(&facts) });
            }
        });
        (places, skipped)
    }

    /// Calls `each` with every view that is asked about a torrent.
    ///
    /// A view that would hide all files of a torrent does not take it: it is offered to the next
    /// ones, so that no torrent is in no view because of a rule about files.
    fn walk(
        &self,
        facts: &ExaminedTorrent<'_>,
        mut each: impl FnMut(usize, &CompiledView, Decision),
    ) {
        let mut is_shown = false;
        for (idx, view) in self.views.iter().enumerate() {
            let decision = match view.shows(facts) {
                true => view.place(idx, facts).map_or(Decision::AllHidden, Decision::Shown),
                false => Decision::NotMatched,
            };
            let takes = matches!(decision, Decision::Shown(_));
            if takes || !view.is_rest {
                each(idx, view, decision);
            }
            is_shown |= takes;
            if takes && !view.passes_on {
                return;
            }
        }
        let rest = self.views.iter().enumerate().find(|(_, view)| view.is_rest);
        if let Some((idx, view)) = rest.filter(|_| !is_shown) {
            each(idx, view, view.place(idx, facts).map_or(Decision::AllHidden, Decision::Shown));
        }
    }
}

/// What a view does with a torrent.
enum Decision {
    Shown(ViewPlace),
    /// The conditions are met, but no file is left to show.
    AllHidden,
    NotMatched,
}

impl Arrangement for ViewRules {
    fn view_names(&self) -> Vec<String> {
        self.views.iter().map(|view| view.name.clone()).collect()
    }

    fn places(&self, torrent: &ArrangedTorrent<'_>) -> Vec<ViewPlace> {
        let facts = ExaminedTorrent::new(torrent);
        let mut places = Vec::new();
        self.walk(&facts, |_, _, decision| {
            if let Decision::Shown(place) = decision {
                places.push(place);
            }
        });
        places
    }
}

/// A wrong key: its name, what is wrong, and a hint.
type Wrong = (String, String, Option<String>);

impl CompiledView {
    fn compile(spec: &ViewSpec) -> Result<Self, Vec<Wrong>> {
        let mut wrong: Vec<Wrong> = Vec::new();
        let no_hint = |(key, message): WrongKey| (key.to_owned(), message, None);
        let conditions = Conditions::compile(&spec.conditions);
        let conditions = conditions.map_err(|keys| wrong.extend(keys.into_iter().map(no_hint)));
        let excluded = Conditions::compile(&spec.excluded).map_err(|keys| {
            let in_not = |(key, message)| (format!("not.{key}"), message, None);
            wrong.extend(keys.into_iter().map(in_not));
        });
        let template = spec.rename.as_deref().map(NameTemplate::parse).transpose();
        let rename = template.map_err(|error| {
            wrong.push(("rename".to_owned(), error.to_string(), None));
        });
        if spec.rename.is_some() && spec.depth == ViewDepth::Flatten {
            let message = "it names folders, and `depth = \"flatten\"` has none".to_owned();
            wrong.push(("rename".to_owned(), message, Some("remove one of them".to_owned())));
        }
        if spec.hide.len() > HIDE_RULES_MAX {
            let message =
                format!("it has {} rules; the maximum is {HIDE_RULES_MAX}", spec.hide.len());
            wrong.push(("hide".to_owned(), message, None));
        }
        let mut hide = Vec::new();
        for text in spec.hide.iter().take(HIDE_RULES_MAX) {
            if let Some(word) = misspelled_rule(text) {
                let message = format!("{text:?} is no rule");
                wrong.push(("hide".to_owned(), message, Some(format!("did you mean {word:?}?"))));
                continue;
            }
            match HideRule::parse(text) {
                Ok(rule) => hide.push(rule),
                Err(message) => wrong.push(("hide".to_owned(), message, None)),
            }
        }
        let (Ok(conditions), Ok(excluded), Ok(rename), true) =
            (conditions, excluded, rename, wrong.is_empty())
        else {
            return Err(wrong);
        };
        Ok(Self {
            name: spec.name.clone(),
            conditions,
            excluded,
            has_conditions: !spec.conditions.is_empty() || !spec.excluded.is_empty(),
            passes_on: spec.passes_on,
            is_rest: false,
            largest_only: spec.largest_only,
            depth: spec.depth,
            rename,
            hide,
            hides_duplicates: spec.hides_duplicates,
        })
    }

    /// Returns the view with the torrents that are in no other.
    fn rest(name: &str) -> Self {
        let spec = ViewSpec { name: name.to_owned(), ..ViewSpec::default() };
        let mut view = Self::compile(&spec).expect("a view without rules is valid");
        view.is_rest = true;
        view
    }

    /// Returns whether it is asked before it is known that no other view shows a torrent.
    fn has_conditions_of_its_own(&self) -> bool {
        self.has_conditions || !self.is_rest
    }

    /// Returns whether its conditions are met, apart from being the view for the rest.
    fn shows(&self, facts: &ExaminedTorrent<'_>) -> bool {
        self.has_conditions_of_its_own()
            && self.conditions.all_met(facts)
            && self.excluded.first_met(facts).is_none()
    }

    /// Returns the place of a torrent, or `None` if all of its files are hidden.
    fn place(&self, view: usize, facts: &ExaminedTorrent<'_>) -> Option<ViewPlace> {
        let files = &facts.torrent.files;
        let is_hidden =
            |file: &ArrangedFile<'_>| self.hide.iter().any(|rule| rule.hides(file, facts.torrent));
        let mut shown: Vec<&ArrangedFile<'_>> =
            files.iter().filter(|file| !is_hidden(file)).collect();
        if self.largest_only {
            // Of equal ones the first in the torrent.
            let largest = shown.iter().copied().max_by_key(|file| (file.len, !file.index.0));
            shown = largest.into_iter().collect();
        }
        let is_whole = shown.len() == files.len();
        if shown.is_empty() && !is_whole {
            return None;
        }
        let name = self
            .rename
            .as_ref()
            .and_then(|template| template.render(facts.torrent.name, facts.release()));
        let indices = || shown.iter().map(|file| file.index).collect::<Vec<FileIndex>>();
        Some(ViewPlace {
            view,
            name,
            files: (!is_whole).then(indices),
            is_flat: self.depth == ViewDepth::Flatten,
            hides_duplicates: self.hides_duplicates,
        })
    }

    /// Returns the conditions that decide about a torrent.
    fn reason(&self, facts: &ExaminedTorrent<'_>) -> String {
        let findings: Vec<_> = self.conditions.examine(facts).collect();
        if let Some(unmet) = findings.iter().find(|finding| !finding.is_met) {
            return match self.is_rest {
                true => "in no other view".to_owned(),
                false => unmet.text.clone(),
            };
        }
        if let Some(met) = self.excluded.first_met(facts) {
            return format!("not: {}", met.text);
        }
        let texts: Vec<_> = findings.into_iter().map(|finding| finding.text).collect();
        match texts.as_slice() {
            [] if self.is_rest => "in no other view".to_owned(),
            [] => "no conditions".to_owned(),
            texts => texts.join("; "),
        }
    }
}

/// Checks the name of a view on its own.
///
/// # Errors
/// What is wrong with it, as a fragment of a sentence.
pub fn check_view_name(name: &str) -> Result<(), String> {
    let message = match name {
        "" => "it is empty",
        "." | ".." | ".tfs" => "this name has a meaning of its own",
        name if name.chars().any(char::is_control) => "it contains a control character",
        name if name.trim() != name => "it has spaces around it",
        name if name.contains('/') => "a view's name cannot contain a slash",
        name if name.len() > NAME_BYTES_MAX => {
            return Err(format!("it has more than {NAME_BYTES_MAX} bytes"));
        }
        _ => return Ok(()),
    };
    Err(message.to_owned())
}

/// Checks the name of a view among others.
fn check_name(specs: &[ViewSpec], idx: usize) -> Vec<Wrong> {
    let name = specs.get(idx).map_or("", |spec| spec.name.as_str());
    let wrong = |message: String| vec![("name".to_owned(), message, None)];
    if idx >= VIEWS_MAX {
        return wrong(format!("there may be at most {VIEWS_MAX} views"));
    }
    if let Err(message) = check_view_name(name) {
        return wrong(message);
    }
    if specs.iter().take(idx).any(|other| other.name == name) {
        return wrong("another view has this name".to_owned());
    }
    Vec::new()
}

/// Returns a problem for each view that stays empty, since one before it shows every torrent.
fn unreachable_views(views: &[CompiledView]) -> Vec<ViewProblem> {
    let Some(all) = views.iter().position(|view| !view.has_conditions && !view.passes_on) else {
        return Vec::new();
    };
    let after: Vec<_> = views.iter().skip(all + 1).map(|view| view.name.as_str()).collect();
    let Some(view) = views.get(all).filter(|_| !after.is_empty()) else { return Vec::new() };
    vec![ViewProblem {
        view: all,
        name: view.name.clone(),
        key: "name".to_owned(),
        message: format!("it shows every torrent, so nothing is left for {}", after.join(", ")),
        hint: Some("move it to the end, add a condition, or add `pass_on = true`".to_owned()),
    }]
}

/// Returns the rule that a word of `hide` probably means.
fn misspelled_rule(text: &str) -> Option<&'static str> {
    let words = ["samples", "unselected"];
    let is_near =
        |word: &&str| *word != text && normalized_damerau_levenshtein(text, word) >= LIKENESS_MIN;
    words.into_iter().find(is_near)
}

#[cfg(test)]
mod tests;
