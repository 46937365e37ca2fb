import { Alert, Button, Group, List, Modal, SimpleGrid, Stack, Text, Textarea, Title } from '@mantine/core';
import { useState } from 'react';
import { done, failed } from '@/ui/notify';
import { ProblemNote } from '@/ui/ProblemNote';
import { useApiForm } from '@/ui/useApiForm';
import { $api, api, here, type Developer, type Info } from './client';
import { queryClient } from '@/api/queries';
import { changed, useInfo } from './session';
import { limitsOf } from './words';

type Plan = Info['plans'][number];

async function take(developer: Developer | undefined): Promise<void> {
  changed(developer);
  await queryClient.invalidateQueries({ queryKey: $api.queryOptions('get', '/v1/developer/{label}/limits', { params: here }).queryKey });
}

/** The plans on offer: the one that is had, one that is asked for, and the others to choose. */
export function PlanChoice({ developer }: { developer: Developer }) {
  const info = useInfo().data;
  const [asking, setAsking] = useState<Plan>();
  const { application } = developer;
  const title = (name: string) => info?.plans.find((p) => p.usage_plan === name)?.title ?? name;
  const choose = async (plan: Plan) => {
    if (plan.approval) return setAsking(plan);
    try {
      await take((await api.PUT('/v1/developer/{label}/plan', { params: here, body: { usage_plan: plan.usage_plan } })).data);
      done(`You have the plan ${plan.title}.`);
    } catch (error) {
      failed(error);
    }
  };
  const withdraw = async () => {
    try {
      await api.DELETE('/v1/developer/{label}/application', { params: here });
      await take((await api.GET('/v1/developer/{label}/me', { params: here })).data);
    } catch (error) {
      failed(error);
    }
  };
  if (!info) return null;
  return (
    <section aria-label="Plan">
      <Title order={2} mb="sm">
        Plan
      </Title>
      {application?.state === 'pending' ? (
        <Alert mb="md" color="amber" title={`You asked for the plan ${title(application.usage_plan)}`} role="status">
          <Text size="sm">The API’s owner decides about it{developer.usage_plan ? '; until then your present plan stays' : ''}.</Text>
          <Button size="xs" variant="default" mt="sm" onClick={() => void withdraw()}>
            Withdraw
          </Button>
        </Alert>
      ) : application?.state === 'refused' ? (
        <Alert mb="md" color="red" title={`You did not get the plan ${title(application.usage_plan)}`}>
          {application.reason ?? 'No reason was given.'}
        </Alert>
      ) : null}
      {info.plans.length === 0 ? <Text c="dimmed">No plan is on offer at the moment. Ask the API’s owner.</Text> : null}
      <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
        {info.plans.map((plan) => (
          <Stack key={plan.usage_plan} className="tg-panel" p="md" gap="xs">
            <Title order={3}>{plan.title}</Title>
            <List size="sm">
              {limitsOf(plan).map((text) => (
                <List.Item key={text}>{text}</List.Item>
              ))}
            </List>
            <Group mt="auto">
              {plan.usage_plan === developer.usage_plan ? (
                <Text fw={600}>This is your plan</Text>
              ) : (
                <Button variant="default" size="xs" disabled={application?.state === 'pending' && application.usage_plan === plan.usage_plan} onClick={() => void choose(plan)}>
                  {plan.approval ? 'Ask for' : 'Choose'} {plan.title}
                </Button>
              )}
            </Group>
          </Stack>
        ))}
      </SimpleGrid>
      <Modal opened={asking !== undefined} onClose={() => setAsking(undefined)} title={`Ask for the plan ${asking?.title ?? ''}`}>
        {asking ? <Ask plan={asking} onClose={() => setAsking(undefined)} /> : null}
      </Modal>
    </section>
  );
}

function Ask({ plan, onClose }: { plan: Plan; onClose: () => void }) {
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { message: '' },
    save: async ({ message }) => {
      const { data } = await api.PUT('/v1/developer/{label}/plan', { params: here, body: { usage_plan: plan.usage_plan, message } });
      await take(data);
      done('Your application is sent.');
      onClose();
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <Textarea label="What do you need it for?" description="The API’s owner reads it" autosize minRows={3} data-autofocus {...form.getInputProps('message')} />
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        <Button type="submit" loading={busy}>
          Send the application
        </Button>
      </Stack>
    </form>
  );
}
