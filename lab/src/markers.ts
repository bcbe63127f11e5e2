/** Diagnostics as markers in the editors of the cells. */

import { Diagnostic, setDiagnostics } from '@codemirror/lint';
import { Text } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { Cell } from '@jupyterlab/cells';
import { CodeMirrorEditor } from '@jupyterlab/codemirror';

import { element } from './dom';
import { ICellEdit, IFinding, IQuickFix } from './server';
import { NotebookWatcher } from './watcher';

const SEVERITY = { error: 'error', warning: 'warning', note: 'info' } as const;

/** Show the findings of a notebook in its cells, also in those that are rendered later. */
export function showMarkers(watcher: NotebookWatcher): void {
  const shown = new WeakMap<EditorView, string>();
  const connected = new WeakSet<Cell>();

  const show = (cell: Cell) => {
    const view = viewOf(cell);
    const index = watcher.panel.content.widgets.indexOf(cell);
    if (view === null || index < 0) {
      return;
    }
    const id = watcher.cellId(index);
    const findings = watcher.state?.findings.filter(each => each.cell === id);
    const key = JSON.stringify(findings ?? []);
    if (key !== (shown.get(view) ?? '[]')) {
      shown.set(view, key);
      const { doc } = view.state;
      const diagnostics = (findings ?? []).map(each =>
        marker(watcher, each, doc)
      );
      view.dispatch(setDiagnostics(view.state, diagnostics));
    }
  };

  watcher.changed.connect(() => {
    for (const cell of watcher.panel.content.widgets) {
      if (!connected.has(cell)) {
        connected.add(cell);
        cell.inViewportChanged.connect(show);
      }
      show(cell);
    }
  });
}

function viewOf(cell: Cell): EditorView | null {
  return cell.editor instanceof CodeMirrorEditor ? cell.editor.editor : null;
}

/** Move the cursor to a finding. */
export async function reveal(
  watcher: NotebookWatcher,
  finding: IFinding
): Promise<void> {
  const notebook = watcher.panel.content;
  const index = notebook.widgets.findIndex(
    (_, each) => watcher.cellId(each) === finding.cell
  );
  if (index < 0) {
    return;
  }
  notebook.activeCellIndex = index;
  await notebook.scrollToItem(index);
  const cell = notebook.widgets[index];
  await cell.ready;
  notebook.mode = 'edit';
  cell.editor?.setCursorPosition({
    line: finding.line - 1,
    column: offsetOf(lineOf(cell, finding.line), finding.column)
  });
  cell.editor?.focus();
}

function lineOf(cell: Cell, line: number): string {
  return cell.model.sharedModel.getSource().split('\n')[line - 1] ?? '';
}

/** Apply a quick fix to the cells. */
export function applyFix(watcher: NotebookWatcher, fix: IQuickFix): void {
  watcher.panel.content.widgets.forEach((cell, index) => {
    const { sharedModel } = cell.model;
    const source = sharedModel.getSource();
    fix.edits
      .filter(each => each.cell === watcher.cellId(index))
      .map(each => ({ text: each.text, ...rangeOf(source, each) }))
      .sort((one, other) => other.start - one.start)
      .forEach(each =>
        sharedModel.updateSource(each.start, each.end, each.text)
      );
  });
}

/** The offsets of an edit in the source of its cell. */
function rangeOf(
  source: string,
  edit: ICellEdit
): { start: number; end: number } {
  const lines = source.split('\n');
  const [start, end] = [edit.start, edit.end].map(([line, column]) => {
    const before = lines.slice(0, line - 1).map(each => each.length + 1);
    return (
      before.reduce((sum, each) => sum + each, 0) +
      offsetOf(lines[line - 1] ?? '', column)
    );
  });
  return { start, end };
}

/** The offset of a column, which counts code points, in UTF-16 units. */
function offsetOf(line: string, column: number): number {
  return [...line].slice(0, column - 1).join('').length;
}

function marker(
  watcher: NotebookWatcher,
  finding: IFinding,
  doc: Text
): Diagnostic {
  const line = doc.line(Math.min(finding.line, doc.lines));
  const from = Math.min(
    line.from + offsetOf(line.text, finding.column),
    line.to
  );
  const word = /^\w+/.exec(line.text.slice(from - line.from));
  const to = word ? from + word[0].length : line.to;
  return {
    from,
    to: Math.max(from, to),
    severity: SEVERITY[finding.level],
    message: finding.message,
    actions: finding.fixes.map(fix => ({
      name: fix.title,
      apply: () => applyFix(watcher, fix)
    })),
    renderMessage: () =>
      element(
        'span',
        { className: 'nbr-marker' },
        codeLink(finding),
        ` ${finding.message}`,
        element('br'),
        `Fix: ${finding.fix}`
      )
  };
}

/** The code of a finding, as a link to its documentation. */
export function codeLink(finding: IFinding): HTMLAnchorElement {
  return element(
    'a',
    { href: finding.link, target: '_blank', rel: 'noopener' },
    finding.code
  );
}
