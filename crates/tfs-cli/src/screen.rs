//! Text as lines, each current or old.

/// Output of a command. A terminal dims old lines, and shows failures in red.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Screen {
    lines: Vec<ScreenLine>,
    /// The index of the first line of the text that was added last.
    last_start: usize,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScreenLine {
    pub(crate) text: String,
    /// Whether its content is old.
    pub(crate) is_old: bool,
    /// Whether it is about a failure.
    pub(crate) is_failed: bool,
}

impl Screen {
    /// Adds a text of one line or more.
    pub(crate) fn push(&mut self, text: &str) {
        self.add(text, false);
    }

    /// Adds a text of one line or more, marked old or not.
    pub(crate) fn add(&mut self, text: &str, is_old: bool) {
        self.last_start = self.lines.len();
        let line = |text: &str| ScreenLine { text: text.to_owned(), is_old, is_failed: false };
        self.lines.extend(text.split('\n').map(line));
    }

    /// Adds a line about a failure.
    pub(crate) fn push_failed(&mut self, text: &str) {
        self.push(text);
        self.mark_last(true);
    }

    /// Marks the lines of the text that was added last as ones about a failure, if `is_failed`.
    pub(crate) fn mark_last(&mut self, is_failed: bool) {
        for line in self.lines.iter_mut().skip(self.last_start) {
            line.is_failed = is_failed;
        }
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
