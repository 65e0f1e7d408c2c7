import { init, track } from '@plausible-analytics/tracker';
import { record } from '../page.js';

record(async ({ url, key, before, after }) => {
  init({ domain: key, endpoint: `${url}/api/event`, captureOnLocalhost: true, autoCapturePageviews: false });
  for (const { name, properties } of [...before, ...after]) {
    await new Promise((sent) => track(name, { props: properties, callback: sent }));
  }
});
