import { localStorageColorSchemeManager, MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { useMemo, type ReactNode } from 'react';
import { styleNonce } from '@/theme/nonce';
import { brandTheme, brandVariables } from './brand';
import { useInfo } from './session';

const schemes = localStorageColorSchemeManager({ key: 'tollgate-color-scheme' });

/** The look of the pages: ours until it is known what the owner chose. */
export function BrandLook({ children }: { children: ReactNode }) {
  const info = useInfo().data;
  const accent = info?.accent ?? '#1c64b0';
  const accent_dark = info?.accent_dark ?? '#74b4f5';
  const look = useMemo(() => ({ theme: brandTheme({ accent, accent_dark }), resolver: brandVariables({ accent, accent_dark }) }), [accent, accent_dark]);
  return (
    <MantineProvider theme={look.theme} cssVariablesResolver={look.resolver} colorSchemeManager={schemes} defaultColorScheme="auto" getStyleNonce={styleNonce}>
      <Notifications position="bottom-right" limit={3} containerWidth={380} />
      {children}
    </MantineProvider>
  );
}
