// Applies the remembered colour scheme before the first paint. Loaded without `defer`.
try {
  const theme = localStorage.getItem("tfs-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is switched off: the scheme of the system applies.
}
