import type { Meta } from './api';
import type { Caption } from './picture';
import { clock, dayLabel, dayOf, isDay, type Range } from './time';

/** What a picture of a chart says of itself. */
export function captionOf(title: string, range: Range, zone: string, meta: Meta | undefined, series: Caption['legend'] = []): Caption {
  const known = isDay(range.from) && isDay(range.to);
  const days = [...new Set([range.from, range.to])].map(dayLabel).join(' – ');
  const dates = !known || range.label === days || !range.label ? '' : ` (${days})`;
  const details = [`${range.label}${dates}`, zone];
  if (meta) {
    const until = meta.complete_until;
    details.push(`every event until ${dayLabel(dayOf(zone, Date.parse(until)))}, ${clock(until, zone)} is counted`);
  }
  return { title, details: details.filter(Boolean).join(' · '), legend: series.map(({ name, color }) => ({ name, color })) };
}
