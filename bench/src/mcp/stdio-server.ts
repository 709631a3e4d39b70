// The server of a stdio benchmark: `node stdio-server.ts VARIANT LINE PORT`, where PORT asks it what it has used.
import { startTelemetry } from '../telemetry.ts';
import { echoTool } from './echo.ts';
import { sdkOf } from './sdk.ts';
import type { Line } from './sdk.ts';
import { answer } from './side-channel.ts';
import { startTracing } from './variant.ts';
import type { McpVariant } from './variant.ts';

const [variant, line, port] = process.argv.slice(2) as [McpVariant, Line, string];
const telemetry = startTelemetry();
const sdk = await sdkOf(line);
const echo = echoTool();
const tracing = await startTracing(variant, sdk, 'server', telemetry);
await answer(Number(port), {
  seen: echo.seen,
  spans: telemetry.spans,
  cpu: () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
});
await sdk.serve(echo.tool, tracing);
