// ../tracker/src/pages.ts
/**
* Calls view once for each page that is shown: the first, those that the history API
* leads to, and one that comes back from the browser's cache. A page that is rendered in
* advance counts when it is shown.
*/
function watchPages(path, view) {
	let last;
	const look = () => {
		const now = path();
		if (now !== last) {
			last = now;
			view();
		}
	};
	const start = () => {
		look();
		for (const name of ["pushState", "replaceState"]) {
			const call = history[name];
			history[name] = function(...args) {
				call.apply(this, args);
				look();
			};
		}
		addEventListener("popstate", look);
		addEventListener("hashchange", look);
		addEventListener("pageshow", (event) => event.persisted && view());
	};
	if (document.prerendering) document.addEventListener("prerenderingchange", start, { once: true });
	else start();
}
// ../tracker/src/queue.ts
/** Characters of the events that wait, at most; browsers give a site about 5 MB. */
var maxLength = 1 << 20;
/** Characters of a batch, at most: a browser takes 64 KiB of beacons at a time. */
var maxBatch = 6e4;
function createQueue(storage, prefix) {
	const events = /* @__PURE__ */ new Map();
	let length = 0;
	const hold = (id, json) => {
		events.set(id, json);
		length += json.length;
	};
	for (const key of Object.keys(storage ?? {}).sort()) {
		const id = key.slice(prefix.length);
		if (key.startsWith(prefix) && id.length === 36) hold(id, storage.getItem(key));
	}
	return {
		add(id, json) {
			if (length + json.length > maxLength) return false;
			hold(id, json);
			try {
				storage?.setItem(prefix + id, json);
			} catch {}
			return true;
		},
		batch(skip) {
			const ids = [];
			let left = maxBatch;
			for (const [id, json] of events) {
				if (skip?.has(id)) continue;
				left -= bytes(json);
				if (left < 0 && ids.length) break;
				ids.push(id);
			}
			return ids;
		},
		json: (id) => events.get(id),
		remove(ids) {
			for (const id of ids) {
				length -= events.get(id)?.length ?? 0;
				events.delete(id);
				storage?.removeItem(prefix + id);
			}
		},
		size: () => events.size
	};
}
var bytes = (text) => new Blob([text]).size;
// ../tracker/src/sender.ts
/** How long events wait for others to share their request, in ms. */
var gather = 1e3;
/** The first and the longest pause after a failure, in ms. */
var firstPause = 1e3;
var longestPause = 6e4;
/** Answers by which the service says that the same request can never succeed. */
var final = [
	400,
	401,
	403,
	413
];
/**
* Sends the events of a queue to POST /v1/batch, with the key in the body: a text in a
* POST needs no preflight, and a beacon can carry it. An event leaves the queue by an
* answer alone. A beacon has none, so what it took is sent again, with the same id, by
* the next request of this page or the next.
*/
function createSender(host, key, queue, onDrop) {
	const url = host + "/v1/batch";
	const beaconed = /* @__PURE__ */ new Set();
	let timer;
	let sending;
	let failures = 0;
	const body = (ids) => `{"writeKey":${JSON.stringify(key)},"sentAt":"${(/* @__PURE__ */ new Date()).toISOString()}","batch":[${ids.map(queue.json)}]}`;
	const schedule = (wait) => {
		timer ?? (timer = setTimeout(flush, wait));
	};
	function flush() {
		clearTimeout(timer);
		timer = void 0;
		return sending ?? (sending = send().finally(() => sending = void 0));
	}
	async function send() {
		while (queue.size()) {
			const ids = queue.batch();
			let pause;
			try {
				const answer = await fetch(url, {
					method: "POST",
					body: body(ids),
					credentials: "omit",
					signal: AbortSignal.timeout?.(3e4)
				});
				if (answer.ok ? (await answer.json()).success === true : final.includes(answer.status)) {
					const refusal = answer.ok ? "" : `${answer.status} ${await answer.text()}`;
					const events = refusal ? ids.map((id) => JSON.parse(queue.json(id))) : [];
					queue.remove(ids);
					ids.forEach((id) => beaconed.delete(id));
					failures = 0;
					if (refusal) onDrop(refusal, events);
					continue;
				}
				pause = Number(answer.headers.get("Retry-After")) * 1e3 || 0;
			} catch {
				pause = 0;
			}
			clearTimeout(timer);
			timer = void 0;
			const most = Math.min(firstPause * 2 ** failures++, longestPause);
			schedule(Math.max(pause, most / 2 + Math.random() * most / 2));
			return;
		}
	}
	/** Sends what is not sent yet when the page may end at any moment. */
	function beacon() {
		for (let ids; (ids = queue.batch(beaconed)).length && navigator.sendBeacon?.(url, body(ids));) ids.forEach((id) => beaconed.add(id));
	}
	document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && beacon());
	addEventListener("pagehide", beacon);
	addEventListener("online", flush);
	if (queue.size()) schedule(0);
	return {
		soon: () => schedule(gather),
		flush
	};
}
// ../tracker/src/uuid.ts
/**
* Makes a UUIDv7: 48 bits of milliseconds, then chance. crypto.randomUUID is missing from
* pages without TLS.
*/
function uuidv7() {
	const time = Date.now().toString(16).padStart(12, "0");
	const bytes = crypto.getRandomValues(/* @__PURE__ */ new Uint8Array(10));
	const chance = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
	const variant = "89ab"[bytes[9] & 3];
	return `${time.slice(0, 8)}-${time.slice(8)}-7${chance.slice(0, 3)}-${variant}${chance.slice(3, 6)}-${chance.slice(6, 18)}`;
}
// ../tracker/src/index.ts
/** Makes a tracker. Use one a page. */
function createTracker(options) {
	const { key, remember = "unsent", onDrop = (reason, events) => console.warn("tracker: dropped", reason, events) } = options;
	if (options.dnt && (navigator.doNotTrack === "1" || navigator.globalPrivacyControl)) return {
		track: () => "",
		page: () => "",
		identify: () => "",
		reset: () => {},
		flush: async () => {}
	};
	const path = options.path ?? (() => location.pathname);
	const prefix = key + ":";
	const item = prefix + "visitor";
	const local = storage("localStorage");
	const session = storage("sessionStorage");
	const kept = remember === "visitor" ? local : remember === "session" ? session : void 0;
	for (const other of [local, session]) if (other !== kept) other?.removeItem(item);
	if (remember === "nothing") {
		for (const name of Object.keys(local ?? {})) if (name.startsWith(prefix)) local.removeItem(name);
	}
	const queue = createQueue(remember === "nothing" ? void 0 : local, prefix);
	const sender = createSender(options.host.replace(/\/+$/, ""), key, queue, onDrop);
	let visitor = recall() ?? keep(fresh());
	let referrer = withoutQuery(document.referrer);
	function recall() {
		try {
			const { anonymousId, userId } = JSON.parse(kept.getItem(item));
			if (anonymousId) return {
				anonymousId,
				userId
			};
		} catch {}
	}
	function keep(now) {
		try {
			kept?.setItem(item, JSON.stringify(now));
		} catch {}
		return now;
	}
	/** The id and the time are made here, once, so that every retry sends the same event. */
	function add(message) {
		const id = uuidv7();
		const whole = {
			...message,
			...visitor,
			messageId: id,
			timestamp: /* @__PURE__ */ new Date()
		};
		try {
			if (queue.add(id, JSON.stringify(whole))) {
				sender.soon();
				return id;
			}
			onDrop("too many events wait", [whole]);
		} catch (error) {
			onDrop(String(error), [whole]);
		}
		return "";
	}
	const place = () => ({
		$url: location.origin + path(),
		$path: path()
	});
	function page(properties) {
		const here = place();
		const id = add({
			type: "page",
			properties: {
				...campaign(),
				...here,
				$referrer: referrer,
				...properties
			}
		});
		referrer = here.$url;
		return id;
	}
	const tracker = {
		track: (event, properties) => add({
			type: "track",
			event,
			properties: {
				...place(),
				...properties
			}
		}),
		page,
		identify(userId, traits) {
			visitor = keep({
				...visitor,
				userId: String(userId)
			});
			return add({
				type: "identify",
				traits
			});
		},
		reset() {
			visitor = keep(fresh());
		},
		flush: sender.flush
	};
	if (kept) {
		const again = () => visitor = recall() ?? fresh();
		addEventListener("storage", (event) => (event.key === item || event.key === null) && again());
		addEventListener("pageshow", (event) => event.persisted && again());
	}
	if (options.pages !== false) queueMicrotask(() => watchPages(path, () => page()));
	return tracker;
}
var fresh = () => ({ anonymousId: uuidv7() });
/** A storage, unless the page may not use it. */
function storage(name) {
	try {
		return window[name];
	} catch {
		return;
	}
}
/** Queries of addresses are often secret. */
function withoutQuery(url) {
	return url.split(/[?#]/)[0] || void 0;
}
/** The parameters by which links of campaigns say where a visitor comes from. */
function campaign() {
	return Object.fromEntries([...new URLSearchParams(location.search)].filter(([name]) => name.startsWith("utm_")));
}
export { createTracker };
