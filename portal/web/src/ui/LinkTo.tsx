import { Anchor, Button, type ButtonProps } from '@mantine/core';
import { Link, type LinkProps } from '@tanstack/react-router';
import type { ReactNode } from 'react';

export interface Target {
  to: LinkProps['to'];
  params?: Record<string, string>;
  search?: Record<string, string | undefined>;
}

/** A link to another page inside a text; `alone` where it is all that stands in its place, such as a table's cell. */
export function TextLink({ to, params, search, children, label, alone }: Target & { children: ReactNode; label?: string; alone?: boolean }) {
  return (
    <Anchor
      inherit
      underline={alone ? 'hover' : 'always'}
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
