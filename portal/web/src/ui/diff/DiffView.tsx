import { Badge, Group, Stack, Text, VisuallyHidden } from '@mantine/core';
import { stringify } from 'yaml';
import type { Schemas } from '@/api/client';
import classes from './Diff.module.css';
import { around, diffLines } from './lines';

type Difference = Schemas['Difference'];

const verbs = { create: 'New', update: 'Changed', delete: 'Removed' } as const;
const kinds: Partial<Record<Difference['kind'], string>> = { usage_plan: 'usage plan' };
const marks = { added: '+', removed: '−', same: ' ' } as const;

const asText = (value: unknown): string => (value === undefined || value === null ? '' : stringify(value, { lineWidth: 0 }));

/** Two texts, line by line. */
export function TextDiff({ before, after, label }: { before: string; after: string; label: string }) {
  const lines = around(diffLines(before, after), 3);
  return (
    <pre className={classes.code} tabIndex={0} aria-label={label}>
      {lines.map((line, i) =>
        line.kind === 'skipped' ? (
          <span key={i} className={`${classes.line} ${classes.skipped}`}>
            {line.lines} same {line.lines === 1 ? 'line' : 'lines'}
          </span>
        ) : (
          <span key={i} className={`${classes.line} ${line.kind === 'same' ? '' : classes[line.kind]}`}>
            <span className={classes.mark}>{marks[line.kind]}</span>
            {line.text}
          </span>
        ),
      )}
    </pre>
  );
}

/** What a change does, resource by resource, as the API tells it. */
export function DiffView({ changes }: { changes: Difference[] }) {
  if (changes.length === 0) {
    return (
      <Text c="dimmed" className="tg-panel" p="md">
        Nothing changes.
      </Text>
    );
  }
  return (
    <Stack gap="sm">
      {changes.map((change, i) => {
        const what = `${kinds[change.kind] ?? change.kind}${change.name ? ` ${change.name}` : ''}`;
        return (
          <section key={`${change.kind} ${change.id ?? change.name ?? i}`} className="tg-panel">
            <Group gap="xs" px="md" py="xs" style={{ borderBottom: '1px solid var(--tg-line)' }}>
              <Badge variant="light" tt="none" color={change.verb === 'delete' ? 'red' : change.verb === 'create' ? 'green' : 'gray'}>
                {verbs[change.verb]}
              </Badge>
              <Text fw={550}>
                {kinds[change.kind] ?? change.kind} <span className="tg-mono">{change.name}</span>
              </Text>
              <VisuallyHidden>{verbs[change.verb]}</VisuallyHidden>
            </Group>
            <TextDiff before={asText(change.before)} after={asText(change.after)} label={`Difference of the ${what}`} />
          </section>
        );
      })}
    </Stack>
  );
}
