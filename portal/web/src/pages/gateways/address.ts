/** Where a gateway of this name would answer: its name before the edge's domain. */
export function addressOf(edgeURL: string, name: string): string {
  return edgeURL.replace('://', `://${name}.`);
}

/** A curl line for a shell: the URL stands in quotes, with what has to be escaped in them. */
export function curlOf(url: string, options: { method?: string; headers?: Record<string, string> } = {}): string {
  const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  const parts = ['curl'];
  if (options.method && options.method !== 'GET') parts.push('-X', options.method);
  for (const [name, value] of Object.entries(options.headers ?? {})) parts.push('-H', quote(`${name}: ${value}`));
  return [...parts, /^[\w:/.%-]+$/.test(url) ? url : quote(url)].join(' ');
}
