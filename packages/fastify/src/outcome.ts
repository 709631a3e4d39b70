import { textOf, warnOnce } from '@throughline/core/adapter';
import type { Outcome } from '@throughline/core/adapter';
import { serverOutcome } from '@throughline/core/http';
import type { NodeAnswer } from '@throughline/core/http';
import type { RequestHop } from './request-hop.ts';

/** Returns how the hop of a request came out, with the route that Fastify found, or the one that the options say. */
export function outcomeOf(hop: RequestHop, answer: NodeAnswer): Outcome {
  const { received, method, errorType } = hop;
  return serverOutcome(received, { ...answer, method, route: routeOf(hop), errorType });
}

function routeOf({ options, request, route }: RequestHop): string | undefined {
  if (options.route === undefined) return route;
  try {
    const said = options.route(request);
    return typeof said === 'string' ? said : route;
  } catch (error) {
    // Nothing above a listener of `finish` would catch it.
    warnOnce('fastify-route', `the \`route\` option threw, so the span has no route: ${textOf(error)}`);
    return undefined;
  }
}
