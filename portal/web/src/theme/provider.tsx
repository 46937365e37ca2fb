import '@mantine/core/styles.css';
import '@mantine/notifications/styles.css';
import './base.css';
import { localStorageColorSchemeManager, MantineProvider } from '@mantine/core';
import { ModalsProvider } from '@mantine/modals';
import { Notifications } from '@mantine/notifications';
import type { ReactNode } from 'react';
import { styleNonce } from './nonce';
import { theme, variables } from './theme';

const schemes = localStorageColorSchemeManager({ key: 'tollgate-color-scheme' });

/** The look of every page: the kit with our theme, messages and dialogs. */
export function Look({ children }: { children: ReactNode }) {
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={variables}
      colorSchemeManager={schemes}
      defaultColorScheme="auto"
      getStyleNonce={styleNonce}
    >
      <ModalsProvider>
        <Notifications position="bottom-right" limit={4} containerWidth={400} />
        {children}
      </ModalsProvider>
    </MantineProvider>
  );
}
