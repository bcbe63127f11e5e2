/** Watches one notebook: sends it to the server after a pause in typing. */

import { NotebookPanel } from '@jupyterlab/notebook';
import { IDisposable } from '@lumino/disposable';
import { Debouncer } from '@lumino/polling';
import { ISignal, Signal } from '@lumino/signaling';

import { INotebookState, post } from './server';
import { metadataTags } from './tags';

/** Milliseconds without a change before the notebook is checked. */
const PAUSE = 150;
/** The minor version of format 4 in which cells have ids. */
const MINOR_WITH_IDS = 5;

export class NotebookWatcher implements IDisposable {
  constructor(readonly panel: NotebookPanel) {
    panel.context.model.contentChanged.connect(this.checkSoon, this);
    panel.context.fileChanged.connect(this.checkSoon, this);
    panel.disposed.connect(() => this.dispose());
    this.checkSoon();
  }

  /** The last answer of the server; null before the first one and after an error. */
  state: INotebookState | null = null;
  /** Why the server has no answer; empty if it has one. */
  problem = '';

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** The path of the notebook for the server. */
  get path(): string {
    return this.panel.context.localPath;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._debouncer.dispose();
      Signal.clearData(this);
    }
  }

  checkSoon(): void {
    this._revision++;
    void this._debouncer.invoke();
  }

  /** Check the notebook now. An answer is dropped if the notebook has changed meanwhile. */
  async check(): Promise<void> {
    if (this._isDisposed || this.panel.content.model === null) {
      return;
    }
    const revision = this._revision;
    let state: INotebookState | null = null;
    let problem = '';
    try {
      const query = { path: this.path };
      state = await post<INotebookState>('notebook', query, this.content());
    } catch (error) {
      problem = (error as Error).message;
    }
    if (!this._isDisposed && revision === this._revision) {
      this.state = state;
      this.problem = problem;
      this._changed.emit();
    }
  }

  /** The id of a cell in the answers of the server. */
  cellId(index: number): string {
    const model = this.panel.content.model!;
    return model.nbformatMinor < MINOR_WITH_IDS
      ? `cell-${index}`
      : model.cells.get(index).id;
  }

  /** The notebook without outputs, as JSON. */
  private content(): string {
    const model = this.panel.content.model!;
    const cells = [...model.cells].map((cell, index) => ({
      cell_type: cell.type,
      metadata: { tags: metadataTags(cell) },
      source: cell.sharedModel.getSource(),
      ...(cell.type === 'code' ? { outputs: [], execution_count: null } : {}),
      ...(model.nbformatMinor < MINOR_WITH_IDS
        ? {}
        : { id: this.cellId(index) })
    }));
    return JSON.stringify({
      nbformat: model.nbformat,
      nbformat_minor: model.nbformatMinor,
      metadata: {
        kernelspec: model.getMetadata('kernelspec') as unknown,
        language_info: model.getMetadata('language_info') as unknown
      },
      cells
    });
  }

  private _changed = new Signal<this, void>(this);
  private _debouncer = new Debouncer(() => this.check(), PAUSE);
  private _isDisposed = false;
  private _revision = 0;
}
