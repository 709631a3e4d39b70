import { setTimeout as sleep } from 'node:timers/promises';
import { baggageCases } from '../cases/baggage-cases.ts';
import { headerCases } from '../cases/header-cases.ts';
import type { Sent } from '../cases/probe-case.ts';
import { traceparentCases } from '../cases/traceparent-cases.ts';
import { tracestateCases } from '../cases/tracestate-cases.ts';
import { CALLBACK } from '../callback.ts';
import { canConnect } from './can-connect.ts';
import { exchange } from './http-exchange.ts';
import type { HttpRequest } from './http-exchange.ts';
import type { Stamp, Target } from './target.ts';
import { userAgent } from './user-agent.ts';

/** What is asked for. `{{callback}}` in it becomes the URL at which the probe listens. */
export interface HttpTemplate {
  readonly url: string;
  readonly method: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly data?: string | undefined;
  readonly timeoutMs: number;
}

export const httpCases: Target['cases'] = [...traceparentCases, ...tracestateCases, ...baggageCases, ...headerCases];

/** Returns an HTTP service as a target. */
export function httpTarget(template: HttpTemplate): Target {
  const { url } = requestOf(template, {}, { key: '' });
  const isThere = (): Promise<boolean> => canConnect(url, template.timeoutMs);
  return {
    kind: 'http',
    name: `${template.method} ${template.url}`,
    cases: httpCases,
    isOurs: false,
    send: (sent, stamp) => exchange(requestOf(template, sent, stamp)),
    isThere,
    revive: (withinMs) => reachable(isThere, withinMs),
    close: async () => {},
  };
}

/** Returns the request that carries what a case sends. */
export function requestOf(template: HttpTemplate, sent: Sent, { key, callback = '' }: Stamp): HttpRequest {
  const { url, method, headers, data, timeoutMs } = template;
  const own: [string, string][] = headers.map(([name, value]) => [name, value.replaceAll(CALLBACK, callback)]);
  const says = (wanted: string): boolean => own.some(([name]) => name.toLowerCase() === wanted);
  const fields = (['traceparent', 'tracestate', 'baggage'] as const).flatMap((name): [string, string][] => {
    const value = sent[name];
    return value === undefined ? [] : [[name, value]];
  });
  const about: [string, string][] = says('user-agent') ? [] : [['user-agent', userAgent(key)]];
  const typed: [string, string][] = data === undefined || says('content-type') ? [] : [['content-type', typeOf(data)]];
  return {
    url: new URL(url.replaceAll(CALLBACK, encodeURIComponent(callback))),
    method,
    headers: [...about, ['accept', '*/*'], ...typed, ...own, ...fields, ...(sent.headers ?? [])],
    body: data?.replaceAll(CALLBACK, callback),
    timeoutMs,
  };
}

function typeOf(data: string): string {
  return /^\s*[[{]/.test(data) ? 'application/json' : 'text/plain; charset=utf-8';
}

/** Looks again and again whether there is somebody. Resolves with whether there was in time. */
export async function reachable(isThere: () => Promise<boolean>, withinMs: number): Promise<boolean> {
  const until = Date.now() + withinMs;
  for (;;) {
    if (await isThere()) return true;
    if (Date.now() >= until) return false;
    await sleep(100);
  }
}
