import { Badge, Button, Group, Modal, Select, Stack, Text, Textarea } from '@mantine/core';
import { useState } from 'react';
import { api, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { DataTable, done, EmptyState, failed, ProblemNote, Time, useApiForm, useRows, useSearchParams, type Column } from '@/ui';

type Application = Schemas['DeveloperApplication'];

const root = '/v1/gateways/{gateway}/developer-portal';
const states: Record<Application['state'], string> = { pending: 'Waits for you', approved: 'Approved', refused: 'Refused' };

/** Who asked for a plan that needs approval, and the decision. */
export function Applications({ gateway }: { gateway: string }) {
  const may = useMay('consumers:write');
  const [words, setWords] = useSearchParams();
  const state = words.state === 'approved' || words.state === 'refused' || words.state === 'all' ? words.state : 'pending';
  const [refusing, setRefusing] = useState<Application>();
  const rows = useRows<Application>({
    key: ['get', `${root}/applications`, gateway, state],
    read: async (cursor, signal) => {
      const { data } = await api.GET('/v1/gateways/{gateway}/developer-portal/applications', {
        params: { path: { gateway }, query: { limit: 50, cursor, ...(state === 'all' ? {} : { state }) } },
        signal,
      });
      return data ?? { items: [] };
    },
    filtered: state !== 'pending',
    refetchInterval: 15_000,
  });
  const approve = async (application: Application) => {
    try {
      await api.POST('/v1/gateways/{gateway}/developer-portal/applications/{application}/approve', { params: { path: { gateway, application: application.id } } });
      await refresh(root);
      done(`${application.developer.name} has the plan ${application.usage_plan} now.`);
    } catch (error) {
      failed(error);
    }
  };
  const columns: Column<Application>[] = [
    { id: 'who', title: 'Who', width: '16rem', cell: (a) => <Who name={a.developer.name} email={a.developer.email} /> },
    { id: 'plan', title: 'Plan', width: '9rem', cell: (a) => a.usage_plan },
    { id: 'message', title: 'Message', cell: (a) => <Text size="sm" style={{ whiteSpace: 'pre-line' }}>{a.message || '–'}</Text> },
    { id: 'at', title: 'Asked', width: '9rem', cell: (a) => <Time at={a.created_at} /> },
    {
      id: 'decision', title: 'Decision', width: '13rem',
      cell: (a) =>
        a.state === 'pending' && may ? (
          <Group gap={6} wrap="nowrap">
            <Button size="compact-sm" onClick={() => void approve(a)} aria-label={`Approve ${a.developer.name} for ${a.usage_plan}`}>
              Approve
            </Button>
            <Button size="compact-sm" variant="default" onClick={() => setRefusing(a)} aria-label={`Refuse ${a.developer.name}`}>
              Refuse
            </Button>
          </Group>
        ) : (
          <Badge variant="default" tt="none">
            {states[a.state]}
          </Badge>
        ),
    },
  ];
  return (
    <>
      <DataTable
        caption="Applications"
        rows={rows}
        rowKey={(a) => a.id}
        columns={columns}
        filters={
          <Select
            aria-label="Which applications"
            w={200}
            allowDeselect={false}
            value={state}
            data={[{ value: 'pending', label: 'That wait' }, { value: 'approved', label: 'Approved' }, { value: 'refused', label: 'Refused' }, { value: 'all', label: 'All' }]}
            onChange={(value) => setWords({ state: value === 'pending' ? undefined : (value ?? undefined) })}
          />
        }
        empty={
          <EmptyState title="Nobody waits" action={<Button variant="default" onClick={() => setWords({ state: 'all' })}>Show decided ones</Button>}>
            When a developer asks for a plan that needs your approval, the application stands here with their message.
          </EmptyState>
        }
      />
      <Modal opened={refusing !== undefined} onClose={() => setRefusing(undefined)} title={`Refuse ${refusing?.developer.name ?? ''}?`}>
        {refusing ? <Refuse gateway={gateway} application={refusing} onClose={() => setRefusing(undefined)} /> : null}
      </Modal>
    </>
  );
}

export function Who({ name, email }: { name: string; email: string }) {
  return (
    <div>
      {name}
      <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
        {email}
      </Text>
    </div>
  );
}

function Refuse({ gateway, application, onClose }: { gateway: string; application: Application; onClose: () => void }) {
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { reason: '' },
    save: async ({ reason }) => {
      await api.POST('/v1/gateways/{gateway}/developer-portal/applications/{application}/refuse', {
        params: { path: { gateway, application: application.id } },
        body: reason ? { reason } : {},
      });
      await refresh(root);
      onClose();
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <Textarea label="Reason" description="Shown to the developer" autosize minRows={3} data-autofocus {...form.getInputProps('reason')} />
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        <Button type="submit" loading={busy}>
          Refuse the application
        </Button>
      </Stack>
    </form>
  );
}
