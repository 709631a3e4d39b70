import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const folder = fileURLToPath(new URL('../node_modules/.cache/python', import.meta.url));
const python = join(folder, 'bin', 'python');
const packages = ['mcp>=2.3,<3', 'opentelemetry-sdk>=1.40,<2'];

/** Returns the interpreter of a virtual environment with the Python SDK, which is made at the first call on a machine. */
export async function pythonSdk(): Promise<string> {
  try {
    await run(python, ['-c', 'import mcp.server.mcpserver, opentelemetry.sdk.trace']);
  } catch {
    await run('python3', ['-m', 'venv', '--clear', folder]);
    await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages]);
  }
  return python;
}
