import type { Schemas } from '@/api/client';
import { dateTime } from '@/ui/format';

type Standing = Pick<Schemas['Subscription'], 'standing' | 'standing_until'>;
type Suspension = Pick<Schemas['Suspension'], 'by' | 'reason'>;

export interface Trouble {
  colour: 'amber' | 'red';
  title: string;
  text: string;
  /** A payment mends it; otherwise the operator does. */
  payment: boolean;
}

/** What keeps an organization from being served as it should, in words; undefined where all is well. */
export function troubleOf(name: string, suspensions: readonly Suspension[], s: Standing | undefined): Trouble | undefined {
  const operator = suspensions.find((x) => x.by === 'operator');
  if (operator) {
    const reason = operator.reason ? ` The operator’s reason: ${operator.reason.replace(/[.\s]*$/, '')}.` : '';
    return { colour: 'red', title: `${name} is suspended`, text: `Its gateways answer 403, and nothing can be changed.${reason} Write to the operator of this Tollgate.`, payment: false };
  }
  const until = s?.standing_until ? dateTime(s.standing_until) : undefined;
  if (s?.standing === 'suspended' || suspensions.length > 0) {
    return {
      colour: 'red', title: `${name} is suspended`, payment: true,
      text: 'An invoice is not paid: gateways answer every request with 403. Nothing is deleted; as soon as it is paid, they serve again.',
    };
  }
  switch (s?.standing) {
    case 'grace':
      return {
        colour: 'amber', title: `The last payment of ${name} failed`, payment: true,
        text: `Everything works as before${until ? ` until ${until}` : ' for some days'}. After that, gateways serve only the requests that the plan includes.`,
      };
    case 'capped':
      return {
        colour: 'red', title: `Requests of ${name} are limited`, payment: true,
        text: `An invoice is not paid: gateways refuse what goes beyond the included requests with 429${until ? `, and everything from ${until}` : ''}.`,
      };
    default:
      return undefined;
  }
}
