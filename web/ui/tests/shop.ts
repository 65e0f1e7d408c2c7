// A made-up shop for pictures of the documentation: some hundred days of visits, in which
// newcomers come back less and less, buy more at the end of a week, and leave at the till.

interface Event {
  event_id: string;
  occurred_at: string;
  user_id: string;
  event_type: string;
  properties: Record<string, unknown>;
}

const day = 864e5;
const minute = 6e4;
const days = 110;
const people = 1500;

// What follows a step in a visit, with how likely it is; else the visit ends.
const next: Record<string, [event: string, share: number][]> = {
  app_opened: [['search', 0.34], ['item_viewed', 0.42], ['message_sent', 0.09]],
  search: [['item_viewed', 0.72], ['search', 0.12]],
  item_viewed: [['item_viewed', 0.3], ['cart_added', 0.26], ['search', 0.1]],
  cart_added: [['checkout_started', 0.58], ['item_viewed', 0.22]],
  checkout_started: [['purchase', 0.74]],
  purchase: [['message_sent', 0.15]],
  message_sent: [],
};
const countries: [string, number][] = [['PL', 0.46], ['UA', 0.24], ['DE', 0.17], ['US', 0.1], ['GB', 0.03]];
const weekdays = [0.78, 1, 1.03, 1, 1.02, 1.12, 0.9]; // from Sunday

export function shop(now: number): Event[] {
  const events: Event[] = [];
  let state = 11;
  const random = () => (state = (state * 1664525 + 1013904223) % 2 ** 32) / 2 ** 32;
  function among<T>(choices: [T, number][]): T | undefined {
    let left = random();
    return choices.find(([, share]) => (left -= share) < 0)?.[0];
  }
  function add(at: number, user: string, type: string, properties: Record<string, unknown>) {
    if (at > now) return;
    const event_id = `00000000-0000-4000-9000-${events.length.toString(16).padStart(12, '0')}`;
    events.push({ event_id, occurred_at: new Date(at).toISOString(), user_id: user, event_type: type, properties });
  }
  function visit(begin: number, user: string, traits: object) {
    let at = begin;
    for (let type: string | undefined = 'app_opened'; type; type = among(next[type])) {
      const price = type === 'purchase' ? { price: Math.round(500 + random() ** 3 * 12_000) / 100 } : {};
      add((at += (8 + random() * 70) * 1e3), user, type, { ...traits, ...price });
    }
  }
  for (let n = 0; n < people; n++) {
    const user = String(10_000 + n);
    const traits = { country: among(countries) ?? 'PL', os: among([['iOS', 0.41], ['Android', 0.38]]) ?? 'Web' };
    const first = Math.floor(now / day - days * (1 - Math.sqrt(random()))); // more each week
    const loyalty = 0.1 + 0.5 * random();
    for (let date = first; date * day < now; date++) {
      const age = (date - first) / 7; // weeks
      const likely = date === first ? 1 : loyalty * (0.2 + 0.8 * Math.exp(-age / 5)) * weekdays[new Date(date * day).getUTCDay()];
      if (random() > likely) continue;
      const begin = date * day + (6 + 8 * (random() + random())) * 60 * minute;
      if (date === first) add(begin - 5e3, user, 'signed_up', traits);
      visit(begin, user, traits);
    }
  }
  // The last half an hour, whatever the time of day.
  for (let at = now - 30 * minute; at < now; at += 15e3 + random() * 25e3) {
    visit(at, String(10_000 + Math.floor(random() * people)), { country: among(countries) ?? 'PL', os: 'iOS' });
  }
  return events;
}
