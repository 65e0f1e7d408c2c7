import { createInstance, Identify } from '@amplitude/analytics-browser';
import { record } from '../page.js';

const variants = {
  beacon: { transport: 'beacon' },
  gzip: { enableRequestBodyCompression: true },
};

record(async ({ url, key, variant, before, after }) => {
  const amplitude = createInstance();
  await amplitude.init(key, {
    serverUrl: `${url}/2/httpapi`, remoteConfig: { fetchRemoteConfig: false }, autocapture: false, flushIntervalMillis: 500, ...variants[variant],
  }).promise;
  const track = ({ name, time, properties }) => amplitude.track(name, properties, time && { time: time.getTime() });
  before.forEach(track);
  amplitude.setUserId('ann');
  amplitude.identify(new Identify().set('plan', 'pro'));
  after.forEach(track);
});
