import { adapterContract, outcomeOf } from '@throughline/core/testing';
import type { AdapterHarness } from '@throughline/core/testing';
import { expect, test } from 'vitest';
import { contractCase } from '../../../scripts/matrix/contracts.ts';
import { matrixPage } from '../../../scripts/matrix/page.ts';

const harness: AdapterHarness = {
  name: 'a, wrapped thing',
  transport: 'mine',
  carrier: 'message',
  telemetry: { spans: () => [], reset: () => {} },
  outbound: {
    open: () => ({ send: async () => ({ outcome: await outcomeOf(() => undefined), wire: [] }) }),
    cannot: { types: 'it has text alone' },
  },
};

test('the matrix reads every name of the contract', () => {
  const cases = adapterContract(harness).map(({ name, reason }) => ({ read: contractCase(name), reason }));
  expect(cases.length).toBeGreaterThan(20);
  for (const { read, reason } of cases) expect(read).toEqual({ harness: harness.name, part: 'outbound', reason });
});

test('the matrix says what fails, what was not run, and what a transport cannot do', () => {
  const row = {
    adapter: 'mine',
    harness: 'traceMine',
    part: 'outbound',
    passed: 9,
    failed: 0,
    cannot: ['types: no | bytes'],
  };
  const page = matrixPage(
    [
      { ...row, project: 'sdk3' },
      { ...row, part: 'inbound', project: 'sdk3', failed: 1, cannot: [] },
      { ...row, harness: 'traceOther', project: 'oldest', cannot: [] },
    ],
    [{ adapter: 'mine', peer: 'mine', range: '^1.0.0 || ^2.0.0', oldest: ['1.0.0'], newest: ['1.2.0', '2.1.0'] }],
  );
  expect(page).toContain('| mine | `mine` | ^1.0.0 or ^2.0.0 | 1.0.0 | 1.2.0, 2.1.0 |');
  expect(page).toContain('| mine | traceMine | outbound, inbound | **fails** | – | types: no \\| bytes |');
  expect(page).toContain('| mine | traceOther | outbound | – | passes | – |');
});
