import { modelCallIn } from '../model/model-call.ts';
import type { Client } from './client.ts';

type Fetch = typeof globalThis.fetch;

// Same in every loaded copy of this package.
const brand = Symbol.for('throughline.agent.fetch');

/**
 * Has the `fetch` of a client note what it sends: each request is an attempt of the call that it is sent in. What it sends, and what comes back,
 * stays as it is. `headers` are put over those of a request in a call.
 */
export function noteAttempts(client: Client, headers?: () => Readonly<Record<string, string>>): void {
  const { fetch: base } = client;
  // Another client's, taken over by `withOptions`.
  if (typeof base !== 'function' || brand in base) return;
  const noted: Fetch = (input, init) => {
    const call = modelCallIn();
    if (call === undefined) return (base as Fetch)(input, init);
    return call.attempt(() => (base as Fetch)(input, headers === undefined ? init : withHeaders(init, headers())));
  };
  client['fetch'] = Object.assign(noted, { [brand]: true });
}

function withHeaders(init: RequestInit | undefined, more: Readonly<Record<string, string>>): RequestInit {
  const headers = new Headers(init?.headers);
  for (const [name, value] of Object.entries(more)) if (!headers.has(name)) headers.set(name, value);
  return { ...init, headers };
}
