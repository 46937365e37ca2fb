import { Button, Card, Group, Stack, Text, Textarea } from '@mantine/core';
import { useState } from 'react';
import { $api, api } from '@/api/client';
import { refresh } from '@/api/queries';
import { ConfirmDanger, done, Loaded, ProblemNote, Time, useApiForm } from '@/ui';
import { Panel } from '@/ui/Panel';

const path = '/v1/operator/organizations/{organization}/notes';

/** What operators wrote down on an organization; nobody else reads it. */
export function Notes({ organization, closed }: { organization: string; closed: boolean }) {
  const [asked, setAsked] = useState<string>();
  const query = $api.useQuery('get', path, { params: { path: { organization }, query: { limit: 200 } } });
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { text: '' },
    validate: { text: (v) => (v.trim() === '' ? 'Write something first.' : null) },
    save: async ({ text }) => {
      await api.POST(path, { params: { path: { organization } }, body: { text } });
      form.reset();
      await refresh(path);
    },
  });
  return (
    <Panel title="Notes" text="Of operators for operators: the organization can’t read them.">
      <Stack gap="sm">
        {closed ? null : (
          <form onSubmit={submit} noValidate>
            <Stack gap="xs">
              <Textarea label="New note" autosize minRows={2} maxLength={4000} key={form.key('text')} {...form.getInputProps('text')} />
              <ProblemNote problem={problem} rest={rest} />
              <Group>
                <Button type="submit" variant="default" loading={busy}>
                  Add the note
                </Button>
              </Group>
            </Stack>
          </form>
        )}
        <Loaded query={query}>
          {(list) =>
            list.items.length === 0 ? (
              <Text c="dimmed">No note yet. What the next operator should know of this organization belongs here.</Text>
            ) : (
              <Stack gap="xs">
                {list.items.map((n) => (
                  <Card key={n.id} withBorder padding="sm">
                    <Text style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>{n.text}</Text>
                    <Group justify="space-between" mt="xs">
                      <Text size="xs" c="dimmed">
                        {n.author} · <Time at={n.created_at} />
                      </Text>
                      <Button size="compact-xs" variant="default" onClick={() => setAsked(n.id)} aria-label={`Delete the note of ${n.author}`}>
                        Delete
                      </Button>
                    </Group>
                  </Card>
                ))}
              </Stack>
            )
          }
        </Loaded>
      </Stack>
      <ConfirmDanger
        opened={asked !== undefined}
        onClose={() => setAsked(undefined)}
        title="Delete the note?"
        consequences={['It can’t be brought back.']}
        action="Delete the note"
        onConfirm={async () => {
          if (!asked) return;
          await api.DELETE('/v1/operator/organizations/{organization}/notes/{note}', { params: { path: { organization, note: asked } } });
          await refresh(path);
          done('The note is gone.');
        }}
      />
    </Panel>
  );
}
