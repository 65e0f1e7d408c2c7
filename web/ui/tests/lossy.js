// A proxy that breaks some of the requests it gets: what networks do to clients.
import { createServer, request } from 'node:http';

/**
 * What becomes of a request: nothing bad, lost before the service has it, its answer
 * lost, or a status that the proxy answers itself.
 * @typedef {'' | 'request' | 'answer' | number} Fault
 */

/**
 * Starts a proxy of a service, which asks about each POST what shall become of it.
 * @param {() => string} target address of the service, asked for each request
 * @param {(path: string, body: string) => Fault} fault
 */
export async function lossy(target, fault) {
  const server = createServer(async (incoming, outgoing) => {
    const chunks = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const what = incoming.method === 'POST' ? fault(incoming.url, body.toString()) : '';
    if (what === 'request') return incoming.socket.destroy();
    if (typeof what === 'number') return outgoing.writeHead(what, { 'Retry-After': '0', 'Access-Control-Allow-Origin': '*' }).end();
    const headers = { ...incoming.headers, connection: 'close' };
    const forward = request(target() + incoming.url, { method: incoming.method, headers }, async (answer) => {
      const parts = [];
      for await (const part of answer) parts.push(part);
      if (what === 'answer') return incoming.socket.destroy();
      outgoing.writeHead(answer.statusCode, answer.headers).end(Buffer.concat(parts));
    });
    forward.on('error', () => incoming.socket.destroy());
    forward.end(body);
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
