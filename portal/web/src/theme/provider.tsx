import '@mantine/core/styles.css';
import '@mantine/notifications/styles.css';
import './base.css';
import { localStorageColorSchemeManager, MantineProvider } from '@mantine/core';
import { ModalsProvider } from '@mantine/modals';
import { Notifications } from '@mantine/notifications';
import type { ReactNode } from 'react';
import { theme, variables } from './theme';

// The page carries a nonce for the few style elements that scripts make; see
// portal/internal/webui.
const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? '';

// Dialogs lock the page behind them by a style element of react-remove-scroll,
// which looks for the nonce under this name.
Object.assign(window, { __webpack_nonce__: nonce });

/** The nonce that style elements need. */
export const styleNonce = (): string => nonce;

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
