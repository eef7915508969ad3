//! HTML without scripts: the first view, the form for the token.

mod first_view;
mod html;

pub(crate) use first_view::first_view;
use html::Html;

/// The content type of pages.
pub(crate) const HTML_TYPE: &str = "text/html; charset=utf-8";

/// Returns the form for the token, with what went wrong before.
pub(crate) fn login_form(problem: Option<&str>) -> String {
    let script = "<script src=\"/login.js\" defer></script>\n";
    let mut html = begin("tfs: log in", script);
    html.raw("<h1>tfs</h1>\n");
    if let Some(problem) = problem {
        html.raw("<p role=\"alert\"><strong>").text(problem).raw("</strong></p>\n");
    }
    html.raw(
        "<form method=\"post\" action=\"/login\">\n\
         <input name=\"user\" autocomplete=\"username\" value=\"tfs\" hidden>\n\
         <p><label for=\"token\">Token or password of the page</label>\n\
         <input id=\"token\" name=\"token\" type=\"password\" autocomplete=\"current-password\" \
         required autofocus>\n<button>Log in</button></p>\n</form>\n",
    );
    end(html)
}

/// Returns a page that loads the same address again. A browser does not send the cookie when it
/// follows a link of another site, but it does when this page asks.
pub(crate) fn reload() -> String {
    let refresh = "<meta http-equiv=\"refresh\" content=\"0\">\n";
    let mut html = begin("tfs", refresh);
    html.raw("<p><a href=\"/\">Go on to tfs</a></p>\n");
    end(html)
}

/// Returns a page with the first view alone.
pub(crate) fn bare_page(first_view: &str) -> String {
    let refresh = "<meta http-equiv=\"refresh\" content=\"5\">\n";
    let page = end(begin("tfs", refresh));
    page.replacen("<main>", &("<main>".to_owned() + first_view), 1)
}

fn begin(title: &str, head: &'static str) -> Html {
    let mut html = Html::default();
    html.raw(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>",
    );
    html.text(title).raw("</title>\n").raw(head).raw(
        "<link rel=\"icon\" href=\"/favicon.svg\" type=\"image/svg+xml\">\n\
         <link rel=\"stylesheet\" href=\"/app.css\">\n</head>\n<body class=\"plain\">\n<main>\n",
    );
    html
}

fn end(mut html: Html) -> String {
    html.raw("</main>\n</body>\n</html>\n");
    html.finish()
}
