import type { Meta } from './api';
import type { Series } from '../charts/scale';
import type { Caption } from './picture';
import { clock, dayLabel, dayOf, isDay, type Range } from './time';

/** What a picture of a chart says of itself. */
export function captionOf(title: string, range: Range, zone: string, meta: Meta | undefined, series: Series[]): Caption {
  const known = isDay(range.from) && isDay(range.to);
  const dates = !known || range.label.includes('–') || !range.label ? '' : ` (${dayLabel(range.from)} – ${dayLabel(range.to)})`;
  const details = [`${range.label}${dates}`, zone];
  if (meta) {
    const until = meta.complete_until;
    details.push(`every event until ${dayLabel(dayOf(zone, Date.parse(until)))}, ${clock(until, zone)} is counted`);
  }
  return { title, details: details.join(' · '), legend: series.map(({ name, color }) => ({ name, color })) };
}
