// Starts Debian's Chromium for all runs, says where it listens, and ends it once standard
// input ends.
import { chromium } from 'playwright-core';

const server = await chromium.launchServer({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-blink-features=AutomationControlled'],
});
console.log(server.wsEndpoint());
for await (const _ of process.stdin);
await server.close();
