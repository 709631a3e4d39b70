import type { HopOptions } from './options.ts';

/**
 * Returns options for services that only your own can reach: traces continue, baggage goes to first parties, and every peer
 * counts as authenticated, because the network lets in nobody else. Name your hosts in `firstParty`. What is given wins.
 *
 * @example
 * ```ts
 * app.use(traceContext(internalMesh({ agent: 'planner', firstParty: ['*.example.com'] })));
 * ```
 */
export function internalMesh<O extends HopOptions>(options?: O): O & HopOptions {
  return merged(mesh, options);
}

/**
 * Returns options for what anybody can reach. A peer that `authenticated` vouches for is continued; anybody else gets a new trace
 * that links to the one it offered, and nothing of its `tracestate`, baggage or lineage. Only the former are told of it
 * (`traceresponse`). What is given wins.
 *
 * @example
 * ```ts
 * const edge = publicEdge({ authenticated: ({ headers }) => isPartner(headers.get('authorization')) });
 * app.use(traceContext(edge));
 * ```
 */
export function publicEdge<O extends HopOptions>(options?: O): O & HopOptions {
  return merged(edge, options);
}

/**
 * Returns options for calls to what is not yours, such as tools of other people. Trace context goes along, so that they can
 * answer for it. No `baggage` field does, and so no lineage. What they send of their own accord starts a new trace that links
 * to theirs. What is given wins.
 *
 * @example
 * ```ts
 * const client = traceClient(new Client({ name: 'analyst', version: '1.0.0' }), thirdPartyTools());
 * ```
 */
export function thirdPartyTools<O extends HopOptions>(options?: O): O & HopOptions {
  return merged(tools, options);
}

/**
 * Returns options for the fetch that a client of a model provider uses: calls have their CLIENT spans, and the provider gets no field
 * at all. With `outbound: 'inject'` it gets `traceparent` and `tracestate`, and still no `baggage`. What is given wins.
 *
 * @example
 * ```ts
 * const openai = new OpenAI({ fetch: traceFetch(fetch, modelProvider({ agent: 'planner' })) });
 * ```
 */
export function modelProvider<O extends HopOptions>(options?: O): O & HopOptions {
  return merged(provider, options);
}

// One object each, so that two wraps with the same preset have the same options.
const mesh: HopOptions = { inbound: 'continue', outbound: 'inject', authenticated: () => true };
const edge: HopOptions = {
  inbound: ({ authenticated }) => (authenticated === true ? 'continue' : 'restart-with-link'),
  outbound: 'inject',
  // Behind a proxy everybody comes from a private address.
  answer: 'authenticated',
};
const tools: HopOptions = {
  inbound: 'restart-with-link',
  outbound: 'inject',
  firstParty: false,
  baggage: Object.freeze({ send: false }),
};

const provider: HopOptions = { ...tools, outbound: 'suppress' };

function merged<O extends HopOptions>(preset: HopOptions, given: O | undefined): O & HopOptions {
  const options: Record<string, unknown> = { ...preset };
  // An option that is `undefined` is not given.
  for (const [name, value] of Object.entries(given ?? {})) if (value !== undefined) options[name] = value;
  if (preset.baggage !== undefined && typeof given?.baggage === 'object') {
    options['baggage'] = { ...preset.baggage, ...given.baggage };
  }
  return options as O & HopOptions;
}
