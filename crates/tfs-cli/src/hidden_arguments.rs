//! Keeps secrets of the command line out of that of a background process.
//!
//! All users can read the command line of a process for as long as it runs, but only its owner can
//! read its environment. The values of `--header` and the address of `--proxy` therefore go to the
//! background process by variables.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use crate::mount_options::map_options;

/// Prefix of the variables. They are not settings, so the name does not begin like one.
const VARIABLE: &str = "_TFS_SECRET_";

/// Forms of a value that name its place, and so are no secret.
const REFERENCES: [&[u8]; 2] = [b"file:", b"env:"];

/// Arguments, and the variables to which they refer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct HiddenArguments {
    pub(crate) arguments: Vec<OsString>,
    pub(crate) variables: Vec<(String, OsString)>,
}

impl HiddenArguments {
    /// Moves secrets from arguments to variables.
    pub(crate) fn of(arguments: impl IntoIterator<Item = OsString>) -> Self {
        let mut hidden = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let bytes = argument.as_bytes();
            if bytes == b"-o" {
                let list = arguments.next().map(|list| hidden.options(&list));
                hidden.arguments.push(argument);
                hidden.arguments.extend(list);
            } else if let Some(value) = bytes.strip_prefix(b"--header=") {
                let value = hidden.header(value);
                hidden.arguments.push(joined(b"--header=", &value));
            } else if let Some(value) = bytes.strip_prefix(b"--proxy=") {
                let value = hidden.proxy(value);
                hidden.arguments.push(joined(b"--proxy=", &value));
            } else if bytes == b"--header" || bytes == b"--proxy" {
                let value = arguments.next().map(|value| match bytes {
                    b"--header" => hidden.header(value.as_bytes()),
                    _ => hidden.proxy(value.as_bytes()),
                });
                hidden.arguments.push(argument);
                hidden.arguments.extend(value.map(OsString::from_vec));
            } else if bytes == b"--" {
                hidden.arguments.push(argument);
                hidden.arguments.extend(arguments.by_ref());
            } else {
                hidden.arguments.push(argument);
            }
        }
        hidden
    }

    /// Moves the secrets of a list of options in the form of `mount(8)`.
    fn options(&mut self, list: &OsStr) -> OsString {
        map_options(list, |option| {
            if let Some(value) = option.strip_prefix(b"header=") {
                [b"header=", &*self.header(value)].concat()
            } else if let Some(value) = option.strip_prefix(b"proxy=") {
                [b"proxy=", &*self.proxy(value)].concat()
            } else {
                option.to_vec()
            }
        })
    }

    fn header(&mut self, header: &[u8]) -> Vec<u8> {
        let Some(colon) = header.iter().position(|byte| *byte == b':') else {
            return header.to_vec();
        };
        let (name, value) = header.split_at(colon);
        let value = value.get(1..).unwrap_or_default();
        match is_reference(value) {
            true => header.to_vec(),
            false => [name, b": ", &self.moved(value)].concat(),
        }
    }

    fn proxy(&mut self, address: &[u8]) -> Vec<u8> {
        match is_reference(address) || !address.contains(&b'@') {
            true => address.to_vec(),
            false => self.moved(address),
        }
    }

    fn moved(&mut self, value: &[u8]) -> Vec<u8> {
        let name = format!("{VARIABLE}{}", self.variables.len());
        let reference = format!("env:{name}").into_bytes();
        self.variables.push((name, OsString::from_vec(value.trim_ascii().to_vec())));
        reference
    }
}

fn is_reference(value: &[u8]) -> bool {
    let value = value.trim_ascii_start();
    // An empty value has no variable either: an empty variable counts as an error.
    value.is_empty() || REFERENCES.iter().any(|prefix| value.starts_with(prefix))
}

fn joined(flag: &[u8], value: &[u8]) -> OsString {
    OsString::from_vec([flag, value].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_moved_and_nothing_else() {
        let words = "mount --header X-A:secret1 --header=X-B:secret2 --header X-C:file:/f \
                     --header X-D:env:D --header X-E: --proxy http://u:secret3@h:1 \
                     --proxy=http://h:1 -o uid=7,header=X-F:secret4\\,x,proxy=http://h:1 /mnt -- \
                     --header X:plain";
        let hidden = HiddenArguments::of(words.split(' ').map(OsString::from));
        let text = |words: &[OsString]| {
            words.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        expect_test::expect![[r#"
            mount --header X-A: env:_TFS_SECRET_0 --header=X-B: env:_TFS_SECRET_1 --header X-C:file:/f --header X-D:env:D --header X-E: --proxy env:_TFS_SECRET_2 --proxy=http://h:1 -o uid=7,header=X-F: env:_TFS_SECRET_3,proxy=http://h:1 /mnt -- --header X:plain
            [("_TFS_SECRET_0", "secret1"), ("_TFS_SECRET_1", "secret2"), ("_TFS_SECRET_2", "http://u:secret3@h:1"), ("_TFS_SECRET_3", "secret4,x")]
        "#]].assert_eq(&format!(
            "{}\n{:?}\n",
            text(&hidden.arguments).join(" "),
            hidden.variables
        ));
    }
}
