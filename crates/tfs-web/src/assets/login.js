// The form for the token: it keeps the view that the address names. Browsers take it along when tfs
// leads from the form to the page.
const form = document.querySelector("form");
const keep = () => form?.setAttribute("action", `/login${location.hash}`);
keep();
addEventListener("hashchange", keep);
