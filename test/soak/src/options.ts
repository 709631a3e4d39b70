import type { HopOptions } from '@throughline/core';
import { CHAIN } from './chains.ts';

/** What every adapter gets: the name of the chain becomes an attribute of each hop's span. */
export const options: HopOptions = { agent: 'soak', baggage: { toAttributes: [CHAIN] } };
