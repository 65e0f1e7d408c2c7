// Sends events by a vendor's SDK, as an application would: send.js SDK URL KEY COUNT
import { Analytics } from '@segment/analytics-node'
import { PostHog } from 'posthog-node'

const [sdk, url, key, count] = process.argv.slice(2)
const properties = (n) => ({ n, price: n + 0.75, text: 'héllo ✓ "q" \\ 😀', nested: { list: [1, 'two', null] } })

const senders = {
  async segment() {
    const analytics = new Analytics({ writeKey: key, host: url, maxEventsInBatch: 10, maxRetries: 10 })
    for (let n = 0; n < count; n++) {
      analytics.track({ userId: `user-${n % 5}`, event: `segment_${n % 3}`, properties: properties(n) })
    }
    analytics.identify({ userId: 'user-0', traits: { plan: 'pro' } })
    await analytics.closeAndFlush()
  },
  async posthog() {
    const posthog = new PostHog(key, { host: url, flushAt: 10, fetchRetryCount: 10, fetchRetryDelay: 100 })
    for (let n = 0; n < count; n++) {
      posthog.capture({ distinctId: `user-${n % 5}`, event: `posthog_${n % 3}`, properties: properties(n) })
    }
    posthog.identify({ distinctId: 'user-0', properties: { plan: 'pro' } })
    await posthog.shutdown()
  },
}

await senders[sdk]()
