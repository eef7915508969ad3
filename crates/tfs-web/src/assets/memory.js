// What this browser remembers: colour scheme and mount. It works without storage, for one visit.

const kept = new Map();

/** Returns a remembered text, or null. */
export function remembered(key) {
  if (kept.has(key)) return kept.get(key);
  try {
    return localStorage.getItem(`tfs-${key}`);
  } catch {
    return null;
  }
}

/** Remembers a text; null forgets it. */
export function remember(key, value) {
  kept.set(key, value);
  try {
    if (value === null) localStorage.removeItem(`tfs-${key}`);
    else localStorage.setItem(`tfs-${key}`, value);
  } catch {
    // Storage is switched off.
  }
}
