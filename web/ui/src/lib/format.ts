const whole = new Intl.NumberFormat('en-GB');
const precise = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 2 });
const compact = new Intl.NumberFormat('en-GB', { notation: 'compact', maximumFractionDigits: 1 });

export const int = (n: number) => whole.format(Math.round(n));

/** A measured value: exact up to two decimals. */
export const value = (n: number | null | undefined) => (n === null || n === undefined ? '–' : precise.format(n));

const sizes = ['bytes', 'kB', 'MB', 'GB', 'TB'];

/** A size on disk: three digits say enough. */
export function bytes(n: number): string {
  const k = n < 1000 ? 0 : Math.min(sizes.length - 1, Math.floor(Math.log10(n) / 3));
  return `${Number((n / 1000 ** k).toPrecision(3))} ${sizes[k]}`;
}

/** For axes: at most five characters. */
export const short = (n: number) => (Math.abs(n) < 10_000 ? precise.format(n) : compact.format(n));

export const percent = (share: number, digits = 1) => `${(share * 100).toFixed(digits)}%`;

/** The relative change, null when there was nothing. */
export function change(now: number, was: number): number | null {
  if (was === 0) return now === 0 ? 0 : null;
  return (now - was) / was;
}

const amount = (share: number) => `${(Math.abs(share) * 100).toFixed(Math.abs(share) < 0.1 ? 1 : 0)}%`;

/** A change with its sign. */
export const signed = (share: number) => (share > 0 ? '+' : share < 0 ? '−' : '±') + amount(share);

/** A change's direction, without judgement: more failures are not good news. */
export function arrow(share: number): string {
  const direction = share > 0.0005 ? '▲ ' : share < -0.0005 ? '▼ ' : '';
  return direction + amount(share);
}

/** How a value moved since the period before; nothing where either is not known. */
export function moved(now: number | null | undefined, was: number | null | undefined): string {
  if (typeof now !== 'number' || typeof was !== 'number') return '';
  const by = change(now, was);
  return by === null ? 'new' : arrow(by);
}

export const plural = (n: number, one: string, many = `${one}s`) => `${int(n)} ${n === 1 ? one : many}`;
