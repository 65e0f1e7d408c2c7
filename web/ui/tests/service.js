// Starts the service, without any user, in a folder of its own and on a free port.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const binary = process.env.STANDALONE ?? fileURLToPath(new URL('../../../bin/standalone', import.meta.url));

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((found, failed) => {
    const server = createServer();
    server.on('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (address && typeof address === 'object' ? found(address.port) : failed(new Error('no port'))));
    });
  });
}

/** @param {string} base */
async function ready(base) {
  for (;;) {
    const ok = await fetch(`${base}/readyz`).then((response) => response.ok, () => false);
    if (ok) return;
    await new Promise((next) => setTimeout(next, 200));
  }
}

/**
 * Returns the service's address, and how to stop it.
 * @param {Record<string, string>} [settings]
 */
export async function startService(settings) {
  const folder = mkdtempSync(join(tmpdir(), 'dashboard-'));
  const port = await freePort();
  const base = `http://localhost:${port}`;
  const service = spawn(binary, [], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, PORT: String(port), DATA_DIR: join(folder, 'data'), LOG_LEVEL: 'error', ...settings },
  });
  /** @type {Promise<void>} */
  const exited = new Promise((done) => service.on('exit', () => done()));
  const failed = new Promise((_, fail) => {
    service.on('error', fail);
    service.on('exit', (code) => fail(new Error(`the service ended with ${code}`)));
  });
  await Promise.race([ready(base), failed]);
  failed.catch(() => {}); // it is stopped below
  return {
    base,
    async stop() {
      service.kill('SIGTERM');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
