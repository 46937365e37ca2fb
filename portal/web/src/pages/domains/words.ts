import type { Schemas } from '@/api/client';
import { ago, date, dateTime } from '@/ui/format';
import type { DotState } from '@/ui';

export type Domain = Schemas['Domain'];

/** How something stands: a dot, a few words for a list, and what they mean. */
export interface Standing {
  dot: DotState;
  words: string;
  meaning: string;
}

/** How the proof of a domain stands. */
export function proofStanding(domain: Domain): Standing {
  switch (domain.state) {
    case 'pending':
      return { dot: 'busy', words: 'Waiting for the DNS record', meaning: 'The host is not served yet. Set the TXT record below: it is looked for by itself.' };
    case 'active':
      return { dot: 'good', words: 'Verified', meaning: 'Every edge answers for this host. Keep the TXT record: it is looked at twice a day.' };
    case 'failing':
      return { dot: 'warn', words: 'Record gone, still served', meaning: 'The TXT record was not found any more. The host is served for 72 hours after that; add the record again to go on.' };
    case 'lapsed':
      return { dot: 'bad', words: 'Not served any more', meaning: 'The TXT record has been gone for too long. Add it again and the host is served again.' };
  }
}

/** How the certificate of a domain stands. */
export function certificateStanding(domain: Domain): Standing {
  const { state, not_after: until } = domain.certificate;
  const served = until !== undefined;
  switch (state) {
    case 'off':
      return { dot: 'idle', words: 'Uploaded by you', meaning: 'None is issued by itself. The edges serve an uploaded certificate that covers this host.' };
    case 'unavailable':
      return { dot: 'warn', words: 'Must be uploaded', meaning: 'This Tollgate can’t have a certificate issued for this host by itself.' };
    case 'waiting':
      return { dot: 'idle', words: 'After the DNS record', meaning: 'It is ordered as soon as the TXT record was seen.' };
    case 'ordered':
      return { dot: 'busy', words: 'Being issued', meaning: 'The authority is asked for it and looks whether the host leads to the edges. That takes some seconds, at times minutes.' };
    case 'issued':
      return { dot: 'good', words: until ? `Served, until ${date(until)}` : 'Served', meaning: 'Every edge serves it. A new one is ordered by itself in good time.' };
    case 'failing':
      return served
        ? { dot: 'warn', words: `Renewal fails, served until ${date(until)}`, meaning: 'The certificate at hand stays in use while the renewal is tried again by itself.' }
        : { dot: 'bad', words: 'Can’t be issued', meaning: 'The last order failed. It is tried again by itself.' };
    case 'expired':
      return { dot: 'bad', words: until ? `Expired ${date(until)}` : 'Expired', meaning: 'Clients refuse it. The renewal is tried again by itself.' };
  }
}

/** Whether something is about to happen by itself, so that a look every few seconds is worth it. */
export function unsettled(domain: Domain): boolean {
  return domain.state === 'pending' || domain.state === 'lapsed' || ['ordered', 'failing'].includes(domain.certificate.state);
}

/** Whether somebody has to do something about a domain that is, or was, served. */
export function needsAttention(domain: Domain): boolean {
  return domain.state === 'failing' || domain.state === 'lapsed' || (domain.state === 'active' && ['failing', 'expired'].includes(domain.certificate.state));
}

/** When something is done next: "in 12 seconds (22 Nov 2026, 09:40)"; what is over is "now". */
export function whenNext(at: string, now: number = Date.now()): string {
  if (new Date(at).getTime() <= now) return 'now';
  return `${ago(at, now)} (${dateTime(at)})`;
}

/** A DNS record that the owner of the zone sets. */
export interface DnsRecord {
  type: 'TXT' | 'CNAME';
  name: string;
  value: string;
  purpose: string;
}

/** The records that a domain needs: the proof, and the way to the edges. */
export function recordsOf(domain: Domain): DnsRecord[] {
  const records: DnsRecord[] = [{ type: 'TXT', name: domain.proof.name, value: domain.proof.value, purpose: 'Proves that the host is yours' }];
  if (domain.target) records.push({ type: 'CNAME', name: domain.host, value: domain.target, purpose: 'Leads requests to the edges' });
  return records;
}

/** What is wrong with a host before the API is asked; null: nothing that shows here. */
export function hostMistake(host: string): string | null {
  const text = host.trim();
  if (text === '') return 'A domain needs a host, such as api.example.com.';
  if (/^[a-z]+:\/\//i.test(text)) return 'Only the host: leave out the scheme (https://).';
  if (/[/?#]/.test(text)) return 'Only the host: leave out the path.';
  if (/:\d*$/.test(text)) return 'Only the host: leave out the port.';
  if (/\s/.test(text)) return 'A host has no spaces.';
  return null;
}
