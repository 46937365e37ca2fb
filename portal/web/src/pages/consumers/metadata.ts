/** What a form shows of metadata: JSON a person can read, or nothing. */
export function metadataText(metadata: unknown): string {
  if (metadata === undefined || metadata === null) return '';
  if (typeof metadata === 'object' && Object.keys(metadata).length === 0) return '';
  return JSON.stringify(metadata, null, 2);
}

/** What is wrong with such a text, or null. */
export function metadataFault(text: string): string | null {
  if (text.trim() === '') return null;
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? null : 'Must be a JSON object, such as {"customer": 4711}.';
  } catch (error) {
    return `Is no JSON: ${error instanceof Error ? error.message : 'it does not end'}.`;
  }
}

/** The metadata that such a text means; an empty text is none. */
export function metadataOf(text: string): Record<string, unknown> | undefined {
  return text.trim() === '' ? undefined : (JSON.parse(text) as Record<string, unknown>);
}
