// Who asks: a token, where the API wants one. This tab keeps it, and forgets it when it closes.

import { signal } from "@preact/signals";

const KEPT = "cityvitals.token";

/** Node's tests have no tab. */
const kept = (): Storage | null => (typeof sessionStorage === "undefined" ? null : sessionStorage);

/** The token that is sent with everything asked; "" where there is none. */
export const token = signal(kept()?.getItem(KEPT) ?? "");
/** Why the API lets nobody read without another token; "" while it does. */
export const refused = signal("");

const waiting = new Set<() => void>();

/** What is sent along. */
export const authorization = (secret = token.peek()): Record<string, string> =>
  secret ? { Authorization: `Bearer ${secret}` } : {};

/** Take a token; what waited for one tries again. */
export function keepToken(secret: string): void {
  kept()?.setItem(KEPT, secret);
  token.value = secret;
  refused.value = "";
  for (const wake of waiting) wake();
}

/** Be woken by the next token; returns how to stop. */
export function onToken(wake: () => void): () => void {
  waiting.add(wake);
  return () => waiting.delete(wake);
}
