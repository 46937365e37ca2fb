import { Badge, Group, ScrollArea, Stack, Table, Text, Title } from '@mantine/core';
import type { Schemas } from '@/api/client';
import { bytes, milliseconds } from '@/ui/format';
import { TextLink } from '@/ui/LinkTo';
import { readable } from './request';

/** What the edge answered to a test request. */
export function AnswerView({ answer, gateway }: { answer: Schemas['TestAnswer']; gateway: string }) {
  const fields = Object.entries(answer.headers).flatMap(([name, values]) => values.map((value) => ({ name, value })));
  const type = fields.find((f) => f.name.toLowerCase() === 'content-type')?.value;
  const good = answer.status < 400;
  return (
    <Stack gap="md" role="status">
      <Group gap="sm">
        <Badge size="lg" variant="light" color={good ? 'green' : 'red'} tt="none">
          {answer.status}
        </Badge>
        <Text size="sm">
          {milliseconds(answer.total_ms)} in all, {milliseconds(answer.first_byte_ms)} until the answer began
        </Text>
      </Group>
      {answer.request_id ? (
        <Text size="sm">
          Request{' '}
          <TextLink to="/gateways/$gw/requests/$id" params={{ gw: gateway, id: answer.request_id }}>
            <span className="tg-mono">{answer.request_id}</span>
          </TextLink>
          : why it was answered so
        </Text>
      ) : null}
      <section>
        <Title order={3} fz="sm" mb={4}>
          Header fields
        </Title>
        <Table withRowBorders={false} verticalSpacing={2} fz="sm" layout="fixed">
          <Table.Tbody>
            {fields.map((f, i) => (
              <Table.Tr key={i}>
                <Table.Th scope="row" fw={400} c="dimmed" w="38%" style={{ overflowWrap: 'anywhere' }}>
                  {f.name}
                </Table.Th>
                <Table.Td className="tg-mono">{f.value}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </section>
      <section>
        <Title order={3} fz="sm" mb={4}>
          Body, {bytes(answer.body_bytes)}
          {answer.truncated ? ' (the beginning of it)' : ''}
        </Title>
        {answer.body_bytes === 0 ? (
          <Text size="sm" c="dimmed">
            Empty
          </Text>
        ) : answer.body !== undefined ? (
          <ScrollArea.Autosize mah={420} className="tg-panel" viewportProps={{ tabIndex: 0, 'aria-label': 'Body of the answer' }}>
            <pre className="tg-mono" style={{ margin: 0, padding: 12, whiteSpace: 'pre-wrap' }}>
              {readable(answer.body, type)}
            </pre>
          </ScrollArea.Autosize>
        ) : (
          <Text size="sm" c="dimmed">
            It is not text.
          </Text>
        )}
      </section>
    </Stack>
  );
}
