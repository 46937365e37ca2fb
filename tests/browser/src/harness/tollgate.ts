import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A whole Tollgate in one process, with a data directory of its own. */
export interface Tollgate {
  /** Where the portal is: http://localhost:PORT. */
  portal: string;
  /** Where the edge answers, for clients that set the Host themselves. */
  edge: string;
  /** Where callers reach a gateway. */
  gatewayURL: (label: string) => string;
  /** Its data directory; tollgate.db in it is the database. */
  data: string;
  log: () => string;
  stop: () => Promise<void>;
}

const given = new Set<number>();

/**
 * A port that nobody listens at, below those that the system gives to connections: a
 * browser makes many before the port is bound.
 */
async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = 11_000 + Math.floor(Math.random() * 21_000);
    if (given.has(port)) continue;
    given.add(port);
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
  throw new Error('no free port was found in a hundred tries');
}

function binary(): string {
  const dir = process.env.TOLLGATE_BIN;
  if (!dir) throw new Error('TOLLGATE_BIN does not say where the built binaries are: run `make test` or `make browser`');
  return join(dir, 'tollgate');
}

async function until(url: string, exited: () => boolean, log: () => string): Promise<void> {
  const limit = Date.now() + 60_000;
  for (;;) {
    if (exited() || Date.now() > limit) throw new Error(`Tollgate did not become ready:\n${log()}`);
    try {
      if ((await fetch(url)).ok) return;
    } catch {
      // Not listening yet.
    }
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

/** Starts `tollgate up` and waits until it serves. */
export async function startTollgate(env: Record<string, string> = {}): Promise<Tollgate> {
  const data = mkdtempSync(join(tmpdir(), 'tollgate-browser-'));
  const [portal, edge, tls, edgeAdmin, portalAdmin, worker] = await Promise.all(Array.from({ length: 6 }, freePort));
  const args = [
    'up', '--data-dir', data, '--portal-addr', `127.0.0.1:${portal}`, '--edge-addr', `127.0.0.1:${edge}`, '--edge-tls-addr', `127.0.0.1:${tls}`,
    '--edge-admin-addr', `127.0.0.1:${edgeAdmin}`, '--portal-admin-addr', `127.0.0.1:${portalAdmin}`, '--worker-addr', `127.0.0.1:${worker}`,
    '--public-url', `http://localhost:${portal}`, '--log-format', 'text',
  ];
  const child: ChildProcess = spawn(binary(), args, {
    cwd: data,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin`, HOME: data, LANG: 'C.UTF-8', TZ: 'UTC', ...env },
  });
  let output = '';
  const keep = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-200_000));
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  let exited = false;
  const ended = new Promise<void>((resolve) => child.once('exit', () => ((exited = true), resolve())));
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const log = () => output;
  await until(`http://127.0.0.1:${portal}/readyz`, () => exited, log);
  await until(`http://127.0.0.1:${edgeAdmin}/readyz`, () => exited, log);
  return {
    portal: `http://localhost:${portal}`,
    edge: `http://127.0.0.1:${edge}`,
    data,
    gatewayURL: (label) => `http://${label}.localhost:${edge}`,
    log,
    stop: async () => {
      child.kill('SIGTERM');
      const timer = setTimeout(kill, 20_000);
      await ended;
      clearTimeout(timer);
      process.off('exit', kill);
      rmSync(data, { recursive: true, force: true });
    },
  };
}
