import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  parseSearchWith,
  redirect,
  stringifySearchWith,
} from '@tanstack/react-router';
import { currentOrganization } from './api/organization';
import { Problem } from './api/problem';
import { queryClient } from './api/queries';
import { meQuery, settleOrganization } from './api/session';
import { PageBroken, PageMissing } from './shell/states';

// The map of every page. A page is a file of its own, loaded when it is opened:
// its default export is the component. `title` names it in the breadcrumbs.
declare module '@tanstack/react-router' {
  interface StaticDataRouteOption {
    /** Name in the breadcrumbs; a function gets the path's parameters. */
    title?: string | ((params: Record<string, string>) => string);
    /** The page of the navigation that this one belongs to, as `to` stands there. */
    under?: string;
    /** Shown to everybody: a missing session leads nowhere else. */
    public?: boolean;
  }
}

/** Search parameters are plain words: `?status=5xx`. */
export type Search = Record<string, string | undefined>;

const root = createRootRoute({
  validateSearch: (search: Record<string, unknown>): Search => search as Search,
  component: Outlet,
  notFoundComponent: PageMissing,
  errorComponent: PageBroken,
});

const outside = createRoute({
  getParentRoute: () => root,
  id: 'outside',
  component: lazyRouteComponent(() => import('./shell/Outside')),
  staticData: { public: true },
});

/** A page that needs no session. */
const open = <P extends string>(path: P, page: Parameters<typeof lazyRouteComponent>[0]) =>
  createRoute({ getParentRoute: () => outside, path, component: lazyRouteComponent(page), staticData: { public: true } });

const landing = createRoute({
  getParentRoute: () => root,
  path: '/',
  component: lazyRouteComponent(() => import('./pages/public/LandingPage')),
  staticData: { public: true },
});

// Everything below needs a session; without one, the sign-in page comes first.
const inside = createRoute({
  getParentRoute: () => root,
  id: 'inside',
  beforeLoad: async ({ location }) => {
    try {
      const me = await queryClient.ensureQueryData(meQuery);
      settleOrganization(me, currentOrganization() ?? me.organization);
      // Who came by a sign-in provider has no organization yet.
      if (me.organizations.length === 0 && !/^\/(welcome|account|operator)\b/.test(location.pathname)) throw redirect({ to: '/welcome' });
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401) throw error;
      throw redirect({ to: '/login', search: location.pathname === '/gateways' ? {} : { next: location.href } });
    }
  },
  component: lazyRouteComponent(() => import('./shell/Shell')),
});

type PageImport = Parameters<typeof lazyRouteComponent>[0];
type Title = NonNullable<import('@tanstack/react-router').StaticDataRouteOption['title']>;

const page = <P extends string>(path: P, title: Title, load: PageImport) =>
  createRoute({ getParentRoute: () => inside, path, component: lazyRouteComponent(load), staticData: { title } });

const gateway = createRoute({
  getParentRoute: () => inside,
  path: '/gateways/$gw',
  component: lazyRouteComponent(() => import('./shell/GatewayFrame')),
  staticData: { title: (p) => p.gw ?? '' },
});

const within = <P extends string>(path: P, title: Title, load: PageImport, under?: string) =>
  createRoute({ getParentRoute: () => gateway, path, component: lazyRouteComponent(load), staticData: { title, under } });

const first = createRoute({
  getParentRoute: () => gateway,
  path: '/',
  beforeLoad: ({ params }) => {
    throw redirect({ to: '/gateways/$gw/overview', params, replace: true });
  },
});

const named = (p: Record<string, string>) => p.name ?? '';

const organization = createRoute({ getParentRoute: () => inside, path: '/organization', staticData: { title: 'Organization' } });
const billing = createRoute({ getParentRoute: () => inside, path: '/billing', staticData: { title: 'Billing' } });
const operator = createRoute({ getParentRoute: () => inside, path: '/operator', staticData: { title: 'Operator' } });
const account = createRoute({ getParentRoute: () => inside, path: '/account', staticData: { title: 'Account' } });

const ofOrganization = <P extends string>(path: P, title: Title, load: PageImport, under?: string) =>
  createRoute({ getParentRoute: () => organization, path, component: lazyRouteComponent(load), staticData: { title, under } });
const ofBilling = <P extends string>(path: P, title: Title, load: PageImport, under?: string) =>
  createRoute({ getParentRoute: () => billing, path, component: lazyRouteComponent(load), staticData: { title, under } });
const ofOperator = <P extends string>(path: P, title: Title, load: PageImport, under?: string) =>
  createRoute({ getParentRoute: () => operator, path, component: lazyRouteComponent(load), staticData: { title, under } });
const ofAccount = <P extends string>(path: P, title: Title, load: PageImport) =>
  createRoute({ getParentRoute: () => account, path, component: lazyRouteComponent(load), staticData: { title } });

const tree = root.addChildren([
  landing,
  outside.addChildren([
    open('/signup', () => import('./pages/public/SignupPage')),
    open('/login', () => import('./pages/public/LoginPage')),
    open('/forgot', () => import('./pages/public/ForgotPage')),
    open('/reset', () => import('./pages/public/ResetPage')),
    open('/verify', () => import('./pages/public/VerifyPage')),
    open('/join', () => import('./pages/public/JoinPage')),
  ]),
  inside.addChildren([
    page('/welcome', 'Welcome', () => import('./pages/account/WelcomePage')),
    page('/device', 'Device', () => import('./pages/device/DevicePage')),
    page('/guide', 'First steps', () => import('./pages/guide/GuidePage')),
    page('/gateways', 'Gateways', () => import('./pages/gateways/GatewaysPage')),
    page('/new-gateway', 'New gateway', () => import('./pages/gateways/NewGatewayPage')),
    gateway.addChildren([
      first,
      within('/overview', 'Overview', () => import('./pages/gateways/OverviewPage')),
      within('/copy', 'Copy', () => import('./pages/gateways/CopyPage'), 'settings'),
      within('/settings', 'Settings', () => import('./pages/gateways/SettingsPage')),
      within('/routes', 'Routes', () => import('./pages/routes/RoutesPage')),
      within('/new-route', 'New route', () => import('./pages/routes/NewRoutePage'), 'routes'),
      within('/routes/$name', named, () => import('./pages/routes/RoutePage'), 'routes'),
      within('/upstreams', 'Upstreams', () => import('./pages/upstreams/UpstreamsPage')),
      within('/new-upstream', 'New upstream', () => import('./pages/upstreams/NewUpstreamPage'), 'upstreams'),
      within('/upstreams/$name', named, () => import('./pages/upstreams/UpstreamPage'), 'upstreams'),
      within('/streams', 'Streams', () => import('./pages/streams/StreamsPage')),
      within('/new-stream', 'New stream', () => import('./pages/streams/NewStreamPage'), 'streams'),
      within('/streams/$name', named, () => import('./pages/streams/StreamPage'), 'streams'),
      within('/policies', 'Policies', () => import('./pages/policies/PoliciesPage')),
      within('/openapi', 'OpenAPI', () => import('./pages/openapi/OpenAPIPage')),
      within('/import', 'Import', () => import('./pages/import/ImportPage'), 'openapi'),
      within('/consumers', 'Consumers', () => import('./pages/consumers/ConsumersPage')),
      within('/consumers/$name', named, () => import('./pages/consumers/ConsumerPage'), 'consumers'),
      within('/usage-plans', 'Usage plans', () => import('./pages/plans/UsagePlansPage')),
      within('/usage-plans/$name', named, () => import('./pages/plans/UsagePlanPage'), 'usage-plans'),
      within('/keys', 'API keys', () => import('./pages/keys/KeysPage')),
      within('/keys/$key', (p) => p.key ?? '', () => import('./pages/keys/KeyPage'), 'keys'),
      within('/analytics', 'Analytics', () => import('./pages/analytics/AnalyticsPage')),
      within('/alerts', 'Alerts', () => import('./pages/alerts/AlertsPage')),
      within('/new-alert', 'New alert', () => import('./pages/alerts/NewAlertPage'), 'alerts'),
      within('/alerts/$name', named, () => import('./pages/alerts/AlertPage'), 'alerts'),
      within('/webhooks', 'Webhooks', () => import('./pages/webhooks/WebhooksPage')),
      within('/new-webhook', 'New webhook', () => import('./pages/webhooks/NewWebhookPage'), 'webhooks'),
      within('/webhooks/$name', named, () => import('./pages/webhooks/WebhookPage'), 'webhooks'),
      within('/logs', 'Logs', () => import('./pages/logs/LogsPage')),
      within('/explain', 'Explain', () => import('./pages/explain/ExplainPage')),
      within('/requests/$id', 'Request', () => import('./pages/explain/RequestPage'), 'logs'),
      within('/versions', 'Versions', () => import('./pages/versions/VersionsPage')),
      within('/versions/$version', (p) => `Version ${p.version ?? ''}`, () => import('./pages/versions/VersionPage'), 'versions'),
      within('/secrets', 'Secrets', () => import('./pages/secrets/SecretsPage')),
      within('/domains', 'Domains', () => import('./pages/domains/DomainsPage')),
      within('/domains/$host', (p) => p.host ?? '', () => import('./pages/domains/DomainPage'), 'domains'),
      within('/certificates', 'Certificates', () => import('./pages/certificates/CertificatesPage')),
      within('/developer-portal', 'Developer portal', () => import('./pages/developer/DeveloperPortalPage')),
    ]),
    organization.addChildren([
      ofOrganization('/members', 'Members', () => import('./pages/organization/MembersPage')),
      ofOrganization('/tokens', 'Management tokens', () => import('./pages/organization/TokensPage')),
      ofOrganization('/telemetry', 'Telemetry', () => import('./pages/telemetry/TelemetryPage')),
      ofOrganization('/new-telemetry-destination', 'New destination', () => import('./pages/telemetry/NewDestinationPage'), '/organization/telemetry'),
      ofOrganization('/telemetry/$name', named, () => import('./pages/telemetry/DestinationPage'), '/organization/telemetry'),
      ofOrganization('/audit', 'Audit log', () => import('./pages/organization/AuditPage')),
      ofOrganization('/settings', 'Settings', () => import('./pages/organization/SettingsPage')),
    ]),
    billing.addChildren([
      ofBilling('/overview', 'Plan and usage', () => import('./pages/billing/OverviewPage')),
      ofBilling('/plans', 'Plans', () => import('./pages/billing/PlansPage')),
      ofBilling('/return', 'Payment', () => import('./pages/billing/ReturnPage'), '/billing/plans'),
      ofBilling('/invoices', 'Invoices', () => import('./pages/billing/InvoicesPage')),
      ofBilling('/invoices/$invoice', (p) => (p.invoice === 'current' ? 'The running period' : 'Invoice'), () => import('./pages/billing/InvoicePage'), '/billing/invoices'),
    ]),
    operator.addChildren([
      ofOperator('/organizations', 'Organizations', () => import('./pages/operator/OrganizationsPage')),
      ofOperator('/organizations/$organization', 'Organization', () => import('./pages/operator/OrganizationPage'), '/operator/organizations'),
      ofOperator('/edges', 'Edges', () => import('./pages/operator/EdgesPage')),
      ofOperator('/queues', 'Queues', () => import('./pages/operator/QueuesPage')),
      ofOperator('/outgoing', 'To Stripe', () => import('./pages/operator/OutgoingPage')),
      ofOperator('/abuse', 'Abuse', () => import('./pages/operator/AbusePage')),
      ofOperator('/audit', 'Audit of operators', () => import('./pages/operator/OperatorAuditPage')),
    ]),
    account.addChildren([
      ofAccount('/profile', 'Profile', () => import('./pages/account/ProfilePage')),
      ofAccount('/security', 'Sign-in and security', () => import('./pages/account/SecurityPage')),
      ofAccount('/sessions', 'Sessions', () => import('./pages/account/SessionsPage')),
    ]),
  ]),
]);

const asWord = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

export const router = createRouter({
  routeTree: tree,
  defaultPreload: 'intent',
  defaultPreloadDelay: 80,
  scrollRestoration: true,
  parseSearch: parseSearchWith((value) => value),
  stringifySearch: stringifySearchWith(asWord),
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
