import { warnOnce } from '@throughline/core/adapter';
import { isObject } from './options.ts';

/**
 * Returns the address of the agent that a client asks, from its transport, or from the agent card that it was made with. `undefined`,
 * with one warning, where neither says it: the agent then counts as a third party unless `firstParty` says otherwise.
 */
export function agentAddress(client: unknown): URL | undefined {
  const holder = isObject(client) ? client : {};
  const transport = innermost(holder['transport']);
  const url = parsed(transport['endpoint']) ?? cardUrl(holder['agentCard'], transport);
  if (url === undefined) {
    warnOnce(
      'a2a-address',
      'the address of an A2A client does not show, so its agent counts as a third party. If it is yours, say `firstParty: true`.',
    );
  }
  return url;
}

const MAX_LAYERS = 4;

// The transport of a tenant has one inside.
function innermost(transport: unknown): Readonly<Record<string, unknown>> {
  let found = transport;
  for (let layer = 0; layer < MAX_LAYERS && isObject(found) && isObject(found['base']); layer++) found = found['base'];
  return isObject(found) ? found : {};
}

function cardUrl(card: unknown, { protocolName }: Readonly<Record<string, unknown>>): URL | undefined {
  const interfaces = isObject(card) ? card['supportedInterfaces'] : undefined;
  if (!Array.isArray(interfaces)) return undefined;
  const used = (interfaces as unknown[]).find((one) => isObject(one) && one['protocolBinding'] === protocolName);
  return isObject(used) ? parsed(used['url']) : undefined;
}

// gRPC has host and port alone.
function parsed(text: unknown): URL | undefined {
  if (typeof text !== 'string' || text === '') return undefined;
  const url = URL.parse === undefined ? parseUrl(text) : URL.parse(withScheme(text));
  return url === null || url === undefined || url.hostname === '' ? undefined : url;
}

function withScheme(text: string): string {
  return text.includes('://') ? text : `grpc://${text}`;
}

// Node 20.
function parseUrl(text: string): URL | undefined {
  try {
    return new URL(withScheme(text));
  } catch {
    return undefined;
  }
}
