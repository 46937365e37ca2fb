/** A path that a pattern matches, to send a first request to. */
export function samplePath(pattern: string): string {
  if (pattern.startsWith('~')) return '/';
  const path = pattern
    .replace(/\/\*$/, '/hello')
    .replace(/\{[^}]*\}/g, '1')
    .replace(/\*/g, 'x');
  return path.startsWith('/') ? path : `/${path}`;
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** A command that sends a request to a gateway and shows the whole answer. */
export function curlLine(base: string, path: string, key: string | undefined): string {
  const url = quoted(base.replace(/\/$/, '') + path);
  return key === undefined ? `curl -i ${url}` : `curl -i ${url} -H ${quoted(`X-API-Key: ${key}`)}`;
}
