import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { freePort, probe, report, rowOf, rowsOf, start } from './probed.ts';
import type { Started } from './probed.ts';

vi.setConfig({ testTimeout: 120_000 });

describe('an A2A agent of our example', () => {
  let agent: Started;
  let otlpPort: number;
  beforeAll(async () => {
    otlpPort = await freePort();
    agent = await start('../../../examples/a2a/src/researcher.ts', [], { otlpPort });
  });
  afterAll(() => agent.stop());

  it('is found by its card, and asked for a task that does not exist', async () => {
    const found = await report('--a2a', agent.url, '--otlp-port', `${otlpPort}`, '--samples', '3');
    expect(found.target).toMatch(/^GetTask of /);
    expect(rowsOf(found, 'fail')).toEqual([]);
    expect(rowsOf(found, 'warning')).toEqual([]);
    expect(rowOf(found, 'valid-sampled')).toMatchObject({ outcome: 'continued', evidence: ['spans'] });
    expect(rowsOf(found, 'unknown')).toEqual(['valid-not-sampled: unknown']);
  });

  it('gets messages where there is text, with a context in their metadata too', async () => {
    const found = await report('--a2a', agent.url, '--otlp-port', `${otlpPort}`, '--samples', '0', '--data', 'hello');
    expect(rowsOf(found, 'fail')).toEqual([]);
    // The SDK's own parser of metadata has a limit of depth, and says that it failed.
    expect(rowsOf(found, 'warning')).toEqual(['metadata-deep: failed']);
    expect(rowOf(found, 'metadata-baggage')?.outcome).toBe('continued');
    expect(rowOf(found, 'metadata-traceparent-number')?.outcome).toBe('ignored');
  });
});

describe('an agent card', () => {
  /** Serves one card, and probes it. */
  async function probed(card: unknown): Promise<{ code: number; stderr: string }> {
    const server = createServer((_request, response) => response.end(JSON.stringify(card))).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const result = await probe('--a2a', `http://127.0.0.1:${port}`);
    server.close();
    return result;
  }

  it('that sends to another host is not followed', async () => {
    const { code, stderr } = await probed({
      supportedInterfaces: [{ url: 'https://example.com', protocolBinding: 'JSONRPC' }],
    });
    expect(code).toBe(2);
    expect(stderr).toContain('sends to another host, example.com: name that one, if you mean it');
  });

  it.each([
    [null],
    [[]],
    ['text'],
    [{ supportedInterfaces: 7, url: 1 }],
    [{ supportedInterfaces: [null, { url: 'no url' }] }],
  ])('that is none is told: %j', async (card) => {
    const { code, stderr } = await probed(card);
    expect(code).toBe(2);
    expect(stderr).toContain('offers no JSON-RPC, which is what the probe speaks');
  });
});
