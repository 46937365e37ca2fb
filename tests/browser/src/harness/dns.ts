import { createSocket } from 'node:dgram';

/** A name server that knows the text records of one test. */
export interface NameServer {
  /** host:port. */
  address: string;
  setTXT: (name: string, value: string | undefined) => void;
  stop: () => Promise<void>;
}

/** The name of a message's question, and where that ends. */
function question(message: Buffer): { name: string; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 5 };
}

/** The answer to a query (RFC 1035, 4.1): at most one TXT record. */
function answer(query: Buffer, records: Map<string, string>): Buffer {
  const { name, end } = question(query);
  const value = query.readUInt16BE(end - 4) === 16 ? records.get(name) : undefined;
  const head = Buffer.alloc(12);
  query.copy(head, 0, 0, 2);
  head.writeUInt16BE(0x8580, 2);
  head.writeUInt16BE(1, 4);
  if (value === undefined) return Buffer.concat([head, query.subarray(12, end)]);
  head.writeUInt16BE(1, 6);
  const text = Buffer.from(value);
  const record = Buffer.alloc(13);
  record.writeUInt16BE(0xc00c, 0); // the question's name
  record.writeUInt16BE(16, 2);
  record.writeUInt16BE(1, 4);
  record.writeUInt32BE(1, 6);
  record.writeUInt16BE(text.length + 1, 10);
  record.writeUInt8(text.length, 12);
  return Buffer.concat([head, query.subarray(12, end), record, text]);
}

export function startNameServer(): Promise<NameServer> {
  const records = new Map<string, string>();
  const socket = createSocket('udp4');
  socket.on('message', (message, from) => socket.send(answer(message, records), from.port, from.address));
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(0, '127.0.0.1', () =>
      resolve({
        address: `127.0.0.1:${socket.address().port}`,
        setTXT: (name, value) => void (value === undefined ? records.delete(name) : records.set(name, value)),
        stop: () => new Promise((done) => socket.close(() => done())),
      }),
    );
  });
}
