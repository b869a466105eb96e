import type {z} from 'zod';
import {UsageError} from './errors.js';

/** Something wrong at a place in a file. Lines and columns count from 1. */
export interface FileProblem {
  readonly path: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  /** The line at fault, and how many of its characters from `column` on are meant. */
  readonly lineText: string;
  readonly length: number;
}

/** A place in a value: member names and indexes from its root. */
export type ValuePath = readonly (string | number)[];

/** A YAML text whose values can be traced back to their place. */
export interface YamlText {
  readonly path: string;
  /** Shape not checked; undefined when the text isn't YAML (`problems` says why). */
  readonly value: unknown;
  readonly problems: readonly FileProblem[];
  /** A problem with the value at this place (or the member's name), or with the nearest place around it that is there. */
  problemAt(place: ValuePath, message: string, part?: 'value' | 'name'): FileProblem;
}

/** Parses YAML and keeps positions. Asynchronous because the parser is loaded only when a command needs it.
 * @param shown What problems show of the text: the same, or with secrets masked character by character. Of a line that is
 * masked, messages quote nothing either.
 */
export async function parseYaml(path: string, text: string, shown = text): Promise<YamlText> {
  const {isMap, isNode, LineCounter, parseDocument, visit} = await import('yaml');
  const lineCounter = new LineCounter();
  const document = parseDocument(text, {lineCounter, prettyErrors: false});
  const lines = shown.split('\n');
  const realLines = text.split('\n');

  const problem = (start: number, end: number, message: string): FileProblem => {
    const {line, col} = lineCounter.linePos(start);
    const lineText = lines[line - 1] ?? '';
    const length = Math.max(1, Math.min(end - start, lineText.length - col + 1));
    return {path, line, column: col, message, lineText, length};
  };
  const nameNode = (place: ValuePath): unknown => {
    const parent = place.length > 1 ? document.getIn(place.slice(0, -1), true) : document.contents;
    return isMap(parent) ? parent.items.find((item) => String(item.key) === String(place.at(-1)))?.key : undefined;
  };
  const problemAt = (place: ValuePath, message: string, part: 'value' | 'name' = 'value'): FileProblem => {
    const name = part === 'name' ? nameNode(place) : undefined;
    if (isNode(name) && name.range) return problem(name.range[0], name.range[1], message);
    for (let depth = place.length; depth >= 0; depth--) {
      const node = depth === 0 ? document.contents : document.getIn(place.slice(0, depth), true);
      if (isNode(node) && node.range) return problem(node.range[0], node.range[1], message);
    }
    return problem(0, 1, message);
  };

  const syntaxProblem = (start: number, end: number, message: string): FileProblem => {
    const found = problem(start, end, message);
    const isMasked = found.lineText !== (realLines[found.line - 1] ?? '');
    return isMasked ? {...found, message: message.replace(/:.*$/s, '')} : found;
  };

  const problems = document.errors.map((error) => syntaxProblem(error.pos[0], error.pos[1], error.message));
  visit(document, {
    Alias(_key, alias) {
      const [start, end] = alias.range ?? [0, 1];
      if (!alias.resolve(document)) problems.push(problem(start, end, 'The alias has no anchor before it'));
    },
  });
  return {path, value: problems.length ? undefined : document.toJS(), problems, problemAt};
}

/** Parses a YAML text's value by its schema.
 * @throws {UsageError} `invalid-file` with all problems of syntax or shape together.
 */
export function parseShape<S extends z.ZodType>(what: string, yaml: YamlText, schema: S): z.output<S> {
  throwProblems(what, yaml, yaml.problems);
  const result = schema.safeParse(yaml.value);
  if (result.success) return result.data;
  throwProblems(
    what,
    yaml,
    result.error.issues.flatMap((issue) => shapeProblems(yaml, issue)),
  );
  throw result.error;
}

/** @throws {UsageError} `invalid-file` when there are problems. */
export function throwProblems(what: string, yaml: YamlText, problems: readonly FileProblem[]): void {
  if (problems.length === 0) return;
  const inOrder = [...problems].sort((a, b) => a.line - b.line || a.column - b.column);
  throw new UsageError('invalid-file', {what, path: yaml.path, problems: inOrder});
}

function shapeProblems(yaml: YamlText, issue: z.core.$ZodIssue): FileProblem[] {
  const place = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => yaml.problemAt([...place, key], `Unknown member "${key}"`, 'name'));
  }
  const where = place.length ? `"${place.join('.')}": ` : '';
  return [yaml.problemAt(place, `${where}${issue.message}`)];
}
