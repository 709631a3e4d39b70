/** Where a client sends its calls, as far as its base URL tells. */
export interface Server {
  /** As the conventions name it. */
  readonly provider: string | undefined;
  readonly address: string | undefined;
  readonly port: number | undefined;
}

// https://github.com/open-telemetry/semantic-conventions-genai/blob/v0.1.0/docs/registry/attributes/gen-ai.md
const PROVIDERS = [
  ['api.openai.com', 'openai'],
  ['openai.azure.com', 'azure.ai.openai'],
  ['cognitiveservices.azure.com', 'azure.ai.openai'],
  ['services.ai.azure.com', 'azure.ai.inference'],
  ['models.ai.azure.com', 'azure.ai.inference'],
  ['api.anthropic.com', 'anthropic'],
  ['amazonaws.com', 'aws.bedrock'],
  ['aiplatform.googleapis.com', 'gcp.vertex_ai'],
  // `us-central1-aiplatform.googleapis.com`
  ['-aiplatform.googleapis.com', 'gcp.vertex_ai'],
  ['generativelanguage.googleapis.com', 'gcp.gemini'],
  ['api.groq.com', 'groq'],
  ['api.deepseek.com', 'deepseek'],
  ['api.mistral.ai', 'mistral_ai'],
  ['api.x.ai', 'x_ai'],
  ['api.perplexity.ai', 'perplexity'],
  ['api.cohere.com', 'cohere'],
  ['api.cohere.ai', 'cohere'],
  ['ml.cloud.ibm.com', 'ibm.watsonx.ai'],
] as const;

const UNKNOWN: Server = { provider: undefined, address: undefined, port: undefined };
const known = new Map<string, Server>();
const MOST = 100;

/** Returns the server behind a base URL. A client has one for all its calls, so that it is read once. */
export function serverOf(baseUrl: unknown): Server {
  if (typeof baseUrl !== 'string') return UNKNOWN;
  const before = known.get(baseUrl);
  if (before !== undefined) return before;
  const server = readServer(baseUrl);
  if (known.size < MOST) known.set(baseUrl, server);
  return server;
}

function readServer(baseUrl: string): Server {
  if (!URL.canParse(baseUrl)) return UNKNOWN;
  const { protocol, hostname, port } = new URL(baseUrl);
  const provider = PROVIDERS.find(([host]) => {
    return hostname === host || hostname.endsWith(host.startsWith('-') ? host : `.${host}`);
  });
  return {
    provider: provider?.[1],
    address: hostname.startsWith('[') ? hostname.slice(1, -1) : hostname,
    port: port === '' ? (protocol === 'http:' ? 80 : 443) : Number(port),
  };
}
