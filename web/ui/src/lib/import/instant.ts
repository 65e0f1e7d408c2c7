// Times as files have them, as the instants that the API takes.

export const formats = [
  { value: 'iso', label: '2025-08-21 06:52:34', hint: 'ISO 8601' },
  { value: 'dmy', label: '21.08.2025 06:52:34', hint: 'day first; also 21/8/2025' },
  { value: 'mdy', label: '08/21/2025 06:52:34', hint: 'month first' },
  { value: 'seconds', label: '1755751954', hint: 'seconds since 1970' },
  { value: 'milliseconds', label: '1755751954000', hint: 'milliseconds since 1970' },
] as const;

export type TimeFormat = (typeof formats)[number]['value'];

const time = String.raw`(?:[T ,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?`;
const offset = String.raw`\s*(Z|[+-]\d{2}:?\d{2})?`;
const iso = new RegExp(String.raw`^(\d{4})-(\d{2})-(\d{2})${time}${offset}$`, 'i');
const parts = new RegExp(String.raw`^(\d{1,2})[./-](\d{1,2})[./-](\d{4})${time}${offset}$`, 'i');

/** The format that a text is most likely in. */
export function formatOf(text: string): TimeFormat {
  if (/^\d{12,}$/.test(text)) return 'milliseconds';
  if (/^\d{9,11}(\.\d+)?$/.test(text)) return 'seconds';
  const found = parts.exec(text);
  if (!found) return 'iso';
  return text.includes('/') && Number(found[1]) <= 12 ? 'mdy' : 'dmy';
}

/** An instant as RFC 3339 in UTC; undefined when the text is not of the format. */
export function instantOf(text: string, format: TimeFormat, zone: string): string | undefined {
  text = text.trim();
  if (format === 'seconds' || format === 'milliseconds') {
    if (!/^-?\d+(\.\d+)?$/.test(text)) return undefined;
    return written(Number(text) * (format === 'seconds' ? 1000 : 1));
  }
  const found = (format === 'iso' ? iso : parts).exec(text);
  if (!found) return undefined;
  const [, a, b, c, hour = '0', minute = '0', second = '0', fraction = '', shift] = found;
  const [year, month, day] = format === 'iso' ? [a, b, c] : format === 'dmy' ? [c, b, a] : [c, a, b];
  const wall = Date.UTC(+year, +month - 1, +day, +hour, +minute, +second);
  // Date.UTC takes the 31st of June for the 1st of July.
  if (new Date(wall).getUTCDate() !== +day || +month > 12 || +hour > 23 || +minute > 59 || +second > 59) return undefined;
  const at = shift ? wall - shiftOf(shift) : fromWall(wall, zone);
  const whole = written(at);
  return whole && fraction ? whole.replace('.000Z', `.${fraction}Z`) : whole;
}

function written(at: number): string | undefined {
  const date = new Date(Math.round(at)); // a time in seconds has no exact product
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

function shiftOf(text: string): number {
  if (/^z$/i.test(text)) return 0;
  const minutes = Number(text.slice(1, 3)) * 60 + Number(text.slice(-2));
  return (text[0] === '-' ? -minutes : minutes) * 60_000;
}

/** The instant at which a zone's clocks show a time. Of two the first; a time that is left out counts on from before. */
function fromWall(wall: number, zone: string): number {
  const before = offsetAt(wall - 864e5, zone);
  const first = wall - before;
  if (offsetAt(first, zone) === before) return first;
  const after = offsetAt(wall + 864e5, zone);
  return offsetAt(wall - after, zone) === after ? wall - after : first;
}

const quarter = 9e5; // ms: no zone changes its clocks between quarters
const most = 100_000;
const formatters = new Map<string, Intl.DateTimeFormat>();
const offsets = new Map<string, number>();

// Rows are close to each other in time, and asking Intl takes longer than all else.
function offsetAt(at: number, zone: string): number {
  if (zone === 'UTC') return 0;
  const begin = Math.floor(at / quarter) * quarter;
  const key = `${zone} ${begin}`;
  const known = offsets.get(key);
  if (known !== undefined) return known;
  let format = formatters.get(zone);
  if (!format) {
    const digits = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' } as const;
    format = new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', ...digits });
    formatters.set(zone, format);
  }
  const shown = Object.fromEntries(format.formatToParts(begin).map(({ type, value }) => [type, Number(value)]));
  const found = Date.UTC(shown.year, shown.month - 1, shown.day, shown.hour, shown.minute, shown.second) - begin;
  if (offsets.size >= most) offsets.clear();
  offsets.set(key, found);
  return found;
}
