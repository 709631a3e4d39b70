import type { Outcome } from '@throughline/core/adapter';
import { routeOf, serverOutcome } from '@throughline/core/http';
import type { NodeAnswer } from '@throughline/core/http';
import type { RequestHop } from './request-hop.ts';

/** Returns how the hop of a request came out, with the route that Fastify found, or the one that the options say. */
export function outcomeOf(hop: RequestHop, answer: NodeAnswer): Outcome {
  const { received, method, options, request, errorType } = hop;
  const route = routeOf(
    () => options.route?.(request),
    () => hop.route,
  );
  return serverOutcome(received, { ...answer, method, route, errorType });
}
