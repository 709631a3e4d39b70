import type { AttributeValue, CollectedSpan, SpanAttributes } from '../span.ts';

/** What one end of a hop says of the place where both ends meet, in the old names of the conventions as in the new. */
export interface MeetingPoint {
  /** `http`, `kafka`, `mcp`, …, as findings name it. */
  readonly transport: string;
  /** Whether the sender waits for the receiver: its span then covers the arrival. */
  readonly waits: boolean;
  /** The names of the place, of which both ends share one: a path, topics and queues, a tool. Both ends are looked up by them. */
  readonly names: readonly string[];
  /** What a finding says the hop went over. */
  readonly over: string;
  readonly port: number | undefined;
  readonly method: string | undefined;
  /** What the sender asked for, whole: two calls with the same are the same call again. */
  readonly digest: string | undefined;
}

/** Returns where a span meets its other end, or `undefined` where it does not say, or is no end of a hop: a call of a database. */
export function meetingPointOf(span: CollectedSpan): MeetingPoint | undefined {
  const { attributes } = span;
  if (text(attributes, 'db.system.name', 'db.system') !== undefined) return undefined;
  return mcp(span) ?? a2a(attributes) ?? messaging(span) ?? rpc(span) ?? http(span);
}

function mcp({ attributes, name }: CollectedSpan): MeetingPoint | undefined {
  const method = text(attributes, 'mcp.method.name');
  if (method === undefined) return undefined;
  // What a tracer does not say in attributes it says in the name: `MCP send tools/call search`.
  const named = name.split(`${method} `)[1];
  const tool = text(attributes, 'gen_ai.tool.name', 'gen_ai.prompt.name') ?? named;
  const over = tool ?? method;
  const given = text(attributes, 'gen_ai.tool.call.arguments');
  return {
    transport: 'mcp',
    waits: true,
    names: [tool === undefined ? method : `${method} ${tool}`],
    over,
    port: undefined,
    method: undefined,
    digest: given === undefined ? undefined : `${over} ${given}`,
  };
}

function a2a(attributes: SpanAttributes): MeetingPoint | undefined {
  const method = text(attributes, 'a2a.method.name');
  if (method === undefined) return undefined;
  return { ...nothing, transport: 'a2a', waits: true, names: [method], over: method };
}

function messaging(span: CollectedSpan): MeetingPoint | undefined {
  const { attributes, kind, name } = span;
  const system = text(attributes, 'messaging.system') ?? (text(attributes, 'bullmq.queue.name') && 'bullmq');
  if (system === undefined && kind !== 'PRODUCER' && kind !== 'CONSUMER') return undefined;
  const names = [
    ...texts(
      attributes,
      'messaging.destination.name',
      'messaging.destination',
      'messaging.rabbitmq.destination.routing_key',
      'messaging.rabbitmq.routing_key',
      'messaging.source.name',
      'messaging.source',
      'bullmq.queue.name',
    ),
  ];
  // What an instrumentation does not say in attributes it says in the name: `orders process`, `send orders`.
  if (names.length === 0) names.push(...name.split(' ').filter((word) => !operations.has(word)));
  const [over] = names;
  if (over === undefined) return undefined;
  return { ...nothing, transport: system ?? 'messaging', waits: false, names: [...new Set(names)], over };
}

const operations: ReadonlySet<string> = new Set(['send', 'publish', 'create', 'receive', 'process', 'poll', 'settle']);

function rpc(span: CollectedSpan): MeetingPoint | undefined {
  const { attributes } = span;
  const system = text(attributes, 'rpc.system.name', 'rpc.system');
  const method = text(attributes, 'rpc.method');
  if (system === undefined || method === undefined) return undefined;
  const service = text(attributes, 'rpc.service');
  const over = service === undefined || method.includes('/') ? method : `${service}/${method}`;
  return { ...nothing, transport: system, waits: true, names: [over], over, port: portOf(span) };
}

function http(span: CollectedSpan): MeetingPoint | undefined {
  const { attributes } = span;
  const method = text(attributes, 'http.request.method', 'http.method');
  const full = text(attributes, 'url.full', 'http.url');
  if (method === undefined && full === undefined) return undefined;
  const url = urlOf(full ?? text(attributes, 'http.target'));
  const path = text(attributes, 'url.path') ?? url?.pathname;
  const port = portOf(span) ?? (full === undefined ? undefined : portOfUrl(url));
  return {
    transport: 'http',
    waits: true,
    names: path === undefined ? [] : [path],
    over: path ?? text(attributes, 'http.route') ?? '/',
    port,
    method: method?.toUpperCase(),
    digest: full === undefined ? undefined : `${method} ${full}`,
  };
}

const nothing = { port: undefined, method: undefined, digest: undefined } as const;

function portOf({ attributes, kind }: CollectedSpan): number | undefined {
  // Of a server the peer is whoever called, from a port that says nothing.
  const old = kind === 'SERVER' || kind === 'CONSUMER' ? 'net.host.port' : 'net.peer.port';
  const port = number(attributes, 'server.port', old);
  if (port !== undefined) return port;
  const host = text(attributes, 'http.host');
  return host === undefined ? undefined : portOfUrl(urlOf(`http://${host}/`));
}

function portOfUrl(url: URL | undefined): number | undefined {
  if (url === undefined || url.hostname === 'relative.invalid') return undefined;
  return url.port !== '' ? Number(url.port) : url.protocol === 'https:' ? 443 : 80;
}

function urlOf(value: string | undefined): URL | undefined {
  return value === undefined ? undefined : (URL.parse(value, 'http://relative.invalid') ?? undefined);
}

/** Returns the first of these attributes that is text. */
export function text(attributes: SpanAttributes, ...keys: readonly string[]): string | undefined {
  return texts(attributes, ...keys)[0];
}

function texts(attributes: SpanAttributes, ...keys: readonly string[]): string[] {
  return keys.map((key) => attributes[key]).filter((value) => typeof value === 'string' && value !== '') as string[];
}

/** Returns the first of these attributes that is a whole number, or text that says one. */
export function number(attributes: SpanAttributes, ...keys: readonly string[]): number | undefined {
  for (const key of keys) {
    const value = wholeOf(attributes[key]);
    if (value !== undefined) return value;
  }
  return undefined;
}

function wholeOf(value: AttributeValue | undefined): number | undefined {
  const whole = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof whole === 'number' && Number.isSafeInteger(whole) ? whole : undefined;
}

/** Whether two ends can be those of one hop, as far as both say. */
export function meets(sender: MeetingPoint, receiver: MeetingPoint): boolean {
  return (
    sender.transport === receiver.transport &&
    same(sender.port, receiver.port) &&
    same(sender.method, receiver.method) &&
    sender.names.some((name) => receiver.names.includes(name))
  );
}

function same<T>(a: T | undefined, b: T | undefined): boolean {
  return a === undefined || b === undefined || a === b;
}
