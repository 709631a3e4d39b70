import { SamplingDecision, SpanKind } from '@opentelemetry/api';
import type { Attributes } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterEach, describe, expect, test } from 'vitest';
import { link } from './link.ts';
import { v1, v2 } from './sdk.ts';
import type { Tool } from './sdk.ts';
import { spanOf } from './spans.ts';

let telemetry: Telemetry;
afterEach(() => telemetry.shutdown());

const asked = {
  'mcp.method.name': 'tools/call',
  'gen_ai.operation.name': 'execute_tool',
  'gen_ai.tool.name': 'echo',
};

describe.each([v1, v2()])('samplers and MCP, $name', (sdk) => {
  test.each([
    ['recorded', SamplingDecision.RECORD_AND_SAMPLED],
    ['not recorded', SamplingDecision.NOT_RECORD],
  ])('are shown what a request asks for, and no content; a span that is %s', async (_, decision) => {
    const seen: Attributes[] = [];
    telemetry = startTelemetry({
      sampler: {
        shouldSample(_context, _traceId, name, _kind, attributes) {
          if (name === 'tools/call echo') seen.push({ ...attributes });
          return { decision };
        },
      },
    });
    let redacted = 0;
    const record = {
      arguments: true,
      redact: (value: unknown): unknown => {
        redacted++;
        return value;
      },
    };
    const tools: Record<string, Tool> = { echo: () => 'heard' };
    const { client, close } = await link(sdk, 'memory', { tools, client: { record } });
    await client.callTool({ name: 'echo', arguments: { a: 1 } });
    await close();

    expect(seen).toEqual([asked, asked]);
    if (decision === SamplingDecision.NOT_RECORD) {
      expect(redacted).toBe(0);
      return;
    }
    const { attributes } = spanOf(telemetry, 'tools/call echo', SpanKind.CLIENT);
    expect(attributes).toMatchObject({
      ...asked,
      'jsonrpc.request.id': '1',
      'mcp.protocol.version': expect.any(String),
      'gen_ai.tool.call.arguments': '{"a":1}',
    });
  });
});
