/** Export, sync and the export menu, with their findings in a dialog. */

import { Dialog, showDialog } from '@jupyterlab/apputils';
import { PathExt, URLExt } from '@jupyterlab/coreutils';
import { NbConvert, NbConvertManager } from '@jupyterlab/services';
import { Widget } from '@lumino/widgets';

import { element } from './dom';
import { codeLink } from './markers';
import {
  address,
  fetchFrom,
  IEdit,
  IFinding,
  IWritten,
  post,
  readRefusal
} from './server';
import { NotebookWatcher } from './watcher';

/** Save and export a notebook; returns a line for the status. */
export async function exportNotebook(
  watcher: NotebookWatcher
): Promise<string> {
  await watcher.panel.context.save();
  const query = { path: watcher.path };
  const written = await post<IWritten>('export', query);
  await watcher.check();
  if (written.findings.some(each => each.level === 'error')) {
    await showFindings('Not exported', written.findings);
    return 'Not exported';
  }
  return written.files.length > 0
    ? `Written: ${written.files.join(', ')}`
    : 'Up to date';
}

/** Copy edits by hand to a notebook and show it; returns a line for the status. */
export async function syncNotebook(watcher: NotebookWatcher): Promise<string> {
  await watcher.panel.context.save();
  const query = { path: watcher.path };
  const { files, refused } = await post<IWritten>('sync', query);
  if (files.length > 0) {
    await watcher.panel.context.revert();
  }
  await watcher.check();
  if (refused.length > 0) {
    await showEdits('Edits not copied', refused);
    return 'Edits not copied';
  }
  return files.length > 0 ? `Changed: ${files.join(', ')}` : 'No edits by hand';
}

/** Let the export menu show the findings of a notebook that cannot be exported. */
export function handleExportMenu(nbconvert: NbConvert.IManager): void {
  const manager = nbconvert as NbConvertManager;
  const exportAs = manager.exportAs?.bind(manager);
  if (exportAs !== undefined) {
    manager.exportAs = options =>
      options.format === 'nbrelease'
        ? downloadModule(options.path)
        : exportAs(options);
  }
}

async function downloadModule(path: string): Promise<void> {
  const url = address('nbconvert', 'nbrelease', URLExt.encodeParts(path));
  const response = await fetchFrom(url, {
    headers: { Accept: 'application/json' }
  });
  if (response.ok) {
    const blob = new Blob([await response.text()], { type: 'text/x-python' });
    const name = PathExt.basename(path, PathExt.extname(path));
    const href = URL.createObjectURL(blob);
    element('a', { href, download: `${name}.py` }).click();
    URL.revokeObjectURL(href);
    return;
  }
  const refusal = await readRefusal(response);
  await showFindings('Not exported', refusal.findings ?? [], refusal.message);
}

/** A table of findings. */
async function showFindings(
  title: string,
  findings: IFinding[],
  message = ''
): Promise<void> {
  const rows = findings.map(each =>
    element(
      'li',
      {},
      codeLink(each),
      ` ${each.level} in ${each.cell || each.path}, line ${each.line}: ${each.message}`,
      element('br'),
      `Fix: ${each.fix}`
    )
  );
  await show(title, element('p', {}, message), element('ul', {}, ...rows));
}

async function showEdits(title: string, edits: IEdit[]): Promise<void> {
  await show(
    title,
    ...edits.flatMap(each => [
      element('p', {}, `${each.path}, ${each.title}`),
      element('pre', {}, each.diff)
    ])
  );
}

async function show(title: string, ...content: Node[]): Promise<void> {
  const body = new Widget();
  body.addClass('nbr-dialog');
  body.node.append(...content);
  const buttons = [Dialog.okButton({ label: 'Close' })];
  await showDialog({ title, body, buttons });
}
