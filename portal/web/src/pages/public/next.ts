/**
 * Where to go after signing in: only a path of this portal. Anything else (another
 * site, `//host`, `/\host`) leads to the gateways.
 */
export function safeNext(next: string | undefined, origin: string = window.location.origin): string {
  if (!next?.startsWith('/')) return '/gateways';
  try {
    const url = new URL(next, origin);
    if (url.origin !== origin) return '/gateways';
    return url.pathname + url.search + url.hash;
  } catch {
    return '/gateways';
  }
}
