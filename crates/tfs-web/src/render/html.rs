//! Text of a page in which only constants are markup.

/// HTML under construction.
#[derive(Debug, Default)]
pub(crate) struct Html(String);

impl Html {
    /// Appends markup, which is a constant of the program.
    pub(crate) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Appends text of any origin.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                '\t' | '\n' => self.0.push(' '),
                // No page may have them.
                _ if character.is_control() => self.0.push('\u{fffd}'),
                _ => self.0.push(character),
            }
        }
        self
    }

    /// Appends a name, whose direction of writing does not reach the text around it.
    pub(crate) fn name(&mut self, name: &str) -> &mut Self {
        self.raw("<bdi>").text(name).raw("</bdi>")
    }

    /// Appends a row of a table.
    pub(crate) fn row<const N: usize>(&mut self, cells: [&str; N]) -> &mut Self {
        self.raw("<tr>");
        for cell in cells {
            self.raw("<td>").name(cell).raw("</td>");
        }
        self.raw("</tr>\n")
    }

    /// Begins a table. The end is `</tbody></table>`.
    pub(crate) fn table<const N: usize>(&mut self, title: &str, heads: [&str; N]) -> &mut Self {
        self.raw("<table><caption>").text(title).raw("</caption><thead><tr>");
        for head in heads {
            self.raw("<th scope=\"col\">").text(head).raw("</th>");
        }
        self.raw("</tr></thead><tbody>\n")
    }

    pub(crate) fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_never_markup() {
        let mut html = Html::default();
        html.raw("<p>").text("<img src=x onerror='a()'> & \"b\"\0\u{1b}\u{7f}\u{85}\n");
        html.name("\u{202e}x").row(["</td>", "`"]);
        assert_eq!(
            html.finish(),
            "<p>&lt;img src=x onerror=&#39;a()&#39;&gt; &amp; &quot;b&quot;\
             \u{fffd}\u{fffd}\u{fffd}\u{fffd} <bdi>\u{202e}x</bdi>\
             <tr><td><bdi>&lt;/td&gt;</bdi></td><td><bdi>`</bdi></td></tr>\n"
        );
    }
}
