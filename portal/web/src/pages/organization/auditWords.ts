const things: Record<string, string> = {
  usage_plan: 'usage plan', policies: 'policies of the gateway', gateway: 'gateway', key: 'API key', token: 'management token', member: 'member', invitation: 'invitation',
};
const verbs: Record<string, string> = {
  create: 'made', update: 'changed', delete: 'deleted', rotate: 'rotated', revoke: 'revoked', restore: 'restored a version', config: 'replaced the configuration',
  copy: 'copied', resend: 'sent again', verify: 'verified', test_request: 'sent a test request', rotate_secret: 'got a new secret', suspend: 'suspended',
};

/** An action of the audit log in words: "key.revoke" → "API key revoked". What is not known stays as it is. */
export function actionText(action: string): string {
  const [thing = '', verb = ''] = action.split('.');
  const said = verbs[verb];
  if (!said) return action;
  const name = things[thing] ?? thing.replaceAll('_', ' ');
  return `${name.charAt(0).toUpperCase()}${name.slice(1)} ${said}`;
}

/** The actions that the filter offers. */
export const actions = [
  'gateway.create', 'gateway.update', 'gateway.delete', 'gateway.config', 'gateway.restore', 'gateway.copy', 'route.create', 'route.update', 'route.delete', 'upstream.create',
  'upstream.update', 'upstream.delete', 'policies.update', 'secret.update', 'secret.delete', 'certificate.update', 'certificate.delete', 'usage_plan.create', 'usage_plan.update',
  'usage_plan.delete', 'consumer.create', 'consumer.update', 'consumer.delete', 'key.create', 'key.update', 'key.rotate', 'key.revoke', 'alert.create', 'alert.update', 'alert.delete',
  'member.create', 'member.update', 'member.delete', 'invitation.create', 'invitation.delete', 'token.create', 'token.delete', 'organization.update',
].map((value) => ({ value, label: actionText(value) }));
