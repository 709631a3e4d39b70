import type { Recipe } from './recipe.ts';
import { onJava } from './java.ts';
import { onNode } from './node.ts';
import { ours } from './ours.ts';
import { http } from './python-http.ts';
import { messages } from './python-messages.ts';

/** All recipes, by the names of their captures. */
export const recipes: ReadonlyMap<string, Recipe> = new Map(
  Object.entries({ ...http, ...messages, ...onJava, ...onNode, ...ours }),
);
