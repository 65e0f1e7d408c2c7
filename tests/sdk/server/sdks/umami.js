import { Umami } from '@umami/node';

export async function start({ url, key, events }) {
  const umami = new Umami({ websiteId: key, hostUrl: url });
  for (const { name, user, properties } of events) {
    await umami.track({ name, id: user, data: properties }).catch(() => {}); // it sends once
  }
}
