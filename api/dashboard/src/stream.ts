// The live stream. Read with fetch, not EventSource: that hides comments, so a dead connection looks
// alive, and it gives up for good at the first 503.

import { authorization, onToken, refused } from "./token.ts";

const SILENT_MS = 45_000; // three heartbeats
const UNAUTHORIZED = 401;
const RETRY_MS = [500, 1000, 2000, 4000, 8000];

export interface Told {
  kind: string;
  data: string;
  comment: string;
  id: string | null;
}

/** Server-sent events out of text that comes in pieces. */
export class EventParser {
  private rest = "";

  /** The events and comments that are complete with this piece. */
  push(text: string): Told[] {
    const blocks = (this.rest + text).split("\n\n");
    this.rest = blocks.pop() ?? "";
    return blocks.map(readBlock).filter((found) => found.data || found.comment);
  }
}

function readBlock(block: string): Told {
  const found: Told = { kind: "message", data: "", comment: "", id: null };
  const data: string[] = [];
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

export interface Watcher {
  /** One event. */
  event(kind: string, data: unknown): void;
  /** All that was missed has come. */
  current(): void;
  /** There is no connection. */
  lost(reason: string): void;
}

interface Progress {
  lastId: string | null;
  failures: number;
  wake: () => void;
}

/** Watch a city until closed, coming back after every loss where it stopped. */
export function watch(city: string, on: Watcher): () => void {
  const stop = new AbortController();
  const progress: Progress = { lastId: null, failures: 0, wake: () => {} };
  const again = (): void => progress.wake();
  window.addEventListener("online", again);
  const forget = onToken(again);
  void keep(city, on, progress, stop.signal);
  return () => {
    window.removeEventListener("online", again);
    forget();
    stop.abort();
  };
}

async function keep(city: string, on: Watcher, progress: Progress, stopped: AbortSignal): Promise<void> {
  while (!stopped.aborted) {
    try {
      await connect(city, on, progress, stopped);
      on.lost("the server ended the stream");
    } catch (error) {
      if (stopped.aborted) return;
      on.lost(error instanceof Failure ? error.problem : "the server does not answer");
    }
    const wait = RETRY_MS[Math.min(progress.failures++, RETRY_MS.length - 1)];
    await new Promise<void>((resolve) => {
      progress.wake = resolve;
      setTimeout(resolve, wait);
    });
  }
}

async function connect(city: string, on: Watcher, progress: Progress, stopped: AbortSignal): Promise<void> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENT_MS);
  const heard = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENT_MS);
  };
  try {
    const response = await fetch(`/v1/stream?city=${encodeURIComponent(city)}`, {
      headers: { ...authorization(), ...(progress.lastId === null ? {} : { "Last-Event-ID": progress.lastId }) },
      cache: "no-store",
      signal: AbortSignal.any([silence.signal, stopped]),
    });
    if (!response.ok || !response.body) throw await refusedOr(response);
    await read(response.body, on, progress, heard);
  } finally {
    clearTimeout(timer);
  }
}

async function read(body: ReadableStream<Uint8Array>, on: Watcher, progress: Progress, heard: () => void): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const parser = new EventParser();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    heard();
    for (const told of parser.push(decoder.decode(value, { stream: true }))) {
      if (told.id !== null) progress.lastId = told.id;
      if (told.data) on.event(told.kind, JSON.parse(told.data));
      else if (told.comment.startsWith("up to date")) {
        progress.failures = 0;
        on.current();
      }
    }
  }
}

/** What went wrong, in the words of a problem document where there is one. */
export class Failure extends Error {
  constructor(readonly problem: string, readonly status: number) {
    super(problem);
  }
}

async function failureOf(response: Response): Promise<Failure> {
  try {
    const { detail } = (await response.json()) as { detail: string };
    return new Failure(detail, response.status);
  } catch {
    return new Failure(`the server answered ${response.status}`, response.status);
  }
}

/** The JSON at a URL; throws a `Failure`. */
export async function getJson<Found>(url: string): Promise<Found> {
  let response: Response;
  try {
    response = await fetch(url, { cache: "no-store", headers: authorization() });
  } catch {
    throw new Failure("the server does not answer", 0);
  }
  if (!response.ok) throw await refusedOr(response);
  return (await response.json()) as Found;
}

/** What went wrong with reading; where a token is wanted, the page asks for one. */
async function refusedOr(response: Response): Promise<Failure> {
  const failure = await failureOf(response);
  if (failure.status === UNAUTHORIZED) refused.value = failure.problem;
  return failure;
}

/** What comes of sending JSON to a URL with a token; throws a `Failure`. */
export async function postJson<Found>(url: string, token: string, body: unknown): Promise<Found> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: "POST", cache: "no-store", body: JSON.stringify(body),
      headers: { "Content-Type": "application/json", ...authorization(token) },
    });
  } catch {
    throw new Failure("the server does not answer", 0);
  }
  if (!response.ok) throw await failureOf(response);
  return (await response.json()) as Found;
}

/** A path of the API with its query. */
export function apiUrl(parts: string[], query: Record<string, string> = {}): string {
  const search = new URLSearchParams(query).toString();
  return `/v1/${parts.map(encodeURIComponent).join("/")}${search ? `?${search}` : ""}`;
}
