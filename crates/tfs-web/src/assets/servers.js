// Servers of several mounts: a process may show one server in more than one of them.

import { serverSpeed } from "./store.js";

const sum = (list, of) => list.reduce((total, item) => total + (of(item) ?? 0), 0);

/** Says which server it is. Names may differ between mounts. */
const keyOf = (server) => server.url || server.name;

const WORST = ["closed", "half_open", "open"];

/** Returns one server for the same one in several mounts. */
function merged(parts) {
  const [first] = parts;
  const counts = new Map();
  for (const { reason, count } of parts.flatMap((part) => part.errors ?? [])) {
    counts.set(reason, (counts.get(reason) ?? 0) + count);
  }
  const worst = parts.find((part) => !part.reachable) ?? parts.reduce((one, other) =>
    (WORST.indexOf(other.breaker) > WORST.indexOf(one.breaker) ? other : one));
  const total = (field) => sum(parts, (part) => part[field]);
  return {
    ...first,
    ...Object.fromEntries(["reachable", "since", "error", "breaker", "silent_seconds"]
      .map((field) => [field, worst[field]])),
    ...Object.fromEntries(["streams_open", "streams_max", "bytes_fetched", "requests"]
      .map((field) => [field, total(field)])),
    errors: [...counts].map(([reason, count]) => ({ reason, count })),
  };
}

/** Returns the servers of some mounts, each once, with their mounts and speed. */
export function serversOf(mounts) {
  const found = new Map();
  for (const { mountpoint, servers } of mounts) {
    for (const server of servers) {
      const key = keyOf(server);
      if (!found.has(key)) found.set(key, []);
      found.get(key).push({ ...server, mountpoint });
    }
  }
  return [...found].map(([key, parts]) => ({
    ...(parts.length > 1 ? merged(parts) : parts[0]),
    key,
    mountpoints: parts.map((part) => part.mountpoint),
    speed: sum(parts, (part) => serverSpeed(part.mountpoint, part.name)),
  }));
}

/**
 * Returns the mounts whose figures can be added up: of mounts that show the same of the same
 * servers, the first. Null if mounts show different parts of one server.
 */
export function distinctMounts(mounts) {
  const found = new Map();
  for (const mount of mounts) {
    const { torrents, files, total_bytes: bytes } = mount.tree;
    const key = [torrents, files, bytes, ...mount.servers.map(keyOf).sort()].join("\n");
    if (!found.has(key)) found.set(key, mount);
  }
  const list = [...found.values()];
  const all = list.flatMap((mount) => [...new Set(mount.servers.map(keyOf))]);
  return new Set(all).size === all.length ? list : null;
}
