import { Alert, List, Text } from '@mantine/core';
import type { FieldError, Problem } from '@/api/problem';
import { sentence } from '@/api/problem';

/** Words for problems whose own title does not say what to do. */
const advice: Record<string, string> = {
  precondition_failed: 'Somebody else changed this meanwhile. Reload the page to see it, then make your change again.',
  unreachable: 'Nothing was lost: check your connection and try again.',
};

export interface ProblemNoteProps {
  problem: Problem | undefined;
  /** The errors that no field of the form shows; default all. */
  rest?: readonly FieldError[];
}

/** Why a form or an action failed, announced to screen readers. */
export function ProblemNote({ problem, rest }: ProblemNoteProps) {
  if (!problem) return null;
  const others = rest ?? problem.errors ?? [];
  const text = advice[problem.code] ?? problem.detail;
  return (
    <Alert color="red" variant="light" role="alert" title={problem.title}>
      {text ? <Text size="sm">{text}</Text> : null}
      {others.length > 0 ? (
        <List size="sm" mt={4}>
          {others.map((e) => (
            <List.Item key={e.pointer + e.detail}>
              <span className="tg-mono">{e.pointer.replace(/^\//, '')}</span> {sentence(e.detail).toLowerCase()}
            </List.Item>
          ))}
        </List>
      ) : null}
      {problem.request_id && problem.status >= 500 ? (
        <Text size="xs" mt={4}>
          Request <span className="tg-mono">{problem.request_id}</span>
        </Text>
      ) : null}
    </Alert>
  );
}
