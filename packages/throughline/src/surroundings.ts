/** What a command reads from, and writes to. */
export interface Surroundings {
  readonly stdin: AsyncIterable<Buffer | string>;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Output {
  readonly isTTY?: boolean;
  /** Of a terminal. */
  readonly rows?: number;
  readonly columns?: number;
  write(text: string): unknown;
}
