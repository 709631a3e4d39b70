import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sent, startEchoServer } from './echo-server.ts';
import type { EchoServer } from './echo-server.ts';

const service = new URL('services/beside-undici-instrumentation.ts', import.meta.url).pathname;
const run = promisify(execFile);

let server: EchoServer;
beforeAll(async () => {
  server = await startEchoServer();
});
afterAll(() => server.close());

async function traceparents(
  how: string,
  path = '/plan',
): Promise<{ sent: string[]; spans: { scope: string; spanId: string }[] }> {
  const { stdout } = await run(process.execPath, [service, how, server.origin + path]);
  return {
    sent: sent(server.seen.at(-1)!, 'traceparent'),
    spans: JSON.parse(stdout) as { scope: string; spanId: string }[],
  };
}

describe('beside @opentelemetry/instrumentation-undici', () => {
  test.each(['the global fetch', 'the global fetch, handed in', "undici's fetch under suppressInner", 'a dispatcher'])(
    '%s makes one span, and sends one traceparent that names it',
    async (how) => {
      const { sent: values, spans } = await traceparents(how);
      expect(spans.map(({ scope }) => scope)).toEqual(['@throughline/fetch']);
      expect(values).toEqual([expect.stringContaining(spans[0]!.spanId)]);
    },
  );

  test('the global fetch under outbound: suppress sends none', async () => {
    const { sent: values, spans } = await traceparents('the global fetch under outbound: suppress');
    expect(values).toEqual([]);
    expect(spans).toHaveLength(1);
  });

  test('a fetch of the user, unsuppressed, makes two spans, and sends one traceparent that names the inner one', async () => {
    const { sent: values, spans } = await traceparents('a fetch of the user, unsuppressed');
    expect(spans.map(({ scope }) => scope).sort()).toEqual([
      '@opentelemetry/instrumentation-undici',
      '@throughline/fetch',
    ]);
    const inner = spans.find(({ scope }) => scope !== '@throughline/fetch');
    expect(values).toEqual([expect.stringContaining(inner!.spanId)]);
  });

  test('a redirect takes the baggage of neither to a third party', async () => {
    const to = encodeURIComponent(`http://api.example.com:${server.port}/landed`);
    const { sent: values } = await traceparents('the same, with baggage, led elsewhere', `/redirect?to=${to}`);
    const [called, led] = server.seen.slice(-2);
    expect(sent(called!, 'baggage')).toEqual(['user=42']);
    expect(sent(led!, 'host')).toEqual([`api.example.com:${server.port}`]);
    expect(sent(led!, 'baggage')).toEqual([]);
    expect(values).toHaveLength(1);
  });
});
