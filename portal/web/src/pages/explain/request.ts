/** Header fields written one a line, as in a request: `Name: value`. */
export function parseHeaders(text: string): { headers: Record<string, string[]> } | { error: string } {
  const headers: Record<string, string[]> = {};
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '') continue;
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).trim();
    if (colon < 1 || /\s/.test(name)) return { error: `Line ${i + 1} is not “Name: value”.` };
    (headers[name] ??= []).push(line.slice(colon + 1).trim());
  }
  return { headers };
}

/** The path with its query of what was typed: a path, or a whole URL of this gateway. */
export function pathOf(typed: string, gatewayURL: string | undefined): string | undefined {
  if (typed.startsWith('/')) return typed;
  if (!gatewayURL || !typed.startsWith(gatewayURL)) return undefined;
  const rest = typed.slice(gatewayURL.length);
  return rest === '' ? '/' : rest.startsWith('/') ? rest : undefined;
}

/** JSON is set out for reading; everything else stays as it came. */
export function readable(body: string, contentType: string | undefined): string {
  if (!contentType || !/[/+]json\b/.test(contentType)) return body;
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
