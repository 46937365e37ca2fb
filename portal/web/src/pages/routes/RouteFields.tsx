import { Accordion, NumberInput, SimpleGrid, Stack, Switch, TagsInput, Text, TextInput, Title } from '@mantine/core';
import type { Schemas } from '@/api/client';
import type { Catalogue } from '@/pages/policies/usePolicyTypes';
import { Destination } from './Destination';
import { FieldMatches } from './FieldMatches';
import { WebSocketFields } from './WebSocketFields';
import { methods, pathWords, tidy, type Match } from './match';

export type RouteInput = Schemas['RouteInput'];

export interface RouteFieldsProps {
  gateway: string;
  catalogue: Catalogue;
  draft: RouteInput;
  onChange: (draft: RouteInput) => void;
  errorAt: (pointer: string, deep?: boolean) => string | undefined;
  disabled: boolean;
  fresh: boolean;
}

/** Name, match and destination of a route. */
export function RouteFields({ gateway, catalogue, draft, onChange, errorAt, disabled, fresh }: RouteFieldsProps) {
  const set = (change: Partial<RouteInput>) => onChange({ ...draft, ...change });
  const match = draft.match ?? { path: '' };
  const setMatch = (change: Partial<Match>) => set({ match: tidy({ ...match, ...change }) });
  return (
    <Stack gap="xl" maw="46rem">
      <Stack gap="md">
        <TextInput
          label="Name"
          withAsterisk={fresh}
          description={fresh ? 'Letters, digits, dots, underscores and hyphens. Usage and logs are shown by it.' : 'A new name is taken over where usage plans refer to it.'}
          value={draft.name ?? ''}
          onChange={(e) => set({ name: e.currentTarget.value })}
          error={errorAt('/name')}
          spellCheck={false}
          autoComplete="off"
          disabled={disabled}
          data-autofocus={fresh ? true : undefined}
        />
      </Stack>
      <Stack gap="md" component="section">
        <Title order={2}>Match</Title>
        <div>
          <TextInput
            label="Path"
            description="/exact · /orders/{id} · /orders/* (and /orders itself) · /files/{rest+} · ~^/regular-expression$"
            value={match.path}
            onChange={(e) => setMatch({ path: e.currentTarget.value })}
            error={errorAt('/match/path')}
            classNames={{ input: 'tg-mono' }}
            spellCheck={false}
            autoComplete="off"
            disabled={disabled}
            withAsterisk
          />
          <Text size="sm" c="dimmed" mih={22} mt={4}>
            {pathWords(match.path)}
          </Text>
        </div>
        <TagsInput
          label="Methods"
          description="None: every method. GET takes HEAD along."
          data={methods}
          value={match.methods ?? []}
          onChange={(list) => setMatch({ methods: list.map((m) => m.toUpperCase()) })}
          error={errorAt('/match/methods', true)}
          disabled={disabled}
        />
        <TagsInput
          label="Hosts"
          description="None: every host of the gateway."
          value={match.hosts ?? []}
          onChange={(hosts) => setMatch({ hosts })}
          error={errorAt('/match/hosts', true)}
          disabled={disabled}
        />
        <FieldMatches
          label="Header fields"
          description="Only requests whose header fields pass all of these."
          one="header field"
          value={match.headers ?? []}
          onChange={(headers) => setMatch({ headers })}
          errorAt={(pointer) => errorAt(`/match/headers${pointer}`)}
          disabled={disabled}
        />
        <FieldMatches
          label="Query parameters"
          description="Only requests whose query passes all of these."
          one="parameter"
          value={match.query ?? []}
          onChange={(query) => setMatch({ query })}
          errorAt={(pointer) => errorAt(`/match/query${pointer}`)}
          disabled={disabled}
        />
        <FieldMatches
          label="Claims"
          description="Only callers whose token or session passes all of these: they choose between routes that are alike otherwise."
          one="claim"
          value={match.claims ?? []}
          onChange={(claims) => setMatch({ claims })}
          errorAt={(pointer) => errorAt(`/match/claims${pointer}`)}
          disabled={disabled}
        />
      </Stack>
      <Stack gap="md" component="section">
        <Title order={2}>Where it goes</Title>
        <Destination gateway={gateway} catalogue={catalogue} draft={draft} set={set} errorAt={errorAt} disabled={disabled} />
        <Switch
          label="Anybody may call"
          description="Must be on where no policy asks who calls. Such requests count for no consumer."
          checked={draft.public ?? false}
          onChange={(e) => set({ public: e.currentTarget.checked || undefined })}
          error={errorAt('/public')}
          disabled={disabled}
        />
        <More draft={draft} set={set} errorAt={errorAt} disabled={disabled} />
      </Stack>
    </Stack>
  );
}

export interface PartProps {
  draft: RouteInput;
  set: (change: Partial<RouteInput>) => void;
  errorAt: RouteFieldsProps['errorAt'];
  disabled: boolean;
}

const flags = [
  ['strict_slash', 'Strict slash', '/x and /x/ are two paths.'],
  ['preserve_host', 'Keep the Host', 'Your backend gets the caller’s Host instead of the target’s own.'],
  ['abort_on_fin', 'End when the caller half-closes', 'Ends the exchange when an HTTP/1.1 caller closes its sending half.'],
] as const;

function More({ draft, set, errorAt, disabled }: PartProps) {
  return (
    <Accordion variant="contained" chevronPosition="left" multiple>
      <Accordion.Item value="more">
        <Accordion.Control>Timeout, body size, priority and more</Accordion.Control>
        <Accordion.Panel>
          <Stack gap="md">
            <SimpleGrid cols={{ base: 1, sm: 3 }}>
              <TextInput
                label="Timeout"
                description="Of the whole exchange"
                placeholder="the upstream’s"
                value={draft.timeout ?? ''}
                onChange={(e) => set({ timeout: e.currentTarget.value || undefined })}
                error={errorAt('/timeout')}
                disabled={disabled}
              />
              <NumberInput
                label="Largest body"
                description="Of a request, in bytes"
                placeholder="the plan’s"
                value={draft.max_body_bytes ?? ''}
                onChange={(v) => set({ max_body_bytes: v === '' ? undefined : Number(v) })}
                error={errorAt('/max_body_bytes')}
                thousandSeparator=","
                min={0}
                disabled={disabled}
              />
              <NumberInput
                label="Priority"
                description="The higher one wins a tie"
                placeholder="0"
                value={draft.priority ?? ''}
                onChange={(v) => set({ priority: v === '' ? undefined : Number(v) })}
                error={errorAt('/priority')}
                disabled={disabled}
              />
            </SimpleGrid>
            {flags.map(([key, label, description]) => (
              <Switch
                key={key}
                label={label}
                description={description}
                checked={draft[key] ?? false}
                onChange={(e) => set({ [key]: e.currentTarget.checked || undefined })}
                disabled={disabled}
              />
            ))}
          </Stack>
        </Accordion.Panel>
      </Accordion.Item>
      <Accordion.Item value="websocket">
        <Accordion.Control>
          WebSockets{' '}
          <Text span size="sm" c="dimmed" ml={4}>
            {draft.websocket ? 'Taken' : 'Refused'}
          </Text>
        </Accordion.Control>
        <Accordion.Panel>
          <Stack gap="md">
            <WebSocketFields draft={draft} set={set} errorAt={errorAt} disabled={disabled} />
          </Stack>
        </Accordion.Panel>
      </Accordion.Item>
    </Accordion>
  );
}
