import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { recipes } from './recipes.ts';
import { openStage } from './stage.ts';

// node test/corpus/make/run.ts NAME…: makes captures again. Without a name it lists what there is.
const names = process.argv.slice(2);
if (names.length === 0) console.log([...recipes.keys()].join('\n'));

for (const name of names) {
  const recipe = recipes.get(name);
  if (recipe === undefined) throw new Error(`there is no recipe for ${name}: run this without a name for a list`);
  const stage = await openStage(name);
  try {
    await recipe.make(stage);
  } finally {
    await stage.close();
  }
  const folder = join(import.meta.dirname, '../captures', name);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'spans.json');
  writeFileSync(file, stage.exported(recipe.form ?? 'lines'));
  console.log(`${name}: ${statSync(file).size} bytes`);
}
