import { Button, Group, Radio, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { asProblem, sentence, type Problem } from '@/api/problem';
import { useMay } from '@/api/session';
import { done, ProblemNote } from '@/ui';
import { count, money } from '@/ui/format';
import { Panel } from '@/ui/Panel';
import { change, type Subscription } from './act';
import { amountOf, centsOf, requestsFor } from './cents';
import { gaugeOf } from './gauge';

type Choice = 'none' | 'included' | 'amount';

const choiceOf = (cap: number | null | undefined): Choice => (cap === undefined || cap === null ? 'none' : cap === 0 ? 'included' : 'amount');

/** How much the requests beyond the included ones may cost in a period. */
export function SpendingCap({ subscription }: { subscription: Subscription }) {
  const { plan, spending_cap_cents: saved } = subscription;
  const may = useMay('billing:write');
  const [choice, setChoice] = useState<Choice>(choiceOf(saved));
  const [text, setText] = useState(saved ? amountOf(saved) : '');
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const { overage } = plan;
  if (!overage) {
    return (
      <Panel title="Spending cap">
        <Text className="tg-panel" p="lg">
          The plan {plan.title} stops at its included requests by itself: it never costs more than its price. Plans that go on beyond them can be capped here.
        </Text>
      </Panel>
    );
  }
  const amount = centsOf(text);
  const cap = choice === 'none' ? null : choice === 'included' ? 0 : amount;
  const wrong = choice !== 'amount' ? undefined : amount === undefined ? 'Must be an amount such as 25 or 25.50.' : amount === 0 ? 'Must be above 0. To stop at the included requests, choose that above.' : undefined;
  const dirty = choice !== choiceOf(saved) || (choice === 'amount' && cap !== saved);
  const save = async () => {
    setTried(true);
    if (wrong || cap === undefined) return;
    setBusy(true);
    setProblem(undefined);
    try {
      await change(subscription, { spending_cap_cents: cap });
      setTried(false);
      done('The spending cap is saved. Every edge keeps to it within seconds.');
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };
  const refused = problem?.at('/spending_cap_cents');
  return (
    <Panel title="Spending cap" text={`Beyond the included requests each ${count(overage.requests)} cost ${money(overage.price_cents, plan.currency)}. The cap bounds what that may add up to in a period; the price of the plan comes in any case.`}>
      <form
        className="tg-panel"
        style={{ padding: 'var(--mantine-spacing-lg)' }}
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <Stack gap="md">
          <Radio.Group aria-label="Spending cap" value={choice} onChange={(value) => setChoice(value as Choice)} readOnly={!may}>
            <Stack gap="sm">
              <Radio value="none" label="No cap" description="Every request is served, and billed." disabled={!may} />
              <Radio value="included" label="Stop at the included requests" description="Nothing is ever billed beyond the plan’s price. Further requests are refused with 429." disabled={!may} />
              <Radio value="amount" label="Stop at an amount" description="Requests are refused with 429 once those beyond the included ones cost it." disabled={!may} />
            </Stack>
          </Radio.Group>
          {choice === 'amount' ? (
            <TextInput
              label={`Amount in ${plan.currency.toUpperCase()}`}
              inputMode="decimal"
              w="14rem"
              maw="100%"
              value={text}
              onChange={(event) => setText(event.currentTarget.value)}
              error={tried || text !== '' ? (refused ? sentence(refused) : wrong) : undefined}
              disabled={!may}
              description={cap ? meaning(cap, subscription) : 'A period’s requests beyond the included ones never cost more.'}
            />
          ) : null}
          <ProblemNote problem={problem} rest={problem?.errors?.filter((e) => e.pointer !== '/spending_cap_cents')} />
          {may ? (
            <Group>
              <Button type="submit" disabled={!dirty} loading={busy}>
                Save the cap
              </Button>
            </Group>
          ) : (
            <Text size="sm" c="dimmed">
              Owners, and who cares for the billing, can change it.
            </Text>
          )}
        </Stack>
      </form>
    </Panel>
  );
}

/** What a cap would mean in requests. */
function meaning(cap: number, subscription: Subscription): string {
  const { plan } = subscription;
  const { own: used } = gaugeOf(subscription);
  if (!plan.overage) return '';
  const more = requestsFor(cap, plan.overage);
  if (more === undefined) return 'Requests beyond the included ones cost nothing: this cap never stops any.';
  const all = (plan.included_requests ?? 0) + more;
  return `Pays for ${count(more)} more: ${count(all)} requests a period.${all <= used ? ' This period has had that many already: requests would be refused at once.' : ''}`;
}
