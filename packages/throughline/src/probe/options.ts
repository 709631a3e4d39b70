import { CALLBACK } from './callback.ts';
import { isLoopback } from './loopback.ts';

/** The options of `throughline probe`. */
export interface ProbeOptions {
  readonly mcp?: boolean;
  readonly mcpStdio?: boolean;
  readonly a2a?: boolean;
  readonly method?: string;
  readonly data?: string;
  readonly header?: readonly string[];
  /** Milliseconds that an answer may take. */
  readonly timeout: number;
  readonly publicEdge?: boolean;
  readonly callback?: boolean;
  /** The host by which the target reaches the callback. */
  readonly callbackHost: string;
  readonly thirdParty?: boolean;
  readonly collect?: boolean;
  readonly otlpPort?: number;
  /** Milliseconds that spans and calls may take to come, after the last request. */
  readonly settle: number;
  /** How often the sampled flag is forged. */
  readonly samples: number;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** What is to be probed, checked. */
export interface ProbePlan {
  readonly kind: 'http' | 'mcp' | 'mcp-stdio' | 'a2a';
  /** A URL, or a command and its arguments. */
  readonly target: readonly string[];
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly needsCallback: boolean;
  /** The port at which spans are taken; `undefined` where none are, 0 for any that is free. */
  readonly otlpPort: number | undefined;
}

/** That of exporters that nobody has told another. */
const OTLP_PORT = 4318;

/** Returns what is to be probed. Throws an `Error` that names the fix where the options do not fit. */
export function planOf(target: readonly string[], options: ProbeOptions): ProbePlan {
  const kinds = (['mcp', 'mcpStdio', 'a2a'] as const).filter((kind) => options[kind] === true);
  if (kinds.length > 1) throw new Error('--mcp, --mcp-stdio and --a2a are three kinds of target: give one of them');
  const [kind] = kinds;
  const headers = (options.header ?? []).map(headerOf);
  if (kind === 'mcpStdio') {
    if (target.length === 0)
      throw new Error('--mcp-stdio takes a command: throughline probe --mcp-stdio -- node server.js');
    if (headers.length > 0)
      throw new Error('--header is for targets with a URL: an MCP server over stdio has no headers');
  } else {
    checkUrl(target, options);
  }
  if (kind === 'mcp' || kind === 'mcpStdio') checkParams(options.data);
  const method = kind === undefined ? (options.method ?? 'GET') : 'POST';
  if (options.data !== undefined && /^(GET|HEAD)$/i.test(method)) {
    throw new Error('--data needs a method that has a body: add --method POST');
  }
  if (kind === undefined && !/^[A-Z]+$/i.test(method))
    throw new Error(`--method ${method} is none: it takes GET, POST or the like`);
  if (kind === 'a2a' && options.method !== undefined) {
    throw new Error('--method is not for agents: with --data a message is sent, without it no work is started');
  }
  const isNamed = [...target, options.data ?? '', ...headers.map(([, value]) => value)].some((text) =>
    text.includes(CALLBACK),
  );
  if (options.callback === true && !isNamed) {
    throw new Error(
      `--callback needs ${CALLBACK} in the URL, in --data or in a --header: there the probe's own URL is put`,
    );
  }
  if (options.thirdParty === true && !isNamed)
    throw new Error(`--third-party is about the callback: put ${CALLBACK} into the request`);
  const takesSpans = options.collect === true || options.otlpPort !== undefined;
  return {
    kind: kind === 'mcpStdio' ? 'mcp-stdio' : (kind ?? 'http'),
    target,
    headers,
    needsCallback: isNamed,
    otlpPort: takesSpans ? (options.otlpPort ?? OTLP_PORT) : kind === 'mcpStdio' ? 0 : undefined,
  };
}

function checkUrl(target: readonly string[], { yes }: ProbeOptions): void {
  const [text, ...more] = target;
  if (text === undefined) throw new Error('what is to be probed? Give a URL, or --mcp-stdio -- COMMAND');
  if (more.length > 0) throw new Error(`one URL at a time: ${more.join(' ')} is too much. A command needs --mcp-stdio`);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new Error(`${text} is no URL of HTTP: it begins with http:// or https://`);
  }
  if (yes !== true && !isLoopback(url.hostname)) {
    throw new Error(
      `${url.hostname} is not this machine, and gets malformed and oversized requests: add --yes if it is yours to probe`,
    );
  }
}

function checkParams(data: string | undefined): void {
  if (data === undefined) return;
  let params: unknown;
  try {
    params = JSON.parse(data);
  } catch {
    // Told below.
  }
  if (typeof params !== 'object' || params === null || Array.isArray(params)) {
    throw new Error('--data is the params of the MCP request, as a JSON object: {"name":"search","arguments":{}}');
  }
}

function headerOf(text: string): readonly [string, string] {
  const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):\s*(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new Error(`--header ${text} is none: it takes 'name: value'`);
  if (['traceparent', 'tracestate', 'baggage'].includes(name.toLowerCase())) {
    throw new Error(`--header ${name} is what the probe sends itself: leave it out`);
  }
  return [name, value];
}
