import { Alert, Group, Loader, Stack, Stepper, Text } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { $api, api, type Schemas } from '@/api/client';
import { asProblem, type Problem } from '@/api/problem';
import { queryClient } from '@/api/queries';
import { PageHeader, useSearchParams } from '@/ui';
import { LinkButton } from '@/ui/LinkTo';
import { changed } from './act';
import { stands } from './arrived';
import { usePlans } from './useSubscription';

type Subscription = Schemas['Subscription'];

/** How long between two looks, after how many of them the page says that it takes long, and how long between two from then on. */
const pause = 1500;
const long = 20;
const longPause = 15_000;

/**
 * Where the payment page sends back to. That somebody came back proves nothing:
 * the page asks until the subscription itself stands, and claims nothing before.
 */
export default function ReturnPage() {
  const [words] = useSearchParams();
  return words.from === 'cards' ? <FromCards /> : <FromCheckout wanted={words.plan} />;
}

/** Back from the page of cards: what was changed there is asked for once, then the usual page shows it. */
function FromCards() {
  const navigate = useNavigate();
  useEffect(() => {
    const on = () => navigate({ to: '/billing/overview', replace: true });
    // A failure is shown by the page that follows, which asks again.
    void api.POST('/v1/billing/refresh', {}).then(changed, () => undefined).then(on);
  }, [navigate]);
  return (
    <>
      <PageHeader title="One moment" description="Asking the payment provider how things stand." />
      <Loader size="sm" />
    </>
  );
}

function FromCheckout({ wanted }: { wanted: string | undefined }) {
  const title = usePlans().data?.find((p) => p.name === wanted)?.title ?? 'The new plan';
  const { found, looks, problem } = useArrival(wanted);
  return (
    <>
      <PageHeader title={found ? `${found.plan.title} is yours` : 'One moment'} />
      <Stack className="tg-panel" p="lg" maw="40rem">
        <Stepper active={found ? 3 : 1} size="sm" orientation="vertical" allowNextStepsSelect={false} aria-label="Progress">
          <Stepper.Step label="Back from the payment page" />
          <Stepper.Step label="The payment is confirmed" description={found ? undefined : 'Usually a few seconds'} loading={!found} />
          <Stepper.Step label={found ? `The limits of ${found.plan.title} hold at every edge` : `${title} begins`} />
        </Stepper>
        <div role="status">
          {found ? (
            <Text>The subscription stands. What you have used in this period carries over.</Text>
          ) : looks < long ? (
            <Group gap="sm">
              <Loader size="sm" />
              <Text>Waiting for the confirmation …</Text>
            </Group>
          ) : (
            <Alert color="amber" variant="light" title="This takes longer than usual">
              Nothing is lost: as soon as the payment is confirmed the plan begins by itself, and a mail tells you. You can leave this page; if you did not pay, nothing changes.
            </Alert>
          )}
        </div>
        {problem && !found ? (
          <Text size="sm" c="dimmed">
            The last look failed ({problem.title}); the next one follows.
          </Text>
        ) : null}
        <Group gap="xs">
          {found ? (
            <LinkButton to="/billing/overview">Open plan and usage</LinkButton>
          ) : (
            <LinkButton variant="default" to="/billing/plans">
              Back to the plans
            </LinkButton>
          )}
        </Group>
      </Stack>
    </>
  );
}

/** Looks until the subscription stands. */
function useArrival(wanted: string | undefined) {
  const [found, setFound] = useState<Subscription>();
  const [looks, setLooks] = useState(0);
  const [problem, setProblem] = useState<Problem>();
  useEffect(() => {
    let over = false;
    let timer: ReturnType<typeof setTimeout>;
    let done = 0;
    const look = async () => {
      try {
        const { data } = await api.POST('/v1/billing/refresh', {});
        if (over) return;
        setProblem(undefined);
        if (data && stands(data, wanted)) {
          queryClient.setQueryData($api.queryOptions('get', '/v1/subscription').queryKey, data);
          await changed();
          if (!over) setFound(data);
          return;
        }
      } catch (error) {
        if (!over) setProblem(asProblem(error));
      }
      if (over) return;
      setLooks((n) => n + 1);
      done += 1;
      timer = setTimeout(() => void look(), done < long ? pause : longPause);
    };
    void look();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [wanted]);
  return { found, looks, problem };
}
