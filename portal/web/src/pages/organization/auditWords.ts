import { audited } from './auditActions';

const things: Record<string, string> = {
  usage_plan: 'usage plan', policies: 'policies of the gateway', gateway: 'gateway', key: 'API key', token: 'management token', member: 'member', invitation: 'invitation', developer_portal: 'developer portal', telemetry: 'telemetry destination', device: 'sign-in of a command line', openapi: 'OpenAPI document',
};
const verbs: Record<string, string> = {
  create: 'made', update: 'changed', delete: 'deleted', rotate: 'rotated', revoke: 'revoked', test: 'tested', restore: 'restored a version', config: 'replaced the configuration',
  copy: 'copied', resend: 'sent again', verify: 'verified', test_request: 'sent a test request', rotate_secret: 'got a new secret', suspend: 'suspended', signup: 'signed up', plan: 'chose a plan', apply: 'asked for a plan', approve: 'got the plan', refuse: 'was refused the plan',
  withdraw: 'took the application back', password: 'changed the password', logo: 'got a logo', logo_delete: 'lost its logo', openapi: 'got an uploaded reference',
  allow: 'allowed', deny: 'denied', begin: 'began', step: 'went a step on', finish: 'is done', pause: 'was paused', drain: 'drained', undrain: 'let serve again', view: 'looked', view_start: 'began to look', view_end: 'ended the look', resume: 'went on', stop: 'was stopped',
  openapi_delete: 'lost its uploaded reference',
};

/** What verb and thing don't say between them. */
const whole: Record<string, string> = {
  'gateway.apply': 'Configuration applied to the gateway', 'gateway.batch': 'Gateway changed in several parts', 'gateway.take_over': 'Parts of the gateway got another owner',
  'gateway.import': 'Document imported into the gateway', 'gateway.cache_purge': 'Cache of the gateway emptied',
  'domain.lapse': 'Domain lost its proof', 'domain.order_certificate': 'Certificate ordered for a domain', 'domain.certificate': 'Domain got a certificate',
  'webhook.retry': 'Webhook’s deliveries sent again', 'webhook.disable': 'Webhook turned off, since nothing arrives',
  'organization.plan': 'Organization got another plan', 'organization.period': 'Organization began a new period', 'organization.resume': 'Organization no longer suspended',
  'subscription.sync': 'Subscription brought in line with its payments', 'subscription.standing': 'Standing of the subscription changed', 'subscription.credit': 'Credit given',
  'outgoing.retry': 'Sending to the payment provider tried again', 'outgoing.drop': 'Credit or line for the payment provider dropped',
};

/** An action of the audit log in words: "key.revoke" → "API key revoked". What is not known stays as it is. */
export function actionText(action: string): string {
  const text = whole[action];
  if (text) return text;
  const [thing = '', verb = ''] = action.split('.');
  const said = verbs[verb];
  if (!said) return action;
  const name = things[thing] ?? thing.replaceAll('_', ' ');
  return `${name.charAt(0).toUpperCase()}${name.slice(1)} ${said}`;
}

/** The actions that the filter offers. */
export const actions = audited.map((value) => ({ value, label: actionText(value) }));
