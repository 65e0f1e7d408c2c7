// A shop of the last 60 days: the same events for the same day, and some that are not
// meant well.

/** The day of pictures. Clocks of Europe/Warsaw went forward three days before. */
export const pictureDay = Date.parse('2025-04-02T10:00:00Z');

export const hostileText = '<img src=x onerror=alert(1)>';
export const longName = 'x'.repeat(200);

interface Event {
  event_id: string;
  occurred_at: string;
  user_id: string;
  event_type: string;
  properties: Record<string, unknown>;
}

const day = 864e5;
const hour = 36e5;

export function sample(now = Date.now()): Event[] {
  const events: Event[] = [];
  let state = 7;
  const random = () => (state = (state * 1664525 + 1013904223) % 2 ** 32) / 2 ** 32;
  const pick = <T>(list: T[]) => list[Math.floor(random() * list.length)];
  const add = (at: number, user: string, type: string, properties: Record<string, unknown>) => {
    if (at > now) return;
    const event_id = `00000000-0000-4000-8000-${events.length.toString(16).padStart(12, '0')}`;
    events.push({ event_id, occurred_at: new Date(at).toISOString(), user_id: user, event_type: type, properties });
  };
  for (let n = 0; n < 150; n++) {
    const user = String(1000 + n);
    const traits = { os: pick(['iOS', 'Android', 'Web']), country: pick(['PL', 'UA', 'DE']) };
    const first = Math.floor(now / day - random() * 60);
    for (let date = first; date * day < now; date += 1 + Math.floor(random() * 6)) {
      let at = date * day + (7 + random() * 12) * hour;
      if (date === first) add(at, user, 'signed_up', traits);
      add((at += 1e3), user, 'app_opened', traits);
      if (random() < 0.7) add((at += 60e3), user, 'item_viewed', { ...traits, item: `item-${Math.floor(random() * 9)}` });
      if (random() < 0.4) add((at += 90e3), user, 'purchase', { ...traits, price: Math.round(random() * 9000) / 100 });
    }
  }
  add(now - 60e3, hostileText, hostileText, { [hostileText]: hostileText, [longName]: longName, 'a,b|c': '"quoted" & (more)' });
  add(now - 30e3, longName, 'app_opened', {});
  return events;
}

// The service's clock does not stand still: days relative to today are not those of pictures.
const trends = { series: [{ event: 'purchase' }], from: '2025-03-04', to: '2025-04-02', fill: 'zero' };

/** A board with a text, a figure, lines and a table of retention. */
export const sampleBoard = {
  name: 'Purchases',
  tiles: [
    { id: 't1', kind: 'text', title: 'How to read it', text: 'Revenue first.', size: { width: 4, height: 2 } },
    { id: 't2', kind: 'number', title: 'Revenue', size: { width: 4, height: 2 }, question: { route: '/api/stats/trends', params: { ...trends, measure: 'sum(properties.price)', interval: 'all' } } },
    { id: 't3', kind: 'line', title: 'Purchases by system', size: { width: 6, height: 3 }, question: { route: '/api/stats/trends', params: { ...trends, breakdown: ['properties.os'], top: 3 } } },
    { id: 't4', kind: 'retention', title: 'Retention', size: { width: 12, height: 4 }, question: { route: '/api/stats/retention', params: { start_date: '-7w', end_date: 'today', windows: 8, granularity: 'week' } } },
  ],
};

/** Days on which clocks are turned, or never are; hours that each has. */
export const clockDays = [
  { zone: 'Europe/Warsaw', day: '2025-03-30', hours: 23 },
  { zone: 'Europe/Warsaw', day: '2024-10-27', hours: 25 },
  { zone: 'Asia/Kathmandu', day: '2025-03-30', hours: 24 },
  { zone: 'America/St_Johns', day: '2025-03-09', hours: 23 },
  { zone: 'America/St_Johns', day: '2024-11-03', hours: 25 },
];

/** Events of each quarter of an hour around those days: four in every hour of any zone. */
export function ticks(): Event[] {
  const events: Event[] = [];
  for (const middle of new Set(clockDays.map((one) => one.day))) {
    for (let at = Date.parse(middle) - day; at < Date.parse(middle) + 2 * day; at += hour / 4) {
      const event_id = `00000000-0000-4000-8001-${events.length.toString(16).padStart(12, '0')}`;
      events.push({ event_id, occurred_at: new Date(at).toISOString(), user_id: '1', event_type: 'tick', properties: {} });
    }
  }
  return events;
}
