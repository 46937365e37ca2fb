import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** The stateful Stripe of the tests, in a process of its own. */
export interface StripeFake {
  /** Base URL of its API, for TOLLGATE_STRIPE_URL. */
  url: string;
  /** Calls its control, such as `control('POST', 'advance', {by: '1h'})`. */
  control: <T = Record<string, unknown>>(method: 'GET' | 'POST', what: string, body?: unknown) => Promise<T>;
  /** Sends all that it was asked to stripe-mock and answers what was printed; throws where that refuses anything. */
  replay: () => Promise<string>;
  stop: () => Promise<void>;
}

/** What the fake's webhooks are signed with. */
export const webhookSecret = 'whsec_of_the_browser_tests_0123456789';

const program = () => join(process.env.TOLLGATE_BIN ?? '', 'test-stripefake');

export async function startStripe(): Promise<StripeFake> {
  const child = spawn(program(), ['--secret', webhookSecret], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const first = await new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    createInterface(child.stdout).once('line', resolve);
  });
  const { url } = JSON.parse(first) as { url: string };
  return {
    url,
    control: async <T>(method: 'GET' | 'POST', what: string, body?: unknown) => {
      const response = await fetch(`${url}/_fake/${what}`, { method, body: method === 'POST' ? JSON.stringify(body ?? {}) : undefined });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${what}: ${response.status} ${text}`);
      return JSON.parse(text) as T;
    },
    replay: () => replay(url),
    stop: async () => {
      kill();
      await ended;
      process.off('exit', kill);
    },
  };
}

function replay(url: string): Promise<string> {
  const child = spawn(program(), ['--replay', url, '--mocks', join(process.env.TOLLGATE_BIN ?? '', 'tools')], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (out += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve(out.trim()) : reject(new Error(`the replay ended with ${code}:\n${out}`))));
  });
}
