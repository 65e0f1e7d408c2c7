// Sending again is the application's business, and so is the answer's status.
import { CloudEvent, emitterFor, httpTransport, Mode } from 'cloudevents';
import { untilSent } from '../again.js';

export async function start({ url, key, events, variant }) {
  const emit = emitterFor(httpTransport(`${url}/cloudevents`), { mode: variant === 'structured' ? Mode.STRUCTURED : Mode.BINARY });
  const headers = { authorization: `Bearer ${key}` };
  for (const { id, name, user, time, properties } of events) {
    const event = new CloudEvent({ id, source: '/shop', type: name, subject: user, ...(time && { time: time.toISOString() }), data: properties });
    await untilSent(async () => {
      const { body } = await emit(event, { headers });
      if (body) throw new Error(body); // a success has none
    });
  }
}
