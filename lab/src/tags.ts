/** Tags of cells: read from the server's answer, set in the metadata or in the directives. */

import { ICellModel } from '@jupyterlab/cells';

/** A cell has at most one of these. */
export const ROLES = ['parameters', 'export', 'metric', 'main', 'test'];
/** A cell may have these besides its role. */
export const MARKS = ['check', 'skip'];
/** Other tags that take the place of a role. */
const REPLACED = [...ROLES, 'exporti', 'exports', 'hide'];

const DIRECTIVE = /^#\|\s*([A-Za-z][\w-]*)/;

/** The tags as the badge shows them. */
export function label(tags: readonly string[]): string {
  return tags.length > 0 ? tags.join(' · ') : 'no role';
}

/** Set or remove a tag; a role replaces the other roles. */
export function toggle(
  cell: ICellModel,
  tag: string,
  current: readonly string[]
): void {
  const remove = ROLES.includes(tag) ? new Set(REPLACED) : new Set([tag]);
  const tags = metadataTags(cell).filter(each => !remove.has(nameOf(each)));
  if (!current.includes(tag)) {
    tags.push(tag);
  }
  removeDirectives(cell, remove);
  if (tags.length > 0) {
    cell.setMetadata('tags', tags);
  } else {
    cell.deleteMetadata('tags');
  }
}

export function metadataTags(cell: ICellModel): string[] {
  const tags: unknown = cell.getMetadata('tags');
  return Array.isArray(tags) ? tags.map(String) : [];
}

function nameOf(tag: string): string {
  const name = /^[^:\s]+/.exec(tag)?.[0] ?? tag;
  return isSkip(name, tag) ? 'skip' : name;
}

function isSkip(name: string, text: string): boolean {
  return name === 'eval' && /\bfalse\s*$/i.test(text);
}

function removeDirectives(cell: ICellModel, remove: Set<string>): void {
  const source = cell.sharedModel.getSource();
  const lines = source.split('\n');
  let end = 0;
  while (
    end < lines.length &&
    (lines[end].trim() === '' || DIRECTIVE.test(lines[end]))
  ) {
    end++;
  }
  const head = lines.slice(0, end).filter(line => {
    const name = DIRECTIVE.exec(line)?.[1];
    return (
      name === undefined || !remove.has(isSkip(name, line) ? 'skip' : name)
    );
  });
  const text = [...head, ...lines.slice(end)].join('\n');
  if (text !== source) {
    cell.sharedModel.setSource(text);
  }
}
