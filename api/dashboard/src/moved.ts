// That a value has moved: a ground for a moment. All that moved in a frame are lit and put out together, which
// is drawn twice; a fade of each would be drawn in every frame of it.

const LIT_MS = 180;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

let lit: Element[] = [];

/** Light an element for a moment, unless the user wants no motion. */
export function showMoved(element: Element): void {
  if (calm.matches) return;
  if (!lit.length) setTimeout(putOut, LIT_MS);
  element.classList.add("is-moved");
  lit.push(element);
}

function putOut(): void {
  for (const element of lit) element.classList.remove("is-moved");
  lit = [];
}
