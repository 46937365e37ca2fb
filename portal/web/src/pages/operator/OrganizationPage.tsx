import { Alert, Button, Group, Stack, Text } from '@mantine/core';
import { useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { $api, api, type Schemas } from '@/api/client';
import { chooseOrganization } from '@/api/organization';
import { refresh } from '@/api/queries';
import { CopyText, DataTable, done, Loaded, Time, type Column } from '@/ui';
import { Facts } from '@/ui/Facts';
import { count, dates, dateTime, exactMoney } from '@/ui/format';
import { Panel } from '@/ui/Panel';
import { AskReason } from './AskReason';
import { Console } from './Console';
import { Notes } from './Notes';
import { Outgoing, useOutgoing } from './Outgoing';
import { State } from './State';
import { allOf, currencyOf } from './words';

type Detail = Schemas['OperatorOrganizationDetail'];
type Ask = 'suspend' | 'resume' | 'plan' | 'credit' | 'view';

const standings: Record<Detail['standing'], string> = { good: 'Good', grace: 'An invoice is unpaid', capped: 'Limited: unpaid', suspended: 'Suspended: unpaid' };

const members: Column<Schemas['Member']>[] = [
  { id: 'who', title: 'Member', cell: (m) => <span style={{ overflowWrap: 'anywhere' }}>{m.email}</span> },
  { id: 'role', title: 'Role', width: '8rem', cell: (m) => m.role },
  { id: 'factor', title: 'Second factor', width: '9rem', cell: (m) => (m.second_factor ? 'Set up' : 'None') },
  { id: 'since', title: 'Since', width: '9rem', cell: (m) => <Time at={m.created_at} /> },
];

const invoices: Column<Schemas['Invoice']>[] = [
  { id: 'number', title: 'Invoice', cell: (i) => i.number || i.id },
  { id: 'status', title: 'Status', width: '8rem', cell: (i) => i.status },
  { id: 'total', title: 'Total', width: '9rem', numeric: true, cell: (i) => exactMoney(i.total_cents, i.currency) },
  { id: 'paid', title: 'Paid', width: '9rem', cell: (i) => (i.paid_at ? <Time at={i.paid_at} /> : 'Not yet') },
];

const readers = 'Every member of the organization can read it.';

export default function OrganizationPage() {
  const { organization } = useParams({ strict: false });
  const id = organization ?? '';
  const query = $api.useQuery('get', '/v1/operator/organizations/{organization}', { params: { path: { organization: id } } });
  const [ask, setAsk] = useState<Ask>();
  const d = query.data;
  const operators = d?.suspensions.some((s) => s.by === 'operator');
  const actions =
    d && !d.deleted_at ? (
      <>
        <Button variant="default" onClick={() => setAsk('view')}>
          Look at it as a viewer
        </Button>
        <Button variant="default" onClick={() => setAsk('plan')}>
          Change the plan
        </Button>
        <Button variant="default" onClick={() => setAsk('credit')}>
          Give a credit
        </Button>
        {operators ? (
          <Button onClick={() => setAsk('resume')}>End the suspension</Button>
        ) : (
          <Button color="red.8" onClick={() => setAsk('suspend')}>
            Suspend
          </Button>
        )}
      </>
    ) : null;
  return (
    <Console title={d?.organization.name ?? 'Organization'} description="What an operator knows of one organization, and can do about it." actions={actions}>
      <Loaded query={query}>{(detail) => <Body detail={detail} />}</Loaded>
      {d ? <Dialogs detail={d} ask={ask} onClose={() => setAsk(undefined)} /> : null}
    </Console>
  );
}

function Body({ detail: d }: { detail: Detail }) {
  const plans = $api.useQuery('get', '/v1/plans').data?.items;
  const currency = currencyOf(plans);
  return (
    <Stack gap="xl">
      {d.suspensions.map((s) => (
        <Alert key={s.by} color="red" variant="light" title={s.by === 'operator' ? 'Suspended by an operator' : 'Suspended by billing'}>
          <Text size="sm">{s.reason}</Text>
          {s.message ? (
            <Text size="sm" mt={4} style={{ whiteSpace: 'pre-wrap' }}>
              {s.message}
            </Text>
          ) : null}
          <Text size="xs" mt={4}>
            Since {dateTime(s.at)}
          </Text>
        </Alert>
      ))}
      <Facts
        facts={[
          ['State', <State key="s" of={{ suspended: d.organization.suspended, verified: d.organization.verified, deleted_at: d.deleted_at }} />],
          ['Plan', d.next_plan && d.next_plan !== d.organization.plan ? `${d.organization.plan}, ${d.next_plan} from the next period` : d.organization.plan],
          ['Payment', d.payment ? standings[d.standing] : 'None is set up'],
          ['Credit', d.credit_cents === 0 ? undefined : exactMoney(d.credit_cents, currency)],
          ['Period', dates(d.period_start, d.period_end)],
          ['Requests', d.included_requests ? `${count(d.used_requests)} of ${count(d.included_requests)} included` : count(d.used_requests)],
          ['Made', dateTime(d.organization.created_at)],
          ['Deleted', d.deleted_at ? dateTime(d.deleted_at) : undefined],
          ['Id', <CopyText key="i" text={d.organization.id} label="id" />],
        ]}
      />
      <Notes organization={d.organization.id} closed={Boolean(d.deleted_at)} />
      <Panel title="Members">
        <DataTable caption="Members" rows={allOf(d.members)} columns={members} rowKey={(m) => m.id} empty={<Text c="dimmed">Nobody is left in it.</Text>} />
      </Panel>
      {d.invoices.length > 0 ? (
        <Panel title="Invoices" text="The newest five.">
          <DataTable caption="Invoices" rows={allOf(d.invoices)} columns={invoices} rowKey={(i) => i.id} empty={null} />
        </Panel>
      ) : null}
      <ToStripe organization={d.organization.id} />
      <Panel title="Gateways">
        {d.gateways.length === 0 ? (
          <Text c="dimmed">It has none.</Text>
        ) : (
          <Stack gap="xs">
            {d.gateways.map((g) => (
              <Group key={g.id} gap="md">
                <Text fw={550}>{g.name}</Text>
                <span className="tg-mono" style={{ overflowWrap: 'anywhere' }}>
                  {g.hostname}
                </span>
                <Text size="sm" c="dimmed">
                  <Time at={g.created_at} />
                </Text>
              </Group>
            ))}
          </Stack>
        )}
      </Panel>
    </Stack>
  );
}

/** What Stripe does not have yet of the organization, where there is anything. */
function ToStripe({ organization }: { organization: string }) {
  const rows = useOutgoing(organization);
  if (rows.items.length === 0) return null;
  return (
    <Panel title="To Stripe" text="What Stripe does not have yet. Each is tried again by itself.">
      <Outgoing rows={rows} empty={null} />
    </Panel>
  );
}

/** What another plan means, and for whoever pays by a subscription. */
const planConsequences = (d: Detail) => [
  'Its limits change at every edge at once.',
  'The new plan\'s included requests come on top of what earlier plans served in this period: all of them, however late it is.',
  ...(d.payment ? ['Where it pays by a subscription, a dearer plan is charged to its card now, and a cheaper one begins when the period ends.'] : []),
];

function Dialogs({ detail: d, ask, onClose }: { detail: Detail; ask: Ask | undefined; onClose: () => void }) {
  const plans = $api.useQuery('get', '/v1/plans').data?.items ?? [];
  const { id, name } = d.organization;
  const path = { organization: id };
  const saved = async (text: string) => {
    await refresh('/v1/operator', '/v1/me', '/v1/organization');
    done(text);
  };
  return (
    <>
      <AskReason
        opened={ask === 'suspend'}
        onClose={onClose}
        title={`Suspend ${name}?`}
        consequences={['Its gateways answer 403 at every edge within two seconds.', 'Nothing of it can be changed, but everything read.', 'Owners and billing members get a mail.']}
        action="Suspend"
        danger
        name={name}
        message
        readers={readers}
        save={async ({ reason, message }) => {
          await api.POST('/v1/operator/organizations/{organization}/suspend', { params: { path }, body: { reason, ...(message ? { message } : {}) } });
          await saved(`${name} is suspended.`);
        }}
      />
      <AskReason
        opened={ask === 'resume'}
        onClose={onClose}
        title={`End the suspension of ${name}?`}
        consequences={['Its gateways answer again, unless billing has suspended it as well.', 'Owners and billing members get a mail.']}
        action="End the suspension"
        readers={readers}
        save={async ({ reason }) => {
          await api.POST('/v1/operator/organizations/{organization}/resume', { params: { path }, body: { reason } });
          await saved(`The suspension of ${name} has ended.`);
        }}
      />
      <AskReason
        opened={ask === 'plan'}
        onClose={onClose}
        title={`Change the plan of ${name}?`}
        consequences={planConsequences(d)}
        action="Change the plan"
        plans={plans.map((p) => ({ value: p.name, label: p.title }))}
        plan={d.organization.plan}
        readers={readers}
        save={async ({ reason, plan }) => {
          const { data } = await api.PATCH('/v1/operator/organizations/{organization}', { params: { path }, body: { plan, reason } });
          await saved(data && data.organization.plan !== plan ? `${name} changes to the plan ${plan} when its period ends.` : `${name} is on the plan ${plan}.`);
        }}
      />
      <AskReason
        opened={ask === 'credit'}
        onClose={onClose}
        title={`Give ${name} a credit?`}
        consequences={['Its next invoices are lowered by the amount.', 'It waits until the organization pays for the first time.']}
        action="Give the credit"
        amount={currencyOf(plans)}
        readers={readers}
        save={async ({ reason, amount }) => {
          await api.POST('/v1/operator/organizations/{organization}/credits', { params: { path }, body: { cents: amount, reason } });
          await saved(`${name} has the credit.`);
        }}
      />
      <AskReason
        opened={ask === 'view'}
        onClose={onClose}
        title={`Look at ${name} as a viewer?`}
        consequences={[
          'For 30 minutes you see what a viewer of it sees, and can change nothing anywhere.',
          'Each thing that you look at stands in its audit log, with your address and the reason.',
          'Secrets and API keys are never shown.',
        ]}
        action="Look at it"
        readers={readers}
        save={async ({ reason }) => {
          await api.POST('/v1/operator/organizations/{organization}/impersonate', { params: { path }, body: { reason } });
          chooseOrganization(id);
          window.location.assign('/gateways'); // nothing of one's own stays on the screen
        }}
      />
    </>
  );
}
