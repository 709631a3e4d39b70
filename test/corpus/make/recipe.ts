import type { Form } from './exported.ts';
import type { Stage } from './stage.ts';

/** How a capture is made. */
export interface Recipe {
  /** Starts programs, has them do what they do, and lets them end. */
  readonly make: (stage: Stage) => Promise<void>;
  /** What the file is written as. Default: `lines`. */
  readonly form?: Form;
}

/** Recipes by the names of their captures. */
export type Recipes = Readonly<Record<string, Recipe>>;
