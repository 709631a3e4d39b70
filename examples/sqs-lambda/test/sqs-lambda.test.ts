import { serverAvailability, startSqs } from '@throughline/servers';
import type { RunningServer } from '@throughline/servers';
import { checkChains } from '@throughline/verify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runTasks } from '../src/run.ts';

const available = await serverAvailability('sqs');

describe.skipIf(available.missing)(`a Lambda function on a queue${available.note}`, () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startSqs();
  });
  afterAll(() => server?.stop());

  it('every task is analysed and answered in the trace that sent it, and the batch links it', async () => {
    const spans = await runTasks(server.url, ['solar', 'wind']);
    expect(checkChains(spans)).toMatchObject({ verdict: 'sound', findings: [] });
    const named = (start: string) => spans.filter(({ name }) => name.startsWith(start));
    const [plan] = named('plan');
    const [batch] = named('process tasks');
    expect(batch).toMatchObject({ service: 'analyst', kind: 'CONSUMER' });
    expect(batch?.links.map(({ traceId }) => traceId)).toEqual([plan?.traceId]);
    // What is done for a message is in its trace; both results come back to the planner in it.
    expect(named('send results').map(({ traceId }) => traceId)).toEqual([plan?.traceId, plan?.traceId]);
    expect(named('process results').map(({ traceId }) => traceId)).toEqual([plan?.traceId, plan?.traceId]);
  });
});
