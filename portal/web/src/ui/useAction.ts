import { useState } from 'react';
import { failed } from './notify';

/**
 * What a button starts and takes a while: whether it is under way, and what starts
 * it. A failure is told, and the button can be pressed again.
 */
export function useAction<A extends unknown[]>(work: (...args: A) => Promise<unknown>): [busy: boolean, start: (...args: A) => void] {
  const [busy, setBusy] = useState(false);
  const run = async (args: A) => {
    setBusy(true);
    try {
      await work(...args);
    } catch (error) {
      failed(error);
    } finally {
      setBusy(false);
    }
  };
  return [busy, (...args) => void run(args)];
}
