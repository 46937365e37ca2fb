import {
  IconActivity, IconArrowsLeftRight, IconBell, IconBook2, IconBroadcast, IconBuildings, IconCertificate, IconChartHistogram, IconEye, IconFileCode, IconGauge, IconGitBranch, IconHistory, IconKey,
  IconListDetails, IconLock, IconPackage, IconReceipt2, IconRoute, IconSearch, IconSend, IconServer2, IconServerBolt, IconSettings, IconShieldCheck, IconShieldExclamation, IconStack3, IconTicket, IconUsers, IconUsersGroup, IconWebhook, IconWorld, IconWorldWww,
} from '@tabler/icons-react';
import type { Permission } from '@/api/grants';

export interface NavItem {
  to: string;
  label: string;
  Icon: typeof IconKey;
  /** Only for those who may. */
  needs?: Permission;
}

export interface NavGroup {
  /** Without a heading the group stands first. */
  heading?: string;
  items: NavItem[];
}

/** The pages of one gateway, below /gateways/$gw. */
export const gatewayNav: NavGroup[] = [
  { items: [{ to: 'overview', label: 'Overview', Icon: IconActivity }] },
  {
    heading: 'Traffic',
    items: [
      { to: 'routes', label: 'Routes', Icon: IconRoute },
      { to: 'upstreams', label: 'Upstreams', Icon: IconServer2 },
      { to: 'streams', label: 'Streams', Icon: IconArrowsLeftRight },
      { to: 'policies', label: 'Policies', Icon: IconShieldCheck },
      { to: 'openapi', label: 'OpenAPI', Icon: IconFileCode },
      { to: 'explain', label: 'Explain', Icon: IconSearch, needs: 'logs:read' },
    ],
  },
  {
    heading: 'Access',
    items: [
      { to: 'consumers', label: 'Consumers', Icon: IconUsers, needs: 'consumers:read' },
      { to: 'usage-plans', label: 'Usage plans', Icon: IconTicket },
      { to: 'keys', label: 'API keys', Icon: IconKey, needs: 'keys:read' },
      { to: 'developer-portal', label: 'Developer portal', Icon: IconWorld },
    ],
  },
  {
    heading: 'Insight',
    items: [
      { to: 'analytics', label: 'Analytics', Icon: IconChartHistogram, needs: 'usage:read' },
      { to: 'logs', label: 'Logs', Icon: IconListDetails, needs: 'logs:read' },
      { to: 'alerts', label: 'Alerts', Icon: IconBell },
      { to: 'webhooks', label: 'Webhooks', Icon: IconWebhook },
    ],
  },
  {
    heading: 'Configuration',
    items: [
      { to: 'versions', label: 'Versions', Icon: IconGitBranch },
      { to: 'secrets', label: 'Secrets', Icon: IconLock },
      { to: 'domains', label: 'Domains', Icon: IconWorldWww },
      { to: 'certificates', label: 'Certificates', Icon: IconCertificate },
      { to: 'settings', label: 'Settings', Icon: IconSettings },
    ],
  },
];

/** The pages of the organization. */
export const organizationNav: NavItem[] = [
  { to: '/organization/members', label: 'Members', Icon: IconUsersGroup, needs: 'members:read' },
  { to: '/organization/tokens', label: 'Management tokens', Icon: IconTicket, needs: 'tokens:read' },
  { to: '/organization/telemetry', label: 'Telemetry', Icon: IconBroadcast, needs: 'organization:read' },
  { to: '/organization/audit', label: 'Audit log', Icon: IconHistory, needs: 'audit:read' },
  { to: '/organization/settings', label: 'Settings', Icon: IconSettings, needs: 'organization:read' },
];

/** What the organization buys and pays. */
export const billingNav: NavItem[] = [
  { to: '/billing/overview', label: 'Plan and usage', Icon: IconGauge, needs: 'usage:read' },
  { to: '/billing/plans', label: 'Plans', Icon: IconPackage, needs: 'billing:read' },
  { to: '/billing/invoices', label: 'Invoices', Icon: IconReceipt2, needs: 'billing:read' },
];

/** The console of those who run this Tollgate. */
export const operatorNav: NavItem[] = [
  { to: '/operator/organizations', label: 'Organizations', Icon: IconBuildings },
  { to: '/operator/edges', label: 'Edges', Icon: IconServerBolt },
  { to: '/operator/queues', label: 'Queues', Icon: IconStack3 },
  { to: '/operator/outgoing', label: 'To Stripe', Icon: IconSend },
  { to: '/operator/abuse', label: 'Abuse', Icon: IconShieldExclamation },
  { to: '/operator/audit', label: 'Audit of operators', Icon: IconEye },
];

/** The documentation, which the portal renders without this program. */
export const docs = { href: '/docs/', label: 'Documentation', Icon: IconBook2 };
