/** The panel of a runbook: a form of its parameters, Run, and the progress of its cells. */

import { NotebookPanel } from '@jupyterlab/notebook';
import { LabIcon } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import { Widget } from '@lumino/widgets';

import { button, element } from './dom';
import { get, IForm, IFormField, IProgress, post, remove } from './server';

const icon = new LabIcon({
  name: 'nbrelease:runbook',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
    <path class="jp-icon3" fill="#616161" d="M4 3h16v18H4zm2 2v14h12V5zm4 3l6 4-6 4z"/></svg>`
});

/** Milliseconds between two requests for the progress of a run. */
const POLL = 500;
const RUNNING = 'running';

export class RunbookPanel extends Widget {
  constructor(private commands: CommandRegistry) {
    super();
    this.id = 'nbrelease-runbook';
    this.title.icon = icon;
    this.title.caption = 'nbrelease: run the runbook';
    this.addClass('nbr-panel');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'Runbook');
    this.node.append(this._body);
    this._stop.hidden = true;
    this.showForm(null);
  }

  /** Show the form of a notebook, if it is a runbook. */
  showForm(notebook: NotebookPanel | null): void {
    if (notebook !== this._notebook || notebook === null) {
      this._notebook = notebook;
      void this.load('');
    }
  }

  private async load(env: string): Promise<void> {
    const notebook = this._notebook;
    const path = notebook?.context.localPath ?? '';
    let form: IForm | null = null;
    let message = 'Open a notebook of the runbooks folder.';
    if (path) {
      try {
        form = await get<IForm>('runbook', { path, env });
      } catch (error) {
        message = (error as Error).message;
      }
    }
    if (this._notebook !== notebook) {
      return;
    }
    if (form?.name) {
      this.render(form, path);
    } else {
      this._body.replaceChildren(element('p', {}, message));
    }
  }

  private render(form: IForm, path: string): void {
    const env = element('select', {});
    env.append(
      ...form.environments.map(each =>
        element('option', { value: each, selected: each === form.env }, each)
      )
    );
    env.onchange = () => this.load(env.value);
    const inputs = new Map(
      form.fields.map(each => [each, inputOf(each)] as const)
    );
    const fields: Node[] = [labelled('Environment', env)];
    let group = '';
    for (const [field, input] of inputs) {
      if (field.group !== group) {
        group = field.group;
        fields.push(element('h3', {}, group));
      }
      fields.push(labelled(field.name, input, `${field.type} ${field.help}`));
    }
    const run = button('Run', () => {
      const changed = [...inputs].filter(
        ([field, input]) => input.value !== field.value
      );
      const values = changed.map(([field, input]) => [field.name, input.value]);
      const query = { path, env: form.env };
      return this.run(
        query,
        Object.fromEntries(values) as Record<string, string>
      );
    });
    run.classList.add('jp-mod-accept');
    this._progress.replaceChildren();
    this._body.replaceChildren(
      element('h2', {}, form.name),
      element('p', {}, run, this._stop),
      this._progress,
      element('form', { onsubmit: () => false }, ...fields)
    );
  }

  private async run(
    query: Record<string, string>,
    values: Record<string, string>
  ): Promise<void> {
    if (!this._stop.hidden) {
      return;
    }
    this._stop.hidden = false;
    try {
      await this._notebook?.context.save();
      const body = JSON.stringify(values);
      const started = await post<{ id: string }>('run', query, body);
      this._stop.onclick = () =>
        remove('run', { id: started.id }).catch(error => this.showError(error));
      await this.follow({ id: started.id });
    } catch (error) {
      this.showError(error);
    } finally {
      this._stop.hidden = true;
    }
  }

  /** Show the progress of a run until it ends, then open the executed notebook. */
  private async follow(run: { id: string }): Promise<void> {
    let progress: IProgress;
    do {
      await new Promise(resolve => setTimeout(resolve, POLL));
      progress = await get<IProgress>('run', run);
      this.showProgress(progress);
    } while (progress.verdict === RUNNING);
    if (progress.path) {
      const options = { path: progress.path };
      const opened = (await this.commands.execute(
        'docmanager:open',
        options
      )) as NotebookPanel;
      await opened.context.ready;
      await opened.context.revert(); // it may show an earlier run
    }
  }

  private showError(error: unknown): void {
    this._progress.replaceChildren(
      element('p', { className: 'nbr-failed' }, (error as Error).message)
    );
  }

  private showProgress(progress: IProgress): void {
    const cells = progress.cells.map(each =>
      element(
        'li',
        { className: `nbr-cell-${each.state.replace(' ', '-')}` },
        `${each.id}: ${each.state}`,
        each.seconds === null ? '' : `, ${each.seconds.toFixed(1)} s`
      )
    );
    const verdict = element('p', {}, element('strong', {}, progress.verdict));
    verdict.setAttribute('role', 'status');
    this._progress.replaceChildren(
      verdict,
      ...(progress.message ? [element('p', {}, progress.message)] : []),
      element('ol', { className: 'nbr-progress' }, ...cells)
    );
  }

  private _body = element('div', { className: 'nbr-head' });
  private _progress = element('div', {});
  private _stop = button('Stop', () => undefined);
  private _notebook: NotebookPanel | null = null;
}

function inputOf(field: IFormField): HTMLInputElement | HTMLSelectElement {
  if (field.choices.length === 0) {
    return element('input', { type: 'text', value: field.value });
  }
  const select = element('select', {});
  select.append(
    ...field.choices.map(each =>
      element('option', { value: each, selected: each === field.value }, each)
    )
  );
  return select;
}

function labelled(name: string, input: HTMLElement, help = ''): HTMLElement {
  return element(
    'label',
    { className: 'nbr-field' },
    element('span', {}, name),
    input,
    element('small', {}, help)
  );
}
