// Opens the page of an SDK in a Chromium that chromium.js has started: run.js '{"sdk",
// "variant", "url", "key", "count", "base", "run", "pages", "chromium", "strict"}'. It says
// "recorded" once the page does, closes the page when standard input ends, and fails with
// what the page wrote as errors; unless strict, those that the network's faults cause are
// passed over.
import { chromium } from 'playwright-core';

const run = JSON.parse(process.argv[2]);
const browser = await chromium.connect(run.chromium);
// Some SDKs are silent when they see a browser that is automated.
const userAgent = `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${browser.version().split('.')[0]}.0.0.0 Safari/537.36`;
const context = await browser.newContext({ userAgent });
const page = await context.newPage();
const errors = [];
const expected = /^Failed to load resource: (net::ERR_|the server responded with a status of (429|503) )/;
page.on('pageerror', (error) => errors.push(`uncaught: ${error.stack ?? error}`));
page.on('console', (message) => {
  if (message.type() === 'error' && (run.strict || !expected.test(message.text()))) errors.push(message.text());
});
await page.goto(`${run.pages}/${run.sdk}.html#${encodeURIComponent(JSON.stringify(run))}`);
await page.waitForFunction(() => window.recorded, undefined, { timeout: 120_000 });
console.log('recorded');
for await (const _ of process.stdin);
await page.close({ runBeforeUnload: false });
await context.close();
await browser.close();
if (errors.length > 0) {
  console.error(errors.join('\n'));
  process.exit(run.strict ? 1 : 0);
}
