import { createServer } from 'node:http';

/** A backend that answers with its name and the path that it got. */
export interface Backend {
  url: string;
  name: string;
  hits: () => number;
  stop: () => Promise<void>;
}

export function startBackend(name: string): Promise<Backend> {
  let hits = 0;
  const server = createServer((request, response) => {
    hits++;
    response.setHeader('Content-Type', 'application/json');
    if (request.url?.startsWith('/broken')) response.statusCode = 500;
    response.end(JSON.stringify({ backend: name, path: request.url, consumer: request.headers['tollgate-consumer'] ?? null }));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (!address || typeof address !== 'object') return reject(new Error('no address'));
      resolve({
        url: `http://127.0.0.1:${address.port}`,
        name,
        hits: () => hits,
        stop: () =>
          new Promise((done) => {
            server.close(() => done());
            server.closeAllConnections();
          }),
      });
    });
  });
}
