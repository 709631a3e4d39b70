/** What every outage has in common: a bare client and a traced one send and receive side by side, and both must fare the same. */
import { setTimeout } from 'node:timers/promises';
import type { Scenario, Soak } from './scenario.ts';

const STEP = 1000;
const IN_ONE_SEND = 100;
const SENDS_IN_OUTAGE = 5;

/** How a message came out that was sent: acknowledged, or what tells its error from others. */
export type Outcome = string;
export const ACKNOWLEDGED: Outcome = 'acknowledged';

/** A broker that may be killed. */
export interface Killable {
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Which of the two clients it is, and what it tells while it runs. */
export interface Side {
  /** Names its topic or queue. */
  readonly name: 'bare' | 'traced';
  /** {@link Soak.chain} on the traced side; on the bare one there is none. */
  chain<T>(work: (name: string) => Promise<T>): Promise<T>;
  /** {@link Soak.here} on the traced side. */
  here(name: string | undefined, where: string): void;
  /** Says that a message has been received; once more is no harm. */
  arrived(key: string): void;
}

/** A producer and a consumer of their own. The consumer never gives up, the producer soon. */
export interface Ends {
  /** Sends messages by these keys; returns how they came out, all at once or each in its order. */
  send(keys: readonly string[]): Promise<Outcome | readonly Outcome[]>;
  stop(): Promise<void>;
}

export interface Outage {
  readonly name: string;
  /** How many messages each side sends, in the middle of which comes the kill. */
  readonly round?: number;
  start(): Promise<{ broker: Killable; connect(side: Side, soak: Soak): Promise<Ends> }>;
  /** What a message may fail with that is on its way at the kill, beside what it fails with where no broker is. */
  readonly atKill?: readonly Outcome[];
}

/**
 * The broker is killed and started again in the middle of a round. What is acknowledged, what fails and with which errors must be the
 * same on both sides, and all that was acknowledged must arrive.
 */
export function outageScenario({ name, round = 20_000, start, atKill = [] }: Outage): Scenario {
  return {
    name,
    unit: 'messages',
    count: round,
    least: round,
    async start(soak) {
      const { broker, connect } = await start();
      const sides = [
        await running('bare', (side) => connect(side, soak)),
        await running('traced', (side) => connect(side, soak), soak),
      ] as const;
      let done = 0;
      return {
        async step() {
          if (done % round === round / 2) await outage(soak, broker, sides, atKill);
          else compare(soak, 'with the broker up', await sendMany(sides, STEP / IN_ONE_SEND), [ACKNOWLEDGED]);
          for (const side of sides) await side.received();
          done += STEP;
          return STEP;
        },
        async stop() {
          for (const side of sides) await side.stop();
          await broker.stop();
        },
      };
    },
  };
}

async function outage(soak: Soak, broker: Killable, sides: Sides, atKill: readonly Outcome[]): Promise<void> {
  // The kill comes when some are acknowledged, and others are on their way.
  const sending = sides.map(({ send }) => Array.from({ length: SENDS_IN_OUTAGE }, send));
  await Promise.race(sending.flat());
  const down = new AbortController();
  const killed = broker.kill().finally(() => down.abort());
  const caught = (await Promise.all(sending.flat())).flat();
  while (!down.signal.aborted) caught.push(...(await sendMany(sides, SENDS_IN_OUTAGE)).flat());
  await killed;
  // A client may learn it only by one more.
  caught.push(...(await sendMany(sides, SENDS_IN_OUTAGE)).flat());
  const refused = await sendMany(sides, SENDS_IN_OUTAGE);
  compare(soak, 'with the broker down', refused);
  const [errors = []] = refused;
  if (errors.includes(ACKNOWLEDGED)) soak.differs('a broker that is down acknowledges');
  // Which of those on their way at the kill are acknowledged is chance. What the others fail with is not.
  for (const outcome of caught)
    if (outcome !== ACKNOWLEDGED && !errors.includes(outcome) && !atKill.includes(outcome))
      soak.differs(`a message at the kill failed with ${outcome}`);
  soak.tally('not acknowledged', caught.filter((outcome) => outcome !== ACKNOWLEDGED).length);
  await broker.restart();
  for (const { send } of sides) while ((await send()).some((outcome) => outcome !== ACKNOWLEDGED)) await setTimeout(20);
  soak.tally('kills');
}

function compare(soak: Soak, when: string, [bare = [], traced = []]: Outcome[][], expected?: Outcome[]): void {
  const [all, same] = [bare, traced].map((outcomes) => [...new Set(outcomes)].sort().join());
  if (all !== same || (expected !== undefined && all !== expected.join()))
    soak.differs(`${when} the bare client had ${all}, the traced one ${same}`);
}

/** Has each side send so often, both at once; returns how that came out, by side. */
async function sendMany(sides: Sides, count: number): Promise<Outcome[][]> {
  const sending = sides.map(({ send }) => Promise.all(Array.from({ length: count }, send)));
  return (await Promise.all(sending)).map((outcomes) => outcomes.flat());
}

type Sides = readonly RunningSide[];

interface RunningSide {
  /** Sends a hundred messages; returns how each came out. */
  readonly send: () => Promise<readonly Outcome[]>;
  /** Resolves once all that was acknowledged has been received. */
  received(): Promise<void>;
  stop(): Promise<void>;
}

async function running(name: Side['name'], connect: (side: Side) => Promise<Ends>, soak?: Soak): Promise<RunningSide> {
  // Acknowledged and not received yet; received and not acknowledged yet.
  const due = new Set<string>();
  const early = new Set<string>();
  let emptied: (() => void) | undefined;
  const { send, stop } = await connect({
    name,
    chain: (work) => (soak === undefined ? work('') : soak.chain(work)),
    here: (chain, where) => soak?.here(chain, where),
    arrived(key) {
      if (!due.delete(key)) early.add(key);
      else if (due.size === 0) emptied?.();
    },
  });
  let sent = 0;
  return {
    async send() {
      const keys = Array.from({ length: IN_ONE_SEND }, () => String(sent++));
      const outcomes = [await send(keys)].flat();
      for (const [at, key] of keys.entries())
        if ((outcomes[at] ?? outcomes[0]) === ACKNOWLEDGED && !early.delete(key)) due.add(key);
      return keys.map((_, at) => outcomes[at] ?? outcomes[0] ?? '');
    },
    async received() {
      if (due.size > 0) await new Promise<void>((resolve) => (emptied = resolve));
      early.clear();
    },
    stop,
  };
}
