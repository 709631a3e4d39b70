/**
 * Fails where the sources of a package import each other in a circle, types included: between files, and between the folders of
 * one package, whose arrows run one way. Entry files stand in no folder and count by themselves.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const root = join(import.meta.dirname, '..');

type Graph = Map<string, Set<string>>;

function importsOf(file: string): string[] {
  const specifiers = readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'(\.[^']*\.ts)'/g);
  return [...specifiers].map(([, specifier]) => join(dirname(file), specifier as string));
}

/** Returns one circle of a graph, or `undefined`. */
function circleIn(graph: Graph): string[] | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (node: string): string[] | undefined => {
    const at = path.indexOf(node);
    if (at >= 0) return [...path.slice(at), node];
    if (done.has(node)) return undefined;
    path.push(node);
    for (const next of graph.get(node) ?? []) {
      const circle = visit(next);
      if (circle !== undefined) return circle;
    }
    path.pop();
    done.add(node);
    return undefined;
  };
  for (const node of graph.keys()) {
    const circle = visit(node);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

const circles: string[] = [];
for (const src of globSync('packages/*/src', { cwd: root }).map((folder) => join(root, folder))) {
  const files: Graph = new Map();
  const rooms: Graph = new Map();
  const roomOf = (file: string): string => {
    const [room, ...rest] = relative(src, file).split(/[\\/]/);
    return rest.length === 0 ? relative(src, file) : (room as string);
  };
  for (const name of globSync('**/*.ts', { cwd: src })) {
    const file = join(src, name);
    const imports = importsOf(file).filter((other) => !relative(src, other).startsWith('..'));
    files.set(relative(root, file), new Set(imports.map((other) => relative(root, other))));
    const from = roomOf(file);
    const into = rooms.get(from) ?? new Set<string>();
    for (const other of imports) if (roomOf(other) !== from) into.add(roomOf(other));
    rooms.set(from, into);
  }
  const circle = circleIn(files) ?? circleIn(rooms);
  if (circle !== undefined) circles.push(`${relative(root, src)}: ${circle.join(' → ')}`);
}
for (const circle of circles) console.error(circle);
process.exitCode = circles.length === 0 ? 0 : 1;
