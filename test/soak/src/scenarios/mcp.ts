import { once } from 'node:events';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { inGroups } from '../at-once.ts';
import { inMemory, overHttp } from '../mcp-links.ts';
import type { Link } from '../mcp-links.ts';
import { v1, v2 } from '../mcp-sdks.ts';
import type { CallResult, Tools } from '../mcp-sdks.ts';
import type { Scenario, Soak } from '../scenario.ts';

const STRANDED = 5;

/**
 * Calls with progress, questions of the tool to the client, errors, cancels and timeouts, over connections of both SDKs, in memory
 * and over HTTP, that are closed now and then with calls on their way.
 */
export const scenario: Scenario = {
  name: 'mcp',
  unit: 'calls',
  count: 100_000,
  async start(soak) {
    let closing = false;
    const tools = toolsOf(soak, () => closing);
    // Over HTTP the SDK itself takes ten times as long.
    const ways = [
      { calls: 250, open: () => inMemory(soak, v1, tools) },
      { calls: 250, open: () => inMemory(soak, v2, tools) },
      { calls: 50, open: () => overHttp(soak, tools) },
    ];
    let opened = 0;
    return {
      async step() {
        const { calls, open } = ways[opened++ % ways.length]!;
        const link = await open();
        await inGroups(calls, 50, () => soak.chain((chain) => one(soak, link, chain)));
        const stranded = Array.from({ length: STRANDED }, () =>
          soak.chain((chain) => fails(soak, 'stranded', link.call('wait', chain))),
        );
        await setImmediate();
        closing = true;
        await link.close();
        await Promise.all(stranded);
        closing = false;
        soak.tally('closed');
        return calls + STRANDED;
      },
      stop: async () => {},
    };
  },
};

function toolsOf(soak: Soak, closing: () => boolean): Tools {
  return {
    add: async ({ chain }) => {
      soak.here(chain, 'tool');
      return chain;
    },
    later: async ({ chain, progress }) => {
      await progress();
      await setTimeout(1);
      soak.here(chain, 'tool after a while');
      return chain;
    },
    ask: async ({ chain, ask }) => {
      await ask(chain);
      soak.here(chain, 'tool that has asked');
      return chain;
    },
    fail: async ({ chain }) => {
      soak.here(chain, 'tool that fails');
      throw new Error('no such file');
    },
    hang: async ({ chain, signal }) => {
      // A close aborts all that is left, over HTTP also calls whose cancel is on its way: that is in nobody's chain.
      signal.addEventListener('abort', () => void (closing() || soak.here(chain, 'abort listener of a tool')));
      await once(signal, 'abort');
      soak.here(chain, 'tool that was cancelled');
      return 'late';
    },
    wait: async ({ chain, signal }) => {
      await once(signal, 'abort');
      soak.here(chain, 'tool that was left alone');
      return 'late';
    },
  };
}

async function one(soak: Soak, link: Link, chain: string): Promise<void> {
  const drawn = soak.random.next();
  if (drawn < 0.5) await answers(soak, chain, link.call('add', chain));
  else if (drawn < 0.65)
    await answers(soak, chain, link.call('later', chain, { onprogress: () => soak.here(chain, 'progress') }));
  else if (drawn < 0.75) await answers(soak, chain, link.call('ask', chain));
  else if (drawn < 0.9) {
    const { isError } = await link.call('fail', chain);
    if (isError !== true) soak.differs('a tool that throws answered without isError');
  } else if (drawn < 0.97) {
    const cancel = new AbortController();
    const turns = soak.random.below(6);
    const call = link.call('hang', chain, { signal: cancel.signal });
    call.catch(() => {});
    for (let turn = 0; turn < turns; turn++) await setImmediate();
    cancel.abort('enough');
    await fails(soak, 'cancelled', call);
  } else await fails(soak, 'timed out', link.call('hang', chain, { timeout: 5 }));
  soak.here(chain, 'caller after the answer');
}

async function answers(soak: Soak, chain: string, call: Promise<CallResult>): Promise<void> {
  const { content } = await call;
  if (content[0]?.text !== chain) soak.differs(`chain ${chain} had the answer '${content[0]?.text}'`);
}

async function fails(soak: Soak, how: string, call: Promise<CallResult>): Promise<void> {
  await call.then(
    () => soak.differs(`a call that was ${how} was answered`),
    () => soak.tally(how),
  );
}
