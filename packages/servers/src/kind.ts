import type { Recipe } from './own.ts';
import type { Environment } from './supervised.ts';

/** What one has to know of a kind of server: how to find and start it, and how to ask one that is there. */
export interface Kind {
  name: string;
  /** The variable of the environment with the address of one that runs already. */
  variable: string;
  /** Of its address. */
  scheme: string;
  /** Where it listens by default. */
  port: number;
  /** For `docker run`. */
  image: string;
  /** For `apt-get install`. */
  packageName: string;
  /** Returns how to start it, or a sentence on what is not there. */
  find(env: Environment, say: (line: string) => void): Promise<Recipe | string>;
  /** Asks once, by its own protocol, whether one serves there. */
  answers(host: string, port: number): Promise<boolean>;
}
