//! The commands in a text for the shell, as far as the pages use its language.
//!
//! Quotes, comments, lists, pipes, redirections, continued lines and `$(…)` are understood.

/// One part of a line.
#[derive(Debug, PartialEq, Eq)]
enum ShellToken {
    Word(String),
    /// Ends a command: `|`, `&&`, `;`, `&` or the end of the line.
    End,
    /// `<` or `>`: the next word is a file.
    Redirection,
}

/// Returns the words of each command, those inside `$(…)` and of `sh -c` too.
pub(super) fn commands(text: &str) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    for line in text.replace("\\\n", " ").lines() {
        collect(line, &mut commands);
    }
    commands
}

fn collect(line: &str, commands: &mut Vec<Vec<String>>) {
    let mut words: Vec<String> = Vec::new();
    let mut is_file = false;
    for token in tokens(line, commands) {
        match token {
            ShellToken::Word(_file) if is_file => is_file = false,
            ShellToken::Word(word) => words.push(word),
            ShellToken::Redirection => is_file = true,
            ShellToken::End => {
                if let [shell, flag, script] = without_sudo(&words)
                    && shell == "sh"
                    && flag == "-c"
                {
                    collect(script, commands);
                } else if !words.is_empty() {
                    commands.push(without_sudo(&words).to_vec());
                }
                words.clear();
            }
        }
    }
}

/// Returns a command without what runs it: `sudo`, variables, and `docker exec NAME`.
fn without_sudo(words: &[String]) -> &[String] {
    match words {
        [first, rest @ ..] if first == "sudo" || first.contains('=') => without_sudo(rest),
        [first, second, _name, rest @ ..] if first == "docker" && second == "exec" => rest,
        _ => words,
    }
}

/// Splits a line. Commands in `$(…)` go to `commands`.
fn tokens(line: &str, commands: &mut Vec<Vec<String>>) -> Vec<ShellToken> {
    let mut tokens = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None | Some('"'), '$') if rest.as_str().starts_with('(') => {
                let text = rest.as_str();
                let end = text.find(')').unwrap_or(text.len());
                collect(text.get(1..end).unwrap_or_default(), commands);
                rest = text.get(end + 1..).unwrap_or_default().chars();
                word.get_or_insert_default().push_str("OUTPUT");
            }
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '\\') => word.get_or_insert_default().extend(rest.next()),
            (None, '#') if word.is_none() => break,
            (None, ' ' | '|' | ';' | '&' | '<' | '>') => {
                tokens.extend(word.take().map(ShellToken::Word));
                match c {
                    ' ' => {}
                    '<' | '>' => tokens.push(ShellToken::Redirection),
                    _ => tokens.push(ShellToken::End),
                }
            }
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    tokens.extend(word.map(ShellToken::Word));
    tokens.push(ShellToken::End);
    tokens
}

#[test]
fn commands_of_a_text() {
    let text = "tfs list 'a b' # x\n\
                sudo sh -c 'tfs doctor --systemd /mnt/t > /etc/a'\n\
                mpv \"$(tfs search a)\" | A=b tfs list && tfs \\\n  status; \
                docker exec c tfs man\n";
    let lines: Vec<String> = commands(text).iter().map(|words| words.join(",")).collect();
    let wanted = [
        "tfs,list,a b",
        "tfs,doctor,--systemd,/mnt/t",
        "tfs,search,a",
        "mpv,OUTPUT",
        "tfs,list",
        "tfs,status",
        "tfs,man",
    ];
    assert_eq!(lines, wanted);
}
