import { useState } from 'react';

/** The one-time token of the page's address, which then leaves it: addresses are kept in histories. */
export function useToken(): string {
  const [token] = useState(() => {
    const url = new URL(window.location.href);
    const found = url.searchParams.get('token') ?? '';
    url.searchParams.delete('token');
    window.history.replaceState(window.history.state, '', url);
    return found;
  });
  return token;
}
