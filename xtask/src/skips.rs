//! Tests that could not run on this machine, as recorded by `tfs_testkit::skip`.
//!
//! A test harness hides the output of passing tests, so each skip is a line in a file.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsStr,
    fmt,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process,
};

/// Names the file to the tests.
pub(crate) const VARIABLE: &str = "_TFS_SKIPPED_TESTS";

/// Variables that are set in CI; the first one that is set decides.
const CI_VARIABLES: [&str; 2] = ["TFS_CI", "CI"];

/// Values that mean no.
const DENIALS: [&str; 4] = ["", "0", "false", "no"];

/// The file of one run. Removed on drop.
#[derive(Debug)]
pub(crate) struct SkipFile {
    path: PathBuf,
}

impl SkipFile {
    /// Creates an empty file in the directory of temporary files.
    ///
    /// # Errors
    /// If it exists, or cannot be created.
    pub(crate) fn create() -> io::Result<Self> {
        let path = env::temp_dir().join(format!("tfs-skipped-tests-{}", process::id()));
        File::create_new(&path)?;
        Ok(Self { path })
    }

    /// Returns its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the skips so far.
    ///
    /// # Errors
    /// Those of reading the file.
    pub(crate) fn read(&self) -> io::Result<Skips> {
        Ok(Skips::parse(&String::from_utf8_lossy(&fs::read(&self.path)?)))
    }
}

impl Drop for SkipFile {
    fn drop(&mut self) {
        // A leftover file does no harm.
        drop(fs::remove_file(&self.path));
    }
}

/// Skips by test and reason, without duplicates.
#[derive(Debug, Default)]
pub(crate) struct Skips {
    /// Tests without `/dev/fuse`, root or fuse3, which CI has.
    tests: BTreeSet<(String, String)>,
    /// Tests, or parts of them, without another program.
    programs: BTreeSet<(String, String)>,
}

impl Skips {
    /// Parses `KIND<tab>TEST<tab>REASON` lines. A line of another form counts as a test, so that no
    /// skip is lost.
    fn parse(text: &str) -> Self {
        let mut skips = Self::default();
        for line in text.lines() {
            let mut fields = line.splitn(3, '\t').map(str::to_owned);
            match (fields.next().as_deref(), fields.next(), fields.next()) {
                (Some("test"), Some(test), Some(reason)) => skips.tests.insert((test, reason)),
                (Some("program"), Some(test), Some(reason)) => {
                    skips.programs.insert((test, reason))
                }
                _ => skips.tests.insert((line.to_owned(), "of unknown kind".to_owned())),
            };
        }
        skips
    }

    /// Returns what is wrong with the skips, if anything: in CI every test has to run.
    pub(crate) fn complaint(&self, is_ci: bool) -> Option<&'static str> {
        (is_ci && !self.tests.is_empty())
            .then_some("tests were skipped, and this is CI (TFS_CI=no permits it)")
    }
}

impl fmt::Display for Skips {
    /// Writes a line for each skip, and then their number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (test, reason) in self.tests.iter().chain(&self.programs) {
            writeln!(f, "skipped: {test}: {reason}")?;
        }
        let (tests, programs) = (self.tests.len(), self.programs.len());
        write!(f, "{tests} skipped for lack of /dev/fuse, root or fuse3, ")?;
        write!(f, "{programs} for lack of another program")
    }
}

/// Returns whether the environment is that of CI.
pub(crate) fn is_ci() -> bool {
    let value = CI_VARIABLES.iter().find_map(env::var_os);
    value.is_some_and(|value| affirms(&value))
}

fn affirms(value: &OsStr) -> bool {
    !DENIALS.iter().any(|denial| value.eq_ignore_ascii_case(denial))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use expect_test::{Expect, expect};

    use super::{SkipFile, Skips, affirms};

    #[track_caller]
    fn check(text: &str, expect: &Expect) {
        let skips = Skips::parse(text);
        let [elsewhere, ci] = [false, true].map(|is_ci| skips.complaint(is_ci).unwrap_or("fine"));
        expect.assert_eq(&format!("{skips}\nelsewhere: {elsewhere}\nCI: {ci}"));
    }

    #[test]
    fn a_skipped_test_fails_in_ci_only() {
        check(
            "test\tending::what_is_underneath_stays\tonly root may do this\n\
             test\tending::what_is_underneath_stays\tonly root may do this\n\
             test\tdemo::all\tthis machine has no /dev/fuse\n",
            &expect![[r#"
                skipped: demo::all: this machine has no /dev/fuse
                skipped: ending::what_is_underneath_stays: only root may do this
                2 skipped for lack of /dev/fuse, root or fuse3, 0 for lack of another program
                elsewhere: fine
                CI: tests were skipped, and this is CI (TFS_CI=no permits it)"#]],
        );
    }

    #[test]
    fn a_program_that_ci_need_not_have_is_only_named() {
        check(
            "program\theads::b\tno Python\n",
            &expect![[r#"
            skipped: heads::b: no Python
            0 skipped for lack of /dev/fuse, root or fuse3, 1 for lack of another program
            elsewhere: fine
            CI: fine"#]],
        );
        check(
            "",
            &expect![[r#"
            0 skipped for lack of /dev/fuse, root or fuse3, 0 for lack of another program
            elsewhere: fine
            CI: fine"#]],
        );
    }

    #[test]
    fn a_line_of_another_form_is_a_skip_too() {
        check(
            "test\tonly a name\nodd\n",
            &expect![[r#"
            skipped: odd: of unknown kind
            skipped: test	only a name: of unknown kind
            2 skipped for lack of /dev/fuse, root or fuse3, 0 for lack of another program
            elsewhere: fine
            CI: tests were skipped, and this is CI (TFS_CI=no permits it)"#]],
        );
    }

    #[test]
    fn what_says_that_this_is_ci() {
        for (value, is_ci) in [
            ("true", true),
            ("1", true),
            ("", false),
            ("0", false),
            ("False", false),
            ("no", false),
        ] {
            assert_eq!(affirms(value.as_ref()), is_ci, "{value:?}");
        }
    }

    #[test]
    fn the_file_goes_with_the_run() {
        let file = SkipFile::create().unwrap();
        let path = file.path().to_owned();
        fs::write(&path, "test\ta\tb\n").unwrap();
        assert_eq!(file.read().unwrap().tests.len(), 1);
        drop(file);
        assert!(!path.exists());
    }
}
