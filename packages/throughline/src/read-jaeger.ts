import { printable } from '@throughline/verify';
import type { ChainChecker } from '@throughline/verify';
import { internalApi, stableApi } from './jaeger-api.ts';
import type { Unread } from './read-captures.ts';

/** What is asked of a Jaeger that runs. */
export interface JaegerQuery {
  /** Of its UI; one that ends with `/api/v3` asks by the third version of its API. */
  readonly url: URL;
  /** Whose traces are wanted. Default: those of all but Jaeger itself. */
  readonly services?: readonly string[] | undefined;
  /** How far back, in milliseconds. */
  readonly lookbackMs: number;
  /** The traces that are wanted, instead of those of services. */
  readonly traceIds?: readonly string[] | undefined;
}

/** It gives the newest ones, and would stop at 100. */
const MAX_TRACES = 1500;
const TIMEOUT_MS = 60_000;
const JAEGERS_OWN = new Set(['jaeger', 'jaeger-query', 'jaeger-all-in-one']);

/**
 * Lets a checker read traces from a Jaeger. One that several services are in is read once. `tell` is called before each request, with what it asks for.
 * What cannot be read is among the problems, with the fix.
 */
export async function readJaeger(
  checker: ChainChecker,
  query: JaegerQuery,
  tell: (what: string) => void,
): Promise<Unread> {
  const { url, lookbackMs, traceIds } = query;
  const api = /\/api\/v3\/?$/.test(url.pathname) ? stableApi : internalApi;
  const known = new Set<string>();
  const problems: string[] = [];
  let rejected = 0;

  const read = async (what: string, path: string): Promise<void> => {
    tell(`asks Jaeger for ${what}`);
    const answer = await ask(url, path);
    const parsed = 'problem' in answer ? undefined : api.spansIn(answer.value);
    const problem = 'problem' in answer ? answer.problem : parsed?.malformed;
    if (problem !== undefined) problems.push(`${what} cannot be read from Jaeger: ${problem}`);
    if (parsed === undefined) return;
    rejected += parsed.rejected;
    const ids = new Set(parsed.spans.map(({ traceId }) => traceId));
    checker.add(parsed.spans.filter(({ traceId }) => !known.has(traceId)));
    for (const id of ids) known.add(id);
    if (ids.size >= MAX_TRACES)
      problems.push(`${what} are more than the ${MAX_TRACES} that were read: shorten --lookback`);
  };

  if (traceIds !== undefined) {
    for (const id of traceIds) await read(`trace ${id}`, api.trace(id));
    return { rejected, problems };
  }
  const end = Date.now();
  for (const service of query.services ?? (await servicesOf())) {
    await read(`the traces of ${printable(service)}`, api.traces(service, end - lookbackMs, end, MAX_TRACES));
  }
  return { rejected, problems };

  async function servicesOf(): Promise<readonly string[]> {
    tell('asks Jaeger for its services');
    const answer = await ask(url, api.services);
    const names = 'problem' in answer ? undefined : api.namesIn(answer.value);
    if (names !== undefined) return names.filter((name) => !JAEGERS_OWN.has(name));
    const why = 'problem' in answer ? answer.problem : 'the answer is none of its query API';
    problems.push(`its services cannot be read from Jaeger: ${why}`);
    return [];
  }
}

type Answer = { readonly value: unknown } | { readonly problem: string };

/** Asks for JSON, and returns it or why there is none. */
async function ask(base: URL, path: string): Promise<Answer> {
  const url = new URL(path, base.href.replace(/[^/]$/, '$&/'));
  url.username = url.password = '';
  try {
    const headers = { accept: 'application/json', ...authorization(base) };
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
    const text = await response.text();
    if (!response.ok) return { problem: `${url.origin} answered ${response.status}: ${printable(text)}` };
    return { value: JSON.parse(text) };
  } catch (error) {
    if (error instanceof SyntaxError) {
      return { problem: `${url.href} answered no JSON: give the address of its UI, such as http://localhost:16686` };
    }
    return { problem: `${url.origin}: ${reasonOf(error)}` };
  }
}

/** `fetch` takes no user and password in an address. */
function authorization({ username, password }: URL): { readonly authorization?: string } {
  if (username === '') return {};
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

/** What `fetch` says is in its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || reasonOf(error.cause) : error.message;
}
