//! Quoting for shell commands in messages.

use std::path::Path;

/// Returns a path quoted as one shell word.
#[must_use]
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@,".contains(c);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_can_be_pasted_into_a_shell() {
        assert_eq!(quoted(Path::new("/mnt/t")), "/mnt/t");
        assert_eq!(quoted(Path::new("/mnt/it's a")), r"'/mnt/it'\''s a'");
    }
}
