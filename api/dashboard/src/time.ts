// Times as people of one city read them. All pure.

interface Calendar {
  year: number;
  month: number;
  day: number;
  hour: number;
}

const DAY_MS = 864e5;
const HOUR_MS = 3600e3;
const MINUTE_MS = 6e4;

const FORMATS = {
  clock: { hour: "2-digit", minute: "2-digit" },
  seconds: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
  day: { day: "numeric", month: "short" },
  month: { month: "short", year: "numeric" },
  name: { timeZoneName: "short" },
  calendar: { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", hourCycle: "h23" },
} satisfies Record<string, Intl.DateTimeFormatOptions>;

type Form = keyof typeof FORMATS;

const QUARTER_MS = 9e5; // the offset of a zone changes at quarter hours only
const MOST_KEPT = 512;

/** What was asked for before, so that it is not worked out again: Intl is slow, and cards ask for the same. */
class Kept<Found> {
  private readonly kept = new Map<number, Found>();

  of(key: number, make: () => Found): Found {
    let found = this.kept.get(key);
    if (found === undefined) {
      if (this.kept.size >= MOST_KEPT) this.kept.clear();
      this.kept.set(key, found = make());
    }
    return found;
  }
}

/** Times in one time zone. */
export class ZoneTime {
  private readonly formats = new Map<Form, Intl.DateTimeFormat>();
  private readonly clocks = new Kept<string>();
  private readonly days = new Kept<string>();
  private readonly names = new Kept<string>();
  private readonly calendars = new Kept<Calendar>();

  constructor(readonly zone: string) {}

  private format(form: Form): Intl.DateTimeFormat {
    let format = this.formats.get(form);
    if (!format) {
      format = new Intl.DateTimeFormat("en-GB", { timeZone: this.zone, ...FORMATS[form] });
      this.formats.set(form, format);
    }
    return format;
  }

  clock(moment: number): string {
    const minute = Math.floor(moment / MINUTE_MS);
    return this.clocks.of(minute, () => this.format("clock").format(moment));
  }

  seconds(moment: number): string {
    return this.format("seconds").format(moment);
  }

  day(moment: number): string {
    return this.days.of(Math.floor(moment / QUARTER_MS), () => this.format("day").format(moment));
  }

  month(moment: number): string {
    return this.format("month").format(moment);
  }

  /** The short name that the zone has at a moment: CET, GMT+8. */
  name(moment: number): string {
    return this.names.of(Math.floor(moment / QUARTER_MS), () =>
      this.format("name").formatToParts(moment).find((part) => part.type === "timeZoneName")?.value ?? "");
  }

  /** Day, with its year where that is not the year of `now`. */
  date(moment: number, now: number): string {
    const year = this.calendar(moment).year;
    return year === this.calendar(now).year ? this.day(moment) : `${this.day(moment)} ${year}`;
  }

  /** The time of day, with the day where that is not the day of `now`. */
  near(moment: number, now: number): string {
    const day = this.date(moment, now);
    return day === this.date(now, now) ? this.clock(moment) : `${day} ${this.clock(moment)}`;
  }

  /** Day, year and time of day with its zone. */
  full(moment: number): string {
    const { year } = this.calendar(moment);
    return `${this.day(moment)} ${year} ${this.seconds(moment)} ${this.name(moment)}`;
  }

  /** A window in words: 10:00–11:00, a day, a month, a stretch of days. */
  window(begin: number, end: number, now: number): string {
    const length = end - begin;
    if (length <= 20 * HOUR_MS) return `${this.near(begin, now)}–${this.clock(end)}`;
    if (length <= 2 * DAY_MS) return this.date(begin, now);
    if (length > 27 * DAY_MS && length < 32 * DAY_MS && this.calendar(begin).day === 1) return this.month(begin);
    return `${this.date(begin, now)} – ${this.date(end - 1, now)}`;
  }

  /** Calendar fields of a moment. */
  calendar(moment: number): Calendar {
    return this.calendars.of(Math.floor(moment / QUARTER_MS), () => {
      const found: Record<string, number> = {};
      for (const { type, value } of this.format("calendar").formatToParts(moment)) found[type] = Number(value);
      return found as unknown as Calendar;
    });
  }

  /** Where an axis from `from` to `to` has its marks: whole hours, days or months of this zone. */
  marks(from: number, to: number, most: number): { at: number; text: string }[] {
    const step = stepOf((to - from) / Math.max(1, most));
    if (step >= 27 * DAY_MS) return this.months(from, to, Math.round(step / (30 * DAY_MS)));
    const found: { at: number; text: string }[] = [];
    // Not every zone is whole hours from UTC.
    const isWhole = this.clock(Math.ceil(from / HOUR_MS) * HOUR_MS).endsWith("00");
    const hop = isWhole ? Math.min(step, HOUR_MS) : 9e5;
    for (let at = Math.ceil(from / hop) * hop; at <= to; at += hop) {
      if (!this.isMark(at, step)) continue;
      found.push({ at, text: this.calendar(at).hour === 0 && this.clock(at) === "00:00" ? this.day(at) : this.clock(at) });
    }
    return found;
  }

  private isMark(at: number, step: number): boolean {
    if (step < HOUR_MS) return Number(this.clock(at).slice(3)) % (step / 6e4) === 0;
    if (!this.clock(at).endsWith("00")) return false;
    const { year, month, day, hour } = this.calendar(at);
    if (step < DAY_MS) return hour % (step / HOUR_MS) === 0;
    return hour === 0 && (Date.UTC(year, month - 1, day) / DAY_MS) % (step / DAY_MS) === 0;
  }

  private months(from: number, to: number, every: number): { at: number; text: string }[] {
    const found: { at: number; text: string }[] = [];
    const { year, month } = this.calendar(from);
    for (let n = 0; n < 240; n += 1) {
      const first = Date.UTC(year, month - 1 + n, 1);
      if (first - DAY_MS > to) break;
      const at = this.midnight(first);
      if (at >= from && at <= to && new Date(first).getUTCMonth() % every === 0) found.push({ at, text: this.month(at) });
    }
    return found;
  }

  /** The moment at which a calendar day, given as its midnight in UTC, begins here. */
  private midnight(day: number): number {
    for (let at = day - DAY_MS; at <= day + DAY_MS; at += 9e5) {
      const { year, month, day: date } = this.calendar(at);
      if (Date.UTC(year, month - 1, date) === day) return at;
    }
    return day;
  }
}

const STEPS = [9e5, 18e5, HOUR_MS, 3 * HOUR_MS, 6 * HOUR_MS, 12 * HOUR_MS, DAY_MS, 2 * DAY_MS, 7 * DAY_MS, 14 * DAY_MS,
  30 * DAY_MS, 90 * DAY_MS, 180 * DAY_MS, 360 * DAY_MS];

const stepOf = (least: number): number => STEPS.find((step) => step >= least) ?? 360 * DAY_MS;
