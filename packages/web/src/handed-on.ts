import { arrivalOf } from './connection.ts';
import type { Arrived } from './connection.ts';

/** A request on its way through routers, as far as it tells whether another one is the same. */
interface Asked {
  readonly request: Request;
  /** The argument beside the request. */
  readonly beside: unknown;
  readonly arrived: Arrived;
  /** The request as the router that was entered last has it, and what that takes off the path. */
  readonly within: { readonly request: Request; readonly mount: () => string | undefined } | undefined;
}

/** Whether two requests are alike but for the path. A copy has nothing of what it was made from that would tell more. */
export function isCopy(copy: Request, of: Request): boolean {
  if (copy.method !== of.method) return false;
  const [host, , query] = targetOf(copy);
  const [ofHost, , ofQuery] = targetOf(of);
  if (host !== ofHost || query !== ofQuery) return false;
  const headers = [...copy.headers];
  return headers.length === [...of.headers].length && headers.every(([name, value]) => of.headers.get(name) === value);
}

/**
 * Whether a request is that of a hop, as a router hands it to what is mounted in it: the start of its path is cut off. A handler hands on
 * none: what it asks of an application in the program is a request of its own.
 */
export function isHandedOn(request: Request, beside: unknown, hop: Asked): boolean {
  const { within, arrived } = hop;
  const [, path] = targetOf(request);
  const [, whole] = targetOf(within?.request ?? hop.request);
  if (path === whole) return true;
  // A router hands on what lies beside the request too, which whoever makes a request rarely does.
  const isOfConnection = arrivalOf(request, beside).key === arrived.key;
  const isBeside = isOfConnection || beside === hop.beside;
  if (within === undefined) {
    // No router says where the request is. What has the connection may have been rewritten before it came to one.
    return isOfConnection || ((isBeside || hop.beside === undefined) && endsWith(whole, path));
  }
  const mount = within.mount();
  if (mount === undefined) return false;
  const rest = cutOff(whole, mount);
  // In what is mounted, something may be mounted again.
  return path === rest || (isBeside && mount !== '' && endsWith(rest, path));
}

function endsWith(whole: string, path: string): boolean {
  return path === '/' || whole.endsWith(path);
}

/** Returns a path without as many segments at its start as a pattern has. */
function cutOff(path: string, pattern: string): string {
  let start = 0;
  for (let at = pattern.indexOf('/'); at !== -1 && start !== -1; at = pattern.indexOf('/', at + 1)) {
    start = path.indexOf('/', start + 1);
  }
  return start === -1 ? '/' : path.slice(start);
}

function targetOf({ url }: Request): [host: string, path: string, query: string] {
  const host = url.indexOf('://') + 3;
  const start = url.indexOf('/', host);
  const query = url.indexOf('?');
  const end = query === -1 ? url.length : query;
  return [url.slice(host, start), url.slice(start, end), url.slice(end)];
}
