const things: Record<string, string> = {
  usage_plan: 'usage plan', policies: 'policies of the gateway', gateway: 'gateway', key: 'API key', token: 'management token', member: 'member', invitation: 'invitation', developer_portal: 'developer portal', telemetry: 'telemetry destination', device: 'sign-in of a command line',
};
const verbs: Record<string, string> = {
  create: 'made', update: 'changed', delete: 'deleted', rotate: 'rotated', revoke: 'revoked', test: 'tested', restore: 'restored a version', config: 'replaced the configuration',
  copy: 'copied', resend: 'sent again', verify: 'verified', test_request: 'sent a test request', rotate_secret: 'got a new secret', suspend: 'suspended', signup: 'signed up', plan: 'chose a plan', apply: 'asked for a plan', approve: 'got the plan', refuse: 'was refused the plan',
  withdraw: 'took the application back', password: 'changed the password', logo: 'got a logo', logo_delete: 'lost its logo', openapi: 'got an uploaded reference',
  allow: 'allowed', deny: 'denied', begin: 'began', step: 'went a step on', finish: 'is done', pause: 'was paused', drain: 'drained', undrain: 'let serve again', view: 'looked', view_start: 'began to look', view_end: 'ended the look', resume: 'went on', stop: 'was stopped',
  openapi_delete: 'lost its uploaded reference',
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
  'usage_plan.delete', 'consumer.create', 'consumer.update', 'consumer.delete', 'key.create', 'key.update', 'key.rotate', 'key.revoke', 'release.begin', 'release.step', 'release.pause', 'release.resume', 'release.stop', 'release.finish', 'alert.create', 'alert.update', 'alert.delete',
  'member.create', 'member.update', 'member.delete', 'invitation.create', 'invitation.delete', 'token.create', 'token.delete', 'device.allow', 'device.deny', 'organization.update', 'subscription.update', 'telemetry.create', 'telemetry.update', 'telemetry.delete',
  'developer_portal.update', 'developer.signup', 'developer.plan', 'developer.approve', 'developer.refuse', 'developer.delete',
].map((value) => ({ value, label: actionText(value) }));
