import type { KnownAttributes } from './columns/known-attributes.ts';
import type { SpanDraft } from './columns/span-draft.ts';

/** What one end of a hop says of the place where both ends meet, in the old names of the conventions as in the new. */
export interface MeetingPoint {
  /** `http`, `kafka`, `mcp`, …, as findings name it. */
  readonly transport: string;
  /** Whether the sender waits for the receiver: its span then covers the arrival. */
  readonly waits: boolean;
  /** The names of the place, of which both ends share one: a path, topics and queues, a tool. Both ends are looked up by them. */
  readonly names: readonly string[];
  /** What a finding says the hop went over. */
  readonly over: string | undefined;
  /** Through what, where there is a choice: `stdio`, `JSONRPC`. */
  readonly channel: string | undefined;
  /** A name with dots, as of a domain; addresses and short names are not told apart. */
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly method: string | undefined;
}

/** Returns where a span meets its other end, or `undefined` where it does not say, or is no end of a hop: a call of a database. */
export function meetingPointOf(span: SpanDraft): MeetingPoint | undefined {
  const { attributes, kind } = span;
  const isOfMessages = kind === 'PRODUCER' || kind === 'CONSUMER';
  if ((attributes.isEmpty && !isOfMessages) || attributes.text('db.system.name', 'db.system') !== undefined)
    return undefined;
  return mcp(span) ?? a2a(attributes) ?? messaging(span) ?? rpc(span) ?? http(span) ?? named(attributes);
}

/** Returns what is the same for two places that are the same. */
export function placeKeyOf({ transport, waits, names, over, host, port, method, channel }: MeetingPoint): string {
  const place = names.length === 1 ? names[0] : names.join('\n');
  return `${transport}\n${waits}\n${host}\n${port}\n${method}\n${channel}\n${over}\n${place}`;
}

/**
 * Returns what a sender asked for, whole: two calls with the same are the same call again. Of who receives a message, which message it is:
 * two with the same are one delivery or two of it.
 */
export function callOf({ attributes, kind }: SpanDraft, { transport, over, method }: MeetingPoint): string | undefined {
  if (kind === 'CONSUMER') return messageOf(attributes);
  if (kind !== 'CLIENT' && kind !== 'PRODUCER') return undefined;
  const asked =
    transport === 'mcp'
      ? attributes.text('gen_ai.tool.call.arguments')
      : transport === 'http'
        ? attributes.text('url.full', 'http.url')
        : undefined;
  return asked === undefined ? undefined : `${method ?? over} ${asked}`;
}

function messageOf(attributes: KnownAttributes): string | undefined {
  const offset = attributes.number('messaging.kafka.offset', 'messaging.kafka.message.offset');
  if (offset === undefined) return attributes.text('messaging.message.id', 'messaging.message_id');
  const keys = [
    'messaging.destination.partition.id',
    'messaging.kafka.source.partition',
    'messaging.kafka.partition',
  ] as const;
  return `${attributes.number(...keys)} ${offset}`;
}

function mcp({ attributes, name }: SpanDraft): MeetingPoint | undefined {
  const method = attributes.text('mcp.method.name');
  if (method === undefined) return undefined;
  // What a tracer does not say in attributes it says in the name: `MCP send tools/call search`.
  const tool = attributes.text('gen_ai.tool.name', 'gen_ai.prompt.name') ?? name.split(`${method} `)[1];
  return {
    ...nothing,
    transport: 'mcp',
    waits: true,
    names: [tool === undefined ? method : `${method} ${tool}`],
    over: tool ?? method,
    channel: channels[attributes.text('network.transport') ?? ''],
  };
}

const channels: Readonly<Record<string, string | undefined>> = { pipe: 'stdio', tcp: 'http', quic: 'http' };

function a2a(attributes: KnownAttributes): MeetingPoint | undefined {
  const method = attributes.text('a2a.method.name');
  if (method === undefined) return undefined;
  return {
    ...nothing,
    transport: 'a2a',
    waits: true,
    // Who is asked for a stream may answer with one message.
    names: method === 'SendStreamingMessage' ? [method, 'SendMessage'] : [method],
    over: method,
    channel: attributes.text('a2a.protocol.binding'),
  };
}

function messaging({ attributes, kind, name }: SpanDraft): MeetingPoint | undefined {
  const queue = attributes.text('bullmq.queue.name');
  const isOfMessages = kind === 'PRODUCER' || kind === 'CONSUMER';
  // Calls say their transport too.
  const handed = isOfMessages ? attributes.text('throughline.transport') : undefined;
  const system = attributes.text('messaging.system') ?? (queue && 'bullmq') ?? handed;
  if (system === undefined && !isOfMessages) return undefined;
  const names = attributes.texts(
    'messaging.destination.name',
    'messaging.destination',
    ...routingKeys,
    'messaging.source.name',
    'messaging.source',
    'bullmq.queue.name',
  );
  // aio-pika writes `exchange,routing key`, and receives from one of them.
  for (const name of names.slice()) {
    const [exchange, key, more] = name.split(',', 3);
    if (exchange && key && more === undefined) names.push(exchange, key);
  }
  // Who receives from RabbitMQ writes `exchange:routing key:queue`, of which the sender knows what comes before the queue. With a
  // routing key both ends say that; a fanout needs none, and its sender writes the exchange alone.
  if (system === 'rabbitmq' && kind === 'CONSUMER' && attributes.text(...routingKeys) === undefined) {
    names.push(...names.flatMap(headsOf));
  }
  // A handle is kept by the program, and has no place of its own.
  if (names.length === 0 && handed !== undefined) names.push(handed);
  // What an instrumentation does not say in attributes it says in the name: `orders process`, `send orders`.
  if (names.length === 0) names.push(...name.split(' ').filter((word) => !operations.has(word)));
  const [over] = names;
  if (over === undefined) return undefined;
  return {
    ...nothing,
    transport: system ?? 'messaging',
    waits: false,
    names: names.length === 1 ? names : [...new Set(names)],
    over,
  };
}

const routingKeys = ['messaging.rabbitmq.destination.routing_key', 'messaging.rabbitmq.routing_key'] as const;

// Names of exchanges and queues may hold colons too. A name has few, and one that is made of them says nothing.
function headsOf(name: string): string[] {
  const heads: string[] = [];
  for (let colon = name.indexOf(':'); colon !== -1 && heads.length < MAX_HEADS; colon = name.indexOf(':', colon + 1)) {
    if (colon > 0) heads.push(name.slice(0, colon));
  }
  return heads;
}

const MAX_HEADS = 8;

const operations: ReadonlySet<string> = new Set(['send', 'publish', 'create', 'receive', 'process', 'poll', 'settle']);

function rpc(span: SpanDraft): MeetingPoint | undefined {
  const { attributes } = span;
  const system = attributes.text('rpc.system.name', 'rpc.system');
  const method = attributes.text('rpc.method');
  if (system === undefined || method === undefined) return undefined;
  const service = attributes.text('rpc.service');
  const over = service === undefined || method.includes('/') ? method : `${service}/${method}`;
  return { ...nothing, transport: system, waits: true, names: [over], over, port: portOf(span) };
}

function http(span: SpanDraft): MeetingPoint | undefined {
  const { attributes } = span;
  const method = attributes.text('http.request.method', 'http.method');
  const full = attributes.text('url.full', 'http.url');
  if (method === undefined && full === undefined) return undefined;
  const url = urlOf(full ?? attributes.text('http.target'));
  const path = attributes.text('url.path') ?? url?.path;
  return {
    transport: 'http',
    waits: true,
    names: path === undefined ? [] : [path],
    over: path ?? attributes.text('http.route') ?? '/',
    channel: undefined,
    host: hostOf(span),
    port: portOf(span) ?? (full === undefined ? undefined : url?.port),
    method: method?.toUpperCase(),
  };
}

/** A hop of an adapter that a user wrote says its transport, and may say nothing else. */
function named(attributes: KnownAttributes): MeetingPoint | undefined {
  const transport = attributes.text('throughline.transport', 'rpc.system.name', 'rpc.system');
  return transport === undefined ? undefined : { ...nothing, transport, waits: false, names: [], over: undefined };
}

const nothing = { host: undefined, port: undefined, method: undefined, channel: undefined } as const;

/** A name of a domain. What a server says of itself may be its socket's address or its machine's name: those are not compared. */
function hostOf({ attributes, kind }: SpanDraft): string | undefined {
  const old = kind === 'SERVER' || kind === 'CONSUMER' ? 'net.host.name' : 'net.peer.name';
  const host = attributes.text('server.address', old);
  return host !== undefined && /^[^:]*\.[^.:]*[a-z][^.:]*$/i.test(host) ? host.toLowerCase() : undefined;
}

function portOf({ attributes, kind }: SpanDraft): number | undefined {
  // Of a server the peer is whoever called, from a port that says nothing.
  const old = kind === 'CLIENT' || kind === 'PRODUCER' ? 'net.peer.port' : 'net.host.port';
  const port = attributes.number('server.port', old);
  if (port !== undefined) return port;
  const host = attributes.text('http.host');
  return host === undefined ? undefined : urlOf(`http://${host}/`)?.port;
}

interface Url {
  readonly path: string;
  /** `undefined` of a path alone. */
  readonly port: number | undefined;
}

/** Takes a URL apart, or what stands in one from its path on. `URL` costs more than all else that is looked at in a span. */
function urlOf(url: string | undefined): Url | undefined {
  if (url === undefined) return undefined;
  const scheme = url.charCodeAt(0) === SLASH ? -1 : url.indexOf('://');
  const authority = scheme === -1 ? 0 : scheme + 3;
  let start = authority;
  if (scheme !== -1) while (start < url.length && !isEndOfAuthority(url.charCodeAt(start))) start++;
  let end = start;
  while (end < url.length && !isEndOfPath(url.charCodeAt(end))) end++;
  const path = end === start ? '/' : url.slice(start, end);
  if (scheme === -1) return { path, port: undefined };
  const colon = url.lastIndexOf(':', start - 1);
  const port = colon >= authority ? Number(url.slice(colon + 1, start)) : Number.NaN;
  const known = Number.isInteger(port) && port > 0 ? port : url.startsWith('https:') ? 443 : 80;
  return { path, port: known };
}

const SLASH = 0x2f;
const QUESTION = 0x3f;
const HASH = 0x23;

function isEndOfAuthority(code: number): boolean {
  return code === SLASH || isEndOfPath(code);
}

function isEndOfPath(code: number): boolean {
  return code === QUESTION || code === HASH;
}

/** Whether two ends can be those of one hop, as far as both say. */
export function meets(sender: MeetingPoint, receiver: MeetingPoint): boolean {
  return (
    sender.transport === receiver.transport &&
    same(sender.host, receiver.host) &&
    same(sender.port, receiver.port) &&
    same(sender.method, receiver.method) &&
    sender.names.some((name) => receiver.names.includes(name))
  );
}

function same<T>(a: T | undefined, b: T | undefined): boolean {
  return a === undefined || b === undefined || a === b;
}
