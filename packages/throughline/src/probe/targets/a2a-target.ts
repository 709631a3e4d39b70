import { randomUUID } from 'node:crypto';
import { baggageCases } from '../cases/baggage-cases.ts';
import { metaCases } from '../cases/meta-cases.ts';
import type { ProbeCase } from '../cases/probe-case.ts';
import { isLoopback } from '../loopback.ts';
import { canConnect } from './can-connect.ts';
import { exchange } from './http-exchange.ts';
import { httpCases, reachable, requestOf } from './http-target.ts';
import type { HttpTemplate } from './http-target.ts';
import type { Answer, Target } from './target.ts';
import { userAgent } from './user-agent.ts';

/** A way to speak to an agent, as its card offers it. */
interface AgentInterface {
  readonly url: string;
  /** Whether it speaks the protocol by its names before 1.0. */
  readonly isOld: boolean;
  readonly version: string;
}

/** Where an agent's card is, below its URL. https://a2a-protocol.org/latest/specification/#agent-discovery */
const CARD = '.well-known/agent-card.json';

/**
 * Reads the card of the agent at a URL, and returns the agent as a target, over JSON-RPC. Where there is text to send, it is sent as a
 * message. Else the probe asks for a task that does not exist: that starts no work. Rejects where there is no such agent.
 */
export async function a2aTarget(template: HttpTemplate): Promise<Target> {
  const offered = await discover(template);
  const asked: HttpTemplate = {
    ...template,
    url: offered.url,
    method: 'POST',
    headers: [['content-type', 'application/json'], ['a2a-version', offered.version], ...template.headers],
  };
  const at = new URL(offered.url);
  const isThere = (): Promise<boolean> => canConnect(at, template.timeoutMs);
  const name = template.data === undefined ? 'GetTask' : 'SendMessage';
  return {
    kind: 'a2a',
    name: `${name} of ${offered.url}`,
    cases: template.data === undefined ? httpCases : [...httpCases, ...metadataCases],
    isOurs: false,
    send: async ({ meta, ...sent }, stamp) => {
      const data = bodyOf(offered, template.data, meta);
      return inTerms(await exchange(requestOf({ ...asked, data }, sent, stamp)));
    },
    isThere,
    revive: (withinMs) => reachable(isThere, withinMs),
    close: async () => {},
  };
}

/** The metadata of a message is no context by any standard: nobody has to go on with it, and nobody fails on it. */
const metadataCases: readonly ProbeCase[] = [...baggageCases.slice(0, 1), ...metaCases].map(
  ({ sends, ...one }): ProbeCase => ({
    ...one,
    id: `metadata-${one.id.replace(/^meta-/, '')}`,
    about: `in the message: ${one.about.replace('`_meta`', 'metadata').replace('MCP', 'A2A')}`,
    trace: one.trace === 'ignore' ? 'ignore' : 'either',
    mayRefuse: one.mayRefuse !== undefined,
    sends: (ids) => {
      const { meta, ...fields } = sends(ids);
      return { meta: meta ?? fields };
    },
  }),
);

async function discover({ url, headers, timeoutMs }: HttpTemplate): Promise<AgentInterface> {
  const base = new URL(url);
  const at = base.pathname.endsWith('.json') ? base : new URL(CARD, base.href.endsWith('/') ? base : `${base.href}/`);
  const all = [['user-agent', userAgent('card')] as const, ['accept', 'application/json'] as const, ...headers];
  const answer = await exchange({ url: at, method: 'GET', headers: all, timeoutMs });
  if (answer.kind !== 'answered') throw new Error('reason' in answer ? answer.reason : 'no answer in time');
  if (answer.served !== 'yes') throw new Error(`${at.href} answered ${answer.status}: there is no agent card`);
  const offered = interfaceOf(answer.text);
  if (offered === undefined)
    throw new Error(`the agent card at ${at.href} offers no JSON-RPC, which is what the probe speaks`);
  const { hostname } = new URL(offered.url);
  if (hostname !== base.hostname && !(isLoopback(hostname) && isLoopback(base.hostname))) {
    throw new Error(`the agent card of ${base.host} sends to another host, ${hostname}: name that one, if you mean it`);
  }
  return offered;
}

function interfaceOf(text: string): AgentInterface | undefined {
  const card = recordOf(parsed(text));
  const listed = (key: string): Record<string, unknown>[] =>
    (Array.isArray(card[key]) ? (card[key] as unknown[]) : []).map(recordOf);
  const old = [
    { url: card['url'], transport: card['preferredTransport'] ?? 'JSONRPC' },
    ...listed('additionalInterfaces'),
  ];
  const offers = [
    ...listed('supportedInterfaces').map((one) => ({
      url: one['url'],
      binding: one['protocolBinding'],
      version: one['protocolVersion'],
    })),
    ...old.map((one) => ({ url: one['url'], binding: one['transport'], version: card['protocolVersion'] ?? '0.3' })),
  ];
  const found = offers.find(
    ({ url, binding }) => binding === 'JSONRPC' && typeof url === 'string' && URL.canParse(url),
  );
  if (found === undefined) return undefined;
  const version = typeof found.version === 'string' ? found.version : '1.0';
  return { url: found.url as string, version, isOld: version.startsWith('0.') };
}

/** Returns a request in JSON-RPC, by the names of the agent's version of the protocol. */
function bodyOf({ isOld }: AgentInterface, text: string | undefined, metadata: unknown): string {
  // Only with a key of its own: `undefined` would be left out, and null is a case.
  const meta = metadata === undefined ? {} : { metadata };
  const id = randomUUID();
  const message = isOld
    ? { kind: 'message', role: 'user', messageId: id, parts: [{ kind: 'text', text }], ...meta }
    : { role: 'ROLE_USER', messageId: id, parts: [{ text }], ...meta };
  const [method, params] =
    text === undefined
      ? [isOld ? 'tasks/get' : 'GetTask', { id: `throughline-probe-${id}` }]
      : [isOld ? 'message/send' : 'SendMessage', { message }];
  return JSON.stringify({ jsonrpc: '2.0', id, method, params });
}

/** Codes with which an agent says that it failed, and not the request. */
const INTERNAL_ERROR = -32603;

/** Tells an answer in terms of JSON-RPC, whose errors come with the status 200. */
function inTerms(answer: Answer): Answer {
  if (answer.kind !== 'answered' || answer.served !== 'yes') return answer;
  const { code } = recordOf(recordOf(parsed(answer.text))['error']);
  if (typeof code !== 'number') return answer;
  return { ...answer, status: `error ${code}`, served: code === INTERNAL_ERROR ? 'failed' : 'refused' };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
