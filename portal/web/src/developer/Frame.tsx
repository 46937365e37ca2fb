import { Button, Group, Skeleton, VisuallyHidden } from '@mantine/core';
import { Outlet, useRouterState } from '@tanstack/react-router';
import { Problem } from '@/api/problem';
import { SchemeSwitch } from '@/shell/SchemeSwitch';
import { ErrorState } from '@/ui/ErrorState';
import { failed } from '@/ui/notify';
import { api, here, type Info } from './client';
import classes from './Frame.module.css';
import { base } from './label';
import { To, ToButton, useGo, type Page } from './links';
import { forget, useDeveloper, useInfo } from './session';

/** The frame of every page: the owner's name and logo, the pages, and who is signed in. */
export function Frame() {
  const query = useInfo();
  const info = query.data;
  // Who is signed in has more pages: the bar waits for that instead of growing.
  const settling = useDeveloper().isPending;
  if (!info || settling) return <Without error={query.error} retry={() => void query.refetch()} />;
  return (
    <div className={classes.frame}>
      <a className={classes.skip} href="#content">
        Skip to the content
      </a>
      <Bar info={info} />
      <main id="content" tabIndex={-1} className={classes.main}>
        <Outlet />
      </main>
      <footer className={classes.foot}>
        <div className={classes.inner}>
          {info.support ? <a href={supportHref(info.support)}>Help</a> : null}
          <span>
            Runs on <a href="/">Tollgate</a>
          </span>
        </div>
      </footer>
    </div>
  );
}

const supportHref = (support: string): string => (support.startsWith('https://') ? support : `mailto:${support}`);

function Without({ error, retry }: { error: unknown; retry: () => void }) {
  const missing = error instanceof Problem && error.status === 404;
  return (
    <main id="content" className={classes.main}>
      <VisuallyHidden component="h1">Developer portal</VisuallyHidden>
      {error ? (
        <ErrorState
          error={missing ? new Problem({ ...error, title: 'There is no developer portal here', detail: 'The address may be mistyped, or its owner has not published it.' }) : error}
          retry={missing ? undefined : retry}
        />
      ) : (
        <div role="status" aria-label="Loading">
          <Skeleton height={32} width={220} mb="xl" />
          <Skeleton height={20} width="60%" mb="sm" />
          <Skeleton height={20} width="45%" />
        </div>
      )}
    </main>
  );
}

const everybody: { page: Page; text: string }[] = [
  { page: '/', text: 'Overview' },
  { page: '/reference', text: 'API reference' },
];
const own: { page: Page; text: string }[] = [
  { page: '/keys', text: 'Keys' },
  { page: '/usage', text: 'Usage' },
  { page: '/requests', text: 'Requests' },
  { page: '/account', text: 'Account' },
];

function Bar({ info }: { info: Info }) {
  const developer = useDeveloper().data;
  const pathname = useRouterState({ select: (s) => s.location.pathname });
  const at = (page: Page) => pathname === page || `${base}${page}`.replace(/\/$/, '') === pathname.replace(/\/$/, '');
  const pages = developer ? [...everybody, ...own] : everybody;
  return (
    <header className={classes.bar}>
      <div className={classes.inner}>
        <To page="/" className={classes.brand} underline="never" c="inherit">
          {info.logo_url ? <img src={info.logo_url} alt="" /> : null}
          {info.name}
        </To>
        <nav aria-label="Pages" className={classes.pages}>
          <ul className={classes.nav}>
            {pages.map(({ page, text }) => (
              <li key={page}>
                <To page={page} aria-current={at(page) ? 'page' : undefined} c="inherit">
                  {text}
                </To>
              </li>
            ))}
          </ul>
        </nav>
        <Group gap="xs">
          {developer ? <SignOut /> : developer === null ? <SignIn /> : null}
          <SchemeSwitch />
        </Group>
      </div>
    </header>
  );
}

function SignIn() {
  return (
    <>
      <ToButton page="/login" variant="default" size="xs">
        Sign in
      </ToButton>
      <ToButton page="/signup" size="xs">
        Sign up
      </ToButton>
    </>
  );
}

function SignOut() {
  const go = useGo();
  const leave = async () => {
    try {
      await api.POST('/v1/developer/{label}/logout', { params: here });
    } catch (error) {
      return failed(error);
    }
    forget();
    go('/');
  };
  return (
    <Button variant="default" size="xs" onClick={() => void leave()}>
      Sign out
    </Button>
  );
}
