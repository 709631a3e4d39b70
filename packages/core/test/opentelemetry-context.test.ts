import { ROOT_CONTEXT, trace, TraceFlags } from '@opentelemetry/api';
import {
  getRPCMetadata,
  isTracingSuppressed,
  RPCType,
  setRPCMetadata,
  suppressTracing,
  unsuppressTracing,
} from '@opentelemetry/core';
import { describe, expect, it } from 'vitest';
import * as ours from '@throughline/core/adapter';

const span = trace.wrapSpanContext({
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  traceFlags: TraceFlags.SAMPLED,
});

describe('what OpenTelemetry keeps in a context is ours to read and write', () => {
  it('suppression, in both directions', () => {
    expect(ours.isTracingSuppressed(ROOT_CONTEXT)).toBe(false);
    expect(ours.isTracingSuppressed(suppressTracing(ROOT_CONTEXT))).toBe(true);
    expect(ours.isTracingSuppressed(unsuppressTracing(ours.suppressTracing(ROOT_CONTEXT)))).toBe(false);
    expect(isTracingSuppressed(ours.suppressTracing(ROOT_CONTEXT))).toBe(true);
  });

  it('the span of an HTTP request, as the very object that an instrumentation reads the route from', () => {
    const metadata = { type: RPCType.HTTP as const, span };
    expect(ours.httpRequestSpan(setRPCMetadata(ROOT_CONTEXT, metadata))).toBe(metadata);
    expect(ours.httpRequestSpan(ROOT_CONTEXT)).toBeUndefined();
    expect(ours.httpRequestSpan(setRPCMetadata(ROOT_CONTEXT, { ...metadata, type: 'grpc' } as never))).toBeUndefined();
  });

  it('an HTTP request whose span is ours, as instrumentations read it', () => {
    expect(getRPCMetadata(ours.withHttpRequestSpan(ROOT_CONTEXT, span))).toEqual({ type: RPCType.HTTP, span });
  });
});
