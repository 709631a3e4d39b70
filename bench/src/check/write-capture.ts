import { createWriteStream } from 'node:fs';
import { once } from 'node:events';

/** A capture to write: how many traces, and how many spans each. */
export interface CaptureSize {
  readonly traces: number;
  readonly spansEach: number;
}

const SERVICES = ['gateway', 'planner', 'analyst', 'search', 'indexer'];
/** As many spans as a batch processor exports at once. */
const BATCH = 512;
const START = 1_764_000_000_000_000_000n;
const MILLISECOND = 1_000_000n;

/**
 * Writes OTLP/JSON as the collector's file exporter does, one export a line: calls over HTTP, Kafka and MCP, each a sender and a receiver, and
 * work between them. Every chain is sound. Returns how many bytes the file has.
 */
export async function writeCapture(file: string, { traces, spansEach }: CaptureSize): Promise<number> {
  const out = createWriteStream(file);
  const waiting = new Map<string, object[]>();
  let bytes = 0;
  const flush = async (service: string, spans: object[]): Promise<void> => {
    const line = `${JSON.stringify({ resourceSpans: [resourceSpans(service, spans)] })}\n`;
    bytes += line.length;
    waiting.set(service, []);
    if (!out.write(line)) await once(out, 'drain');
  };
  for (let trace = 0; trace < traces; trace++) {
    for (const { service, span } of spansOf(trace, spansEach)) {
      const spans = waiting.get(service) ?? [];
      spans.push(span);
      waiting.set(service, spans);
      if (spans.length === BATCH) await flush(service, spans);
    }
  }
  for (const [service, spans] of waiting) if (spans.length > 0) await flush(service, spans);
  out.end();
  await once(out, 'finish');
  return bytes;
}

function* spansOf(trace: number, count: number): Generator<{ readonly service: string; readonly span: object }> {
  const traceId = `${'a'.repeat(20)}${(trace + 1).toString(16).padStart(12, '0')}`;
  const began = START + BigInt(trace) * 7n * MILLISECOND;
  for (let nth = 0; nth < count; nth++) {
    // Threes: work inside a service, the call that it makes, and the next service that receives it; ten hang from each of those.
    const role = nth === 0 ? 2 : (nth - 1) % 3;
    const hop = Math.ceil(nth / 3);
    const above = Math.floor((hop - 1) / 10);
    const depth = depthOf(hop);
    const service = SERVICES[(role === 2 ? depth : depth - 1) % SERVICES.length] as string;
    const parent = role === 0 ? above * 3 : nth - 1;
    const start = began + BigInt(nth) * 30_000n;
    const end = began + BigInt(count * 2 - nth) * MILLISECOND;
    const span = {
      traceId,
      spanId: idOf(trace, nth),
      ...(nth === 0 ? undefined : { parentSpanId: idOf(trace, parent) }),
      flags: role === 2 && nth > 0 ? 0x301 : 0x101,
      ...described(role, hop, trace),
      startTimeUnixNano: String(start),
      endTimeUnixNano: String(end),
      droppedAttributesCount: 0,
      events: [],
      droppedEventsCount: 0,
      status: { code: 0 },
      links: [],
      droppedLinksCount: 0,
    };
    yield { service, span };
  }
}

function depthOf(hop: number): number {
  let depth = 0;
  for (let at = hop; at > 0; at = Math.floor((at - 1) / 10)) depth++;
  return depth;
}

function idOf(trace: number, nth: number): string {
  return `b0${(trace * 100_000 + nth + 1).toString(16).padStart(14, '0')}`;
}

type KeyValue = { readonly key: string; readonly value: object };

function described(role: number, hop: number, trace: number): { name: string; kind: number; attributes: KeyValue[] } {
  if (role === 0) {
    const attributes = [text('app.step', `step ${hop % 7}`), whole('app.items', hop), text('thread.name', 'main')];
    return { name: `step ${hop % 7}`, kind: 1, attributes };
  }
  const isSender = role === 1;
  switch (hop % 3) {
    case 0: {
      const path = `/v1/items/${hop % 50}`;
      const attributes = [
        text('http.request.method', 'GET'),
        text('server.address', 'planner.internal'),
        whole('server.port', 8080),
        whole('http.response.status_code', 200),
        text('network.protocol.version', '1.1'),
        text('network.peer.address', '10.0.3.17'),
      ];
      if (isSender) attributes.push(text('url.full', `http://planner.internal:8080${path}?q=${trace}`));
      else
        attributes.push(
          text('url.path', path),
          text('url.query', `q=${trace}`),
          text('url.scheme', 'http'),
          text('http.route', '/v1/items/:id'),
          text('user_agent.original', 'node'),
        );
      return { name: isSender ? 'GET' : 'GET /v1/items/:id', kind: isSender ? 3 : 2, attributes };
    }
    case 1: {
      const attributes = [
        text('messaging.system', 'kafka'),
        text('messaging.destination.name', `desk.tasks.${hop % 5}`),
        text('messaging.operation.type', isSender ? 'send' : 'process'),
        text('messaging.operation.name', isSender ? 'send' : 'process'),
        text('messaging.destination.partition.id', String(hop % 12)),
        text('messaging.kafka.message.key', `key-${trace}`),
        whole('messaging.kafka.offset', trace),
      ];
      return { name: `${isSender ? 'send' : 'process'} desk.tasks.${hop % 5}`, kind: isSender ? 4 : 5, attributes };
    }
    default: {
      const attributes = [
        text('mcp.method.name', 'tools/call'),
        text('gen_ai.tool.name', `search_${hop % 8}`),
        text('gen_ai.operation.name', 'execute_tool'),
        text('mcp.protocol.version', '2025-11-25'),
        text('mcp.session.id', `session-${trace % 100}`),
        text('network.transport', 'tcp'),
        text('jsonrpc.request.id', String(hop)),
      ];
      return { name: `tools/call search_${hop % 8}`, kind: isSender ? 3 : 2, attributes };
    }
  }
}

function text(key: string, value: string): KeyValue {
  return { key, value: { stringValue: value } };
}

function whole(key: string, value: number): KeyValue {
  return { key, value: { intValue: String(value) } };
}

function resourceSpans(service: string, spans: object[]): object {
  return {
    resource: {
      attributes: [
        text('service.name', service),
        text('service.version', '1.4.2'),
        text('telemetry.sdk.language', 'nodejs'),
        text('telemetry.sdk.name', 'opentelemetry'),
        text('telemetry.sdk.version', '3.0.0'),
        text('host.name', `${service}-0`),
        whole('process.pid', 4242),
      ],
      droppedAttributesCount: 0,
    },
    scopeSpans: [{ scope: { name: '@throughline/core', version: '1.0.0' }, spans }],
  };
}
