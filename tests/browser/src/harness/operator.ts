import type { Page } from 'playwright-core';
import { Api, signUp } from './api';
import type { Words } from './seed';
import { totp } from './totp';

const password = 'a long enough password';

/**
 * Makes an operator and signs in with a second factor. It must be the first account, and
 * startTollgate needs the address in TOLLGATE_OPERATORS.
 */
export async function signInOperator(page: Page, portal: string, email: string): Promise<Api> {
  const api = await signUp(page, portal, email, 'Those who run it');
  const { secret } = await api.post<{ secret: string }>('/v1/totp', { current_password: password });
  await api.post('/v1/totp/confirm', { code: totp(secret) });
  await page.context().clearCookies();
  await api.post('/v1/login', { email, password });
  await api.post('/v1/login/second-factor', { code: totp(secret, 1) });
  return api;
}

/** Lets an operator do something of everything to two organizations. */
export async function seedOperator(api: Api, organizations: [string, string]): Promise<Words> {
  const [one, other] = organizations.map((id) => `/v1/operator/organizations/${id}`);
  await api.post(`${one}/notes`, { text: 'Called them about the errors of last week.\nThey have a new backend since.' });
  await api.post(`${one}/credits`, { cents: 1500, reason: 'The outage of 3 November' });
  await api.post(`${other}/suspend`, { reason: 'Spam was sent through the gateway fresh.', message: 'Close the open route, then write to abuse@example.com.' });
  await api.post(`${other}/resume`, { reason: 'It is settled.' });
  const edges = await api.get<{ items: { id: string }[] }>('/v1/operator/edges');
  return { organization: organizations[0], edge: edges.items[0]?.id ?? 'none' };
}
