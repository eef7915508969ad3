//! Loads the settings: merges the layers in order, and validates the result.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use directories::BaseDirs;
use figment::Figment;

use super::document::RECOMMENDED_VIEWS;
use super::environment::{self, Environment};
use super::files::{self, ConfigFile, ConfigFileRole, ConfigFileState};
use super::keys::{REFUSED_HERE, SECTIONS, find_key};
use super::layer::Layer;
use super::secret_source::Variables;
use super::{Flag, Loaded, Origin, Problem, Provenance, ServerArg, Settings, SettingsError, check};

/// The configuration file of the system.
const SYSTEM_FILE: &str = "/etc/tfs/config.toml";

/// The configuration files that need not be named, the lower layer first, as documentation names
/// them.
pub const FILES: [(&str, &str); 3] = [
    (SYSTEM_FILE, "The configuration of the machine."),
    (
        "$XDG_CONFIG_HOME/tfs/config.toml",
        "The configuration of the user, by default `~/.config/tfs/config.toml`.",
    ),
    (FILE_HERE, "The configuration in the current directory."),
];

/// Overrides the path of the system's file. Not a setting: tests use it to be independent of the
/// machine.
const SYSTEM_FILE_VARIABLE: &str = "_TFS_SYSTEM_CONFIG";

/// The name of the file in the current directory.
const FILE_HERE: &str = "tfs.toml";

/// The sources of settings.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The files of the system and of the user, the lower layer first.
    pub usual_files: Vec<PathBuf>,
    /// The file in the current directory.
    pub file_here: Option<PathBuf>,
    /// The file named on the command line.
    pub named_file: Option<PathBuf>,
    /// The variables of the environment.
    pub variables: Vec<(OsString, OsString)>,
    /// The servers named on the command line.
    pub servers: Vec<ServerArg>,
    /// Other keys set on the command line.
    pub flags: Vec<Flag>,
}

impl Sources {
    /// Returns the sources of this process, without any flags.
    #[must_use]
    pub fn of_this_process() -> Self {
        let user_file = BaseDirs::new().map(|dirs| dirs.config_dir().join("tfs/config.toml"));
        let system_file = env::var_os(SYSTEM_FILE_VARIABLE).unwrap_or_else(|| SYSTEM_FILE.into());
        let usual_files = [Some(PathBuf::from(system_file)), user_file];
        Self {
            usual_files: usual_files.into_iter().flatten().collect(),
            // A current directory that was removed contains no file.
            file_here: env::current_dir().ok().map(|dir| dir.join(FILE_HERE)),
            variables: env::vars_os().collect(),
            ..Self::default()
        }
    }

    /// Looks for the configuration files, without parsing them.
    #[must_use]
    pub fn files(&self) -> Vec<ConfigFile> {
        let environment = environment::read(&self.variables).short;
        self.read_files(&environment).into_iter().map(|(file, ..)| file).collect()
    }

    /// Loads the settings.
    ///
    /// # Errors
    /// All errors of the settings, except those that are only detected once there are no others.
    pub fn load(self) -> Result<Loaded, SettingsError> {
        self.load_with(None)
    }

    /// Checks whether the settings could be loaded if the file at a path had another text.
    ///
    /// # Errors
    /// The errors in this file. Those in other sources are no reason not to write it.
    pub fn check_file(self, path: &Path, text: &str) -> Result<(), SettingsError> {
        let Err(SettingsError { mut problems }) = self.load_with(Some((path, text))) else {
            return Ok(());
        };
        let is_here = |place: &Provenance| place.origin == Origin::File(path.to_owned());
        problems.retain(|problem| problem.place.as_ref().is_none_or(is_here));
        if problems.is_empty() { Ok(()) } else { Err(SettingsError { problems }) }
    }

    /// Returns the file that commands change: the one that the command line or the environment
    /// names, else that of the user.
    #[must_use]
    pub fn file_to_change(&self) -> Option<PathBuf> {
        let environment = environment::read(&self.variables).short;
        let named = self.named_file.clone().or(environment.config);
        named.or_else(|| self.usual_files.last().cloned())
    }

    /// Returns the settings of the views to start with.
    ///
    /// # Panics
    /// Never: a test loads them.
    #[must_use]
    pub fn recommended() -> Settings {
        let path = Path::new("recommended.toml");
        let sources = Self { named_file: Some(path.to_owned()), ..Self::default() };
        let loaded = sources.load_with(Some((path, RECOMMENDED_VIEWS)));
        loaded.expect("a test loads them").settings
    }

    fn load_with(self, replaced: Option<(&Path, &str)>) -> Result<Loaded, SettingsError> {
        let environment::EnvironmentValues { layer, short, mut problems, mut warnings } =
            environment::read(&self.variables);
        let mut layers = vec![Layer::defaults()];
        let mut files = Vec::new();
        let mut file_problems = Vec::new();
        for (mut file, mut text, role) in self.read_files(&short) {
            if let Some((path, new)) = replaced
                && path == file.path
            {
                (file.state, text) = (ConfigFileState::Read, Some(new.to_owned()));
            }
            if let Some(text) = text {
                let (layer, mut problems) = Layer::of_file(&file.path, &text);
                file_problems.append(&mut problems);
                if role == ConfigFileRole::Here && !self.is_named(&file.path, &short) {
                    file_problems.extend(refused_here(&layer));
                }
                layers.push(layer);
            }
            match &file.state {
                ConfigFileState::Read | ConfigFileState::Missing => {}
                ConfigFileState::Ignored(reason) => {
                    warnings.push(format!("{} is not read: {reason}", file.path.display()));
                }
                ConfigFileState::Unreadable(reason) => {
                    let place = Provenance::of(Origin::File(file.path.clone()));
                    let problem = Problem::at(place, format!("cannot read it: {reason}"));
                    let hint = "list the configuration files with: tfs config path";
                    file_problems.push(problem.hint(hint));
                }
            }
            files.push(file);
        }
        file_problems.append(&mut problems);
        let mut problems = file_problems;
        layers.push(layer);
        let (layer, flags) = flag_layer(self.flags, &mut problems);
        layers.push(layer);
        if !problems.is_empty() {
            return Err(SettingsError { problems });
        }
        let figment = layers.iter().fold(Figment::new(), Figment::merge);
        let settings = figment.extract().map_err(|error| Problem {
            place: None,
            message: error.to_string(),
            hint: None,
        })?;
        let loaded = Loaded {
            settings,
            files,
            environment: short,
            warnings,
            variables: Variables(self.variables),
            servers: self.servers,
            flags,
            figment,
            layers,
        };
        let problems = check::check(&loaded);
        if problems.is_empty() { Ok(loaded) } else { Err(SettingsError { problems }) }
    }

    /// Returns whether the user names a file, on the command line or in the environment.
    fn is_named(&self, path: &Path, environment: &Environment) -> bool {
        let named = self.named_file.as_ref().or(environment.config.as_ref());
        named.is_some_and(|named| {
            let same = |a: &Path, b: &Path| a.canonicalize().ok() == b.canonicalize().ok();
            named == path || same(named, path)
        })
    }

    fn read_files(
        &self,
        environment: &Environment,
    ) -> Vec<(ConfigFile, Option<String>, ConfigFileRole)> {
        let usual = self.usual_files.iter().map(|path| (path, ConfigFileRole::Usual));
        let here = self.file_here.iter().map(|path| (path, ConfigFileRole::Here));
        let named = self.named_file.as_ref().or(environment.config.as_ref());
        let named = named.into_iter().map(|path| (path, ConfigFileRole::Named));
        let probed = usual.chain(here).chain(named).map(|(path, role)| {
            let (file, text) = files::probe(path, role);
            (file, text, role)
        });
        probed.collect()
    }
}

/// Returns a problem for each section or key that the file in the current directory may not have.
fn refused_here(layer: &Layer) -> Vec<Problem> {
    let refused = |name: &str| {
        let section = name.split(['.', '[']).next().unwrap_or(name);
        let key = name.rsplit('.').next().unwrap_or(name);
        REFUSED_HERE.iter().find(|refused| match refused.split_once('.') {
            Some(refused) => refused == (section, key),
            None => **refused == section,
        })
    };
    let places = layer.places.iter();
    let mut found: Vec<_> = places
        .filter_map(|(name, place)| {
            let refused = *refused(name)?;
            // A section is named once, a key where it is.
            let shown = if refused.contains('.') { name } else { refused };
            Some((shown, place))
        })
        .collect();
    found.dedup_by_key(|(shown, _)| *shown);
    let problem = |(shown, place): (&str, &Provenance)| {
        let message = format!("`{shown}` is not allowed in a file of the current directory");
        let hint = "put it into the user's file (tfs config path), or name this file with --config";
        Problem::at(place.clone(), message).hint(hint)
    };
    found.into_iter().map(problem).collect()
}

/// Puts the flags of sections that are not lists into a layer, and returns the others.
fn flag_layer(flags: Vec<Flag>, problems: &mut Vec<Problem>) -> (Layer, Vec<Flag>) {
    let mut layer = Layer::new("command line");
    let mut of_lists = Vec::new();
    for flag in flags {
        let key = find_key(flag.key).expect("flags name keys of the table");
        if SECTIONS.iter().any(|section| section.is_list && section.name == key.section()) {
            of_lists.push(flag);
            continue;
        }
        let origin = Origin::Flag(key.flag_name());
        if let Err(problem) = layer.set(key, &flag.value, origin) {
            problems.push(problem);
        }
    }
    (layer, of_lists)
}
