import { NumberInput, SimpleGrid, Switch, TagsInput } from '@mantine/core';
import { DurationField } from '@/pages/upstreams/fields';
import { compact } from '@/pages/upstreams/words';
import type { PartProps } from './RouteFields';

/** How a route takes WebSockets. What is left empty keeps its default. */
export function WebSocketFields({ draft, set, errorAt, disabled }: PartProps) {
  const socket = draft.websocket;
  const change = (next: Partial<NonNullable<typeof socket>>) => set({ websocket: compact({ ...socket, ...next }) ?? {} });
  const at = (name: string) => errorAt(`/websocket/${name}`, name === 'origins');
  return (
    <>
      <Switch
        label="Take WebSockets"
        description="Off: their handshake is refused. A connection is held to the key, the limits and the policies that let its handshake through."
        checked={socket !== undefined}
        onChange={(e) => set({ websocket: e.currentTarget.checked ? {} : undefined })}
        error={errorAt('/websocket')}
        disabled={disabled}
      />
      {socket === undefined ? null : (
        <>
          <SimpleGrid cols={{ base: 1, sm: 3 }}>
            <NumberInput
              label="Largest message"
              description="In bytes, of either side"
              placeholder="1,048,576"
              value={socket.max_message_bytes ?? ''}
              onChange={(v) => change({ max_message_bytes: v === '' ? undefined : Number(v) })}
              error={at('max_message_bytes')}
              thousandSeparator=","
              min={0}
              disabled={disabled}
            />
            <DurationField
              label="Silence that ends it"
              description="A ping breaks it too"
              placeholder="5m"
              value={socket.idle_timeout}
              onChange={(idle_timeout) => change({ idle_timeout })}
              error={at('idle_timeout')}
              disabled={disabled}
            />
            <DurationField
              label="Longest life"
              description="Ended with code 1001"
              placeholder="no limit"
              value={socket.max_lifetime}
              onChange={(max_lifetime) => change({ max_lifetime })}
              error={at('max_lifetime')}
              disabled={disabled}
            />
          </SimpleGrid>
          <TagsInput
            label="Pages that may connect"
            description="Such as https://app.example.com or https://*.example.com; none: any. Callers that are no browser are not asked."
            value={socket.origins ?? []}
            onChange={(origins) => change({ origins })}
            error={at('origins')}
            disabled={disabled}
          />
          <Switch
            label="Let both sides compress"
            description="Passes permessage-deflate on: a message’s size is then what is on the wire, and its text is not checked."
            checked={socket.compression ?? false}
            onChange={(e) => change({ compression: e.currentTarget.checked || undefined })}
            error={at('compression')}
            disabled={disabled}
          />
        </>
      )}
    </>
  );
}
