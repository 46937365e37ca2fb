/** One event of a stream of server-sent events. */
export interface StreamEvent {
  event: string;
  data: string;
  id?: string;
}

/**
 * Reads server-sent events out of text that comes in pieces of any size
 * (the WHATWG HTML standard, section 9.2.6). Comments are heartbeats: they end nothing.
 */
export class EventReader {
  private rest = '';
  private fields: { event: string; data: string[]; id?: string } = { event: '', data: [] };

  /** The events that a further piece completes. */
  push(text: string): StreamEvent[] {
    const events: StreamEvent[] = [];
    const lines = (this.rest + text).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        if (this.fields.data.length > 0) {
          events.push({ event: this.fields.event || 'message', data: this.fields.data.join('\n'), id: this.fields.id });
        }
        this.fields = { event: '', data: [] };
      } else {
        this.field(line);
      }
    }
    return events;
  }

  private field(line: string) {
    const colon = line.indexOf(':');
    if (colon === 0) return; // a comment
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') this.fields.data.push(value);
    else if (name === 'event') this.fields.event = value;
    else if (name === 'id') this.fields.id = value;
  }
}
