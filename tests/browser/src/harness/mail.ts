import { within } from './api';
import type { Tollgate } from './tollgate';

interface Mail {
  to: string;
  text: string;
}

/** The newest link to a page of the portal that was mailed to an address, once it is there. */
export async function mailedLink(tollgate: Tollgate, to: string, page: string): Promise<string> {
  let link = '';
  await within(10_000, async () => {
    const box = (await (await fetch(`${tollgate.portal}/dev/mails`)).json()) as { items: Mail[] };
    const words = box.items.filter((mail) => mail.to === to).flatMap((mail) => mail.text.split(/\s+/));
    link = words.find((word) => URL.canParse(word) && new URL(word).pathname === page) ?? '';
    if (link === '') throw new Error(`no mail to ${to} has a link to ${page}`);
  });
  return link;
}
