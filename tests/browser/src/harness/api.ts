import type { Page } from 'playwright-core';

/** Calls the management API with the session of a page's browser. */
export class Api {
  constructor(
    private readonly page: Page,
    private readonly portal: string,
    public organization?: string,
  ) {}

  async call<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.page.request.fetch(this.portal + path, {
      method,
      data: body === undefined ? undefined : JSON.stringify(body),
      headers: {
        Origin: this.portal,
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(this.organization ? { 'Tollgate-Organization': this.organization } : {}),
      },
    });
    const text = await response.text();
    if (!response.ok()) throw new Error(`${method} ${path}: ${response.status()} ${text}`);
    return (text === '' ? {} : JSON.parse(text)) as T;
  }

  get = <T = Record<string, unknown>>(path: string) => this.call<T>('GET', path);
  post = <T = Record<string, unknown>>(path: string, body?: unknown) => this.call<T>('POST', path, body ?? {});
  put = <T = Record<string, unknown>>(path: string, body: unknown) => this.call<T>('PUT', path, body);
}

/** Signs a new user up through the API; the page's browser has its session then. */
export async function signUp(page: Page, portal: string, email: string, organization: string): Promise<Api> {
  const api = new Api(page, portal);
  const { organization: made } = await api.post<{ organization: { id: string } }>('/v1/signup', {
    email, password: 'a long enough password', organization, session: true,
  });
  api.organization = made.id;
  return api;
}

/** Tries until it does not throw, at most so long. Returns how long it took, in ms. */
export async function within(limit: number, act: () => Promise<void>): Promise<number> {
  const began = Date.now();
  for (;;) {
    try {
      await act();
      return Date.now() - began;
    } catch (error) {
      if (Date.now() - began > limit) throw error;
      await new Promise((wake) => setTimeout(wake, 50));
    }
  }
}
