/*
 * What is printed ends up in the logs of build servers and on terminals, which act on what they read there. GitHub's runner takes
 * `##[error]` for a command anywhere in a line, Azure Pipelines `##vso[…]`, TeamCity `##teamcity[…]`.
 * https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
 */
const COMMAND = /##(?=\w*\[)/g;
const UNPRINTABLE = /[^\P{C}\n]|[\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** Returns text in which no command is left for a build server. What is in it is printable already. */
export function inertText(text: string): string {
  return text.replace(COMMAND, String.raw`#\u{23}`);
}

/** Returns the same JSON, in which no command is left, and nothing that acts on a terminal. */
export function inertJson(json: string): string {
  return json.replace(COMMAND, String.raw`#\u0023`).replace(UNPRINTABLE, (character) =>
    // A character beyond the first plane is two escapes.
    Array.from(
      { length: character.length },
      (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
    ).join(''),
  );
}

/** Returns the same XML, in which no command is left. What is in it is printable already. */
export function inertXml(xml: string): string {
  return xml.replace(COMMAND, '#&#35;');
}
