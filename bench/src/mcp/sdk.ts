import type { ClientLike, ServerLike } from '@throughline/mcp';

/** What a client asks of the tool. */
export interface CallParams {
  readonly name: string;
  readonly arguments: { readonly text: string };
  readonly _meta?: Readonly<Record<string, unknown>>;
}

export interface Answer {
  [key: string]: unknown;
  content: { type: 'text'; text: string }[];
  isError?: boolean;
}

/** What a tool's handler knows of the request, under the names of SDK v2. */
export interface ToolRequest {
  readonly id: string | number;
  readonly _meta?: Readonly<Record<string, unknown>> | undefined;
}

/** A call as the caller makes it. */
export type Call = (params: CallParams) => Promise<Readonly<Record<string, unknown>>>;
/** A tool as its author writes it. */
export type Tool = (input: { text: string }, request: ToolRequest) => Promise<Answer>;

/** The places at which a variant may put itself in between. */
export interface Tracing {
  /** What client and server are made of: an instrumentation may have patched heirs of the SDK's own. */
  readonly classes: Classes;
  client<C extends ClientLike>(client: C): C;
  server<S extends ServerLike>(server: S): S;
  call(call: Call): Call;
  tool(tool: Tool): Tool;
}

/** A connected client. */
export interface Connected {
  readonly call: Call;
  close(): Promise<void>;
}

type Class = new (...args: never[]) => object;

/** What instrumentations patch. */
export interface Classes {
  readonly Client: Class;
  readonly Server: Class;
  readonly InMemoryTransport: Class;
  readonly StdioClientTransport: Class;
  readonly StdioServerTransport: Class;
}

/** One line of the MCP SDK, each with one server that has the one tool `echo`. */
export interface Sdk {
  readonly classes: Classes;
  /** Connects a client to a server in the same process. */
  inMemory(tool: Tool, tracing: Tracing): Promise<Connected>;
  /** Connects a client to a new process of Node's, which has to {@link serve}. */
  spawn(nodeArgs: string[], tracing: Tracing): Promise<Connected>;
  /** Serves the tool over stdin and stdout of this process. */
  serve(tool: Tool, tracing: Tracing): Promise<void>;
}

/** Which line of the SDK. */
export type Line = 'v1' | 'v2';

/** Loads one line of the SDK, and so not the other. */
export async function sdkOf(line: Line): Promise<Sdk> {
  return line === 'v1' ? (await import('./sdk-v1.ts')).v1 : (await import('./sdk-v2.ts')).v2;
}
