// Texts of figures: sizes, speeds, durations, shares. The same words as `tfs status`.

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
const WHOLE = new Intl.NumberFormat("en");

/** Returns a number with separators of thousands. */
export const count = (number) => WHOLE.format(number);

/** Returns a number with its noun. */
export const counted = (number, one, many = `${one}s`) =>
  `${count(number)} ${number === 1 ? one : many}`;

/** Returns value and unit of a number of bytes; `like` is a number whose unit is used. */
function scaled(bytes, like = bytes) {
  let unit = 0;
  let value = bytes;
  for (let size = like; size >= 1024 && unit < UNITS.length - 1; size /= 1024) {
    value /= 1024;
    unit += 1;
  }
  if (unit > 0 && like === bytes && Number(value.toFixed(1)) >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return [value.toFixed(digits), UNITS[unit]];
}

/** Returns a number of bytes with a unit. */
export const size = (bytes) => scaled(bytes ?? 0).join(" ");

/** Returns `4.1 of 6.8 TiB`. */
export function sizeOf(part, whole) {
  if (part >= whole) return size(whole);
  const [value, unit] = scaled(part, whole);
  return `${value} of ${scaled(whole)[0]} ${unit}`;
}

/** Returns a speed. Zero is a dash, which is easy to see. */
export const speed = (bps) => (bps > 0 ? `${size(bps)}/s` : "–");

/** Returns a share in percent, rounded down: an incomplete file never shows 100%. */
export function percent(part, whole) {
  if (!(whole > 0)) return "–";
  return `${Math.min(100, Math.floor((part * 100) / whole))}%`;
}

/** Returns a share from 0 to 1. */
export const share = (part, whole) => (whole > 0 ? Math.min(1, Math.max(0, part / whole)) : 0);

/** Returns a duration in at most two units. */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const parts = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = parts.findIndex(([, length]) => whole >= length);
  const [[unit, length], [lower, lowerLength]] = parts.slice(first, first + 2);
  const rest = Math.floor((whole % length) / lowerLength);
  const head = `${count(Math.floor(whole / length))} ${unit}`;
  return rest > 0 && whole < 100 * length ? `${head} ${rest} ${lower}` : head;
}

/** Returns a duration that is only estimated: in one unit, unless that is small. */
export function rough(seconds) {
  const value = duration(seconds);
  return Number.parseInt(value, 10) < 2 ? value : value.split(" ").slice(0, 2).join(" ");
}

/** Returns a duration in milliseconds as text. */
export const millis = (value) => (value < 1000 ? `${value} ms` : duration(value / 1000));

/** Returns the time of day of seconds since 1970; with the day if it is another. */
export function clock(seconds) {
  const date = new Date(seconds * 1000);
  const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (date.toDateString() === new Date().toDateString()) return time;
  return `${date.toLocaleDateString([], { day: "numeric", month: "short" })} ${time}`;
}

/** Returns a reason such as `timed_out` as words. */
export const words = (reason) => String(reason).replaceAll("_", " ");

/** Returns the last part of a path and what is before it. */
export function splitPath(path) {
  const at = path.lastIndexOf("/");
  return at < 0 ? ["", path] : [path.slice(0, at + 1), path.slice(at + 1)];
}
