import { useSyncExternalStore } from 'react';

// The organization that this tab speaks for. It is kept for the next visit, and
// each tab has its own: two tabs may look at two organizations.
const key = 'tollgate-organization';
const listeners = new Set<() => void>();
let current = read();

function read(): string | undefined {
  try {
    return sessionStorage.getItem(key) ?? localStorage.getItem(key) ?? undefined;
  } catch {
    return undefined; // storage is refused
  }
}

/** The id of the organization that requests are sent for. */
export function currentOrganization(): string | undefined {
  return current;
}

/** Chooses an organization; undefined forgets it. Answers of the former must be dropped by the caller. */
export function chooseOrganization(id: string | undefined): void {
  if (id === current) return;
  current = id;
  try {
    if (id) {
      sessionStorage.setItem(key, id);
      localStorage.setItem(key, id);
    } else {
      sessionStorage.removeItem(key);
      localStorage.removeItem(key);
    }
  } catch {
    // Storage is refused: the choice lasts as long as the page.
  }
  listeners.forEach((tell) => tell());
}

/** The chosen organization's id, as React state. */
export function useOrganizationId(): string | undefined {
  return useSyncExternalStore(
    (tell) => {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
    () => current,
  );
}
