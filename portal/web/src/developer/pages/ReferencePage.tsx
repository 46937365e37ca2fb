import { Anchor, Badge, Box, Button, Code, Group, SimpleGrid, Stack, Table, Text, TextInput, Title, UnstyledButton } from '@mantine/core';
import { IconChevronRight, IconSearch } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import { EmptyState } from '@/ui/EmptyState';
import { Loaded } from '@/ui/Loaded';
import { PanelSkeleton } from '@/ui/Skeletons';
import { $api, here } from '../client';
import { operationsOf, schemeOf, text, isNode, type Node, type Operation, type Scheme } from '../reference/openapi';
import { Console } from '../reference/Console';
import { Head } from '../states';
import { useInfo } from '../session';
import { paragraphs } from '../words';

export default function ReferencePage() {
  const query = $api.useQuery('get', '/v1/developer/{label}/openapi.json', { params: here }, { staleTime: 60_000 });
  return (
    <>
      <Head title="API reference" />
      <Loaded query={query} skeleton={<PanelSkeleton lines={12} />}>
        {(answer) => <Document doc={answer as unknown as Node} />}
      </Loaded>
    </>
  );
}

const most = 200; // operations that are drawn at once; the search finds the others

function Document({ doc }: { doc: Node }) {
  const info = useInfo().data;
  const [search, setSearch] = useState('');
  const operations = useMemo(() => operationsOf(doc), [doc]);
  const scheme = useMemo(() => schemeOf(doc), [doc]);
  const wanted = search.trim().toLowerCase();
  const found = operations.filter((op) => `${op.method} ${op.path} ${op.summary} ${op.tag}`.toLowerCase().includes(wanted));
  const about = isNode(doc.info) ? doc.info : {};
  return (
    <>
      <Stack gap="md">
        <Text fw={600}>{text(about.title)}</Text>
        {paragraphs(text(about.description)).map((p, i) => (
          <Text key={i} maw="44rem" style={{ whiteSpace: 'pre-line' }}>
            {p}
          </Text>
        ))}
        <Text>
          Send your key {scheme.in === 'header' ? 'in the header' : 'as the query parameter'} <Code>{scheme.name}</Code>. The API answers at <Code>{info?.gateway_url}</Code>.{' '}
          <Anchor href={`/v1/developer/${encodeURIComponent(here.path.label)}/openapi.json`} underline="always">
            The whole document
          </Anchor>
        </Text>
        {operations.length === 0 ? (
          <EmptyState title="Nothing is described yet">The API’s owner has not described an operation. Come back later, or ask for help.</EmptyState>
        ) : (
          <>
            <TextInput type="search" aria-label="Search the operations" placeholder="Search the operations" leftSection={<IconSearch size={16} aria-hidden />} value={search} onChange={(e) => setSearch(e.currentTarget.value)} maw="24rem" />
            <Text size="sm" c="dimmed" role="status">
              {found.length} of {operations.length} operations{found.length > most ? `; the first ${most} are shown` : ''}
            </Text>
            <Stack gap="xs">
              {found.slice(0, most).map((op) => (
                <OperationRow key={op.id} op={op} scheme={scheme} />
              ))}
            </Stack>
          </>
        )}
      </Stack>
    </>
  );
}

function OperationRow({ op, scheme }: { op: Operation; scheme: Scheme }) {
  const [opened, setOpened] = useState(false);
  const [trying, setTrying] = useState(false);
  const info = useInfo().data;
  return (
    <section className="tg-panel" aria-label={op.id}>
      <UnstyledButton onClick={() => setOpened(!opened)} aria-expanded={opened} p="sm" w="100%">
        <Group gap="sm" wrap="nowrap">
          <IconChevronRight size={16} aria-hidden style={{ flex: 'none', transform: opened ? 'rotate(90deg)' : undefined }} />
          <Badge variant="default" tt="none" className="tg-mono" style={{ flex: 'none' }}>
            {op.method}
          </Badge>
          <Text span className="tg-mono" style={{ minWidth: 0 }} td={op.deprecated ? 'line-through' : undefined}>
            {op.path}
          </Text>
          <Text span c="dimmed" visibleFrom="sm" truncate style={{ minWidth: 0 }}>
            {op.summary}
          </Text>
        </Group>
      </UnstyledButton>
      {opened ? (
        <Box p="md" pt={0}>
          <Stack gap="md">
            {op.summary ? <Text fw={600}>{op.summary}</Text> : null}
            {paragraphs(op.description).map((p, i) => (
              <Text key={i} style={{ whiteSpace: 'pre-line' }}>
                {p}
              </Text>
            ))}
            {op.deprecated ? <Text>It will go away: don’t use it for anything new.</Text> : null}
            <SimpleGrid cols={{ base: 1, md: 2 }}>
              <Parameters op={op} />
              <Answers op={op} />
            </SimpleGrid>
            {info?.try_it ? (
              trying ? (
                <Console op={op} scheme={scheme} />
              ) : (
                <div>
                  <Button onClick={() => setTrying(true)}>Try it</Button>
                </div>
              )
            ) : null}
          </Stack>
        </Box>
      ) : null}
    </section>
  );
}

function Parameters({ op }: { op: Operation }) {
  return (
    <div style={{ minWidth: 0 }}>
      <Title order={2} size="h3" mb="xs">
        What it takes
      </Title>
      {op.parameters.length === 0 && !op.body ? <Text c="dimmed">Nothing but the key.</Text> : null}
      {op.parameters.length > 0 ? (
        <Table aria-label="Parameters">
          <Table.Tbody>
            {op.parameters.map((p) => (
              <Table.Tr key={`${p.in} ${p.name}`}>
                <Table.Td>
                  <span className="tg-mono">{p.name}</span>
                  <Text size="xs" c="dimmed">
                    {p.in}
                    {p.required ? ', required' : ''}
                  </Text>
                </Table.Td>
                <Table.Td>
                  {p.type}
                  {p.description ? <Text size="sm">{p.description}</Text> : null}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      ) : null}
      {op.body ? (
        <>
          <Text mt="xs">
            Body, <Code>{op.body.contentType}</Code>
            {op.body.required ? ', required' : ''}
          </Text>
          {op.body.description ? <Text size="sm">{op.body.description}</Text> : null}
          {op.body.example ? (
            <Code block mt={4} tabIndex={0}>
              {op.body.example}
            </Code>
          ) : null}
        </>
      ) : null}
    </div>
  );
}

function Answers({ op }: { op: Operation }) {
  return (
    <div style={{ minWidth: 0 }}>
      <Title order={2} size="h3" mb="xs">
        What it answers
      </Title>
      {op.answers.length === 0 ? <Text c="dimmed">Nothing is said about it.</Text> : null}
      <Stack gap={4}>
        {op.answers.map((a) => (
          <Group key={a.status} gap="sm" wrap="nowrap" align="flex-start">
            <Badge variant="default" tt="none" style={{ flex: 'none' }}>
              {a.status}
            </Badge>
            <Text size="sm" style={{ whiteSpace: 'pre-line' }}>{a.description.replaceAll('`', '')}</Text>
          </Group>
        ))}
      </Stack>
    </div>
  );
}
