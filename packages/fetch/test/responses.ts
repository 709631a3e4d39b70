import type { ClientRequest, IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { SpanKind } from '@opentelemetry/api';
import type { HopOptions } from '@throughline/core';
import { hopSettings, httpHeaders, receive } from '@throughline/core/adapter';

/** Resolves with the text of the response to a request, or rejects with the error that it emits. */
export function textOf(request: ClientRequest): Promise<string> {
  return new Promise<IncomingMessage>((resolve, reject) => request.on('response', resolve).on('error', reject)).then(
    text,
  );
}

/** Runs `fn` in an inbound hop of its own chain. */
export function inChain<T>(options: HopOptions, fn: () => Promise<T>): Promise<T> {
  const hop = { transport: 'test', name: 'in', kind: SpanKind.CONSUMER, carrier: {}, reader: httpHeaders };
  return receive(hop, fn, hopSettings(options, { name: 'test', version: '1.0.0' }));
}
