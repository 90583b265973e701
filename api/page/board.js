// All cards of a city, by zone and domain; what arrives is drawn once per frame.

import { Card, keyOf } from "./card.js";
import { element } from "./element.js";

const DOMAINS = ["air", "noise", "energy", "traffic", "water", "weather"];
const AIR = ["pm2_5", "pm10", "no2", "o3", "so2", "co"];

export class Board {
  constructor(main, nav, city, zones, time, open) {
    this.main = main;
    this.nav = nav;
    this.time = time;
    this.open = open;
    this.names = new Map([["", city.name], ...zones.map((zone) => [zone.id, zone.name])]);
    this.indicators = new Map();
    this.cards = new Map();
    this.waiting = new Map();
    this.layout = null;
  }

  get isEmpty() {
    return this.indicators.size === 0;
  }

  /** All latest indicators, in place of what was known. */
  showAll(items) {
    const gone = new Set(this.indicators.keys());
    for (const item of items) {
      gone.delete(keyOf(item));
      this.take(item, "value");
    }
    for (const key of gone) {
      this.indicators.delete(key);
      this.waiting.delete(key);
    }
    this.later();
  }

  /** One indicator; one of an older window is for the history alone. */
  take(indicator, kind) {
    const key = keyOf(indicator);
    const known = this.indicators.get(key);
    if (known && Date.parse(known.window_begin) > Date.parse(indicator.window_begin)) return;
    const isSame = known?.window_begin === indicator.window_begin;
    const was = kind === "correction" && isSame ? known.value : this.waiting.get(key)?.was;
    this.indicators.set(key, indicator);
    this.waiting.set(key, { was });
    this.later();
  }

  later() {
    if (this.frame) return;
    // Not in a frame alone: a hidden tab gets none, and would keep everything waiting.
    this.frame = document.hidden ? setTimeout(() => this.draw(), 200) : requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.frame = null;
    const layout = [...this.indicators.keys()].sort().join(" ");
    if (layout !== this.layout) this.arrange(layout);
    const now = new Date();
    for (const [key, { was }] of this.waiting) {
      this.cards.get(key).show(this.indicators.get(key), this.time, now, was);
    }
    this.waiting.clear();
  }

  /** Build the sections anew, keeping the cards. */
  arrange(layout) {
    this.layout = layout;
    const kept = new Map();
    for (const [key, indicator] of this.indicators) {
      kept.set(key, this.cards.get(key) ?? this.card(indicator));
    }
    this.cards = kept;
    const zones = [...this.names.keys()];
    for (const { zone } of this.indicators.values()) {
      if (!this.names.has(zone ?? "")) {
        this.names.set(zone, zone);
        zones.push(zone);
      }
    }
    const filled = zones.filter((zone) => this.of(zone).length);
    const sections = filled.map((zone) => this.section(zone));
    this.main.replaceChildren(...(sections.length ? sections : [element("p", { class: "message" },
      "No indicator yet. The first appears here as soon as it is computed.")]));
    this.nav.hidden = filled.length < 2;
    this.nav.replaceChildren(...filled.map((zone) =>
      element("a", { href: `#zone-${zone}` }, zone === "" ? "Whole city" : this.names.get(zone))));
  }

  card(indicator) {
    return new Card(indicator, (shown) => this.open(shown, this.names.get(shown.zone ?? "")));
  }

  of(zone) {
    return [...this.indicators.values()].filter((indicator) => (indicator.zone ?? "") === zone);
  }

  section(zone) {
    const found = this.of(zone);
    const domains = [...new Set(found.map((indicator) => indicator.domain))]
      .sort((a, b) => rank(DOMAINS, a) - rank(DOMAINS, b));
    const groups = domains.map((domain) => {
      const members = found.filter((indicator) => indicator.domain === domain).sort(inOrder);
      const group = element("section", { class: "domain", "aria-label": domain },
        element("h3", {}, domain), ...members.map((indicator) => this.cards.get(keyOf(indicator)).node));
      group.style.setProperty("--cards", members.length);
      return group;
    });
    const id = `zone-${zone}`;
    const heading = element("h2", { id: `${id}-name` }, this.names.get(zone));
    if (zone === "") heading.append(element("small", {}, "whole city"));
    return element("section", { class: "zone", id, "aria-labelledby": `${id}-name` },
      heading, element("div", { class: "domains" }, ...groups));
  }

  /** Newest watermark of each domain. */
  watermarks() {
    const newest = new Map();
    for (const { domain, watermark } of this.indicators.values()) {
      const at = watermark && Date.parse(watermark);
      if (at && !(newest.get(domain) >= at)) newest.set(domain, at);
    }
    return newest;
  }

  /** Up to when the data of every domain is complete, or null. */
  completeTo() {
    const all = [...this.watermarks().values()];
    return all.length ? new Date(Math.min(...all)) : null;
  }

  /** The same for each domain, in words. */
  completeness(now) {
    return [...this.watermarks()].map(([domain, at]) =>
      `${domain}: ${this.time.near(new Date(at), now)}`).join("\n");
  }

  tick(now, isLive) {
    for (const card of this.cards.values()) if (card.indicator) card.tick(this.time, now, isLive);
  }
}

const rank = (order, name) => (order.indexOf(name) + 1 || order.length + 1);

/** Short windows first, pollutants in their customary order, the rest by id. */
function inOrder(a, b) {
  const length = (i) => Date.parse(i.window_end) - Date.parse(i.window_begin) > 20 * 3600e3;
  const place = (i) => rank(AIR, i.rule.split(".")[1]);
  return length(a) - length(b) || place(a) - place(b) || (a.rule < b.rule ? -1 : 1);
}
