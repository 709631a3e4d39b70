// A client for `@modelcontextprotocol/conformance`: `node conformance-client.ts v1|v2 bare|traced URL`. Which scenario is running,
// in which revision, and what it wants to be known, the suite says in the environment.
import * as v2 from '@modelcontextprotocol/client';
import { ClientCredentialsProvider, PrivateKeyJwtProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as HttpV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { traceClient } from '@throughline/mcp';
import { startTelemetry } from '@throughline/test-telemetry';
import { consentingUser } from './conformance-oauth.ts';

/** What clients and transports of both SDKs have, as far as it is needed here. */
interface Client {
  connect(transport: never, options?: object): Promise<void>;
  close(): Promise<void>;
  getServerCapabilities():
    | { readonly tools?: unknown; readonly resources?: unknown; readonly prompts?: unknown }
    | undefined;
  listTools(): Promise<{ tools: { name: string; inputSchema: unknown }[] }>;
  callTool(params: { name: string; arguments: object }): Promise<unknown>;
  listResources(): Promise<{ resources: { uri: string }[] }>;
  readResource(params: { uri: string }): Promise<unknown>;
  listPrompts(): Promise<{ prompts: { name: string }[] }>;
  getPrompt(params: { name: string; arguments: object }): Promise<unknown>;
}
interface Transport {
  finishAuth(code: string, iss?: string): Promise<void>;
}
interface Told {
  readonly toolCalls?: { readonly name: string; readonly arguments: object }[];
  readonly client_id: string;
  readonly client_secret: string;
  readonly private_key_pem?: string;
  readonly signing_algorithm?: string;
  readonly idp_client_id: string;
  readonly idp_id_token?: string;
  readonly idp_token_endpoint: string;
}

const [line, kind, url = ''] = process.argv.slice(2);
const scenario = process.env['MCP_CONFORMANCE_SCENARIO'] ?? '';
const modern = process.env['MCP_CONFORMANCE_PROTOCOL_VERSION'] === '2026-07-28';
const told = JSON.parse(process.env['MCP_CONFORMANCE_CONTEXT'] ?? '{}') as Told;
startTelemetry();

const info = { name: 'conformance', version: '1.0.0' };
const accept = () => ({ action: 'accept' as const, content: { confirmed: true } });
const acceptDefaults = () => ({ action: 'accept' as const, content: {} });
const answer = scenario.includes('defaults') ? acceptDefaults : accept;
const capabilities = { elicitation: { form: { applyDefaults: true } } };

function makeClient(): Client {
  if (line === 'v1') {
    const client = new ClientV1(info, { capabilities });
    client.setRequestHandler(ElicitRequestSchema, answer);
    return (kind === 'traced' ? traceClient(client) : client) as unknown as Client;
  }
  const client = new v2.Client(info, { capabilities, ...(modern && { versionNegotiation: { mode: 'auto' } }) });
  client.setRequestHandler('elicitation/create', answer);
  return (kind === 'traced' ? traceClient(client) : client) as unknown as Client;
}

const user = consentingUser(scenario === 'auth/pre-registration' ? told : undefined);

function authProvider(): unknown {
  const { client_id: clientId, client_secret: clientSecret, private_key_pem: privateKey, idp_id_token: idToken } = told;
  if (privateKey !== undefined) {
    const options = { clientId, privateKey, algorithm: told.signing_algorithm ?? 'ES256' };
    return line === 'v1' ? new PrivateKeyJwtProvider(options) : new v2.PrivateKeyJwtProvider(options);
  }
  if (idToken !== undefined && line === 'v2')
    return new v2.CrossAppAccessProvider({
      clientId,
      clientSecret,
      async assertion({ authorizationServerUrl: audience, resourceUrl: resource, fetchFn }) {
        const tokenEndpoint = told.idp_token_endpoint;
        const { jwtAuthGrant } = await v2.requestJwtAuthorizationGrant({
          tokenEndpoint,
          audience,
          resource,
          idToken,
          clientId: told.idp_client_id,
          fetchFn,
        });
        return jwtAuthGrant;
      },
    });
  if (scenario === 'auth/client-credentials-basic') {
    const options = { clientId, clientSecret };
    return line === 'v1' ? new ClientCredentialsProvider(options) : new v2.ClientCredentialsProvider(options);
  }
  return user.provider;
}

const withAuth = scenario.startsWith('auth/') ? { authProvider: authProvider() as never } : {};
let transport: Transport;
function makeTransport(): never {
  transport =
    line === 'v1' ? new HttpV1(new URL(url), withAuth) : new v2.StreamableHTTPClientTransport(new URL(url), withAuth);
  return transport as never;
}

/** Does it, and once more each time that the user was asked, but no more than a client should. */
async function authorized<T>(act: () => Promise<T>): Promise<T> {
  for (let asked = 0; ; asked++) {
    try {
      return await act();
    } catch (error) {
      const callback = user.callback();
      if (callback === undefined || asked === 2) throw error;
      await transport.finishAuth(callback.code, callback.iss);
    }
  }
}

// The servers of these scenarios cannot be discovered: they answer nothing but what they are about.
const undiscoverable = scenario.startsWith('http-') || scenario === 'sep-2322-client-request-state';
const discover = {
  supportedVersions: ['2026-07-28'],
  capabilities: { tools: {}, ...(scenario === 'http-standard-headers' && { resources: {}, prompts: {} }) },
};
let client = makeClient();
await authorized(async () => {
  client = makeClient();
  await client.connect(makeTransport(), undiscoverable ? { prior: { kind: 'modern', discover } } : undefined);
});

const { tools } = await authorized(() => client.listTools());
const focal = tools.find(({ name }) => name === 'json_schema_2020_12_tool');
const givenTo: Record<string, object> = {
  add_numbers: { a: 5, b: 3 },
  json_schema_echo: { schema: focal?.inputSchema },
  valid_tool: { region: 'us-west1' },
};
const calls =
  told.toolCalls ??
  tools.filter((tool) => tool !== focal).map(({ name }) => ({ name, arguments: givenTo[name] ?? {} }));
for (const call of calls) await authorized(() => client.callTool(call)).catch(() => {});
if (client.getServerCapabilities()?.resources !== undefined) {
  const { resources } = await client.listResources();
  for (const { uri } of resources) await client.readResource({ uri });
}
if (client.getServerCapabilities()?.prompts !== undefined) {
  const { prompts } = await client.listPrompts();
  for (const { name } of prompts) await client.getPrompt({ name, arguments: {} });
}
await client.close();
process.exit(0);
