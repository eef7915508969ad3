//! Text as lines, each current or old.

/// Output of a command. A terminal that is redrawn dims old lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Screen {
    lines: Vec<ScreenLine>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScreenLine {
    pub(crate) text: String,
    /// Whether its content is old.
    pub(crate) is_old: bool,
}

impl Screen {
    /// Adds a text of one line or more.
    pub(crate) fn push(&mut self, text: &str) {
        self.add(text, false);
    }

    /// Adds a text of one line or more, marked old or not.
    pub(crate) fn add(&mut self, text: &str, is_old: bool) {
        self.lines
            .extend(text.split('\n').map(|text| ScreenLine { text: text.to_owned(), is_old }));
    }

    /// Appends a screen, after an empty line if this one is not empty.
    pub(crate) fn append(&mut self, other: Self) {
        if !self.lines.is_empty() {
            self.push("");
        }
        self.lines.extend(other.lines);
    }

    /// Returns the same lines, all marked old.
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

    /// Returns the lines as text, without marks.
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
