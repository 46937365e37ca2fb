import type { Schemas } from '@/api/client';

type Stream = Schemas['StreamInput'];

/** Protocols of streams, for people. */
export const protocols: Record<Stream['protocol'], { label: string; text: string }> = {
  tcp: { label: 'TCP', text: 'Connections, carried as they are.' },
  udp: { label: 'UDP', text: 'Datagrams; those of one client stay with one target.' },
  tls: { label: 'TLS by server name', text: 'On the shared TLS port, passed through unopened: your servers hold the certificate.' },
};

/** Where clients connect to, as far as it is known. */
export function endpoint(stream: Pick<Stream, 'protocol' | 'port' | 'sni'>, hostname: string | undefined): string {
  if (stream.protocol === 'tls') return (stream.sni ?? []).join(', ');
  return stream.port ? `${hostname ?? ''}:${stream.port}` : '';
}

/** What targets of a stream's upstream begin with. */
export function schemeOf(protocol: Stream['protocol']): string {
  return protocol === 'udp' ? 'udp://' : 'tcp://';
}

/** One entry a line; what is empty is left out. */
export function linesOf(text: string): string[] | undefined {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return lines.length > 0 ? lines : undefined;
}
