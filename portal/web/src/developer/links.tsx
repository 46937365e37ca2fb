import { Anchor, Button, type AnchorProps, type ButtonProps } from '@mantine/core';
import { useRouter } from '@tanstack/react-router';
import type { MouseEvent, ReactNode } from 'react';
import { base } from './label';

/** Pages of this portal. */
export type Page = '/' | '/reference' | '/signup' | '/login' | '/forgot' | '/keys' | '/usage' | '/requests' | '/account';

/** Goes to a page of this portal; the words become its search parameters. */
export function useGo(): (page: Page, search?: Record<string, string>, replace?: boolean) => void {
  const { history } = useRouter();
  return (page, search = {}, replace = false) => {
    const href = hrefOf(page, search);
    if (replace) history.replace(href);
    else history.push(href);
  };
}

/** The address of a page. */
export function hrefOf(page: Page, search: Record<string, string> = {}): string {
  const words = new URLSearchParams(search).toString();
  return `${base}${page === '/' ? '' : page}${words ? `?${words}` : ''}`;
}

interface ToProps {
  page: Page;
  search?: Record<string, string>;
  children: ReactNode;
}

function useLink({ page, search }: Omit<ToProps, 'children'>) {
  const go = useGo();
  return {
    href: hrefOf(page, search),
    onClick: (event: MouseEvent) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
      event.preventDefault();
      go(page, search);
    },
  };
}

/** A link to a page of this portal. */
export function To({ page, search, children, ...look }: ToProps & AnchorProps) {
  return (
    <Anchor {...look} {...useLink({ page, search })}>
      {children}
    </Anchor>
  );
}

/** A link that looks like a button. */
export function ToButton({ page, search, children, ...look }: ToProps & ButtonProps) {
  return (
    <Button component="a" {...look} {...useLink({ page, search })}>
      {children}
    </Button>
  );
}
