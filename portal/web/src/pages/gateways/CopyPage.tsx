import { Button, Checkbox, Group, PasswordInput, Select, Stack, Switch, Text, TextInput, Title } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import { $api, api, etagOf, type Schemas } from '@/api/client';
import { asProblem, type Problem } from '@/api/problem';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { useGateway, useGatewayName } from '@/shell/useGateway';
import { done, PageHeader, PanelSkeleton, ProblemNote } from '@/ui';

const DiffView = lazy(() => import('@/ui/diff/DiffView').then((m) => ({ default: m.DiffView })));

type Parts = NonNullable<Schemas['CopyInput']['parts']>;
const parts: { value: Parts[number]; label: string }[] = [
  { value: 'routes', label: 'Routes' },
  { value: 'upstreams', label: 'Upstreams' },
  { value: 'streams', label: 'Streams' },
  { value: 'policies', label: 'Policies of the whole gateway' },
  { value: 'openapi', label: 'OpenAPI document' },
  { value: 'usage_plans', label: 'Usage plans' },
  { value: 'settings', label: 'Settings' },
];
const fresh = '\u0000new';

interface Preview {
  input: Schemas['CopyInput'];
  result: Schemas['CopyResult'];
  /** Of the other gateway as it was compared with. */
  tag: string | undefined;
}

export default function CopyPage() {
  const from = useGatewayName();
  const gateway = useGateway();
  const navigate = useNavigate();
  const [preview, setPreview] = useState<Preview>();
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const run = async (work: () => Promise<void>) => {
    setBusy(true);
    setProblem(undefined);
    try {
      await work();
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };
  const look = (input: Schemas['CopyInput']) =>
    run(async () => {
      const other = input.create ? undefined : (await api.GET('/v1/gateways/{gateway}', { params: { path: { gateway: input.to } } })).data;
      const { data } = await api.POST('/v1/gateways/{gateway}/copy', { params: { path: { gateway: from } }, body: { ...input, dry_run: true } });
      if (data) setPreview({ input, result: data, tag: etagOf(other) });
    });
  const copy = (secrets: { name: string; value: string }[]) =>
    run(async () => {
      if (!preview) return;
      const { data } = await api.POST('/v1/gateways/{gateway}/copy', {
        params: { path: { gateway: from }, header: { 'If-Match': preview.tag } },
        body: { ...preview.input, secrets: secrets.length > 0 ? secrets : undefined },
      });
      await refresh('/v1/gateways');
      done(`${from} is copied to ${preview.input.to}, as version ${data?.version ?? ''}.`);
      await navigate({ to: '/gateways/$gw/overview', params: { gw: data?.name ?? preview.input.to } });
    });
  return (
    <>
      <PageHeader
        title="Copy to another gateway"
        description="Carry this configuration over, for example from staging to production. You see what changes first. Consumers and keys stay where they are."
        docs="/docs/copying-gateways"
      />
      <Stack gap="xl">
        <Choice from={from} id={gateway?.id} busy={busy && !preview} onLook={look} onChange={() => setPreview(undefined)} />
        <ProblemNote problem={problem} />
        {preview ? <Result key={JSON.stringify(preview.input)} preview={preview} busy={busy} onCopy={copy} /> : null}
      </Stack>
    </>
  );
}

interface ChoiceProps {
  from: string;
  id: string | undefined;
  busy: boolean;
  onLook: (input: Schemas['CopyInput']) => void;
  onChange: () => void;
}

/** Where to, and what. Any change makes an earlier preview worthless. */
function Choice({ from, id, busy, onLook, onChange }: ChoiceProps) {
  const { data } = $api.useQuery('get', '/v1/gateways', { params: { query: { limit: 200 } } });
  const others = (data?.items ?? []).filter((g) => g.id !== id && g.name !== from);
  const [to, setTo] = useState<string | null>(null);
  const [name, setName] = useState('');
  const [mode, setMode] = useState<Schemas['GatewayMode']>('live');
  const [chosen, setChosen] = useState<Parts>(parts.map((p) => p.value));
  const [keep, setKeep] = useState(true);
  const made = to === fresh;
  const set = <T,>(change: (value: T) => void) => (value: T) => {
    change(value);
    onChange();
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const target = made ? name : to;
        if (!target) return;
        const all = chosen.length === parts.length;
        onLook({ to: target, create: made || undefined, mode: made ? mode : undefined, parts: all ? undefined : chosen, keep_targets: keep });
      }}
    >
      <Stack gap="md" maw="36rem">
        <Select
          label="To"
          placeholder="Choose a gateway"
          data={[...others.map((g) => ({ value: g.name, label: g.mode === 'test' ? `${g.name} (test)` : g.name })), { value: fresh, label: 'A new gateway' }]}
          value={to}
          onChange={set(setTo)}
          allowDeselect={false}
        />
        {made ? (
          <Group grow align="flex-start">
            <TextInput label="Its name" value={name} onChange={(e) => set(setName)(e.currentTarget.value)} spellCheck={false} autoComplete="off" />
            <Select
              label="Its mode"
              data={[
                { value: 'live', label: 'Live' },
                { value: 'test', label: 'Test' },
              ]}
              value={mode}
              allowDeselect={false}
              onChange={(v) => set(setMode)(v as Schemas['GatewayMode'])}
            />
          </Group>
        ) : (
          <Switch
            label="Keep the other gateway’s targets"
            description="Upstreams that it has already go on sending to its own backends."
            checked={keep}
            onChange={(e) => set(setKeep)(e.currentTarget.checked)}
          />
        )}
        <Checkbox.Group label="What" value={chosen} onChange={(v) => set(setChosen)(v as Parts)}>
          <Group mt={6} gap="md">
            {parts.map((p) => (
              <Checkbox key={p.value} value={p.value} label={p.label} />
            ))}
          </Group>
        </Checkbox.Group>
        <Group>
          <Button type="submit" loading={busy} disabled={chosen.length === 0 || (made ? name === '' : !to)}>
            Show what would change
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Result({ preview, busy, onCopy }: { preview: Preview; busy: boolean; onCopy: (secrets: { name: string; value: string }[]) => void }) {
  const may = useMay('gateways:write');
  const { result } = preview;
  const missing = result.secrets.filter((s) => !s.set);
  const [values, setValues] = useState<Record<string, string>>({});
  const complete = missing.every((s) => values[s.name]);
  const nothing = result.changes.length === 0 && !result.created;
  return (
    <section>
      <Title order={2} mb="sm">
        {result.created ? `What the new gateway ${result.name} gets` : `What changes in ${result.name}`}
      </Title>
      <Suspense fallback={<PanelSkeleton />}>
        <DiffView changes={result.changes} />
      </Suspense>
      {missing.length > 0 ? (
        <Stack gap="sm" mt="lg" maw="36rem">
          <Title order={3}>Secrets that {result.name} lacks</Title>
          <Text size="sm" c="dimmed">
            Values are never copied. Set what the policies refer to; it is stored together with the copy.
          </Text>
          {missing.map((s) => (
            <PasswordInput
              key={s.name}
              label={s.name}
              description={`Used by ${s.used_by.join(', ')}`}
              value={values[s.name] ?? ''}
              onChange={(e) => {
                const value = e.currentTarget.value;
                setValues((before) => ({ ...before, [s.name]: value }));
              }}
              autoComplete="off"
            />
          ))}
        </Stack>
      ) : null}
      {may && !nothing ? (
        <Group mt="lg">
          <Button
            loading={busy}
            disabled={!complete}
            onClick={() => onCopy(missing.map((s) => ({ name: s.name, value: values[s.name] ?? '' })))}
          >
            Copy to {result.name}
          </Button>
        </Group>
      ) : null}
    </section>
  );
}
