import { Anchor, Badge, Tabs } from '@mantine/core';
import { $api } from '@/api/client';
import { useMay } from '@/api/session';
import { useGatewayName } from '@/shell/useGateway';
import { FormSkeleton, Loaded, PageHeader, useSearchParams } from '@/ui';
import { Applications } from './Applications';
import { Developers } from './Developers';
import { Logo } from './Logo';
import { PortalForm } from './PortalForm';
import { Reference } from './Reference';

const tabs = ['portal', 'reference', 'applications', 'developers'] as const;

export default function DeveloperPortalPage() {
  const gateway = useGatewayName();
  const [words, setWords] = useSearchParams();
  const seesPeople = useMay('consumers:read');
  const query = $api.useQuery('get', '/v1/gateways/{gateway}/developer-portal', { params: { path: { gateway } } });
  const portal = query.data;
  const tab = tabs.find((t) => t === words.tab) ?? 'portal';
  return (
    <>
      <PageHeader
        title="Developer portal"
        description={
          <>
            Pages of your own for those who call this gateway: the API reference with a console, sign-up, plans, keys, usage, and why a request was refused.{' '}
            {portal?.published ? (
              <Anchor href={portal.url} target="_blank" rel="noopener" inherit underline="always">
                Open it
              </Anchor>
            ) : null}
          </>
        }
        docs="/docs/developer-portal"
        badge={
          portal ? (
            <Badge variant={portal.published ? 'light' : 'default'} tt="none">
              {portal.published ? 'Published' : 'Not published'}
            </Badge>
          ) : undefined
        }
      />
      <Loaded query={query} skeleton={<FormSkeleton fields={6} />}>
        {(portal) => (
          <Tabs value={tab} onChange={(next) => setWords({ tab: next === 'portal' ? undefined : (next ?? undefined) })} keepMounted={false}>
            <Tabs.List mb="lg" style={{ flexWrap: 'wrap' }}>
              <Tabs.Tab value="portal">Look and plans</Tabs.Tab>
              <Tabs.Tab value="reference">API reference</Tabs.Tab>
              {seesPeople ? <Tabs.Tab value="applications">Applications{portal.pending > 0 ? ` (${portal.pending})` : ''}</Tabs.Tab> : null}
              {seesPeople ? <Tabs.Tab value="developers">Developers ({portal.developers})</Tabs.Tab> : null}
            </Tabs.List>
            <Tabs.Panel value="portal">
              <PortalForm gateway={gateway} portal={portal}>
                <Logo gateway={gateway} portal={portal} />
              </PortalForm>
            </Tabs.Panel>
            <Tabs.Panel value="reference">
              <Reference gateway={gateway} portal={portal} />
            </Tabs.Panel>
            <Tabs.Panel value="applications">
              <Applications gateway={gateway} />
            </Tabs.Panel>
            <Tabs.Panel value="developers">
              <Developers gateway={gateway} />
            </Tabs.Panel>
          </Tabs>
        )}
      </Loaded>
    </>
  );
}
