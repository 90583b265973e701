// Things asked of the API once, with what can go wrong.

import { useEffect, useState } from "preact/hooks";
import type { Page } from "./model.ts";
import { Failure, getJson } from "./stream.ts";

export type Loaded<Found> =
  | { state: "loading"; again: () => void }
  | { state: "failed"; why: string; status: number; again: () => void }
  | { state: "there"; found: Found; again: () => void };

/** All pages of a list as one; `url` has a query. */
export async function getAll<Item>(url: string): Promise<Page<Item>> {
  const items: Item[] = [];
  let next: string | null = null;
  do {
    const page: Page<Item> = await getJson<Page<Item>>(next === null ? url : `${url}&cursor=${encodeURIComponent(next)}`);
    items.push(...page.items);
    next = page.next;
  } while (next !== null);
  return { items, next };
}

/** The JSON at a URL, asked again when it changes, every so often where `everyMs` is given, and with another `version`. */
export function useJson<Found>(
  url: string | null, everyMs = 0, get: (url: string) => Promise<Found> = getJson, version = 0,
): Loaded<Found> {
  const [asked, setAsked] = useState(0);
  const [loaded, setLoaded] = useState<{ url: string; found?: Found; why?: string; status?: number } | null>(null);
  const again = (): void => setAsked((count) => count + 1);
  useEffect(() => {
    if (!url) return undefined;
    let isOver = false;
    const ask = async (): Promise<void> => {
      try {
        const found = await get(url);
        if (!isOver) setLoaded({ url, found });
      } catch (error) {
        if (isOver) return;
        const why = error instanceof Failure ? error.problem : String(error);
        const status = error instanceof Failure ? error.status : 0;
        // What was there stays there: the header says that the connection is lost.
        setLoaded((was) => (was?.url === url && was.found !== undefined ? was : { url, why, status }));
      }
    };
    void ask();
    const timer = everyMs ? setInterval(() => void ask(), everyMs) : 0;
    return () => {
      isOver = true;
      clearInterval(timer);
    };
  }, [url, asked, everyMs, version]);
  if (!loaded || loaded.url !== url) return { state: "loading", again };
  if (loaded.found !== undefined) return { state: "there", found: loaded.found, again };
  return { state: "failed", why: loaded.why ?? "", status: loaded.status ?? 0, again };
}
