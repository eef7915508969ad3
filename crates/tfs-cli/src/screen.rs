//! A text in lines, some of which are old.

/// What a command shows. On a terminal that is drawn anew, old lines are dimmed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Screen {
    lines: Vec<ScreenLine>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScreenLine {
    pub(crate) text: String,
    /// Whether what it says is old.
    pub(crate) is_old: bool,
}

impl Screen {
    /// Adds a text of one line or more.
    pub(crate) fn push(&mut self, text: &str) {
        self.add(text, false);
    }

    /// Adds a text of one line or more, which is old or not.
    pub(crate) fn add(&mut self, text: &str, is_old: bool) {
        self.lines
            .extend(text.split('\n').map(|text| ScreenLine { text: text.to_owned(), is_old }));
    }

    /// Adds a screen after an empty line, if there is something before it.
    pub(crate) fn append(&mut self, other: Self) {
        if !self.lines.is_empty() {
            self.push("");
        }
        self.lines.extend(other.lines);
    }

    /// Returns the same lines, all of them old.
    pub(crate) fn into_old(mut self) -> Self {
        for line in &mut self.lines {
            line.is_old = true;
        }
        self
    }

    /// Returns the lines.
    pub(crate) fn lines(&self) -> &[ScreenLine] {
        &self.lines
    }

    /// Returns the lines as a text that does not say what is old.
    pub(crate) fn plain(&self) -> String {
        let lines: Vec<_> = self.lines.iter().map(|line| line.text.as_str()).collect();
        lines.join("\n")
    }
}

impl From<String> for Screen {
    fn from(text: String) -> Self {
        let mut screen = Self::default();
        screen.push(&text);
        screen
    }
}
