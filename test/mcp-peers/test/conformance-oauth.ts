import type { OAuthClientProvider as ProviderV2 } from '@modelcontextprotocol/client';
import type { OAuthClientProvider as ProviderV1 } from '@modelcontextprotocol/sdk/client/auth.js';

/** What comes back from the authorization server, in the address that it redirects to. */
export interface Callback {
  readonly code: string;
  readonly iss: string | undefined;
}

const redirect = 'http://localhost:3000/callback';

/** A user who agrees to everything at once, and a client that remembers what it is told. */
export function consentingUser(registered?: { readonly client_id: string; readonly client_secret: string }): {
  readonly provider: ProviderV1 & ProviderV2;
  callback(): Callback | undefined;
} {
  let client: unknown = registered;
  let tokens: unknown;
  let verifier = '';
  let callback: Callback | undefined;
  const provider = {
    redirectUrl: redirect,
    clientMetadata: { client_name: 'conformance', redirect_uris: [redirect] },
    // Nobody fetches it: the authorization servers of the suite know it by its name.
    clientMetadataUrl: 'https://conformance-test.local/client-metadata.json',
    clientInformation: () => client,
    saveClientInformation: (saved: unknown) => void (client = saved),
    tokens: () => tokens,
    saveTokens: (saved: unknown) => void (tokens = saved),
    codeVerifier: () => verifier,
    saveCodeVerifier: (saved: string) => void (verifier = saved),
    invalidateCredentials(scope: string) {
      if (scope === 'all' || scope === 'client') client = undefined;
      if (scope === 'all' || scope === 'tokens') tokens = undefined;
    },
    async redirectToAuthorization(authorize: URL) {
      const response = await fetch(authorize, { redirect: 'manual' });
      const { searchParams } = new URL(response.headers.get('location') ?? '', redirect);
      callback = { code: searchParams.get('code') ?? '', iss: searchParams.get('iss') ?? undefined };
    },
  };
  return {
    provider: provider as unknown as ProviderV1 & ProviderV2,
    callback() {
      const taken = callback;
      callback = undefined;
      return taken;
    },
  };
}
