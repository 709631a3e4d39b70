import { httpHeaders } from '@throughline/core/adapter';
import type { InboundHop } from '@throughline/core/adapter';
import { xrayTraceparent } from '../xray.ts';
import type { LambdaSettings } from './options.ts';

/** Returns X-Ray's context as a second carrier, where it counts. */
export function xrayFallback(headers: unknown, { xray }: LambdaSettings): InboundHop['fallback'] {
  if (!xray) return undefined;
  const header = httpHeaders.read(headers, 'x-amzn-trace-id');
  const traceparent =
    xrayTraceparent(Array.isArray(header) ? header[0] : header) ?? xrayTraceparent(xrayOfInvocation());
  return traceparent === undefined ? undefined : { carrier: { traceparent }, reader: httpHeaders };
}

/** Returns what Lambda says of X-Ray, anew for each invocation: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html */
export function xrayOfInvocation(): unknown {
  return globalThis.process?.env['_X_AMZN_TRACE_ID'];
}
