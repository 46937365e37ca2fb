import type { Schemas } from '@/api/client';

export type Rules = Schemas['ClientCertificates'];

/** One set of rules as a form holds it: nothing is missing, what is empty keeps its default. */
export type RulesInput = Required<Rules>;

export const noRules: RulesInput = { hosts: [], mode: 'required', ca_pem: '', crl_pem: '', subjects: [], sans: [] };

/** Saved rules for the form. */
export const inputOf = (rules: Rules): RulesInput => ({ ...noRules, ...rules });

/** The form's rules for the API: without what is empty. */
export function rulesOf({ hosts, mode, ca_pem, crl_pem, subjects, sans }: RulesInput): Rules {
  const list = (all: string[]) => (all.length > 0 ? all : undefined);
  return { hosts: list(hosts), mode: mode === 'required' ? undefined : mode, ca_pem, crl_pem: crl_pem.trim() === '' ? undefined : crl_pem, subjects: list(subjects), sans: list(sans) };
}

/** Which hosts a set of rules is for, in words. */
export function hostsWords(rules: RulesInput, all: readonly RulesInput[]): string {
  if (rules.hosts.length > 0) return rules.hosts.join(', ');
  return all.length > 1 ? 'Every other host of the gateway' : 'Every host of the gateway';
}
