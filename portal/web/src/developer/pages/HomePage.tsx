import { Badge, Group, List, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { CopyText } from '@/ui/CopyText';
import type { Info } from '../client';
import { Head } from '../states';
import { ToButton } from '../links';
import { useDeveloper, useInfo } from '../session';
import { limitsOf, paragraphs } from '../words';

export default function HomePage() {
  const info = useInfo().data;
  const developer = useDeveloper().data;
  if (!info) return null; // the frame shows why
  return (
    <>
      <Head title={info.name}>{info.tagline}</Head>
      <Stack gap="xl">
        <Group gap="sm">
          {developer ? (
            <ToButton page="/keys">Your keys</ToButton>
          ) : (
            <ToButton page="/signup">Get a key</ToButton>
          )}
          <ToButton page="/reference" variant="default">
            Read the reference
          </ToButton>
        </Group>
        <div>
          <Text size="sm" c="dimmed">
            The API answers at
          </Text>
          <CopyText text={info.gateway_url} label="address of the API" />
        </div>
        <Stack gap="sm">
          {paragraphs(info.text).map((text, i) => (
            <Text key={i} maw="44rem" style={{ whiteSpace: 'pre-line' }}>
              {text}
            </Text>
          ))}
        </Stack>
        {info.plans.length > 0 ? <Plans plans={info.plans} current={developer?.usage_plan} /> : null}
      </Stack>
    </>
  );
}

function Plans({ plans, current }: { plans: Info['plans']; current?: string }) {
  return (
    <section aria-label="Plans">
      <Title order={2} mb="sm">
        Plans
      </Title>
      <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
        {plans.map((plan) => (
          <Stack key={plan.usage_plan} className="tg-panel" p="lg" gap="xs">
            <Group justify="space-between">
              <Title order={3}>{plan.title}</Title>
              {plan.usage_plan === current ? (
                <Badge variant="light" tt="none">
                  Yours
                </Badge>
              ) : null}
            </Group>
            {plan.description ? <Text c="dimmed">{plan.description}</Text> : null}
            <List size="sm" spacing={2}>
              {limitsOf(plan).map((text) => (
                <List.Item key={text}>{text}</List.Item>
              ))}
            </List>
            <Text size="sm" c="dimmed">
              {plan.approval ? 'The owner decides about each application.' : 'Yours at once.'}
            </Text>
          </Stack>
        ))}
      </SimpleGrid>
    </section>
  );
}
