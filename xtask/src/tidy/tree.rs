//! The dependency tree of a crate, from `cargo tree`.

/// Arguments for cargo, followed by the name of a crate.
///
/// The features are those of this crate alone. The resolver of `cargo metadata` would add the
/// features that other crates of the workspace enable in shared dependencies.
pub(super) const ARGS: [&str; 10] = [
    "tree",
    "--locked",
    "--all-features",
    "--edges",
    "normal",
    "--prefix",
    "depth",
    "--format",
    "{p}",
    "--package",
];

/// Arguments before those, for the tree on macOS.
pub(super) const MACOS_ARGS: [&str; 2] = ["--target", "aarch64-apple-darwin"];

/// One line of the tree.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TreeLine {
    /// The depth below the crate itself, which is at 0.
    depth: usize,
    /// The name of the crate on this line.
    pub(super) name: String,
}

/// Parses lines like `2bytes v1.12.0` and `1vfs-core v0.1.0 (/path) (*)`.
pub(super) fn parse(tree: &str) -> Vec<TreeLine> {
    tree.lines()
        .filter_map(|line| {
            let name_start = line.find(|c: char| !c.is_ascii_digit())?;
            let (depth, rest) = line.split_at(name_start);
            let name = rest.split_whitespace().next()?.to_owned();
            Some(TreeLine { depth: depth.parse().ok()?, name })
        })
        .collect()
}

/// Returns the path of names from the crate itself to the first line with this name.
pub(super) fn path_to<'a>(tree: &'a [TreeLine], name: &str) -> Option<Vec<&'a str>> {
    let end = tree.iter().position(|node| node.depth > 0 && node.name == name)?;
    let (before, rest) = tree.split_at(end);
    let target = rest.first()?;
    let mut path = vec![target.name.as_str()];
    let mut depth = target.depth;
    for node in before.iter().rev() {
        if node.depth < depth {
            path.push(&node.name);
            depth = node.depth;
        }
    }
    path.reverse();
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::{parse, path_to};

    #[test]
    fn the_way_to_a_crate() {
        let tree = parse(
            "0core v0.1.0 (/w/core)\n1bytes v1.12.0\n1client v0.1.0 (/w/client)\n\
             2serde v1.0.0\n3serde_derive v1.0.0 (proc-macro)\n2bytes v1.12.0 (*)\n\n\
             1libc v0.2.0\n",
        );
        for (name, path) in [
            ("serde_derive", Some("core client serde serde_derive")),
            ("bytes", Some("core bytes")),
            ("libc", Some("core libc")),
            ("core", None),
            ("hyper", None),
        ] {
            let found = path_to(&tree, name).map(|path| path.join(" "));
            assert_eq!(found.as_deref(), path, "{name}");
        }
    }
}
