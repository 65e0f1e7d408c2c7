// Starts the service in a folder of its own on a free port, without any user.
import { startService } from './service.js';

export default async function setup(): Promise<() => Promise<void>> {
  // One person at a screen asks less than tests that open a page every second.
  const often = '2000/s burst 4000';
  const service = await startService({ RATE_LIMIT_STATS: often, RATE_LIMIT_ACCOUNT: often, RATE_LIMIT_LOGIN: often, RATE_LIMIT_REGISTER: often });
  process.env.BASE = service.base;
  return () => service.stop();
}
