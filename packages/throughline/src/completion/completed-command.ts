/** What a shell can complete after one of the commands. */
export interface CompletedCommand {
  readonly name: string;
  readonly description: string;
  readonly options: readonly CompletedOption[];
  /** The words that it takes as an argument, where they are known; else it takes files. */
  readonly words: readonly string[];
}

export interface CompletedOption {
  /** With its dashes. */
  readonly flag: string;
  readonly description: string;
  readonly takesValue: boolean;
  /** The values that it takes, where they are known. */
  readonly values: readonly string[];
}
