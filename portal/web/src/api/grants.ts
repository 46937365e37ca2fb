import type { components } from './schema';

export type Role = components['schemas']['Role'];

const viewer = ['organization:read', 'members:read', 'gateways:read', 'consumers:read', 'keys:read', 'usage:read', 'logs:read'] as const;
const developer = [
  ...viewer,
  'tokens:read',
  'tokens:write',
  'audit:read',
  'gateways:write',
  'secrets:write',
  'consumers:write',
  'keys:write',
  'connections:write',
] as const;
const admin = [...developer, 'organization:write', 'organization:export', 'members:write', 'billing:read'] as const;
const owner = [...admin, 'billing:write', 'organization:delete'] as const;
const billing = ['organization:read', 'members:read', 'billing:read', 'billing:write', 'usage:read'] as const;

/** Permission is what an operation of the API asks for. */
export type Permission = (typeof owner)[number];

/**
 * What each role may do. The API decides, by portal/internal/authz; this copy
 * only hides what it would refuse, and a test holds it to the original.
 */
export const grants: Record<Role, readonly Permission[]> = { owner, admin, developer, billing, viewer };
