import { Code } from '@mantine/core';

const text = `import { createHmac, timingSafeEqual } from 'node:crypto';

export function verify(secret, headers, body) { // body: the bytes as they came
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const id = headers['webhook-id'], sent = headers['webhook-timestamp'];
  if (!(Math.abs(Date.now() / 1000 - Number(sent)) < 300)) return false;
  const mac = createHmac('sha256', key).update(\`\${id}.\${sent}.\`).update(body);
  const want = Buffer.from('v1,' + mac.digest('base64'));
  return (headers['webhook-signature'] ?? '').split(' ').some((one) => {
    const got = Buffer.from(one);
    return got.length === want.length && timingSafeEqual(got, want);
  });
}`;

/** How a receiver verifies a message, in Node.js; the docs have Go and Python too. */
export function Snippet() {
  return (
    <Code block className="tg-mono tg-panel" p="md" tabIndex={0} role="region" aria-label="Verify a message in Node.js" style={{ textAlign: 'left', overflowX: 'auto' }}>
      {text}
    </Code>
  );
}
