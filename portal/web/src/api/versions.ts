import { useSyncExternalStore } from 'react';

// The newest version of each gateway's configuration that a change of this tab
// made. The shell follows it until it is live on every edge.
const newest = new Map<string, number>();
const listeners = new Set<() => void>();

/** Notes that a change of a gateway (by the name or id in the path) made a version. */
export function noteVersion(gateway: string, version: number): void {
  if ((newest.get(gateway) ?? 0) >= version) return;
  newest.set(gateway, version);
  listeners.forEach((tell) => tell());
}

/** Forgets everything, for another organization's gateways. */
export function forgetVersions(): void {
  newest.clear();
  listeners.forEach((tell) => tell());
}

/** The newest version that this tab made of a gateway, or undefined. */
export function useMadeVersion(gateway: string): number | undefined {
  return useSyncExternalStore(
    (tell) => {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
    () => newest.get(gateway),
  );
}
