// Numbers and units as people read them. All pure.

const THIN = "\u202f"; // narrow no-break space

const UNITS = new Map([
  ["ug/m3", "µg/m³"], ["mg/m3", "mg/m³"], ["kW.h", "kWh"], ["kvar.h", "kvarh"], ["Cel", "°C"], ["m3", "m³"],
  ["m2", "m²"], ["km2", "km²"], ["dB[A]", "dB(A)"], ["1", ""],
]);

/** A UCUM token as it is printed: ug/m3 becomes µg/m³, kW.h/{inhabitant} kWh per inhabitant. */
export function unitText(token: string): string {
  const known = UNITS.get(token);
  if (known !== undefined) return known;
  const [top = "", annotation] = token.split(/\/(?=\{)/);
  if (annotation) return `${unitText(top)} per ${annotation.replace(/[{}]/g, "")}`.trim();
  return token.replace(/[{}]/g, "").replace(/(?<=[a-z])2\b/g, "²").replace(/(?<=[a-z])3\b/g, "³");
}

const numbers = new Map<number, Intl.NumberFormat>();

/** A value with its rule's digits, groups of three apart by a thin space. */
export function numberText(value: number, digits: number): string {
  let format = numbers.get(digits);
  if (!format) {
    format = new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    numbers.set(digits, format);
  }
  return format.format(value).replaceAll(",", THIN).replace("-", "−");
}

/** A value with its unit, apart by a thin space. */
export function amountText(value: number, digits: number, unit: string): string {
  const words = unitText(unit);
  return words ? `${numberText(value, digits)}${THIN}${words}` : numberText(value, digits);
}

/** A share as whole percent; only what is whole says 100 %. */
export function percentText(share: number): string {
  const percent = share >= 1 ? 100 : Math.min(99, Math.round(share * 100));
  return `${percent}${THIN}%`;
}

/** How long ago, in the largest unit that fits. */
export function ageText(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s}${THIN}s`;
  if (s < 3600) return `${Math.floor(s / 60)}${THIN}min`;
  if (s < 172800) return `${Math.floor(s / 3600)}${THIN}h`;
  return `${Math.floor(s / 86400)}${THIN}d`;
}

/** `traffic.speed` as words. */
export const wordsOf = (name: string): string => name.replaceAll("_", " ");

/** The same with a capital. */
export const titleOf = (name: string): string => {
  const words = wordsOf(name);
  return words.charAt(0).toUpperCase() + words.slice(1);
};
