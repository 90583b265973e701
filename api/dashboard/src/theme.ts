// Light or dark: the system's choice until the user makes one, which this browser remembers.

import { signal } from "@preact/signals";

export type Choice = "auto" | "light" | "dark";

const KEPT = "cityvitals.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

function remembered(): Choice {
  try {
    const kept = localStorage.getItem(KEPT);
    return kept === "light" || kept === "dark" ? kept : "auto";
  } catch {
    return "auto"; // storage may be switched off
  }
}

export const choice = signal<Choice>(remembered());
export const theme = signal<"light" | "dark">("light");

function apply(): void {
  theme.value = choice.value === "auto" ? (dark.matches ? "dark" : "light") : choice.value;
  document.documentElement.dataset.theme = theme.value;
}

/** Auto, light, dark, and auto again. */
export function nextTheme(): void {
  choice.value = choice.value === "auto" ? "light" : choice.value === "light" ? "dark" : "auto";
  try {
    localStorage.setItem(KEPT, choice.value);
  } catch {
    // It holds for this page then.
  }
  apply();
}

dark.addEventListener("change", apply);
apply();
