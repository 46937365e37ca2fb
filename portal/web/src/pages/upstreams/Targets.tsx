import { ActionIcon, Button, Group, Input, NumberInput, Stack, Text, TextInput } from '@mantine/core';
import { IconPlus, IconSettings, IconTrash } from '@tabler/icons-react';
import { useId, useState } from 'react';
import { $api, type Schemas } from '@/api/client';
import { TargetMore } from './TargetMore';
import { shares } from './words';

type Target = Schemas['Target'];

export interface TargetsProps {
  value: Target[];
  onChange: (targets: Target[]) => void;
  errorAt: (pointer: string) => string | undefined;
  disabled: boolean;
}

/** The targets, each with its share of the requests. */
export function Targets({ value, onChange, errorAt, disabled }: TargetsProps) {
  const id = useId();
  const echo = $api.useQuery('get', '/v1/installation').data?.echo_url;
  const parts = shares(value);
  const [open, setOpen] = useState<number>();
  const set = (i: number, target: Partial<Target>) => onChange(value.map((t, j) => (j === i ? { ...t, ...target } : t)));
  const onlyEmpty = value.length === 1 && value[0]?.url === '';
  return (
    <div role="group" aria-labelledby={id}>
      <Input.Label id={id} component="div" labelElement="div">
        Targets
      </Input.Label>
      <Input.Description mb={6}>Scheme, host and port of each backend, nothing more. A weight of 0 takes no new requests.</Input.Description>
      <Stack gap="xs">
        {value.map((target, i) => (
          <Stack key={i} gap="xs">
            <Group gap="xs" align="flex-start">
              <TextInput
                aria-label={`URL of target ${i + 1}`}
                placeholder="https://orders.example.com"
                value={target.url}
                onChange={(e) => set(i, { url: e.currentTarget.value })}
                error={errorAt(`/targets/${i}/url`)}
                spellCheck={false}
                autoComplete="off"
                disabled={disabled}
                style={{ flex: '1 1 19rem' }}
                classNames={{ input: 'tg-mono' }}
              />
              <NumberInput
                aria-label={`Weight of target ${i + 1}`}
                placeholder="1"
                value={target.weight ?? ''}
                onChange={(v) => set(i, { weight: v === '' ? undefined : Number(v) })}
                error={errorAt(`/targets/${i}/weight`)}
                min={0}
                w={92}
                disabled={disabled}
              />
              <Text size="sm" c="dimmed" w={48} ta="right" mt={7} className="tg-figures">
                {Math.round(parts[i] ?? 0)} %
              </Text>
              <ActionIcon
                size="lg"
                variant="subtle"
                color="gray"
                aria-label={`More of target ${i + 1}`}
                aria-expanded={open === i}
                onClick={() => setOpen(open === i ? undefined : i)}
              >
                <IconSettings size={16} aria-hidden />
              </ActionIcon>
              {disabled ? null : (
                <ActionIcon
                  size="lg"
                  variant="subtle"
                  color="gray"
                  aria-label={`Remove target ${i + 1}`}
                  disabled={value.length === 1}
                  onClick={() => {
                    setOpen(undefined);
                    onChange(value.filter((_, j) => j !== i));
                  }}
                >
                  <IconTrash size={16} aria-hidden />
                </ActionIcon>
              )}
            </Group>
            {open === i ? <TargetMore at={i} value={target} onChange={(next) => set(i, next)} errorAt={errorAt} disabled={disabled} /> : null}
          </Stack>
        ))}
        {errorAt('/targets') ? <Input.Error>{errorAt('/targets')}</Input.Error> : null}
        {disabled ? null : (
          <Group gap="xs">
            <Button size="compact-sm" variant="default" leftSection={<IconPlus size={14} aria-hidden />} onClick={() => onChange([...value, { url: '' }])}>
              Add a target
            </Button>
            {echo && !value.some((t) => t.url === echo) ? (
              <Button size="compact-sm" variant="default" onClick={() => onChange(onlyEmpty ? [{ url: echo }] : [...value, { url: echo }])}>
                Use the hosted echo backend
              </Button>
            ) : null}
          </Group>
        )}
      </Stack>
    </div>
  );
}
