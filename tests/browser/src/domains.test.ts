import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { axe } from './harness/axe';
import { signUp, within, type Api } from './harness/api';
import { startBrowser, type Browser, type Scheme } from './harness/browser';
import { startNameServer, type NameServer } from './harness/dns';
import { Gallery } from './harness/gallery';
import { startTollgate, type Tollgate } from './harness/tollgate';

// A domain from its first sight to its end, and how each of its states looks.
const short = process.env.TOLLGATE_SHORT === '1';

let tollgate: Tollgate;
let names: NameServer;
let browser: Browser;
let api: Api;
const gallery = new Gallery('domains');

interface Domain {
  host: string;
  state: string;
  proof: { name: string; value: string };
  certificate: Record<string, unknown>;
}

beforeAll(async () => {
  names = await startNameServer();
  [tollgate, browser] = await Promise.all([startTollgate({ TOLLGATE_DNS_RESOLVER: names.address }), startBrowser()]);
  const page = await browser.open();
  api = await signUp(page, tollgate.portal, 'ada@example.com', 'Difference Engines');
  await api.post('/v1/gateways', { name: 'shop', mode: 'live' });
  await page.close();
});

afterAll(async () => {
  gallery.finish('Domains');
  await browser?.close();
  await tollgate?.stop();
  await names?.stop();
});

const at = (path: string) => `${tollgate.portal}/gateways/shop/${path}`;

it('a domain is added, proven while one looks on, and deleted', async () => {
  const page = await browser.open();
  await page.goto(at('overview'));
  await page.getByRole('link', { name: 'Use a domain of your own' }).click();
  await page.getByRole('heading', { name: 'No domain yet' }).waitFor();
  await page.getByRole('button', { name: 'Add a domain' }).click();
  const host = page.getByRole('textbox', { name: 'Host' });
  const add = page.getByRole('dialog').getByRole('button', { name: 'Add the domain' });

  // What is wrong stands at the field: found here, and found by the API.
  await host.fill('https://api.example.com/v1');
  await add.click();
  await page.getByText('Only the host: leave out the scheme (https://).').waitFor();
  await host.fill('shop.localhost');
  await add.click();
  await page.getByText('belongs to this installation', { exact: false }).waitFor();
  expect(await host.getAttribute('aria-invalid')).toBe('true');
  await gallery.take(page, 'added', 'error at the field');
  await host.fill('api.example.com');
  await page.keyboard.press('Enter');

  // Its page shows the records, which can be copied.
  await page.getByRole('heading', { level: 1, name: 'api.example.com' }).waitFor();
  await page.getByText('Waiting for the DNS record').waitFor();
  const domain = await api.get<Domain>('/v1/gateways/shop/domains/api.example.com');
  await page.getByText(domain.proof.value, { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Copy the value of the TXT record' }).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(domain.proof.value);
  await page.getByRole('button', { name: 'Copy the name of the TXT record' }).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('_tollgate.api.example.com');
  await page.getByRole('button', { name: 'Check now' }).click();
  await page.getByText('has no TXT record', { exact: false }).waitFor();
  await gallery.takeWhole(page, 'added', 'waiting');

  // The record is set and somebody else has it looked for: the page follows by itself.
  names.setTXT(domain.proof.name, domain.proof.value);
  await api.post('/v1/gateways/shop/domains/api.example.com/verify');
  await page.getByText('Verified', { exact: true }).waitFor();
  await gallery.takeWhole(page, 'added', 'verified');
  await page.goto(at('overview'));
  await page.getByText('Also reached at api.example.com.').waitFor();

  // The list says the same; the domain goes once its name was typed.
  await page.getByRole('link', { name: 'Domains of this gateway' }).click();
  await page.getByRole('link', { name: 'api.example.com' }).click();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('Every edge stops answering for api.example.com', { exact: false }).waitFor();
  const button = dialog.getByRole('button', { name: 'Delete the domain' });
  expect(await button.isDisabled()).toBe(true);
  await dialog.getByRole('textbox').fill('api.example.com');
  await button.click();
  await page.getByRole('heading', { name: 'No domain yet' }).waitFor();
  expect((await api.get<{ items: unknown[] }>('/v1/gateways/shop/domains')).items).toEqual([]);
  expect(browser.complaints()).toEqual([]);
  await page.close();
});

it('rules for callers’ certificates are saved, and stay when other settings change', async () => {
  const page = await browser.open();
  await page.goto(at('certificates?tab=callers'));
  await page.getByRole('button', { name: 'Ask for certificates' }).click();
  await page.getByRole('button', { name: 'Save the rules' }).click();
  await page.getByText('Rules need the certificate of at least one authority.').waitFor();
  await page.getByRole('textbox', { name: 'Trusted authorities' }).fill('not PEM');
  await page.getByRole('button', { name: 'Save the rules' }).click();
  await within(10_000, async () => expect(await page.getByRole('textbox', { name: 'Trusted authorities' }).getAttribute('aria-invalid')).toBe('true'));
  await gallery.takeWhole(page, 'callers', 'error at the field');
  await page.getByRole('textbox', { name: 'Trusted authorities' }).fill(authority);
  await page.getByRole('combobox', { name: 'Subjects' }).fill('CN=billing*');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Save the rules' }).click();
  await page.getByText('The rules for callers’ certificates are saved.').waitFor();
  const rules = async () => (await api.get<{ client_certificates?: { ca_pem: string; subjects: string[] }[] }>('/v1/gateways/shop')).client_certificates;
  expect(await rules()).toMatchObject([{ subjects: ['CN=billing*'] }]);
  await gallery.takeWhole(page, 'callers', 'saved');
  await page.goto(at('settings'));
  await page.getByRole('switch', { name: 'Send timings to callers' }).click();
  await page.getByRole('button', { name: 'Save the settings' }).click();
  await page.getByText('The settings are saved.').waitFor();
  expect(await rules(), 'the settings page dropped the rules').toMatchObject([{ subjects: ['CN=billing*'] }]);
  await page.goto(at('certificates?tab=callers'));
  await page.getByRole('button', { name: 'Remove the rules of: Every host of the gateway' }).click();
  await page.getByRole('button', { name: 'Save the rules' }).click();
  await page.getByText('No certificates are asked for any more.').waitFor();
  expect(await rules()).toBeUndefined();
  expect(browser.complaints()).toEqual([]);
  await page.close();
});

const soon = new Date(Date.now() + 3 * 3600_000).toISOString();
const issued = {
  mode: 'automatic', state: 'issued', issuer: 'R11', names: ['api.example.com'], issued_at: '2026-10-20T08:12:00Z', not_after: '2027-01-18T08:12:00Z',
  next_attempt_at: '2026-12-19T08:12:00Z', fingerprint_sha256: '6b1c0f2a55c0aa3e9a1d7d1b0b2f4ad2f17f0c4e61a9c2f1b3c0a4f4f4d5e6a7',
};
const refused = 'something else than the edges answers for api.example.com: let all its A, AAAA and CNAME records lead to the gateway’s own host alone (it says: 192.0.2.7: Invalid response from http://api.example.com/.well-known/acme-challenge/x: 404)';

/** Looks of the page that take an authority, or three days. */
const states: [string, string, Record<string, unknown>, string][] = [
  ['being issued', 'active', { mode: 'automatic', state: 'ordered', next_attempt_at: '2026-11-22T09:00:00Z' }, 'Being issued'],
  ['served', 'active', issued, 'Served, until Jan 18, 2027'],
  ['refused', 'active', { mode: 'automatic', state: 'failing', problem: refused, attempts: 4, next_attempt_at: soon }, 'something else than the edges answers'],
  ['renewal fails', 'active', { ...issued, state: 'failing', problem: refused, attempts: 1, next_attempt_at: soon }, 'One order has failed; the next try is made in'],
  ['record gone', 'failing', issued, 'Record gone, still served'],
  ['not served', 'lapsed', { ...issued, state: 'expired', problem: refused }, 'Not served any more'],
];

describe('each state says how it stands', () => {
  it.each(states)('%s', async (name, state, certificate, words) => {
    const problem = state === 'active' ? undefined : '_tollgate.api.example.com has no TXT record: add tollgate-verification=abcdefghijklmnopqrstuvwxyz234567; a new record may take some minutes until it is seen';
    const domain = {
      id: 'dom_1', host: 'api.example.com', state, problem, target: 'shop.edge.example.net', certificate, checked_at: '2026-11-22T08:59:00Z', next_check_at: soon,
      proof: { type: 'TXT', name: '_tollgate.api.example.com', value: 'tollgate-verification=abcdefghijklmnopqrstuvwxyz234567' },
      created_at: '2026-10-20T08:00:00Z', updated_at: '2026-11-22T08:59:00Z',
    };
    for (const width of short ? [390] : [1440, 390]) {
      const page = await browser.open(width);
      await page.route('**/v1/gateways/shop/domains**', (route) => {
        const one = new URL(route.request().url()).pathname.endsWith('/api.example.com');
        return route.fulfill({ contentType: 'application/json', body: JSON.stringify(one ? domain : { items: [domain] }) });
      });
      await page.goto(at('domains/api.example.com'));
      await page.getByText(words, { exact: false }).first().waitFor();
      await look(page, name, width);
      await page.goto(at('domains'));
      await page.getByRole('link', { name: 'api.example.com' }).waitFor();
      await look(page, `${name}, listed`, width);
      await page.goto(at('overview'));
      await page.getByRole('link', { name: 'Domains of this gateway' }).waitFor();
      const troubled = name !== 'being issued' && name !== 'served';
      expect.soft(await page.getByText('api.example.com needs attention.').count(), `the overview while ${name}`).toBe(troubled ? 1 : 0);
      await page.close();
    }
    expect(browser.complaints()).toEqual([]);
  });
});

async function look(page: Page, name: string, width: number): Promise<void> {
  for (const scheme of ['light', 'dark'] as Scheme[]) {
    await page.emulateMedia({ colorScheme: scheme });
    await gallery.takeWhole(page, name, `${width} ${scheme}`);
    expect.soft(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), `${name} at ${width} px is too wide`).toBeLessThanOrEqual(0);
    expect.soft(await axe(page), `${name}, ${width} px, ${scheme}`).toEqual([]);
  }
}

/** An authority's certificate, good until 2046; nobody has its key. */
const authority = `-----BEGIN CERTIFICATE-----
MIIBjTCCATOgAwIBAgIUMYAvZBLzwQCQHoSjGrbIURUc2TowCgYIKoZIzj0EAwIw
HDEaMBgGA1UEAwwRUGFydG5lciBhdXRob3JpdHkwHhcNMjYxMTIyMDk0ODE1WhcN
NDYxMTE3MDk0ODE1WjAcMRowGAYDVQQDDBFQYXJ0bmVyIGF1dGhvcml0eTBZMBMG
ByqGSM49AgEGCCqGSM49AwEHA0IABM7lEOwzM9T7a36GV/DsGRSHKKHx4jD0mBqD
0Noon4QVmffppSTjvxHjxA9vOzNahQKzEVIDUyK/6guya5GKbgijUzBRMB0GA1Ud
DgQWBBQCoVNH6f8PU2tJQnPl8ONYO/SPpTAfBgNVHSMEGDAWgBQCoVNH6f8PU2tJ
QnPl8ONYO/SPpTAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIBB6
il5XWktD01nRlraAFHZIgxFL7bJWYg8gipmuw4roAiEAoSn6eJEHB90zakMWpEXY
Z9KS0AMIkhpy/0zOBljOQwE=
-----END CERTIFICATE-----
`;
