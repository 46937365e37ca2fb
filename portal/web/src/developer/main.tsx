import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Look } from '@/theme/provider';

// The developer portal of one gateway: /p/<host label>/…
const root = document.getElementById('root');
if (!root) throw new Error('The page lacks its root element.');
createRoot(root).render(
  <StrictMode>
    <Look>
      <main id="content" />
    </Look>
  </StrictMode>,
);
