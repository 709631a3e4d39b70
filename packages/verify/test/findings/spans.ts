import { checkChains } from '../../src/index.ts';
import type { ChainFinding, CheckChainsOptions, CollectedSpan, SpanAttributes, SpanLink } from '../../src/index.ts';

/** What is special about a span that is made by hand. Times are milliseconds. */
export interface Special {
  readonly under?: CollectedSpan;
  readonly at?: number;
  readonly lasts?: number;
  readonly links?: readonly CollectedSpan[];
  readonly attributes?: SpanAttributes;
  readonly more?: Partial<CollectedSpan>;
}

let made = 0;

function id(digits: number): string {
  return (++made).toString(16).padStart(digits, '0');
}

/** A span below another one, else the root of a trace of its own. */
export function span(service: string, name: string, special: Special = {}): CollectedSpan {
  const { under, at = 0, lasts = 10, links = [], attributes = {}, more = {} } = special;
  const start = BigInt(1_700_000_000_000 + at) * 1_000_000n;
  return {
    traceId: under?.traceId ?? id(32),
    spanId: id(16),
    ...(under === undefined ? undefined : { parentSpanId: under.spanId }),
    name,
    kind: 'INTERNAL',
    service,
    startTimeUnixNano: start,
    endTimeUnixNano: start + BigInt(lasts) * 1_000_000n,
    attributes,
    links: links.map(({ traceId, spanId }): SpanLink => ({ traceId, spanId, attributes: {} })),
    events: [],
    status: { code: 'UNSET' },
    scope: { name: 'test' },
    resource: {},
    ...more,
  };
}

/** The kind of a span, and whether its parent is another service's: tracers say it of an arrival. */
function of(kind: CollectedSpan['kind'], { under, more }: Special): Partial<CollectedSpan> {
  const arrives = kind === 'SERVER' || kind === 'CONSUMER';
  return { kind, ...(arrives && under !== undefined ? { parentIsRemote: true } : undefined), ...more };
}

/** A request that goes out, at port 80. */
export function client(service: string, path: string, special: Special = {}): CollectedSpan {
  const attributes = { 'http.request.method': 'GET', 'url.full': `http://host${path}`, ...special.attributes };
  return span(service, 'GET', { ...special, attributes, more: of('CLIENT', special) });
}

/** A request that comes in. */
export function server(service: string, path: string, special: Special = {}): CollectedSpan {
  const attributes = { 'http.request.method': 'GET', 'url.path': path.split('?')[0] ?? '', ...special.attributes };
  return span(service, `GET ${path}`, { ...special, attributes, more: of('SERVER', special) });
}

/** A message that goes out. */
export function producer(service: string, topic: string, special: Special = {}): CollectedSpan {
  return span(service, `send ${topic}`, {
    ...special,
    attributes: onKafka(topic, special),
    more: of('PRODUCER', special),
  });
}

/** A message that comes in. */
export function consumer(service: string, topic: string, special: Special = {}): CollectedSpan {
  const more = of('CONSUMER', special);
  return span(service, `process ${topic}`, { ...special, attributes: onKafka(topic, special), more });
}

function onKafka(topic: string, { attributes }: Special): SpanAttributes {
  return { 'messaging.system': 'kafka', 'messaging.destination.name': topic, ...attributes };
}

/** The same span as the root of a trace of its own. */
export function lost({ parentSpanId: _parent, parentIsRemote: _remote, ...root }: CollectedSpan): CollectedSpan {
  return { ...root, traceId: id(32) };
}

/** What the checker says of spans. */
export function found(spans: readonly CollectedSpan[], options?: CheckChainsOptions): readonly ChainFinding[] {
  return checkChains(spans, options).findings;
}

/** The same, as it is told. */
export function told(spans: readonly CollectedSpan[], options?: CheckChainsOptions): string[] {
  return found(spans, options).map(({ code, message }) => `${code}: ${message}`);
}
