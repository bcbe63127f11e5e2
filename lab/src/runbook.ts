/** The panel of a runbook: a form of its parameters, Run, and the progress of its cells. */

import { NotebookPanel } from '@jupyterlab/notebook';
import { LabIcon } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import { Widget } from '@lumino/widgets';

import { button, element, labelled, option } from './dom';
import { get, IForm, IFormField, IProgress, post, remove } from './server';

const icon = new LabIcon({
  name: 'nbrelease:runbook',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
    <path class="jp-icon3" fill="#616161" d="M4 3h16v18H4zm2 2v14h12V5zm4 3l6 4-6 4z"/></svg>`
});

/** Milliseconds between two requests for the progress of a run. */
const POLL = 500;
const RUNNING = 'running';

type Input = HTMLInputElement | HTMLSelectElement;

export class RunbookPanel extends Widget {
  constructor(private commands: CommandRegistry) {
    super();
    this.id = 'nbrelease-runbook';
    this.title.icon = icon;
    this.title.caption = 'nbrelease: run the runbook';
    this.addClass('nbr-panel');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'Runbook');
    this.showForm(null);
  }

  /** Show the form of a notebook, if it is a runbook; a form keeps its values and its run. */
  showForm(notebook: NotebookPanel | null): void {
    if (notebook === null) {
      this.node.replaceChildren(
        element(
          'div',
          { className: 'nbr-head' },
          element('p', {}, 'Open a notebook of the runbooks folder.')
        )
      );
      return;
    }
    const form =
      this._forms.get(notebook) ?? new RunbookForm(notebook, this.commands);
    this._forms.set(notebook, form);
    this.node.replaceChildren(form.node);
    form.refresh();
  }

  private _forms = new WeakMap<NotebookPanel, RunbookForm>();
}

/** The form of one runbook, and the progress of its newest run. */
class RunbookForm {
  readonly node = element('div', { className: 'nbr-head' });

  constructor(
    private notebook: NotebookPanel,
    private commands: CommandRegistry
  ) {
    this._stop.hidden = true;
    this._verdict.setAttribute('role', 'status');
    this._run.classList.add('jp-mod-accept');
  }

  /** Read the values again, unless one was changed, and follow a run. */
  refresh(): void {
    if (this.changedValues().length === 0) {
      const { env, model } = this._form ?? { env: '', model: '' };
      void this.load(env, model);
    }
  }

  private get path(): string {
    return this.notebook.context.localPath;
  }

  private async load(env: string, model: string): Promise<void> {
    let form: IForm;
    try {
      const { path } = this;
      form = await get<IForm>('runbook', { path, env, model });
    } catch (error) {
      this.showText((error as Error).message);
      return;
    }
    if (form.name === '') {
      this.showText('Open a notebook of the runbooks folder.');
      return;
    }
    this.render(form);
    if (form.run !== '') {
      await this.follow(form.run);
    }
  }

  /** Show a text instead of the form; the next refresh starts with a new one. */
  private showText(text: string): void {
    this._form = null;
    this._inputs = new Map();
    this.node.replaceChildren(element('p', {}, text));
  }

  private render(form: IForm): void {
    this._form = form;
    const env = element('select', {});
    env.append(
      ...form.environments.map(each => option(each, each, each === form.env))
    );
    const model = element('select', {});
    model.append(
      option('', '[DEFAULT]', form.model === ''),
      ...form.models.map(each => option(each, each, each === form.model))
    );
    env.onchange = () => this.load(env.value, model.value);
    model.onchange = () => this.load(env.value, model.value);
    this._inputs = new Map(form.fields.map(each => [each, inputOf(each)]));
    const fields: Node[] = [labelled('Environment', env)];
    if (form.models.length > 0) {
      fields.push(labelled('Model', model));
    }
    let group = '';
    for (const [field, input] of this._inputs) {
      if (field.group !== group) {
        group = field.group;
        fields.push(element('h3', {}, group));
      }
      fields.push(labelled(field.name, input, `${field.type} ${field.help}`));
    }
    this.node.replaceChildren(
      element('h2', {}, form.name),
      element('p', {}, this._run, this._stop),
      this._verdict,
      this._message,
      this._cells,
      element('form', { onsubmit: () => false }, ...fields)
    );
  }

  private changedValues(): [string, string][] {
    return [...this._inputs]
      .filter(([field, input]) => input.value !== field.value)
      .map(([field, input]) => [field.name, input.value]);
  }

  private async start(): Promise<void> {
    const { env, model } = this._form!;
    const { path } = this;
    this._run.disabled = true;
    try {
      await this.notebook.context.save();
      const values = JSON.stringify(Object.fromEntries(this.changedValues()));
      const query = { path, env, model };
      const started = await post<{ id: string }>('run', query, values);
      await this.follow(started.id);
    } catch (error) {
      this.showError(error);
    } finally {
      this._run.disabled = this._followed !== '';
    }
  }

  /** Show the progress of a run; open the executed notebook if it ends meanwhile. */
  private async follow(id: string): Promise<void> {
    if (this._followed !== '') {
      return;
    }
    this._followed = id;
    try {
      let progress = await get<IProgress>('run', { id });
      this.showProgress(progress);
      if (progress.verdict !== RUNNING) {
        return;
      }
      this._run.disabled = true;
      this._stop.hidden = false;
      this._stop.onclick = () =>
        remove('run', { id }).catch(error => this.showError(error));
      while (progress.verdict === RUNNING && !this.notebook.isDisposed) {
        await new Promise(resolve => setTimeout(resolve, POLL));
        progress = await get<IProgress>('run', { id });
        this.showProgress(progress);
      }
      if (progress.path !== '' && progress.verdict !== RUNNING) {
        await this.open(progress.path);
      }
    } catch (error) {
      this.showError(error);
    } finally {
      this._followed = '';
      this._run.disabled = false;
      this._stop.hidden = true;
    }
  }

  private async open(path: string): Promise<void> {
    const opened = (await this.commands.execute('docmanager:open', {
      path
    })) as NotebookPanel;
    await opened.context.ready;
    await opened.context.revert(); // it may show an earlier run
  }

  private showError(error: unknown): void {
    this._message.textContent = (error as Error).message;
    this._message.className = 'nbr-failed';
  }

  private showProgress(progress: IProgress): void {
    if (this._verdict.textContent !== progress.verdict) {
      this._verdict.textContent = progress.verdict;
    }
    this._message.textContent = progress.message;
    this._message.className = progress.message === '' ? '' : 'nbr-failed';
    this._cells.replaceChildren(
      ...progress.cells.map(each =>
        element(
          'li',
          { className: `nbr-cell-${each.state.replace(' ', '-')}` },
          `${each.id}: ${each.state}`,
          each.seconds === null ? '' : `, ${each.seconds.toFixed(1)} s`,
          ...(each.line === ''
            ? []
            : [element('code', { className: 'nbr-line' }, each.line)])
        )
      )
    );
  }

  private _run = button('Run', () => this.start());
  private _stop = button('Stop', () => undefined);
  private _verdict = element('p', { className: 'nbr-run-verdict' });
  private _message = element('p', {});
  private _cells = element('ol', { className: 'nbr-progress' });
  private _form: IForm | null = null;
  private _inputs = new Map<IFormField, Input>();
  private _followed = '';
}

function inputOf(field: IFormField): Input {
  if (field.choices.length === 0) {
    return element('input', { type: 'text', value: field.value });
  }
  const select = element('select', {});
  select.append(
    ...field.choices.map(each => option(each, each, each === field.value))
  );
  return select;
}
