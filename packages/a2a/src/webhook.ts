import { context as contextApi, createContextKey, SpanKind } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { httpHeaders, isTracingSuppressed, startOutbound, warnOnce } from '@throughline/core/adapter';
import type { HopSettings, Sending } from '@throughline/core/adapter';
import {
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  serverAddress,
  serverAttributes,
  watchUndici,
} from '@throughline/core/http';
import { A2A, isObject } from './options.ts';
import { taskAttributes } from './task.ts';
import type { TaskNews } from './task.ts';

/*
 * The SDK's sender takes no fetch and no headers. Node tells of each request of its own fetch before the headers are written, in the
 * context of whoever fetches: that is where the fields are added.
 * https://github.com/nodejs/undici/blob/main/docs/docs/api/DiagnosticsChannel.md
 */

/** A push notification that is being sent. */
export interface Push {
  /** What the notification is sent in. */
  readonly context: Context;
  readonly settings: HopSettings;
  readonly news: TaskNews;
}

/** The key of the context under which a sender's requests find what they are sent for. */
export const PUSH: symbol = createContextKey('throughline.a2a.push');

interface UndiciRequest {
  readonly origin: string | URL;
  readonly method: string;
  addHeader(name: string, value: string): unknown;
}

const sent = new WeakMap<object, Sending>();
let watches = false;

/** Sees to it that the requests of push notifications are traced. Idempotent. */
export function watchPushes(): void {
  if (watches) return;
  watches = true;
  watchUndici(harmless(begin));
  const channels = globalThis.process?.getBuiltinModule?.('node:diagnostics_channel');
  channels?.subscribe('undici:request:headers', harmless(answered));
  channels?.subscribe('undici:request:error', harmless(failed));
}

function begin(message: Readonly<Record<string, unknown>>): void {
  const push = contextApi.active().getValue(PUSH) as Push | undefined;
  const request = message['request'] as UndiciRequest | undefined;
  if (push === undefined || request === undefined || isTracingSuppressed(push.context)) return;
  if (typeof request.addHeader !== 'function') {
    warnOnce(
      'a2a-push',
      'a request of this Node takes no headers before it is sent, so the webhooks of A2A push notifications start traces of their own.',
    );
    return;
  }
  const url = new URL(request.origin);
  const sending = startOutbound(
    {
      transport: A2A,
      name: request.method,
      kind: SpanKind.CLIENT,
      attributes: {
        [ATTR_HTTP_REQUEST_METHOD]: request.method,
        ...serverAttributes(url),
        ...taskAttributes(push.news),
      },
      target: { transport: A2A, channel: 'host', host: serverAddress(url.hostname), name: 'push notification' },
      reader: httpHeaders,
      context: push.context,
      // It asks for no work, and so no limit refuses it.
      messages: 0,
    },
    push.settings,
  );
  if (sending.refused !== undefined) return sending.end();
  sent.set(request, sending);
  for (const [name, value] of Object.entries(sending.fields)) request.addHeader(name, value);
}

function answered({ request, response }: Readonly<Record<string, unknown>>): void {
  const status = isObject(response) ? Number(response['statusCode']) : 0;
  sent.get(request as object)?.end({
    attributes: { [ATTR_HTTP_RESPONSE_STATUS_CODE]: status },
    ...(status >= 400 && { errorType: String(status) }),
  });
}

function failed({ request, error }: Readonly<Record<string, unknown>>): void {
  sent.get(request as object)?.end({ failed: true, error });
}

// What a listener throws would end the process.
function harmless(listen: (message: Readonly<Record<string, unknown>>) => void): (message: unknown) => void {
  return (message) => {
    try {
      if (isObject(message)) listen(message);
    } catch {
      // What is not as undici tells it is not ours.
    }
  };
}
