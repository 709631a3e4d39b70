import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { traceTransport } from '../src/index.ts';
import { v1, v2 } from './sdk.ts';
import { spanOf } from './spans.ts';

let telemetry: Telemetry;
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.shutdown());

interface RawTransport {
  start(): Promise<void>;
  send(message: object): Promise<void>;
  close(): Promise<void>;
  onmessage?: (message: { readonly id?: number }) => void;
}

// https://modelcontextprotocol.io/specification/2026-07-28/basic names the codes from -32020 on.
describe.each([v1, v2()])('an error in an answer, $name', (sdk) => {
  test.each([
    [-32_603, 'an internal error', true],
    [-32_602, 'invalid params', false],
    [-32_020, 'headers that contradict the body', false],
    [-32_021, 'a capability that the client did not declare', false],
    [-32_022, 'an unknown protocol version', false],
  ])('%i, %s, is the server’s: %s', async (code, message, isServers) => {
    const [near, far] = sdk.memory();
    const [asks, answers] = [traceTransport(near) as unknown, traceTransport(far) as unknown] as [
      RawTransport,
      RawTransport,
    ];
    answers.onmessage = ({ id }) => void answers.send({ jsonrpc: '2.0', id, error: { code, message } });
    const answered = new Promise((resolve) => {
      asks.onmessage = resolve;
    });
    await answers.start();
    await asks.start();
    await asks.send({ jsonrpc: '2.0', id: 1, method: 'prompts/get', params: { name: 'p' } });
    await answered;
    await asks.close();
    const out = spanOf(telemetry, 'prompts/get p', SpanKind.CLIENT);
    const into = spanOf(telemetry, 'prompts/get p', SpanKind.SERVER);
    expect(out.attributes['error.type']).toBe(String(code));
    expect(into.attributes['rpc.response.status_code']).toBe(String(code));
    expect(into.attributes['error.type']).toBe(isServers ? String(code) : undefined);
    expect(into.status.code).toBe(isServers ? SpanStatusCode.ERROR : SpanStatusCode.UNSET);
  });
});
