import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { onSignedOut } from './api/client';
import { queryClient } from './api/queries';
import { forgetUser } from './api/session';
import { router } from './router';
import { Look } from './theme/provider';

// A session that ended meanwhile leads to the sign-in page and back here.
onSignedOut(() => {
  const { pathname, href } = router.state.location;
  if (router.state.matches.some((m) => m.staticData.public)) return;
  forgetUser();
  void router.navigate({ to: '/login', search: pathname === '/gateways' ? {} : { next: href } });
});

const root = document.getElementById('root');
if (!root) throw new Error('The page lacks its root element.');
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <Look>
        <RouterProvider router={router} />
      </Look>
    </QueryClientProvider>
  </StrictMode>,
);
