// The live stream. Read with fetch, not EventSource: that hides comments, so a dead connection looks
// alive, and it gives up for good at the first 503.

const SILENT_MS = 45_000; // three heartbeats
const RETRY_MS = [500, 1000, 2000, 4000, 8000];

/** Server-sent events out of text that comes in pieces. */
export class EventParser {
  constructor() {
    this.rest = "";
  }

  /** The events and comments that are complete with this piece. */
  push(text) {
    const blocks = (this.rest + text).split("\n\n");
    this.rest = blocks.pop();
    return blocks.map((block) => this.read(block)).filter((found) => found.data || found.comment);
  }

  read(block) {
    const found = { kind: "message", data: "", comment: "", id: null };
    const data = [];
    for (const line of block.split("\n")) {
      const at = line.indexOf(":");
      const field = at < 0 ? line : line.slice(0, at);
      const value = at < 0 ? "" : line.slice(at + 1).replace(/^ /, "");
      if (field === "") found.comment = value;
      else if (field === "event") found.kind = value;
      else if (field === "data") data.push(value);
      else if (field === "id") found.id = value;
    }
    found.data = data.join("\n");
    return found;
  }
}

/**
 * Watch a city until closed, coming back after every loss where it stopped.
 *
 * `on.event(kind, data)` for each event, `on.current()` when all that was missed has come,
 * `on.lost(reason)` when there is no connection.
 */
export function watch(city, on) {
  const stop = new AbortController();
  const state = { lastId: null, failures: 0, wake: () => {} };
  const again = () => state.wake();
  window.addEventListener("online", again);
  (async () => {
    while (!stop.signal.aborted) {
      try {
        await connect(city, on, state, stop.signal);
        on.lost("the server ended the stream");
      } catch (error) {
        if (stop.signal.aborted) return;
        on.lost(error.problem ?? "the server does not answer");
      }
      const wait = RETRY_MS[Math.min(state.failures++, RETRY_MS.length - 1)];
      await new Promise((resolve) => { state.wake = resolve; setTimeout(resolve, wait); });
    }
  })();
  return () => { window.removeEventListener("online", again); stop.abort(); };
}

async function connect(city, on, state, stopped) {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENT_MS);
  const heard = () => { clearTimeout(timer); timer = setTimeout(() => silence.abort(), SILENT_MS); };
  try {
    const response = await fetch(`/v1/stream?city=${encodeURIComponent(city)}`, {
      headers: state.lastId === null ? {} : { "Last-Event-ID": state.lastId },
      cache: "no-store",
      signal: AbortSignal.any([silence.signal, stopped]),
    });
    if (!response.ok) throw await problemOf(response);
    await read(response.body.pipeThrough(new TextDecoderStream()).getReader(), on, state, heard);
  } finally {
    clearTimeout(timer);
  }
}

async function read(reader, on, state, heard) {
  const parser = new EventParser();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    heard();
    for (const event of parser.push(value)) {
      if (event.id !== null) state.lastId = event.id;
      if (event.data) on.event(event.kind, JSON.parse(event.data));
      else if (event.comment.startsWith("up to date")) {
        state.failures = 0;
        on.current();
      }
    }
  }
}

/** An error that carries what a problem document says. */
export async function problemOf(response) {
  const error = new Error(`status ${response.status}`);
  error.status = response.status;
  try {
    error.problem = (await response.json()).detail;
  } catch {
    error.problem = `the server answered ${response.status}`;
  }
  return error;
}

/** The JSON at a URL. */
export async function getJson(url) {
  let response;
  try {
    response = await fetch(url, { cache: "no-store" });
  } catch {
    const error = new Error("no connection");
    error.problem = "the server does not answer";
    throw error;
  }
  if (!response.ok) throw await problemOf(response);
  return response.json();
}
