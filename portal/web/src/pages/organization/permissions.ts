import { grants, type Permission, type Role } from '@/api/grants';

/** The roles, from who may do everything to who may only look. */
export const roles = ['owner', 'admin', 'developer', 'billing', 'viewer'] as const satisfies readonly Role[];

export const roleWords: Record<Role, { title: string; text: string }> = {
  owner: { title: 'Owner', text: 'Everything, also the bill and the end of the organization' },
  admin: { title: 'Admin', text: 'Gateways, members and settings; sees the bill' },
  developer: { title: 'Developer', text: 'Gateways, keys and management tokens' },
  billing: { title: 'Billing', text: 'The bill and the usage, no gateways' },
  viewer: { title: 'Viewer', text: 'Looks, changes nothing' },
};

/** What each permission lets somebody do, by what it is about. */
export const permissionGroups: { title: string; permissions: { name: Permission; text: string }[] }[] = [
  {
    title: 'Gateways',
    permissions: [
      { name: 'gateways:read', text: 'See gateways, routes, upstreams, policies and versions' },
      { name: 'gateways:write', text: 'Change them, restore a version, manage alerts' },
      { name: 'connections:write', text: 'Send to WebSocket clients and close them' },
      { name: 'secrets:write', text: 'Set secrets and certificates' },
    ],
  },
  {
    title: 'Access',
    permissions: [
      { name: 'consumers:read', text: 'See consumers' },
      { name: 'consumers:write', text: 'Make, change and delete consumers' },
      { name: 'keys:read', text: 'See API keys, without their secrets' },
      { name: 'keys:write', text: 'Issue, rotate and revoke API keys' },
    ],
  },
  {
    title: 'Insight',
    permissions: [
      { name: 'usage:read', text: 'See analytics' },
      { name: 'logs:read', text: 'See logs and explain requests' },
      { name: 'audit:read', text: 'See the audit log' },
    ],
  },
  {
    title: 'Organization',
    permissions: [
      { name: 'organization:read', text: 'See the organization' },
      { name: 'organization:write', text: 'Rename it, change its settings' },
      { name: 'organization:export', text: 'Export everything that is kept of it' },
      { name: 'organization:delete', text: 'Delete it' },
      { name: 'members:read', text: 'See members and invitations' },
      { name: 'members:write', text: 'Invite, change and remove members' },
      { name: 'tokens:read', text: 'See management tokens' },
      { name: 'tokens:write', text: 'Make and delete management tokens' },
      { name: 'billing:read', text: 'See the subscription' },
      { name: 'billing:write', text: 'Change the subscription' },
    ],
  },
];

/** Whether a role may do something. */
export const mayDo = (role: Role, permission: Permission): boolean => grants[role].includes(permission);
