// One indicator as a card: the same grammar everywhere.

import { drawn, element, setText } from "./element.js";
import { ageText, numberText, percentText, unitText } from "./format.js";

const AROUND = 2 * Math.PI * 6.5;

/** The key under which a card is kept. */
export const keyOf = (indicator) => `${indicator.rule}|${indicator.zone ?? ""}`;

export class Card {
  constructor(indicator, open) {
    this.indicator = null;
    this.parts = build(indicator, () => open(this.indicator));
    this.node = this.parts.article;
  }

  /** Show an indicator; `was` is the value it had before, where it is a correction. */
  show(indicator, time, now, was) {
    const before = this.indicator;
    this.indicator = indicator;
    const { article, name, value, unit, figure, reason, state, when } = this.parts;
    const enough = indicator.value !== null;
    article.dataset.state = indicator.state;
    setText(name, indicator.title);
    setText(value, enough ? numberText(indicator.value, indicator.digits) : "");
    setText(unit, enough ? `\u202f${unitText(indicator.unit)}` : "");
    figure.hidden = !enough;
    reason.hidden = enough;
    setText(reason, enough ? "" : indicator.reason || "not enough data");
    setText(state, indicator.state);
    state.title = stateTitle(indicator, was);
    setText(when, time.window(new Date(indicator.window_begin), new Date(indicator.window_end), now));
    this.showCoverage(indicator);
    if (before && before.value !== indicator.value) this.move();
    this.tick(time, now);
  }

  showCoverage(indicator) {
    const { coverage, ring, share } = this.parts;
    const text = percentText(indicator.coverage);
    setText(share, text);
    ring.setAttribute("stroke-dasharray", `${Math.min(1, indicator.coverage) * AROUND} ${AROUND}`);
    coverage.setAttribute("aria-valuenow", indicator.coverage.toFixed(4));
    coverage.setAttribute("aria-valuetext", `${text} of the window covered`);
    coverage.title = coverageTitle(indicator, text);
  }

  /** Ages go on by themselves. */
  tick(time, now, isLive = true) {
    const { indicator } = this;
    const computed = new Date(indicator.computed_at);
    const begin = new Date(indicator.window_begin);
    const end = new Date(indicator.window_end);
    setText(this.parts.age, ageText((now - computed) / 1000));
    this.parts.age.title = `computed ${time.date(computed, now)} ${time.seconds(computed)} ${time.zoneName(computed)}`;
    // A newer window ought to have begun and even ended: nobody computes this one any more.
    this.node.classList.toggle("is-stale", isLive && now - end > end - begin);
  }

  move() {
    const { value } = this.parts;
    value.classList.remove("has-moved");
    void value.offsetWidth; // begins the animation anew
    value.classList.add("has-moved");
  }
}

function build(indicator, open) {
  const part = (tag, name, attributes = {}) => element(tag, { "data-part": name, ...attributes });
  const name = element("button", { type: "button", "aria-haspopup": "dialog" });
  const value = part("span", "value");
  const unit = element("span", { class: "unit" });
  const figure = element("p", { class: "figure" }, value, unit);
  const reason = part("p", "reason", { class: "reason" });
  const state = part("span", "state");
  const when = part("span", "window");
  const ring = drawn("circle", { cx: 8, cy: 8, r: 6.5 });
  const share = element("span");
  const circle = drawn("svg", { class: "ring", viewBox: "0 0 16 16", "aria-hidden": "true" },
    drawn("circle", { cx: 8, cy: 8, r: 6.5 }), ring);
  const coverage = element("span", {
    class: "coverage", "data-part": "coverage", role: "meter", "aria-label": "coverage",
    "aria-valuemin": 0, "aria-valuemax": 1,
  }, circle, share);
  const age = part("span", "age");
  const article = element("article",
    { class: "card", "data-rule": indicator.rule, "data-zone": indicator.zone ?? "" },
    element("h4", {}, name), figure, reason,
    element("p", { class: "when" }, when, " · ", state),
    element("div", { class: "foot" }, coverage, age));
  name.addEventListener("click", open);
  return { article, name, value, unit, figure, reason, state, when, coverage, ring, share, age };
}

function stateTitle(indicator, was) {
  const shown = (value) => (value === null ? "no value" : numberText(value, indicator.digits));
  if (indicator.state === "corrected" && was !== undefined) {
    return `corrected: ${shown(was)} → ${shown(indicator.value)}`;
  }
  return `${indicator.state}, revision ${indicator.revision}`;
}

function coverageTitle(indicator, text) {
  const silent = indicator.silent.length ? `; silent: ${indicator.silent.join(", ")}` : "";
  const stations = `${indicator.stations} station${indicator.stations === 1 ? "" : "s"}`;
  return `${text} of the window covered; ${stations}${silent}`;
}
