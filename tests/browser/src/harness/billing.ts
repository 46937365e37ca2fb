// What the management API answers about billing in each state that a page has,
// for looking at states that take a month or an unpaid invoice to come about.

const free = {
  name: 'free', title: 'Free', self_serve: true, included_requests: 100_000, requests_per_second: 50, burst: 100, concurrency: 50, gateways: 3, consumers: 100,
  keys: 500, max_body_bytes: 10_485_760, log_retention: '24h', currency: 'usd', price_cents: 0,
};
const pro = {
  name: 'pro', title: 'Pro', self_serve: true, included_requests: 5_000_000, requests_per_second: 1000, burst: 2000, concurrency: 1000, gateways: 20, consumers: 10_000,
  keys: 50_000, max_body_bytes: 104_857_600, log_retention: '168h', currency: 'usd', price_cents: 4900, overage: { requests: 100_000, price_cents: 50 },
};
const scale = { ...pro, name: 'scale', title: 'Scale', included_requests: 100_000_000, gateways: 200, log_retention: '720h', price_cents: 49_900, overage: { requests: 1_000_000, price_cents: 300 } };
const custom = { ...scale, name: 'custom', title: 'Custom', self_serve: false, price_cents: 200_000 };
export const plans = [free, pro, scale, custom];

const day = 86_400_000;
const today = Math.floor(Date.now() / day) * day;
const at = (days: number, hours = 0) => new Date(today + days * day + hours * 3_600_000).toISOString();

const account = {
  since: at(-200), period_start: at(-17), period_end: at(14), payment: true, status: 'none', standing: 'good', cancel_at_period_end: false,
  spending_cap_cents: null, credit_cents: 0,
};
const cheap = {
  ...account, plan: free, used_requests: 31_250,
  estimate: {
    lines: [{ plan: 'free', base_cents: 0, requests: 31_250, included: 100_000, overage_requests: 0, overage_cents: 0 }],
    total_cents: 0, forecast_requests: 57_000, forecast_total_cents: 0, as_of: at(0),
  },
};
const paid = {
  ...account, plan: pro, status: 'active', used_requests: 5_762_254,
  estimate: {
    lines: [
      { plan: 'pro', base_cents: 4900, requests: 5_731_004, included: 5_000_000, overage_requests: 731_004, overage_cents: 366 },
      { plan: 'free', base_cents: 0, requests: 31_250, included: 100_000, overage_requests: 0, overage_cents: 0 },
    ],
    total_cents: 5266, forecast_requests: 10_481_250, forecast_total_cents: 7625, as_of: at(0),
  },
};

/** A subscription for each state. */
export const subscriptions = {
  'no payment': { ...cheap, payment: false },
  'free': cheap,
  'used up': { ...cheap, used_requests: 100_000, estimate: { ...cheap.estimate, forecast_requests: 100_000 } },
  'pro': paid,
  'cap and credit': { ...paid, spending_cap_cents: 1500, credit_cents: 2000 },
  'incomplete': { ...cheap, status: 'incomplete' },
  'given': { ...paid, status: 'none' },
  'past due': { ...paid, status: 'past_due', standing: 'grace', standing_until: at(4, 9) },
  'capped': { ...paid, status: 'past_due', standing: 'capped', standing_until: at(6, 9) },
  'suspended': { ...paid, status: 'past_due', standing: 'suspended' },
  'ends': { ...paid, cancel_at_period_end: true, next_plan: 'free' },
  'downgrade planned': { ...paid, plan: scale, next_plan: 'pro' },
};

/** Hours of 17 days, more by day than by night. */
const hours = (plan: string, scaled: number) =>
  Array.from({ length: 17 * 24 }, (_, i) => ({
    hour: at(-17, i), plan, requests: Math.round(scaled * (1 + Math.sin((i - 8) * (Math.PI / 12))) * (1 + (i % 7) / 10)), sealed: i < 400, seq: i + 12, hash: 'b2'.repeat(32),
  }));

const keys = [
  { gateway: 'shop', consumer: 'mobile-app', key: 'tg_live_4Hq8Zt1x0P', requests: 4_100_221 },
  { gateway: 'shop', consumer: 'acme', key: 'tg_live_9ab2Lm77Qw', requests: 1_600_000 },
  { gateway: 'shop', consumer: '', key: '', requests: 30_783 },
];
const chain = { first: 'a1'.repeat(32), last: 'b2'.repeat(32), intact: true };
const counted = { plan: 'pro', billed_quantity: 5_731_004, ledger_requests: 5_731_004, included: 5_000_000, overage_requests: 731_004, amount_cents: 366, difference_requests: 0, explanation: '' };

const invoice = {
  id: 'in_8', number: 'TG-0008', status: 'paid', currency: 'usd', period_start: at(-48), period_end: at(-17), finalized_at: at(-17, 1), paid_at: at(-17, 2),
  subtotal_cents: 5266, tax_cents: 1001, total_cents: 6267, amount_due_cents: 6267, amount_paid_cents: 6267, hosted_url: 'https://pay.example.com/i/8', pdf_url: 'https://pay.example.com/i/8.pdf',
  attempts: 1, created_at: at(-17), updated_at: at(-17),
  lines: [
    { id: 'il_1', kind: 'base', plan: 'pro', description: 'Pro, the month in advance', quantity: 1, amount_cents: 4900, period_start: at(-17), period_end: at(14) },
    { id: 'il_2', kind: 'usage', plan: 'pro', description: 'Requests on Pro', quantity: 5_731_004, amount_cents: 366, period_start: at(-48), period_end: at(-17) },
  ],
};
export const invoices = [
  { ...invoice, id: 'in_9', number: 'TG-0009', status: 'open', paid_at: undefined, amount_paid_cents: 0, attempts: 2, next_attempt_at: at(2), period_start: at(-17), period_end: at(14) },
  invoice,
  { ...invoice, id: 'in_7', number: 'TG-0007', status: 'void', total_cents: 4900, period_start: at(-79), period_end: at(-48) },
];

const totals = { ledger_requests: 5_731_004, billed_requests: 5_731_004, difference_requests: 0, amount_cents: 366 };

/** Reconciliations by the id in their address. */
export const reconciliations: Record<string, unknown> = {
  current: { lines: [counted], hours: hours('pro', 9000), keys, totals, chain },
  nothing: { lines: [], hours: [], keys: [], totals: { ledger_requests: 0, billed_requests: 0, difference_requests: 0, amount_cents: 0 }, chain: { intact: true } },
  in_8: { invoice: { ...invoice, period_start: at(-17), period_end: at(0) }, lines: [{ ...counted, line: 'il_2' }], hours: hours('pro', 9000), keys, totals, chain },
  in_9: {
    invoice: { ...invoices[0], period_start: at(-17), period_end: at(0) },
    lines: [{ ...counted, line: 'il_2', billed_quantity: 5_730_000, difference_requests: 1004, explanation: '1,004 requests were counted after the invoice was made. They are a line of the next one.' }],
    hours: hours('pro', 9000), keys, totals: { ...totals, billed_requests: 5_730_000, difference_requests: 1004 }, chain: { ...chain, intact: false },
  },
};

/** What the choice of a plan would cost. */
export const preview = (plan: string) => ({
  plan, currency: 'usd', due_now_cents: plan === 'scale' ? 20_322 : plan === 'pro' ? 2213 : 0, next_cents: plan === 'scale' ? 49_900 : plan === 'pro' ? 4900 : 0,
  effective_at: plan === 'scale' ? at(0, 12) : at(14),
  lines: plan === 'scale'
    ? [
        { id: 'a', kind: 'proration', description: 'Unused time on Pro', quantity: 1, amount_cents: -2213, period_start: at(0), period_end: at(14) },
        { id: 'b', kind: 'proration', description: 'Remaining time on Scale', quantity: 1, amount_cents: 22_535, period_start: at(0), period_end: at(14) },
      ]
    : [],
});
