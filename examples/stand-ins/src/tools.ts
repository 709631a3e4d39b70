import { fileURLToPath } from 'node:url';

/** How a framework starts the tool server over stdio. The MCP SDK hands a child few variables, so those of the SDK are named. */
export interface StdioServer {
  readonly command: string;
  readonly args: string[];
  readonly env: Record<string, string>;
}

/** The tool servers: the command that one over stdio is started with, and the URL of the one over HTTP that the stage started. */
export function toolServer(): { readonly stdio: StdioServer; readonly http: URL } {
  const { TOOLS_URL, OTEL_EXPORTER_OTLP_ENDPOINT = '', OTEL_BSP_SCHEDULE_DELAY = '' } = process.env;
  if (TOOLS_URL === undefined) throw new Error('TOOLS_URL is not set: start this service by `openStage`');
  const args = [fileURLToPath(toolProgram), 'stdio'];
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_BSP_SCHEDULE_DELAY };
  return { stdio: { command: process.execPath, args, env }, http: new URL(TOOLS_URL) };
}

/** The program of both. */
export const toolProgram: URL = new URL('./tool-program.ts', import.meta.url);
