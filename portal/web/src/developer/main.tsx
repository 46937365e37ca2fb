import '@mantine/core/styles.css';
import '@mantine/notifications/styles.css';
import '@/theme/base.css';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { queryClient } from '@/api/queries';
import { BrandLook } from './BrandLook';
import { router } from './router';

// The developer portal of one gateway: /p/<host label>/…
const root = document.getElementById('root');
if (!root) throw new Error('The page lacks its root element.');
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <BrandLook>
        <RouterProvider router={router} />
      </BrandLook>
    </QueryClientProvider>
  </StrictMode>,
);
