// The service worker: opens the application without network. Vite puts in the files of this build.
// Scans are not its business: they wait in IndexedDB, which no new version touches.
// Each with the SHA-256 of its bytes: a proxy's page under a file's name is never kept, nor given if it was.
const FILES = /* the build's files */ {};
const ENTRY = /* the page's script */ "";
const CACHE = `tracetrack-${/* the build's version */ ""}`;

/** Files fetched at once: a slow line stays free for what somebody waits for. */
const AT_ONCE = 3;

self.addEventListener("install", (event) => event.waitUntil(keepAll()));

/** Keeps every file, in the build's order: the floor's first, the camera's reader last. One missing is a failure. */
async function keepAll() {
  const cache = await caches.open(CACHE);
  const left = ["/", ...Object.keys(FILES)];
  const some = async () => {
    for (let file = left.shift(); file !== undefined; file = left.shift()) await keep(cache, file);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, some));
}

async function keep(cache, file) {
  // What has the same name is the same: a new version fetches only what it changed.
  const kept = file === "/" ? undefined : await caches.match(file);
  if (kept !== undefined && (await isRight(file, kept))) return cache.put(file, kept);
  const fresh = await fetchRight(file, { priority: "low" });
  if (fresh === null) throw new TypeError(`${file}: not the file of this build`);
  return cache.put(file, fresh);
}

/** Whether an answer is the file that this build has under the name, whoever gave it. */
async function isRight(file, answer) {
  if (!answer.ok) return false;
  const html = (answer.headers.get("Content-Type") ?? "").startsWith("text/html");
  if (file === "/") return html && (await answer.clone().text()).includes(ENTRY);
  // Fonts and the like: known by their type alone.
  if (html || FILES[file] === undefined) return !html;
  const digest = await crypto.subtle.digest("SHA-256", await answer.clone().arrayBuffer());
  return btoa(String.fromCharCode(...new Uint8Array(digest))) === FILES[file];
}

/** Fetches a file; once more past the browser's own cache when that holds something else. Null: not to be had. */
async function fetchRight(file, how) {
  for (const cache of ["default", "reload"]) {
    const fresh = await fetch(file, { ...how, cache });
    if (await isRight(file, fresh)) return fresh;
  }
  return null;
}

self.addEventListener("activate", (event) => {
  const old = (names) => names.filter((name) => name.startsWith("tracetrack-") && name !== CACHE);
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(old(names).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

// The new version waits until somebody says so, or until no page of the old one is open.
self.addEventListener("message", (event) => {
  if (event.data === "take-over") self.skipWaiting();
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate") {
    // The API's own pages (/docs) are not ours to answer.
    if (/^\/(api|docs|redoc|openapi\.json|healthz|readyz|metrics)/.test(url.pathname)) return;
    event.respondWith(caches.match("/", { cacheName: CACHE }).then((page) => page ?? fetch(request)));
  } else if (url.pathname.startsWith("/assets/")) {
    event.respondWith(fromCache(request));
  }
});

/** Looked at once while this worker lives. */
const checked = new Set();

/** Assets carry a hash in their names: what is kept and right is right for ever. */
async function fromCache(request) {
  const file = new URL(request.url).pathname;
  const kept = await caches.match(request);
  if (kept !== undefined && (checked.has(file) || (await isRight(file, kept)))) {
    checked.add(file);
    return kept;
  }
  const fresh = await fetchRight(file, { credentials: "same-origin" });
  if (fresh === null) return Response.error();
  checked.add(file);
  const cache = await caches.open(CACHE);
  await cache.put(request, fresh.clone());
  return fresh;
}
