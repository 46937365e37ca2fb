// What the API writes into audits, by what it is done to. A test of the control plane
// holds this file to its source (tests/arch/audit_test.go).

/** Actions in an organization's audit. */
export const audited = [
  'gateway.create', 'gateway.update', 'gateway.delete', 'gateway.config', 'gateway.apply', 'gateway.batch', 'gateway.take_over', 'gateway.import', 'gateway.restore', 'gateway.copy',
  'gateway.cache_purge', 'gateway.test_request', 'openapi.update', 'openapi.delete',
  'route.update', 'route.delete', 'upstream.update', 'upstream.delete', 'stream.update', 'stream.delete', 'policies.update',
  'release.begin', 'release.step', 'release.pause', 'release.resume', 'release.stop', 'release.finish',
  'secret.update', 'secret.delete', 'certificate.update', 'certificate.delete',
  'domain.create', 'domain.update', 'domain.delete', 'domain.verify', 'domain.lapse', 'domain.order_certificate', 'domain.certificate',
  'usage_plan.update', 'usage_plan.delete', 'consumer.create', 'consumer.update', 'consumer.delete', 'key.create', 'key.update', 'key.rotate', 'key.revoke',
  'alert.create', 'alert.update', 'alert.delete', 'alert.rotate_secret', 'alert.test',
  'webhook.create', 'webhook.update', 'webhook.delete', 'webhook.rotate_secret', 'webhook.test', 'webhook.retry', 'webhook.disable',
  'telemetry.create', 'telemetry.update', 'telemetry.delete', 'telemetry.test',
  'developer_portal.update', 'developer_portal.logo', 'developer_portal.logo_delete', 'developer_portal.openapi', 'developer_portal.openapi_delete',
  'developer.signup', 'developer.verify', 'developer.password', 'developer.apply', 'developer.plan', 'developer.approve', 'developer.refuse', 'developer.withdraw', 'developer.delete',
  'member.create', 'member.update', 'member.delete', 'invitation.create', 'invitation.resend', 'invitation.delete', 'token.create', 'token.delete', 'device.allow', 'device.deny',
  'organization.create', 'organization.update', 'organization.verify', 'organization.plan', 'organization.period', 'organization.suspend', 'organization.resume', 'organization.delete',
  'subscription.update', 'subscription.sync', 'subscription.standing', 'subscription.credit', 'outgoing.retry', 'outgoing.drop',
  'operator.view_start', 'operator.view', 'operator.view_end',
];

/** Actions in the operators' audit only. */
export const auditedOfOperators = ['edge.drain', 'edge.undrain', 'note.create', 'note.delete'];
