import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { AgentCard } from '@a2a-js/sdk';
import { context, propagation, SpanKind, trace } from '@opentelemetry/api';
import { traceA2aClient, traceExecutor } from '@throughline/a2a';
import { traceContext } from '@throughline/express';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { asking, cardOf, clientOf, Researcher, startAgent } from '../../../packages/a2a/test/agent.ts';
import { pythonSdk } from './python.ts';

// The Python SDK (PyPI `a2a-sdk`) carries no context by itself: OpenTelemetry's instrumentations of httpx and ASGI do.

const run = promisify(execFile);
const path = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
let telemetry: Telemetry;
let python: string;
let server: ChildProcess;
let port: number;

beforeAll(async () => {
  python = await pythonSdk();
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  ({ port } = probe.address() as AddressInfo);
  await new Promise((resolve) => probe.close(resolve));
  server = spawn(python, [path('./server.py'), String(port)], { stdio: 'ignore' });
  await vi.waitFor(() => fetch(`http://127.0.0.1:${port}`), { timeout: 60_000, interval: 100 });
});
afterAll(async () => {
  if (server === undefined) return;
  const gone = once(server, 'exit');
  server.kill('SIGKILL');
  await gone;
});
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.shutdown());

const ways = [
  ['JSONRPC', false],
  ['JSONRPC', true],
  ['HTTP+JSON', false],
  ['HTTP+JSON', true],
] as const;

describe.each(ways)('over %s, stream: %s', (binding, streams) => {
  test('twenty questions to an agent of the Python SDK are twenty traces through both languages', async () => {
    const shared = { tenant: '', protocolVersion: '1.0' };
    const card = cardOf([
      { ...shared, url: `http://127.0.0.1:${port}/rpc`, protocolBinding: 'JSONRPC' },
      { ...shared, url: `http://127.0.0.1:${port}`, protocolBinding: 'HTTP+JSON' },
    ]);
    const client = traceA2aClient(await clientOf({ card }, binding));
    const ask = async (question: string): Promise<unknown> => {
      if (!streams) return client.sendMessage(asking(question));
      let last: unknown;
      for await (const { payload } of client.sendMessageStream(asking(question))) last = payload?.value;
      return last;
    };
    await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        trace.getTracer('test').startActiveSpan('turn', async (turn) => {
          const baggage = propagation.createBaggage({ tenant: { value: `t${at}` } });
          const answer = (await context.with(propagation.setBaggage(context.active(), baggage), () =>
            ask(`q${at}`),
          )) as { parts: { content: { value: string } }[] };
          turn.end();
          const said = JSON.parse(answer.parts[0]?.content.value ?? '') as Record<string, string>;
          const { traceId } = turn.spanContext();
          expect(said).toMatchObject({ question: `q${at}`, traceId, tenant: `t${at}` });
          const call = telemetry
            .spans()
            .find((span) => span.kind === SpanKind.CLIENT && span.spanContext().traceId === traceId);
          expect(said['traceparent']).toContain(call?.spanContext().spanId);
        }),
      ),
    );
  });

  test('twenty questions of the Python SDK are twenty traces here', async () => {
    const work = (question: string): string => `${question} ${trace.getActiveSpan()?.spanContext().traceId}`;
    const executor = traceExecutor(new Researcher(work));
    const agent = await startAgent({ executor, before: [traceContext()] });
    const { stdout } = await run(python, [
      path('./client.py'),
      JSON.stringify(AgentCard.toJSON(agent.card)),
      binding,
      String(streams),
    ]);
    await agent.close();
    const answers = JSON.parse(stdout) as { question: string; traceId: string; text: string }[];
    expect(answers).toHaveLength(20);
    for (const { question, traceId, text } of answers) expect(text).toBe(`${question} ${traceId}`);
    const name = streams ? 'SendStreamingMessage' : 'SendMessage';
    const served = telemetry.spans().filter((span) => span.name === name && span.kind === SpanKind.SERVER);
    expect(new Set(served.map((span) => span.spanContext().traceId))).toEqual(
      new Set(answers.map(({ traceId }) => traceId)),
    );
    expect(served).toHaveLength(20);
  });
});
