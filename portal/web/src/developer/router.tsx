import { createRootRoute, createRoute, createRouter, lazyRouteComponent, parseSearchWith, stringifySearchWith } from '@tanstack/react-router';
import { Frame } from './Frame';
import { PageBroken, PageMissing } from './states';
import { base } from './label';

const root = createRootRoute({ component: Frame, notFoundComponent: PageMissing, errorComponent: PageBroken });

const page = <P extends string>(path: P, load: Parameters<typeof lazyRouteComponent>[0]) =>
  createRoute({ getParentRoute: () => root, path, component: lazyRouteComponent(load) });

const tree = root.addChildren([
  page('/', () => import('./pages/HomePage')),
  page('/reference', () => import('./pages/ReferencePage')),
  page('/signup', () => import('./pages/SignupPage')),
  page('/login', () => import('./pages/LoginPage')),
  page('/forgot', () => import('./pages/ForgotPage')),
  page('/reset', () => import('./pages/ResetPage')),
  page('/verify', () => import('./pages/VerifyPage')),
  page('/keys', () => import('./pages/KeysPage')),
  page('/usage', () => import('./pages/UsagePage')),
  page('/requests', () => import('./pages/RequestsPage')),
  page('/account', () => import('./pages/AccountPage')),
]);

const asWord = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** The pages of a developer portal. Its links are plain paths below /p/<label>. */
export const router = createRouter({
  routeTree: tree,
  basepath: base,
  defaultPreload: 'intent',
  scrollRestoration: true,
  parseSearch: parseSearchWith((value) => value),
  stringifySearch: stringifySearchWith(asWord),
});
