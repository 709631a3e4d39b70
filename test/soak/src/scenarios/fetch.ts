import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { traceFetch } from '@throughline/fetch';
import { traceInterceptor } from '@throughline/fetch/undici';
import { Agent, request } from 'undici';
import type { Dispatcher } from 'undici';
import { inGroups } from '../at-once.ts';
import { BareFetch } from '../bare-fetch.ts';
import { CHAIN } from '../chains.ts';
import { options } from '../options.ts';
import type { Scenario, Soak } from '../scenario.ts';
import { serve } from '../serve.ts';

/** Calls of a traced fetch and of a traced undici, in every form, to a server that looks at what is on the wire. */
export const scenario: Scenario = {
  name: 'fetch',
  unit: 'fetches',
  count: 300_000,
  async start(soak) {
    const bare = new BareFetch();
    const tracedFetch = traceFetch(bare.fetch, options);
    const agent = new Agent();
    const dispatcher = agent.compose(traceInterceptor(options));
    const { origin, close } = await serve((req, res) => answer(soak, req, res));
    const one = async (chain: string): Promise<void> => {
      const url = `${origin}/${chain}`;
      if (soak.random.chance(0.25)) await byUndici(soak, url, dispatcher);
      else await byFetch(soak, url, bare, tracedFetch);
      soak.here(chain, 'caller after the answer');
    };
    return {
      step: () => inGroups(250, 50, () => soak.chain(one)),
      async stop() {
        await agent.destroy();
        await close();
      },
    };
  },
};

function answer(soak: Soak, req: IncomingMessage, res: ServerResponse): void {
  const [, chain = '', what = ''] = (req.url ?? '').split('/');
  const { traceparent, baggage } = req.headersDistinct;
  soak.crossedUnless(
    traceparent?.length === 1 && traceparent[0]?.split('-')[1] === chain,
    `${req.url} came with traceparent ${traceparent?.join(' and ')}`,
  );
  soak.crossedUnless(
    baggage?.length === 1 &&
      baggage[0]
        ?.split(',')
        .filter((member) => member.startsWith(CHAIN))
        .join() === `${CHAIN}=${chain}`,
    `${req.url} came with baggage ${baggage?.join(' and ')}`,
  );
  req.resume();
  switch (what) {
    case 'drop':
      req.socket.destroy();
      break;
    case 'hang':
      break;
    case 'redirect':
      res.writeHead(302, { location: `/${chain}/ok` }).end();
      break;
    default:
      res.writeHead(what === 'missing' ? 404 : 200).end(chain);
  }
}

async function byFetch(soak: Soak, url: string, bare: BareFetch, tracedFetch: typeof fetch): Promise<void> {
  const drawn = soak.random.next();
  try {
    if (drawn < 0.3) await answered(soak, url, tracedFetch(`${url}/ok`));
    else if (drawn < 0.4) await answered(soak, url, tracedFetch(new URL(`${url}/missing`)));
    else if (drawn < 0.5)
      await answered(soak, url, tracedFetch(new Request(`${url}/ok`, { headers: { accept: '*/*' } })));
    else if (drawn < 0.6) await answered(soak, url, tracedFetch(`${url}/ok`, { method: 'POST', body: 'a question' }));
    else if (drawn < 0.7) await answered(soak, url, tracedFetch(`${url}/redirect`));
    else if (drawn < 0.8) {
      // Nobody reads the answer.
      const { body } = await tracedFetch(`${url}/ok`);
      await body?.cancel();
    } else if (drawn < 0.9) await tracedFetch(`${url}/hang`, { signal: aborting(soak.random.below(8)) });
    else await tracedFetch(`${url}/drop`);
    if (drawn >= 0.8) soak.differs(`${url} was answered`);
  } catch (error) {
    soak.tally(drawn < 0.9 ? 'aborted' : 'dropped');
    if (drawn < 0.8 || !bare.threw(error)) soak.differs(`a call failed with ${String(error)}`);
  }
}

async function byUndici(soak: Soak, url: string, dispatcher: Dispatcher): Promise<void> {
  const drawn = soak.random.next();
  const signal = aborting(soak.random.below(8));
  try {
    if (drawn < 0.8) {
      const { body } = await request(`${url}/ok`, { dispatcher });
      if (!url.endsWith(await body.text())) soak.differs(`${url} had another's answer`);
      return;
    }
    if (drawn < 0.9) await request(`${url}/hang`, { dispatcher, signal });
    else await request(`${url}/drop`, { dispatcher });
    soak.differs(`${url} was answered`);
  } catch (error) {
    soak.tally(drawn < 0.9 ? 'aborted' : 'dropped');
    if (drawn < 0.8 || (drawn < 0.9 && error !== signal.reason)) soak.differs(`a call failed with ${String(error)}`);
  }
}

async function answered(soak: Soak, url: string, call: Promise<Response>): Promise<void> {
  const text = await (await call).text();
  if (text === '' || !url.endsWith(text)) soak.differs(`${url} had another's answer`);
}

/** Aborted after so many turns of the event loop. */
function aborting(turns: number): AbortSignal {
  const abort = new AbortController();
  void (async () => {
    for (let turn = 0; turn < turns; turn++) await setImmediate();
    abort.abort(new Error('gave up'));
  })();
  return abort.signal;
}
