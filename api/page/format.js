// Numbers, units and times as people read them. All pure.

const THIN = "\u202f"; // narrow no-break space

const UNITS = new Map([
  ["ug/m3", "µg/m³"],
  ["mg/m3", "mg/m³"],
  ["kW.h", "kWh"],
  ["kvar.h", "kvarh"],
  ["Cel", "°C"],
  ["m3", "m³"],
  ["1", ""],
]);

/** A UCUM token as it is printed: ug/m3 becomes µg/m³, kW.h/{inhabitant} kWh per inhabitant. */
export function unitText(token) {
  if (UNITS.has(token)) return UNITS.get(token);
  const [top, annotation] = token.split(/\/(?=\{)/);
  if (annotation) return `${unitText(top)} per ${annotation.replace(/[{}]/g, "")}`;
  return token.replace(/[{}]/g, "").replace(/(?<=[a-z])2\b/g, "²").replace(/(?<=[a-z])3\b/g, "³");
}

const numbers = new Map();

/** A value with its rule's digits, groups of three apart by a thin space. */
export function numberText(value, digits) {
  if (!numbers.has(digits)) {
    numbers.set(digits, new Intl.NumberFormat("en", {
      minimumFractionDigits: digits, maximumFractionDigits: digits,
    }));
  }
  return numbers.get(digits).format(value).replaceAll(",", THIN).replace("-", "−");
}

/** A share as whole percent; only what is whole says 100 %. */
export function percentText(share) {
  const percent = share >= 1 ? 100 : Math.min(99, Math.round(share * 100));
  return `${percent}${THIN}%`;
}

/** How long ago, in the largest unit that fits. */
export function ageText(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s}${THIN}s`;
  if (s < 3600) return `${Math.floor(s / 60)}${THIN}min`;
  if (s < 172800) return `${Math.floor(s / 3600)}${THIN}h`;
  return `${Math.floor(s / 86400)}${THIN}d`;
}

/** Times in one city's zone. */
export class CityTime {
  constructor(zone) {
    this.zone = zone;
    const of = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options });
    this.clockFormat = of({ hour: "2-digit", minute: "2-digit" });
    this.secondsFormat = of({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
    this.dayFormat = of({ day: "numeric", month: "short" });
    this.yearFormat = of({ day: "numeric", month: "short", year: "numeric" });
    this.nameFormat = of({ timeZoneName: "short" });
    this.partsFormat = of({
      year: "numeric", month: "numeric", day: "numeric", hour: "numeric", hourCycle: "h23",
    });
  }

  clock(moment) { return this.clockFormat.format(moment); }
  seconds(moment) { return this.secondsFormat.format(moment); }
  day(moment) { return this.dayFormat.format(moment); }

  /** The short name that the zone has at a moment: CET, GMT+8. */
  zoneName(moment) {
    return this.nameFormat.formatToParts(moment).find((part) => part.type === "timeZoneName").value;
  }

  /** Day with its year where that is not the year of `now`. */
  date(moment, now) {
    const sameYear = this.parts(moment).year === this.parts(now).year;
    return (sameYear ? this.dayFormat : this.yearFormat).format(moment);
  }

  /** The time of day, with the day where that is not the day of `now`. */
  near(moment, now) {
    const day = this.date(moment, now);
    return day === this.date(now, now) ? this.clock(moment) : `${day} ${this.clock(moment)}`;
  }

  /** Day, year and time of day. */
  full(moment) {
    return `${this.yearFormat.format(moment)} ${this.clock(moment)}`;
  }

  /** A window in words: 10:00–11:00, or the day. */
  window(begin, end, now) {
    if (end - begin > 20 * 3600e3) return this.date(begin, now);
    return `${this.near(begin, now)}–${this.clock(end)}`;
  }

  /** Calendar fields of a moment. */
  parts(moment) {
    const found = {};
    for (const { type, value } of this.partsFormat.formatToParts(moment)) found[type] = Number(value);
    return found;
  }
}
