//! `cargo xtask page`: the page of tfs in a real browser, with axe-core, by the scripts in
//! `crates/tfs-web/tests/browser`.

use std::{
    env,
    ffi::OsString,
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::{
    Result,
    program::executable,
    workspace::{self, output_of},
};

/// The scripts, from the root of the checkout.
const SCRIPTS: &str = "crates/tfs-web/tests/browser";

/// What npm needs to install the modules of the scripts.
const MANIFESTS: [&str; 2] = ["package.json", "package-lock.json"];

/// The example that serves the page over made-up mounts.
const EXAMPLE: &str = "fake_page";

/// The token of the example, which the browser types into the form.
const TOKEN: &str = "a-token-of-the-trial";

/// The arguments of `cargo xtask page`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PageTrial {
    /// A page that runs already; by default that of the example.
    pub(crate) url: Option<OsString>,
    /// Its token.
    pub(crate) token: Option<OsString>,
    /// The directory for pictures of all views.
    pub(crate) pictures: Option<OsString>,
}

/// Runs the trial. Returns whether all checks passed.
///
/// # Errors
/// If node, npm or the example cannot be started.
pub(crate) fn run(trial: &PageTrial) -> Result<bool> {
    let modules = workspace::target_dir()?.join("page");
    install(&modules)?;
    let mut node = Command::new("node");
    node.arg(workspace::root().join(SCRIPTS).join("run.mjs"));
    node.env("TFS_PAGE_MODULES", &modules);
    let example = match &trial.url {
        Some(url) => {
            node.arg(url).arg("--views-only");
            node.env("TFS_PAGE_TOKEN", trial.token.clone().unwrap_or_default());
            None
        }
        None => {
            let example = Example::start()?;
            node.arg(&example.url).env("TFS_PAGE_TOKEN", TOKEN);
            Some(example)
        }
    };
    if let Some(dir) = &trial.pictures {
        node.arg("--pictures").arg(env::current_dir()?.join(dir));
    }
    let status = node.status().map_err(|error| {
        format!("cannot start node: {error}; install node 20 or later, npm and chromium")
    })?;
    drop(example);
    Ok(status.success())
}

/// Installs the modules of the scripts in `dir`, unless they are there.
fn install(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir)?;
    let mut is_current = dir.join("node_modules").is_dir();
    for name in MANIFESTS {
        let wanted = fs::read(workspace::root().join(SCRIPTS).join(name))?;
        let path = dir.join(name);
        if fs::read(&path).ok().as_ref() != Some(&wanted) {
            is_current = false;
            fs::write(path, wanted)?;
        }
    }
    if is_current {
        return Ok(());
    }
    // Playwright would download a browser; the one of the system is used.
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(dir);
    let status = npm.env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1").status();
    let status = status.map_err(|error| format!("cannot start npm: {error}; install npm"))?;
    if status.success() { Ok(()) } else { Err(format!("npm ci failed: {status}").into()) }
}

/// The running example. It ends when this is dropped.
#[derive(Debug)]
struct Example {
    child: Child,
    url: String,
}

impl Example {
    fn start() -> Result<Self> {
        let args = ["build", "--locked", "-p", "tfs-web", "--example", EXAMPLE];
        let format = ["--message-format", "json-render-diagnostics"];
        let messages = output_of(workspace::cargo().args(args).args(format))?;
        let binary: PathBuf = executable(&messages, "example", EXAMPLE)
            .ok_or_else(|| format!("cargo names no example {EXAMPLE}"))?;
        let mut command = Command::new(&binary);
        command.args(["0", "--control", "--token", TOKEN]).stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", binary.display()))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let url = line.split_whitespace().next().unwrap_or_default().to_owned();
        let example = Self { child, url };
        if !example.url.starts_with("http://") {
            return Err(format!("{} printed no address: {line:?}", binary.display()).into());
        }
        Ok(example)
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // It may have ended on its own.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
