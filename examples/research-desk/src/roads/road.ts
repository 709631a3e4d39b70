/** What the desk's tasks and results travel over, whatever broker that is. */
import type { HopOptions } from '@throughline/core';
import { adapter, dropping } from '../breaking.ts';
import { setting } from '../desk.ts';
import type { RoadName } from './names.ts';

/** Tasks go from the planner to the analysts, who share them; results come back. */
export type Queue = 'tasks' | 'results';

/** One agent's place at a road: it sends to one queue, and hears the other. */
export interface Road {
  /** Puts messages on the queue that this agent sends to. */
  send(texts: readonly string[]): Promise<void>;
  /**
   * Has `handle` run for each message of the queue that this agent hears; resolves once messages come. What `handle` gives is the answer
   * to the message: it goes to the queue that this agent sends to, and is no step deeper in the chain of agents.
   */
  receive(handle: (text: string) => Promise<string | undefined>): Promise<void>;
  /** Finishes what is under way, and lets go of the broker. */
  close(): Promise<void>;
}

export interface Member {
  /** The agent's name. */
  readonly name: string;
  readonly options: HopOptions;
  readonly sends: Queue;
  readonly receives: Queue;
}

/** Takes a place at a road. The planner's, who starts first, makes the queues. */
export type OpenRoad = (member: Member) => Promise<Road>;

/** The address of the broker. */
export function broker(): string {
  return setting('DESK_BROKER');
}

/** The name of a queue on the broker. On one that others use too it is this run's own. */
export function queueName(queue: Queue): string {
  return setting(queue === 'tasks' ? 'DESK_TASKS' : 'DESK_RESULTS');
}

/** What a road has its two ends wrapped by, so that `--break` can leave one out. */
export interface Ends {
  /** Options of the end that sends. */
  readonly sending: HopOptions;
  sender<Wrap extends (target: never, ...options: never[]) => unknown>(wrap: Wrap): Wrap;
  receiver<Wrap extends (target: never, ...options: never[]) => unknown>(wrap: Wrap): Wrap;
}

export function endsOf({ options, sends, receives }: Member, road: RoadName): Ends {
  const hop = (queue: Queue): RoadName | `${RoadName}-results` => (queue === 'tasks' ? road : `${road}-results`);
  return {
    sending: { ...options, ...dropping(hop(sends)) },
    sender: (wrap) => adapter(`${hop(sends)}-sender`, wrap),
    receiver: (wrap) => adapter(`${hop(receives)}-receiver`, wrap),
  };
}
