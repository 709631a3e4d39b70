import { createRequire } from 'node:module';
import type { CollectedSpan } from '../src/index.ts';

const micros = (time: bigint): number => Number(time / 1000n);
const tagsOf = (attributes: CollectedSpan['attributes']) =>
  Object.entries(attributes).map(([key, value]) => ({ key, type: typeof value, value }));

const processOf = ({ service, resource }: CollectedSpan): string =>
  `${service} ${String(resource['service.instance.id'] ?? '')}`;

/** As Jaeger's UI downloads it: ids without zeros at the front, links as references that follow from. */
export function asJaeger(spans: readonly CollectedSpan[]): string {
  const data = [...new Set(spans.map(({ traceId }) => traceId))].map((traceID) => ({
    traceID,
    spans: spans
      .filter(({ traceId }) => traceId === traceID)
      .map((span) => ({
        traceID: span.traceId.replace(/^0+/, ''),
        spanID: span.spanId.replace(/^0+/, ''),
        operationName: span.name,
        references: referencesOf(span),
        startTime: micros(span.startTimeUnixNano),
        duration: micros(span.endTimeUnixNano - span.startTimeUnixNano),
        tags: [
          ...tagsOf(span.attributes),
          { key: 'span.kind', type: 'string', value: span.kind.toLowerCase() },
          { key: 'otel.scope.name', type: 'string', value: span.scope.name },
          ...(span.status.code === 'ERROR' ? [{ key: 'error', type: 'bool', value: true }] : []),
        ],
        logs: span.events.map(({ name, timeUnixNano, attributes }) => ({
          timestamp: micros(timeUnixNano),
          fields: [{ key: 'event', type: 'string', value: name }, ...tagsOf(attributes)],
        })),
        processID: processOf(span),
      })),
    processes: Object.fromEntries(
      spans.map((span) => [processOf(span), { serviceName: span.service, tags: tagsOf(span.resource) }]),
    ),
  }));
  return JSON.stringify({ data });
}

/** A parent that is linked too is one reference, of a link. */
function referencesOf({ traceId, parentSpanId, links }: CollectedSpan): object[] {
  const linked = links.map((link) => ({ refType: 'FOLLOWS_FROM', traceID: link.traceId, spanID: link.spanId }));
  const isLinked = links.some((link) => link.traceId === traceId && link.spanId === parentSpanId);
  if (parentSpanId === undefined || isLinked) return linked;
  return [{ refType: 'CHILD_OF', traceID: traceId, spanID: parentSpanId }, ...linked];
}

/** As its API answers one trace. It has no links. */
export function asZipkin(spans: readonly CollectedSpan[]): string {
  return JSON.stringify(
    spans.map((span) => ({
      traceId: span.traceId,
      id: span.spanId,
      parentId: span.parentSpanId,
      name: span.name,
      kind: span.kind === 'INTERNAL' ? undefined : span.kind,
      timestamp: micros(span.startTimeUnixNano),
      duration: micros(span.endTimeUnixNano - span.startTimeUnixNano),
      localEndpoint: { serviceName: span.service },
      tags: {
        ...Object.fromEntries(Object.entries(span.attributes).map(([key, value]) => [key, String(value)])),
        ...(span.status.code === 'ERROR' && { error: 'true' }),
        'otel.scope.name': span.scope.name,
      },
      annotations: span.events.map(({ name, timeUnixNano }) => ({ timestamp: micros(timeUnixNano), value: name })),
    })),
  );
}

interface Serializer {
  serializeRequest(spans: readonly object[]): Uint8Array;
}

// The exporter's own serializer: OpenTelemetry's protobuf exporter is this one behind the same HTTP client.
const fromExporter = createRequire(createRequire(import.meta.url).resolve('@opentelemetry/exporter-trace-otlp-http'));
const { ProtobufTraceSerializer } = fromExporter('@opentelemetry/otlp-transformer') as {
  ProtobufTraceSerializer: Serializer;
};

const hrTime = (time: bigint): [number, number] => [Number(time / 1_000_000_000n), Number(time % 1_000_000_000n)];

/** As OpenTelemetry's exporter writes spans in protobuf. */
export function asProtobuf(spans: readonly CollectedSpan[]): Uint8Array {
  return ProtobufTraceSerializer.serializeRequest(
    spans.map(({ traceId, spanId, parentSpanId, parentIsRemote, service, scope, ...span }) => ({
      ...span,
      kind: ['INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'].indexOf(span.kind),
      spanContext: () => ({ traceId, spanId, traceFlags: 1 }),
      parentSpanContext:
        parentSpanId === undefined
          ? undefined
          : { traceId, spanId: parentSpanId, traceFlags: 1, isRemote: parentIsRemote },
      startTime: hrTime(span.startTimeUnixNano),
      endTime: hrTime(span.endTimeUnixNano),
      status: { code: ['UNSET', 'OK', 'ERROR'].indexOf(span.status.code) },
      links: span.links.map((link) => ({ context: { ...link, traceFlags: 1 }, attributes: link.attributes })),
      events: [],
      resource: { attributes: { 'service.name': service }, getRawAttributes: () => [['service.name', service]] },
      instrumentationScope: scope,
      droppedAttributesCount: 0,
      droppedEventsCount: 0,
      droppedLinksCount: 0,
    })),
  );
}
