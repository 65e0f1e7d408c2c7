// Starts the service in a folder of its own on a free port, without any user.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const binary = process.env.STANDALONE ?? join(import.meta.dirname, '../../../bin/standalone');

function freePort(): Promise<number> {
  return new Promise((found, failed) => {
    const server = createServer();
    server.on('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (address && typeof address === 'object' ? found(address.port) : failed(new Error('no port'))));
    });
  });
}

async function ready(base: string): Promise<void> {
  for (;;) {
    const ok = await fetch(`${base}/readyz`).then((response) => response.ok, () => false);
    if (ok) return;
    await new Promise((next) => setTimeout(next, 200));
  }
}

export default async function setup(): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'dashboard-'));
  const port = await freePort();
  const base = `http://localhost:${port}`;
  const service = spawn(binary, [], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      PORT: String(port),
      DATA_DIR: join(folder, 'data'),
      LOG_LEVEL: 'error',
      // One person at a screen asks less than tests that open a page every second.
      RATE_LIMIT_STATS: '2000/s burst 4000',
      RATE_LIMIT_ACCOUNT: '2000/s burst 4000',
      RATE_LIMIT_LOGIN: '2000/s burst 4000',
    },
  });
  const exited = new Promise<void>((done) => service.on('exit', () => done()));
  const failed = new Promise<never>((_, fail) => {
    service.on('error', fail);
    service.on('exit', (code) => fail(new Error(`the service ended with ${code}`)));
  });
  await Promise.race([ready(base), failed]);
  failed.catch(() => {}); // it is stopped below
  process.env.BASE = base;
  return async () => {
    service.kill('SIGTERM');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  };
}
