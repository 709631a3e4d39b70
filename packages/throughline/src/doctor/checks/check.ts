import type { Finding } from '../finding.ts';
import type { Copy, Member, Project } from '../project/project.ts';
import type { Setting, Source } from '../project/sources.ts';

/** One package of the project, as the checks see it. */
export interface Examined {
  readonly project: Project;
  readonly member: Member;
  /** Every copy that can be in its process, with what imports each. */
  readonly copies: ReadonlyMap<Copy, ReadonlySet<Copy | Member>>;
  readonly sources: readonly Source[];
  readonly commands: readonly Source[];
  readonly settings: readonly Setting[];
  /** Such as `24.21.0`. */
  readonly nodeVersion: string;
}

/** Returns what it finds: at least one sentence where it looked at something, and none where it has nothing to do with the package. */
export type Check = (examined: Examined) => readonly Finding[];
