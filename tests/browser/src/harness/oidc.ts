import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** The OpenID Connect provider of the end-to-end tests, in a process of its own. */
export interface Provider {
  issuer: string;
  /** Sets something at the provider's control, such as `/person`. */
  set: (path: string, value: unknown) => Promise<void>;
  stop: () => Promise<void>;
}

export async function startProvider(): Promise<Provider> {
  const child = spawn(join(process.env.TOLLGATE_BIN ?? '', 'test-oidcprovider'), [], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const first = await new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    createInterface(child.stdout).once('line', resolve);
  });
  const { issuer, control } = JSON.parse(first) as { issuer: string; control: string };
  return {
    issuer,
    set: async (path, value) => {
      const response = await fetch(control + path, { method: 'PUT', body: JSON.stringify(value) });
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    },
    stop: async () => {
      kill();
      await ended;
      process.off('exit', kill);
    },
  };
}
