//! The token of the page: from the environment or a file.

use super::{Loaded, Problem, Secret};

impl Loaded {
    /// Returns the configured token of the page, if there is one. Reads its file. `TFS_WEB_TOKEN`
    /// takes precedence over a file.
    ///
    /// # Errors
    /// If the file cannot be read, or the token is empty.
    pub fn web_token(&self) -> Result<Option<Secret>, Problem> {
        let problem = |message| Problem { place: None, message, hint: None };
        let (token, origin) = match (&self.environment.web_token, &self.settings.web.token_file) {
            (Some(token), _) => (token.clone(), "TFS_WEB_TOKEN".to_owned()),
            (None, None) => return Ok(None),
            (None, Some(path)) => {
                let shown = path.display();
                let token = Secret::read(path).map_err(|error| {
                    problem(format!("cannot read the token of the page in {shown}: {error}"))
                        .hint("the file must exist and be readable by this user")
                })?;
                (token, shown.to_string())
            }
        };
        if token.expose().trim().is_empty() {
            let hint = "make one with: head -c 16 /dev/urandom | base64";
            return Err(problem(format!("the token of the page in {origin} is empty")).hint(hint));
        }
        Ok(Some(token))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::Sources;

    /// Returns the token with a file that has `content` and with variables.
    fn token(content: Option<&str>, variables: &[(&str, &str)]) -> Result<String, String> {
        let dir = tempfile::tempdir().unwrap();
        let (config, file) = (dir.path().join("config.toml"), dir.path().join("token"));
        if let Some(content) = content {
            fs::write(&file, content).unwrap();
        }
        fs::write(&config, format!("[web]\ntoken_file = {file:?}\n")).unwrap();
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        let sources = Sources {
            named_file: Some(config),
            variables: variables.collect(),
            ..Sources::default()
        };
        let token = sources.load().unwrap().web_token();
        let text = |problem: Problem| {
            let message = problem.message.replace(&*file.to_string_lossy(), "FILE");
            let hint = problem.hint.unwrap_or_default();
            format!("{message}; {hint}")
        };
        token.map(|token| token.unwrap().expose().to_owned()).map_err(text)
    }

    #[test]
    fn a_token_comes_from_the_variable_or_the_file() {
        assert_eq!(token(Some("correct horse\r\nnot this"), &[]).unwrap(), "correct horse");
        let variable = [("TFS_WEB_TOKEN", "battery staple")];
        assert_eq!(token(Some("correct horse"), &variable).unwrap(), "battery staple");
        assert_eq!(token(None, &variable).unwrap(), "battery staple");
    }

    #[test]
    fn a_missing_or_empty_token_is_refused() {
        let error = token(Some(" \nx"), &[]).unwrap_err();
        assert!(error.starts_with("the token of the page in FILE is empty; make one"), "{error}");
        assert!(
            token(None, &[]).unwrap_err().contains("cannot read the token of the page in FILE")
        );
        let blank = token(None, &[("TFS_WEB_TOKEN", " ")]).unwrap_err();
        assert!(blank.starts_with("the token of the page in TFS_WEB_TOKEN is empty"), "{blank}");
    }

    /// Returns the problems of a configuration, or an empty text.
    fn problems(sources: Sources, text: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tfs.toml");
        fs::write(&path, text).unwrap();
        let sources = match sources.named_file {
            Some(_) => Sources { named_file: Some(path), ..sources },
            None => Sources { file_here: Some(path), ..sources },
        };
        let error = sources.load().map(drop).err();
        let problems = error.into_iter().flat_map(|error| error.problems);
        let text = problems
            .map(|problem| format!("{}; {}", problem.message, problem.hint.unwrap_or_default()));
        text.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn other_machines_see_no_page_without_a_token() {
        let named = |variables: &[(&str, &str)], text: &str| {
            let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
            let named_file = Some("f.toml".into());
            problems(
                Sources { named_file, variables: variables.collect(), ..Sources::default() },
                text,
            )
        };
        for local in ["127.0.0.1:9132", "[::1]:0", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(named(&[], &format!("[web]\nlisten = \"{local}\"\ncontrol = true\n")), "");
        }
        let refused = "other machines can reach this address, and the page has no token; set \
                       `web.token_file`, or listen on 127.0.0.1";
        for open in ["0.0.0.0:9132", "[::]:9132", "192.168.1.2:80"] {
            let text = format!("[web]\nlisten = \"{open}\"\n");
            assert_eq!(named(&[], &text), refused);
            assert_eq!(named(&[("TFS_WEB_TOKEN", "correct horse")], &text), "");
            assert_eq!(named(&[], &format!("{text}token_file = \"/t\"\n")), "");
        }
        let both = [("TFS_WEB_TOKEN", "correct horse"), ("TFS_WEB__TOKEN_FILE", "/t")];
        assert_eq!(named(&both, ""), "TFS_WEB__TOKEN_FILE is set too; unset one of them");
        assert!(named(&[], "[web]\nhosts = [\"a/b\"]\n").contains("a host name alone"));
    }

    #[test]
    fn entering_a_directory_opens_no_page() {
        let text = "[web]\nlisten = \"127.0.0.1:0\"\n";
        let refused = problems(Sources::default(), text);
        assert!(refused.starts_with("`web` is not allowed in a file of the current"), "{refused}");
    }
}
