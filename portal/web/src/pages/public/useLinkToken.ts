import { useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useState } from 'react';

/**
 * The one-time token of a mailed link. It leaves the address at once, so that it
 * stays neither in the history nor in what is sent on; the page alone keeps it.
 */
export function useLinkToken(): string | undefined {
  const search = useSearch({ strict: false }) as { token?: string };
  const [token] = useState(search.token);
  const navigate = useNavigate();
  useEffect(() => {
    if (search.token) void navigate({ to: '.', search: {}, replace: true });
  }, [search.token, navigate]);
  return token;
}
