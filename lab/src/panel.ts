/** The panel in the side bar: state of the export, findings, edits by hand, preview. */

import { EditorView } from '@codemirror/view';
import { CodeEditor, IEditorServices } from '@jupyterlab/codeeditor';
import { CodeMirrorEditor } from '@jupyterlab/codemirror';
import { LabIcon } from '@jupyterlab/ui-components';
import { INotebookTracker } from '@jupyterlab/notebook';
import { Widget } from '@lumino/widgets';

import { button, element } from './dom';
import { exportNotebook, syncNotebook } from './exporting';
import { applyFix, codeLink, reveal } from './markers';
import { INotebookState } from './server';
import { NotebookWatcher } from './watcher';

const icon = new LabIcon({
  name: 'nbrelease:panel',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
    <path class="jp-icon3" fill="#616161" d="M4 3h10l6 6v12H4zm9 1.5V10h5.5zM7 13v2h10v-2zm0 4v2h7v-2z"/></svg>`
});

const EXPLANATIONS: Record<INotebookState['state'], string> = {
  'not tagged': 'No cell is tagged export or main.',
  failed: 'The notebook has errors and cannot be exported.',
  'edited by hand': 'An exported file was edited by hand.',
  stale: 'The exported files are out of date.',
  fresh: 'The exported files are up to date.'
};

export class ExportPanel extends Widget {
  constructor(editors: IEditorServices, tracker: INotebookTracker) {
    super();
    this.id = 'nbrelease-export';
    this.title.icon = icon;
    this.title.caption = 'nbrelease';
    this.addClass('nbr-panel');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'nbrelease');
    this._model = new CodeEditor.Model({ mimeType: 'text/x-python' });
    this.node.append(this._head, this._preview);
    this._editor = editors.factoryService.newInlineEditor({
      host: this._preview,
      model: this._model,
      config: { readOnly: true, lineWrap: false }
    }) as CodeMirrorEditor;
    this._editor.editor.contentDOM.setAttribute('aria-label', 'Preview');
    tracker.activeCellChanged.connect((_, cell) => {
      this._cursor?.selections.changed.disconnect(this.follow, this);
      this._cursor = cell?.editor?.model ?? null;
      this._cursor?.selections.changed.connect(this.follow, this);
      this.follow();
    });
    this.watch(null);
  }

  /** Show another notebook, or no notebook for null. */
  watch(watcher: NotebookWatcher | null): void {
    this._watcher?.changed.disconnect(this.render, this);
    this._watcher = watcher;
    this._status = '';
    watcher?.changed.connect(this.render, this);
    this.render();
  }

  /** Run an action of a button and show its result in the status line. */
  async act(
    action: (watcher: NotebookWatcher) => Promise<string>
  ): Promise<void> {
    if (this._watcher === null || this._busy) {
      return;
    }
    this._busy = true;
    this.render();
    try {
      this._status = await action(this._watcher);
    } catch (error) {
      this._status = (error as Error).message;
    } finally {
      this._busy = false;
      this.render();
    }
  }

  private render(): void {
    const state = this._watcher?.state ?? null;
    this._head.replaceChildren(
      ...(state === null
        ? [element('p', {}, this._watcher?.problem || 'Open a notebook.')]
        : this.describe(state))
    );
    const lines = state?.preview ?? [];
    const text = lines.map(line => line.text).join('\n');
    this._preview.hidden = lines.length === 0;
    if (text !== this._model.sharedModel.getSource()) {
      this._model.sharedModel.setSource(text);
    }
    this.follow();
  }

  private describe(state: INotebookState): Node[] {
    const { findings, edits, untested } = state;
    const nodes: Node[] = [
      element('h2', {}, state.module || this._watcher!.path),
      element(
        'p',
        { className: 'nbr-state' },
        element('strong', {}, state.state),
        ` ${EXPLANATIONS[state.state]}`
      ),
      element(
        'p',
        {},
        button('Export', () => this.act(exportNotebook), this._busy),
        button('Sync', () => this.act(syncNotebook), this._busy)
      ),
      this.statusLine()
    ];
    if (findings.length > 0) {
      const rows = findings.map(each =>
        element(
          'li',
          { className: `nbr-${each.level}` },
          codeLink(each),
          ' ',
          button(
            `${each.cell || each.path}:${each.line}:${each.column} ${each.message}`,
            () => reveal(this._watcher!, each)
          ),
          element('div', {}, `Fix: ${each.fix}`),
          ...each.fixes.map(fix =>
            button(fix.title, () => applyFix(this._watcher!, fix))
          )
        )
      );
      nodes.push(element('h3', {}, 'Diagnostics'), element('ul', {}, ...rows));
    }
    if (untested.length > 0) {
      const names = untested.join(', ');
      nodes.push(
        element('h3', {}, 'Functions without a test'),
        element('p', {}, names)
      );
    }
    if (edits.length > 0) {
      nodes.push(element('h3', {}, 'Edits by hand'));
      nodes.push(
        ...edits.map(each =>
          element('pre', { tabIndex: 0, title: each.title }, each.diff)
        )
      );
    }
    if (state.preview.length > 0) {
      nodes.push(element('h3', {}, 'Preview'));
    }
    return nodes;
  }

  private statusLine(): HTMLElement {
    const line = element('p', { className: 'nbr-status' }, this._status);
    line.setAttribute('role', 'status');
    return line;
  }

  /** Select the line of the preview that comes from the line of the cursor. */
  private follow(): void {
    const watcher = this._watcher;
    const notebook = watcher?.panel.content;
    const cell = notebook?.activeCell;
    if (!watcher?.state || !notebook || !cell || !this.isVisible) {
      return;
    }
    const id = watcher.cellId(notebook.activeCellIndex);
    const line = (cell.editor?.getCursorPosition().line ?? 0) + 1;
    const lines = watcher.state.preview;
    let best = -1;
    lines.forEach((each, index) => {
      if (
        each.cell === id &&
        each.line <= line &&
        each.line >= (lines[best]?.line ?? 0)
      ) {
        best = index;
      }
    });
    const view = this._editor.editor;
    if (best >= 0 && best < view.state.doc.lines) {
      const { from, to } = view.state.doc.line(best + 1);
      view.dispatch({
        selection: { anchor: from, head: to },
        effects: EditorView.scrollIntoView(from, { y: 'center' })
      });
    }
  }

  private _head = element('div', { className: 'nbr-head' });
  private _preview = element('div', { className: 'nbr-preview' });
  private _model: CodeEditor.Model;
  private _editor: CodeMirrorEditor;
  private _cursor: CodeEditor.IModel | null = null;
  private _watcher: NotebookWatcher | null = null;
  private _status = '';
  private _busy = false;
}
