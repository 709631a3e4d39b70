import type { CollectedSpan } from '../src/index.ts';

export const TRACE = '0af7651916cd43dd8448eb211c80319c';

/** Returns a span id that ends in the number. */
export function spanId(number: number): string {
  return number.toString(16).padStart(16, '0');
}

/** Returns a span of 2 ms that starts at its number in milliseconds; `overrides` say what is special about it. */
export function span(
  number: number,
  parent: number | undefined,
  overrides: Partial<CollectedSpan> = {},
): CollectedSpan {
  return {
    traceId: TRACE,
    spanId: spanId(number),
    ...(parent === undefined ? {} : { parentSpanId: spanId(parent) }),
    name: `span ${number}`,
    kind: 'INTERNAL',
    service: 'gateway',
    startTimeUnixNano: BigInt(number) * 1_000_000n,
    endTimeUnixNano: BigInt(number + 2) * 1_000_000n,
    attributes: {},
    links: [],
    events: [],
    status: { code: 'UNSET' },
    scope: { name: 'desk' },
    resource: {},
    ...overrides,
  };
}

const http = {
  'throughline.transport': 'http',
  'http.request.method': 'POST',
  'server.address': '127.0.0.1',
  'server.port': 3001,
};
const kafka = { 'throughline.transport': 'kafka', 'messaging.system': 'kafka', 'messaging.destination.name': 'tasks' };
const mcp = {
  'throughline.transport': 'mcp',
  'mcp.method.name': 'tools/call',
  'gen_ai.tool.name': 'search',
  'network.transport': 'pipe',
};
const outbound = { 'throughline.direction': 'outbound' };
const inbound = { 'throughline.direction': 'inbound' };

/** A question that goes over HTTP, Kafka and MCP through four services: what the demo exports, in small. */
export function desk(): CollectedSpan[] {
  return [
    span(1, undefined, {
      kind: 'SERVER',
      name: 'POST /questions',
      attributes: { ...http, ...inbound, 'server.port': 3000, 'throughline.calls': 1 },
    }),
    span(2, 1, { kind: 'CLIENT', name: 'POST', attributes: { ...http, ...outbound } }),
    span(3, 2, {
      kind: 'SERVER',
      name: 'POST /plan',
      service: 'planner',
      parentIsRemote: true,
      attributes: { ...http, ...inbound, 'throughline.calls': 1 },
    }),
    span(4, 3, { name: 'plan', service: 'planner' }),
    span(5, 4, { kind: 'PRODUCER', name: 'send tasks', service: 'planner', attributes: { ...kafka, ...outbound } }),
    span(6, 5, {
      kind: 'CONSUMER',
      name: 'process tasks',
      service: 'analyst',
      parentIsRemote: true,
      attributes: { ...kafka, ...inbound, 'throughline.calls': 1 },
      links: [{ traceId: TRACE, spanId: spanId(5), attributes: {} }],
    }),
    span(7, 6, { kind: 'CLIENT', name: 'tools/call search', service: 'analyst', attributes: { ...mcp, ...outbound } }),
    span(8, 7, {
      kind: 'SERVER',
      name: 'tools/call search',
      service: 'library',
      parentIsRemote: true,
      attributes: { ...mcp, ...inbound, 'throughline.calls': 0 },
    }),
    span(9, 5, {
      kind: 'CONSUMER',
      name: 'process tasks',
      service: 'analyst',
      parentIsRemote: true,
      attributes: { ...kafka, ...inbound, 'throughline.calls': 0 },
    }),
  ];
}

/** Returns the desk with one of its spans changed. */
export function deskWith(number: number, overrides: Partial<CollectedSpan>): CollectedSpan[] {
  return desk().map((each) => (each.spanId === spanId(number) ? { ...each, ...overrides } : each));
}

/** Returns the desk without some of its spans. */
export function deskWithout(...numbers: number[]): CollectedSpan[] {
  return desk().filter((each) => !numbers.some((number) => each.spanId === spanId(number)));
}
