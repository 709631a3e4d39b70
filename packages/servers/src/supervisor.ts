/**
 * The program that owns a broker: it makes the folder, runs the programs it is told to, and when its standard input
 * closes, for whatever reason, it kills them and removes the folder.
 *
 * A process that is killed outright cannot clean up after itself, but the kernel still closes its pipes. So the one who
 * starts a broker holds the other end of this program's standard input, and nothing else keeps the broker alive.
 *
 *     starter ──stdin: one Order a line──▶ supervisor ──▶ java, maven, node
 *             ◀─stdout: one Report a line─
 *
 * Run as `node supervisor.ts <prefix of the folder>`; {@link supervise} is the other side.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Order, Report } from './supervised.ts';

const TAIL_LINES = 40;
const children = new Map<number, ChildProcess>();
let ending = false;

function report(message: Report): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

function start(order: Extract<Order, { do: 'start' }>): void {
  const child = spawn(order.command, order.args, {
    cwd: order.cwd ?? folder,
    env: { ...process.env, ...order.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.set(order.id, child);
  // Bounded on purpose: librdkafka's broker logs every request.
  const tail: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      if (tail.push(line) > TAIL_LINES) tail.shift();
      if (order.watchFor !== undefined && line.includes(order.watchFor)) report({ event: 'line', id: order.id, line });
    });
  }
  child.on('spawn', () => report({ event: 'started', id: order.id, pid: child.pid ?? -1 }));
  child.on('error', (error) => tail.push(error.message));
  child.on('close', (code, signal) => {
    children.delete(order.id);
    report({ event: 'ended', id: order.id, code, signal, tail });
    if (ending) leaveWhenEmpty();
  });
}

function obey(line: string): void {
  const order: unknown = JSON.parse(line);
  if (!isOrder(order)) return;
  if (order.do === 'start') start(order);
  else children.get(order.id)?.kill(order.signal);
}

function isOrder(value: unknown): value is Order {
  return typeof value === 'object' && value !== null && 'do' in value;
}

function end(): void {
  if (ending) return;
  ending = true;
  for (const child of children.values()) child.kill('SIGKILL');
  leaveWhenEmpty();
}

function leaveWhenEmpty(): void {
  if (children.size > 0) return;
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  process.exit();
}

// Who would read it may be gone already.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});
process.on('uncaughtException', (error) => {
  process.stderr.write(`${error.stack ?? error.message}\n`);
  if (ending) process.exit(1);
  process.exitCode = 1;
  end();
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);

const folder = mkdtempSync(process.argv[2] ?? '');
createInterface({ input: process.stdin }).on('line', obey).on('close', end);
report({ event: 'ready', folder });
