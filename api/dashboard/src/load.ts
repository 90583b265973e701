// Things asked of the API once, with what can go wrong.

import { useEffect, useState } from "preact/hooks";
import { Failure, getJson } from "./stream.ts";

export type Loaded<Found> =
  | { state: "loading"; again: () => void }
  | { state: "failed"; why: string; status: number; again: () => void }
  | { state: "there"; found: Found; again: () => void };

/** The JSON at a URL, asked again when it changes, and every so often where `everyMs` is given. */
export function useJson<Found>(url: string | null, everyMs = 0): Loaded<Found> {
  const [asked, setAsked] = useState(0);
  const [loaded, setLoaded] = useState<{ url: string; found?: Found; why?: string; status?: number } | null>(null);
  const again = (): void => setAsked((count) => count + 1);
  useEffect(() => {
    if (!url) return undefined;
    let isOver = false;
    const ask = async (): Promise<void> => {
      try {
        const found = await getJson<Found>(url);
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
  }, [url, asked, everyMs]);
  if (!loaded || loaded.url !== url) return { state: "loading", again };
  if (loaded.found !== undefined) return { state: "there", found: loaded.found, again };
  return { state: "failed", why: loaded.why ?? "", status: loaded.status ?? 0, again };
}
