import { SpanKind } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { traceClient } from '../src/index.ts';
import type { McpOptions } from '../src/index.ts';
import { link } from './link.ts';
import { v1, v2 } from './sdk.ts';
import { spanOf } from './spans.ts';

let telemetry: Telemetry;
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.shutdown());

const told = 'the key sk-live-1 of joe@example.com is out of credit';
const everything = (): string =>
  JSON.stringify(telemetry.spans().map(({ attributes, events, status }) => ({ attributes, events, status })));

describe.each([v1, v2()])('$name: what a server says of an error', (sdk) => {
  test('in a JSON-RPC error is on the span of a call to a first party, and of a third party on request alone', async () => {
    const shown = async (options: McpOptions): Promise<unknown> => {
      await telemetry.reset();
      const linked = await link(sdk, 'memory', { client: options });
      const client = linked.client as unknown as { request(request: object, schema: unknown): Promise<unknown> };
      await expect(client.request({ method: 'nobody/knows', params: {} }, z.object({}))).rejects.toThrow();
      await linked.close();
      const { attributes, status } = spanOf(telemetry, 'nobody/knows', SpanKind.CLIENT);
      expect(attributes['error.type']).toBe('-32601');
      return status.message;
    };
    expect(await shown({})).toBe('Method not found');
    expect(await shown({ firstParty: false })).toBeUndefined();
    expect(await shown({ firstParty: false, recordErrorText: true })).toBe('Method not found');
  });

  test('in the result of a tool is on the span on request alone', async () => {
    const fail = (): never => {
      throw new Error(told);
    };
    for (const options of [{}, { firstParty: false }, { recordErrorText: true }]) {
      const linked = await link(sdk, 'memory', { client: options, tools: { fail } });
      await sdk.call(linked.client, 'fail');
      await linked.close();
    }
    expect(everything()).not.toContain('sk-live');
  });

  test('in the body of an HTTP answer is on the span of a call to a first party, and of a third party on request alone', async () => {
    const server = createServer((request, response) => {
      request.resume().on('end', () => response.writeHead(500).end(told));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
    try {
      for (const [options, isShown] of [
        [{}, true],
        [{ firstParty: false }, false],
        [{ firstParty: false, recordErrorText: true }, true],
      ] as const) {
        await telemetry.reset();
        const client = traceClient(sdk.client(), options);
        await expect(client.connect(sdk.http(url) as never)).rejects.toThrow(told);
        expect(spanOf(telemetry, 'initialize', SpanKind.CLIENT).attributes['error.type']).toMatch(/./);
        expect(everything().includes('sk-live')).toBe(isShown);
        await client.close();
      }
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
