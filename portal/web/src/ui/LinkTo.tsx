import { Anchor, Button, type ButtonProps } from '@mantine/core';
import { Link, type LinkProps } from '@tanstack/react-router';
import type { ReactNode } from 'react';

export interface Target {
  to: LinkProps['to'];
  params?: Record<string, string>;
  search?: Record<string, string | undefined>;
}

/** A link to another page inside a text or a table. */
export function TextLink({ to, params, search, children, label }: Target & { children: ReactNode; label?: string }) {
  return (
    <Anchor
      inherit
      aria-label={label}
      renderRoot={(props) => <Link to={to} params={params as never} search={search as never} {...props} />}
    >
      {children}
    </Anchor>
  );
}

/** A link to another page that looks like a button. */
export function LinkButton({ to, params, search, ...rest }: Target & ButtonProps & { children: ReactNode }) {
  return <Button {...rest} renderRoot={(props) => <Link to={to} params={params as never} search={search as never} {...props} />} />;
}
