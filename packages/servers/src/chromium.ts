/** Finds Chromium or Chrome; what drives it is the test's own. */
import { executable, findOnPath } from './on-path.ts';
import type { Environment } from './supervised.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
const ON_MACOS = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';

/** Returns the path in `CHROME_PATH`, else of the first of its names that is installed, or `undefined`. */
export async function lookForChromium(env: Environment): Promise<string | undefined> {
  if (env['CHROME_PATH']) return env['CHROME_PATH'];
  for (const name of NAMES) {
    const found = await findOnPath(name, env);
    if (found !== undefined) return found;
  }
  return process.platform === 'darwin' ? executable(ON_MACOS) : undefined;
}
