import {
  IconActivity, IconArrowsLeftRight, IconBell, IconBook2, IconBroadcast, IconCertificate, IconChartHistogram, IconCreditCard, IconFileCode, IconGitBranch, IconHistory, IconKey,
  IconListDetails, IconLock, IconRoute, IconSearch, IconServer2, IconSettings, IconShieldCheck, IconTicket, IconUsers, IconUsersGroup, IconWorld, IconWorldWww,
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
  { to: '/organization/subscription', label: 'Subscription', Icon: IconCreditCard, needs: 'billing:read' },
  { to: '/organization/settings', label: 'Settings', Icon: IconSettings, needs: 'organization:read' },
];

/** The documentation, which the portal renders without this program. */
export const docs = { href: '/docs/', label: 'Documentation', Icon: IconBook2 };
