// What is wrong, in the words of `tfs status`.

import { counted, duration } from "./format.js";

const label = (torrent) => torrent.name ?? torrent.info_hash;

/** Returns the problems of a server. */
export function serverProblems(server, alone) {
  const called = alone ? "the server" : `the server ${server.name}`;
  const found = [];
  if (!server.reachable) {
    found.push(`${called} does not answer${server.error ? `: ${server.error}` : ""}`);
  } else if (server.breaker === "open") found.push(`${called} does not answer reads`);
  else if (server.silent_seconds >= 2) {
    found.push(`${called} has not answered for ${duration(server.silent_seconds)}`);
  }
  const { missing, failed } = server.discovery;
  if (missing.count > 0) {
    const names = missing.torrents.slice(0, 3).map(label).join(", ");
    found.push(`${counted(missing.count, "torrent is", "torrents are")} missing from the list of ` +
      `${called}: ${names}`);
  }
  if (failed.count > 0) {
    const [first] = failed.torrents;
    const why = first ? `: ${label(first)} (${first.why ?? "the server gives no reason"})` : "";
    found.push(`${counted(failed.count, "torrent has", "torrents have")} failed${why}`);
  }
  return found;
}

/** Returns the problems of a mount; `trouble` of tfs is one of them, or says what these do not. */
function mountProblems(mount) {
  const alone = mount.servers.length === 1;
  const found = mount.servers.flatMap((server) => serverProblems(server, alone));
  if (mount.drop?.trouble) found.push(`no drop folder: ${mount.drop.trouble}`);
  if (found.length === 0 && mount.trouble) found.push(mount.trouble);
  return found;
}

/** Returns all problems of a process. */
export function problems(overview) {
  const several = overview.mounts.length + overview.missing.length > 1;
  // Mounts may show the same server: each problem is told once.
  const places = new Map();
  for (const mount of overview.mounts) {
    for (const text of mountProblems(mount)) {
      places.set(text, [...places.get(text) ?? [], mount.mountpoint]);
    }
  }
  const found = [...places].map(([text, mounts]) =>
    (several ? `${mounts.join(", ")}: ${text}` : text));
  for (const { mountpoint, why } of overview.missing) {
    found.push(`${mountpoint} is not mounted: ${why}`);
  }
  // What a process takes in is the same in each of its mounts.
  const intake = overview.mounts[0]?.intake ?? {};
  if (intake.arr?.trouble) found.push(`Sonarr and Radarr: ${intake.arr.trouble}`);
  for (const { dir, trouble } of intake.watch_folders ?? []) {
    if (trouble) found.push(`watch folder ${dir}: ${trouble}`);
  }
  return [...new Set(found)];
}
