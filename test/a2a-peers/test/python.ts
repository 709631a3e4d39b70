import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const folder = fileURLToPath(new URL('../node_modules/.cache/python', import.meta.url));
const python = join(folder, 'bin', 'python');
const packages = [
  'a2a-sdk[http-server]>=1.3,<2',
  'uvicorn>=0.30,<1',
  'opentelemetry-sdk>=1.40,<2',
  'opentelemetry-instrumentation-asgi>=0.60b0,<1',
  'opentelemetry-instrumentation-httpx>=0.60b0,<1',
];

/** Returns the interpreter of a virtual environment with the Python SDK, which is made at the first call on a machine. */
export async function pythonSdk(): Promise<string> {
  try {
    await run(python, [
      '-c',
      'import a2a.server.routes, uvicorn, opentelemetry.instrumentation.asgi, opentelemetry.instrumentation.httpx',
    ]);
  } catch {
    await run('python3', ['-m', 'venv', '--clear', folder]);
    await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages]);
  }
  return python;
}
