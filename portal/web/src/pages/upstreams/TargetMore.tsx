import { NumberInput, SimpleGrid, Switch } from '@mantine/core';
import type { Schemas } from '@/api/client';

type Target = Schemas['Target'];

export interface TargetMoreProps {
  at: number;
  value: Target;
  onChange: (change: Partial<Target>) => void;
  errorAt: (pointer: string) => string | undefined;
  disabled: boolean;
}

/** What few targets need: groups, a limit of its own, service records. */
export function TargetMore({ at, value, onChange, errorAt, disabled }: TargetMoreProps) {
  return (
    <SimpleGrid cols={{ base: 1, xs: 2 }} pb="xs">
      <NumberInput
        label="Priority"
        description="0 is used first, the next only while those are down."
        placeholder="0"
        value={value.priority ?? ''}
        onChange={(v) => onChange({ priority: v === '' ? undefined : Number(v), backup: undefined })}
        error={errorAt(`/targets/${at}/priority`)}
        min={0}
        max={9}
        disabled={disabled || value.backup}
      />
      <NumberInput
        label="Requests at once"
        description="Instead of the upstream’s limit."
        placeholder="the upstream’s"
        value={value.max_requests ?? ''}
        onChange={(v) => onChange({ max_requests: v === '' ? undefined : Number(v) })}
        error={errorAt(`/targets/${at}/max_requests`)}
        min={0}
        disabled={disabled}
      />
      <Switch
        label="Backup"
        description="Used only while no other target is usable."
        checked={value.backup ?? false}
        onChange={(e) => onChange({ backup: e.currentTarget.checked || undefined, priority: undefined })}
        error={errorAt(`/targets/${at}/backup`)}
        disabled={disabled}
      />
      <Switch
        label="Service records"
        description="The host is _service._tcp.name: its SRV records lead to the backends."
        checked={value.srv ?? false}
        onChange={(e) => onChange({ srv: e.currentTarget.checked || undefined })}
        disabled={disabled}
      />
    </SimpleGrid>
  );
}
