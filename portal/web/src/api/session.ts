import { $api, api, type Schemas } from './client';
import { grants, type Permission } from './grants';
import { chooseOrganization, useOrganizationId } from './organization';
import { queryClient } from './queries';
import { forgetVersions } from './versions';

export type Me = Schemas['Me'];
export type Membership = Schemas['Membership'];

/** What GET /v1/me answers, as options of a query. */
export const meQuery = $api.queryOptions('get', '/v1/me', undefined, { staleTime: 60_000 });

/** The signed-in user with its organizations; pages of the shell always have it. */
export function useMe(): Me | undefined {
  return $api.useQuery('get', '/v1/me', undefined, { staleTime: 60_000 }).data;
}

/** The organization that is looked at, with the user's role in it. */
export function useMembership(): Membership | undefined {
  const me = useMe();
  const id = useOrganizationId();
  return me?.organizations.find((m) => m.organization.id === id);
}

/** Takes a valid choice from what the user belongs to; keeps the one that is valid already. */
export function settleOrganization(me: Me, wanted: string | undefined): void {
  const ids = me.organizations.map((m) => m.organization.id);
  chooseOrganization(wanted && ids.includes(wanted) ? wanted : ids[0]);
}

/** Switches to another organization: nothing of the former stays on the screen. */
export function switchOrganization(id: string): void {
  void queryClient.cancelQueries();
  chooseOrganization(id);
  forgetVersions();
  queryClient.removeQueries({ predicate: ({ queryKey }) => queryKey[1] !== '/v1/me' });
  // Only a hint for the next sign-in elsewhere: it may fail.
  api.PATCH('/v1/me', { body: { organization: id } }).catch(() => undefined);
}

/** Forgets everything of the user that was signed in. */
export function forgetUser(): void {
  void queryClient.cancelQueries();
  queryClient.clear();
  forgetVersions();
  chooseOrganization(undefined);
}

/** Whether the user's role here has a permission, for hiding what would be refused. */
export function useMay(permission: Permission): boolean {
  const role = useMembership()?.role;
  return role !== undefined && grants[role].includes(permission);
}
