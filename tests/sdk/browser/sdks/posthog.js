import posthog from 'posthog-js';
import { record } from '../page.js';

record(({ url, key, variant, before, after }) => {
  posthog.init(key, { api_host: url, autocapture: false, capture_pageview: false, capture_pageleave: false, disable_compression: variant === 'plain' });
  const track = ({ name, time, properties }) => posthog.capture(name, properties, time && { timestamp: time });
  before.forEach(track);
  posthog.identify('ann', { plan: 'pro' });
  after.forEach(track);
});
