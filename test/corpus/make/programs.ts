import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a program is started with. */
export interface Start {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
}

const here = import.meta.dirname;
const work = join(tmpdir(), 'throughline-corpus');

/** Returns how a program in Python is started. */
export function python(file: string, args: readonly string[]): Start {
  const folder = laid('python');
  const bin = join(folder, 'venv/bin');
  if (!existsSync(join(bin, 'opentelemetry-instrument'))) {
    install('python3', ['-m', 'venv', 'venv'], folder);
    install(join(bin, 'pip'), ['install', '-q', '-r', 'requirements.txt'], folder);
  }
  return { command: join(bin, 'python'), args: ['-u', file, ...args], cwd: folder };
}

/** Returns how a command of Python's packages is started, such as `celery`. */
export function pythonCommand(command: string, args: readonly string[]): Start {
  const { cwd } = python('', []);
  return { command: join(cwd, 'venv/bin', command), args, cwd };
}

/** Returns how a program is started on a line of OpenTelemetry for JavaScript. */
export function node(line: 'sdk1' | 'sdk2' | 'sdk3', file: string, args: readonly string[]): Start {
  const folder = laid('node', `node-${line}`);
  cpSync(join(here, 'node', line, 'package.json'), join(folder, 'package.json'));
  if (!existsSync(join(folder, 'node_modules'))) install('npm', ['install', '--no-audit', '--no-fund'], folder);
  return { command: process.execPath, args: [file, ...args], cwd: folder };
}

/** Returns how a program of `make/ours` is started, on the packages of this repository. */
export function workspace(file: string, args: readonly string[]): Start {
  return { command: process.execPath, args: [join(here, 'ours', file), ...args], cwd: here };
}

/** Returns how a class of `make/java` is started below the agent of OpenTelemetry. */
export function java(
  agent: '2.20.1' | '1.32.1',
  name: string,
  args: readonly string[],
  options: readonly string[],
): Start {
  const folder = laid('java');
  const jar = join('libs', `opentelemetry-javaagent-${agent}.jar`);
  if (!existsSync(join(folder, jar))) {
    install('mvn', ['-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=libs', `-Dagent=${agent}`], folder);
  }
  install('javac', ['-cp', 'libs/*', '-d', 'classes', `${name}.java`], folder);
  const rest = ['-cp', 'classes:libs/*', name, ...args];
  return { command: 'java', args: [`-javaagent:${jar}`, '-Xmx256m', ...options, ...rest], cwd: folder };
}

function laid(family: string, as: string = family): string {
  const folder = join(work, as);
  mkdirSync(folder, { recursive: true });
  cpSync(join(here, family), folder, { recursive: true });
  return folder;
}

function install(command: string, args: readonly string[], cwd: string): void {
  execFileSync(command, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
}
