import * as undici7 from 'undici';
import * as undici6 from 'undici6';
import * as undici8 from 'undici8';

export type Undici = typeof undici7;

/** Every line of undici that has `compose`, as far as these tests go with one API. */
export const lines: readonly { name: string; undici: Undici }[] = [
  { name: 'undici 6', undici: undici6 as unknown as Undici },
  { name: 'undici 7', undici: undici7 },
  { name: 'undici 8', undici: undici8 as unknown as Undici },
];
