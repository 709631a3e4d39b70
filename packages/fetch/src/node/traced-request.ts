import { context as contextApi, SpanKind } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import type { Refused } from '@throughline/core';
import { guarded, httpHeaders, startOutbound, whenSettled } from '@throughline/core/adapter';
import type { HopSettings, OutboundHop } from '@throughline/core/adapter';
import type { UrlRedaction } from '@throughline/core/http';
import { clientAttributes, spanName } from '../http-client-span.ts';
import { answered, failed, followRequest, isRequest } from './client-request.ts';
import { httpCall } from './http-call.ts';
import type { HttpCall } from './http-call.ts';
import { LentContext } from './lent-context.ts';

/** `http.request`, of Node or of what stands for it. */
export type RequestFunction = (...args: unknown[]) => unknown;

/** How requests are traced. */
export interface Requesting {
  readonly settings: HopSettings;
  readonly redact: UrlRedaction;
  /** Returns how often the request was sent before. Default: it was not. */
  resends?(): number;
  /** Returns what the caller gets for a request that the limits of its chain refuse, or throws. */
  refused(refused: Refused, call: HttpCall, caller: Context): unknown;
}

/** Calls `request` with the fields of a hop, which ends when the headers of the response are there. `protocol` is that of the module. */
export function tracedRequest(
  request: RequestFunction,
  self: unknown,
  args: readonly unknown[],
  protocol: string,
  how: Requesting,
): unknown {
  const call = httpCall(args, protocol);
  if (call === undefined) return Reflect.apply(request, self, args);
  const caller = contextApi.active();
  const sending = startOutbound(hopOf(call, how, how.resends?.() ?? 0), how.settings);
  if (sending.refused !== undefined) {
    sending.end();
    return how.refused(sending, call, caller);
  }
  const lent = new LentContext(sending.inner, caller);
  return whenSettled(
    () => contextApi.with(lent, request, self, ...call.args(sending)),
    (isFailed, value) => {
      lent.giveBack();
      if (isFailed) return sending.end(failed(value, call.signal));
      guarded('outcome', () => {
        if (isRequest(value)) followRequest(value, sending, lent, call.signal);
        else sending.end(answered(value));
      });
    },
  );
}

/** Describes the hop of a call. */
export function hopOf(
  call: HttpCall,
  { settings, redact }: Pick<Requesting, 'settings' | 'redact'>,
  resends: number,
): OutboundHop {
  const { method, server, path, full, carrier } = call;
  return {
    transport: 'http',
    name: spanName(method),
    kind: SpanKind.CLIENT,
    attributes: settings.spans ? clientAttributes(method, server.attributes, full && redact(full), resends) : undefined,
    target: { transport: 'http', channel: 'host', host: server.address, name: withoutQuery(path) },
    carrier,
    reader: httpHeaders,
  };
}

function withoutQuery(path: string): string {
  const query = path.indexOf('?');
  return query === -1 ? path : path.slice(0, query);
}
