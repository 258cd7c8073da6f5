// The service worker: opens the application without network. Vite puts in the files of this build.
// Scans are not its business: they wait in IndexedDB, which no new version touches.
const FILES = /* the build's files */ [];
const CACHE = `tracetrack-${/* the build's version */ ""}`;

/** Files fetched at once: a slow line stays free for what somebody waits for. */
const AT_ONCE = 3;

self.addEventListener("install", (event) => event.waitUntil(keepAll()));

/** Keeps every file, in the build's order: the floor's first, the camera's reader last. One missing is a failure. */
async function keepAll() {
  const cache = await caches.open(CACHE);
  const left = [...FILES];
  const some = async () => {
    for (let file = left.shift(); file !== undefined; file = left.shift()) await keep(cache, file);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, some));
}

async function keep(cache, file) {
  // What has the same name is the same: a new version fetches only what it changed.
  const kept = file.startsWith("/assets/") ? await caches.match(file) : undefined;
  if (kept !== undefined) return cache.put(file, kept);
  const fresh = await fetch(file, { priority: "low" });
  if (!fresh.ok) throw new TypeError(`${file}: ${fresh.status}`);
  return cache.put(file, fresh);
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

/** Assets carry a hash in their names: what is kept is right for ever. */
async function fromCache(request) {
  const kept = await caches.match(request);
  if (kept !== undefined) return kept;
  const fresh = await fetch(request);
  if (fresh.ok) {
    const cache = await caches.open(CACHE);
    await cache.put(request, fresh.clone());
  }
  return fresh;
}
