/** Rehearsals: start one, the live table of its stages, and its approvals as buttons. */

import { button, element, labelled, option } from './dom';
import {
  get,
  IRehearsal,
  IRehearsals,
  IStage,
  post,
  put,
  remove
} from './server';

/** Milliseconds between two requests while a rehearsal runs, and while none does. */
const RUNNING_POLL = 1000;
const IDLE_POLL = 5000;

/** Before the name of a manual validation that waits. */
const VALIDATION = 'validation:';

const NOT_STARTED = 'not started';

export class RehearsalView {
  readonly node = element('section', { className: 'nbr-rehearsal' });
  /** The path of a notebook of the project; empty for the folder of the server. */
  path = '';

  /**
   * @param open - shows an evidence page: its path, and a title.
   * @param ended - is called when a rehearsal has ended or waits.
   */
  constructor(
    private open: (page: string, title: string) => void,
    private ended: () => void
  ) {
    this._failure.setAttribute('role', 'alert');
    this._status.setAttribute('role', 'status');
    this._start.classList.add('jp-mod-accept');
    this.node.setAttribute('aria-label', 'Rehearsal');
    this.node.append(
      element('h2', {}, 'Rehearsal'),
      element(
        'form',
        { className: 'nbr-start', onsubmit: () => false },
        labelled('Pipeline', this._pipeline),
        this._modelField
      ),
      element('p', {}, this._start, this._stop),
      this._failure,
      this._status,
      this._body
    );
    this.showFailure('');
  }

  /** Ask the server for the state again and again while the view is visible. */
  watch(): void {
    this._watching = true;
    void this.refresh();
  }

  unwatch(): void {
    this._watching = false;
    clearTimeout(this._timer);
  }

  async refresh(): Promise<void> {
    await this.act(() => get<IRehearsals>('rehearsals', { path: this.path }));
  }

  private async act(request: () => Promise<IRehearsals>): Promise<void> {
    clearTimeout(this._timer);
    const path = this.path;
    try {
      const state = await request();
      if (path === this.path) {
        this.showFailure(state.message);
        this.render(state);
      }
    } catch (error) {
      this.showFailure((error as Error).message);
    }
    clearTimeout(this._timer);
    // Also after a failed request: the server may be restarting.
    if (this._watching) {
      const poll = this._running ? RUNNING_POLL : IDLE_POLL;
      this._timer = window.setTimeout(() => void this.refresh(), poll);
    }
  }

  /** An action of the user: its error stays until the next action. */
  private async command(request: () => Promise<IRehearsals>): Promise<void> {
    this._refused = '';
    await this.act(async () => {
      try {
        return await request();
      } catch (error) {
        this._refused = (error as Error).message;
        return get<IRehearsals>('rehearsals', { path: this.path });
      }
    });
  }

  private showFailure(message: string): void {
    const text = this._refused || message;
    if (this._failure.textContent !== text) {
      this._failure.textContent = text;
    }
    this._failure.hidden = text === '';
  }

  private render(state: IRehearsals): void {
    this.renderChoices(state);
    this._start.disabled = state.running || state.pipelines.length === 0;
    this._stop.hidden = !state.stoppable;
    const newest = state.rehearsals[0];
    const status = describeStatus(state, newest);
    if (this._status.textContent !== status) {
      this._status.textContent = status;
    }
    const now = Date.parse(state.now);
    const shown = state.rehearsals.map(each => each.run);
    for (const run of [...this._runs.keys()]) {
      if (!shown.includes(run)) {
        this._runs.delete(run);
      }
    }
    const views = state.rehearsals.map(each => {
      const view = this._runs.get(each.run) ?? new RunView(this);
      this._runs.set(each.run, view);
      view.render(each, now, state.reviewer, state.running);
      return view.node;
    });
    if (views.some((node, index) => this._body.children[index] !== node)) {
      this._body.replaceChildren(...views);
    }
    const ended = this._running && !state.running;
    this._running = state.running;
    if (ended) {
      this.ended();
    }
  }

  private renderChoices(state: IRehearsals): void {
    const key = JSON.stringify([state.pipelines, state.models]);
    if (key === this._choices) {
      return;
    }
    this._choices = key;
    const preferred = state.pipelines.includes('dev') ? 'dev' : '';
    this._pipeline.replaceChildren(
      ...state.pipelines.map(each => option(each, each, each === preferred))
    );
    this._model.replaceChildren(
      option('', '[DEFAULT]', true),
      ...state.models.map(each => option(each, each, false))
    );
    this._modelField.hidden = state.models.length === 0;
  }

  /** Decide on an approval. */
  decide(decision: Record<string, string>): Promise<void> {
    const query = { path: this.path };
    return this.command(() =>
      put<IRehearsals>('rehearsals', query, JSON.stringify(decision))
    );
  }

  openPage(run: IRehearsal): void {
    this.open(run.page, `${run.pipeline} ${run.name}`);
  }

  private _pipeline = element('select', {});
  private _model = element('select', {});
  private _modelField = labelled('Model', this._model);
  private _start = button(
    'Rehearse',
    () => {
      const [pipeline, model] = [this._pipeline.value, this._model.value];
      const body = JSON.stringify({ pipeline, model });
      const query = { path: this.path };
      this._start.disabled = true;
      return this.command(() => post<IRehearsals>('rehearsals', query, body));
    },
    true
  );
  private _stop = button('Stop', () =>
    this.command(async () =>
      remove<IRehearsals>('rehearsals', { path: this.path })
    )
  );
  private _failure = element('p', { className: 'nbr-failed' });
  private _status = element('p', {});
  private _body = element('div', {});
  private _runs = new Map<string, RunView>();
  private _choices = '';
  private _refused = '';
  private _running = false;
  private _watching = false;
  private _timer = 0;
}

/** One run: its table, its approvals and its page. */
class RunView {
  readonly node = element('div', { className: 'nbr-run' });

  constructor(private view: RehearsalView) {
    this.node.append(this._title, this._table, this._decisions, this._page);
  }

  render(
    run: IRehearsal,
    now: number,
    reviewer: string,
    running: boolean
  ): void {
    this._title.textContent = [run.pipeline, run.model, run.name]
      .filter(each => each !== '')
      .join(' · ');
    this._table.replaceChildren(
      element(
        'thead',
        {},
        element(
          'tr',
          {},
          ...['Stage and job', 'State', 'Time'].map(text =>
            element('th', { scope: 'col' }, text)
          )
        )
      ),
      element('tbody', {}, ...run.stages.flatMap(each => rowsOf(each, now)))
    );
    // A form that is being filled in is not replaced.
    const canDecide = run.result === 'Waiting' && !running;
    const waiting = canDecide ? run.stages : [];
    const key = JSON.stringify([
      run.result,
      run.page,
      canDecide,
      run.messages,
      run.stages.map(each => [each.waiting, each.approvals])
    ]);
    if (key === this._key) {
      return;
    }
    this._key = key;
    const made = run.stages.flatMap(stage =>
      stage.approvals.map(each =>
        element(
          'p',
          {},
          `${stage.display}: ${each.decision} by ${each.name}` +
            (each.comment === '' ? '' : `: ${each.comment}`)
        )
      )
    );
    const forms = waiting.flatMap(stage =>
      stage.waiting.map(each => this.form(run, stage, each, reviewer))
    );
    const errors = run.messages.map(each =>
      element('p', { className: 'nbr-failed' }, each)
    );
    this._decisions.replaceChildren(...errors, ...made, ...forms);
    const title = run.result === 'Waiting' ? 'Review' : 'Evidence page';
    const hasPage = run.page !== '' && run.result !== '';
    this._page.replaceChildren(
      ...(hasPage ? [button(title, () => this.view.openPage(run))] : [])
    );
  }

  private form(
    run: IRehearsal,
    stage: IStage,
    environment: string,
    reviewer: string
  ): HTMLElement {
    const title = environment.startsWith(VALIDATION)
      ? `Manual validation ${environment.slice(VALIDATION.length)}`
      : `Approval of ${environment}`;
    const name = element('input', { type: 'text', value: reviewer });
    const comment = element('input', { type: 'text' });
    const buttons = ['approve', 'reject'].map(decision => {
      const made = button(decision === 'approve' ? 'Approve' : 'Reject', () => {
        buttons.forEach(each => (each.disabled = true));
        return this.view
          .decide({
            run: run.run,
            stage: stage.name,
            environment,
            decision,
            reviewer: name.value,
            comment: comment.value
          })
          .finally(() => buttons.forEach(each => (each.disabled = false)));
      });
      made.classList.add(
        decision === 'approve' ? 'jp-mod-accept' : 'jp-mod-warn'
      );
      return made;
    });
    return element(
      'fieldset',
      {},
      element('legend', {}, `${title}: ${stage.display}`),
      labelled('Reviewer', name),
      labelled('Comment', comment),
      element('p', {}, ...buttons)
    );
  }

  private _title = element('h3', {});
  private _table = element('table', { className: 'nbr-stages' });
  private _decisions = element('div', {});
  private _page = element('p', {});
  private _key = '';
}

function rowsOf(stage: IStage, now: number): HTMLElement[] {
  // Without stages in its file a pipeline has one stage without a name.
  const hasName = stage.name !== '__default';
  const own = hasName ? [row(stage.display, 'nbr-stage', stage, now)] : [];
  return [
    ...own,
    ...stage.jobs.map(job =>
      row(job.display, 'nbr-job', job, now, job.state === 'running' && job.step)
    )
  ];
}

function row(
  name: string,
  kind: string,
  timed: { state: string; started: string | null; finished: string | null },
  now: number,
  step: string | false = ''
): HTMLElement {
  const { state, started, finished } = timed;
  const end = finished === null ? now : Date.parse(finished);
  const isOpen = finished === null && state !== 'running';
  const seconds =
    started === null || isOpen ? null : (end - Date.parse(started)) / 1000;
  const title = element('th', { scope: 'row' }, name);
  if (step) {
    title.append(element('small', {}, step));
  }
  return element(
    'tr',
    { className: `${kind} nbr-is-${state.toLowerCase().replace(' ', '-')}` },
    title,
    element('td', {}, state === NOT_STARTED ? '' : state),
    element('td', {}, seconds === null ? '' : formatSeconds(seconds))
  );
}

function formatSeconds(seconds: number): string {
  const rounded = Math.max(0, Math.round(seconds));
  return rounded < 60
    ? `${rounded} s`
    : `${Math.floor(rounded / 60)} min ${String(rounded % 60).padStart(2, '0')} s`;
}

function describeStatus(
  state: IRehearsals,
  newest: IRehearsal | undefined
): string {
  if (state.starting) {
    return 'Starting the workspace and the kernels.';
  }
  if (newest === undefined) {
    return 'No rehearsal yet.';
  }
  if (state.running) {
    return state.stoppable
      ? 'The rehearsal is running.'
      : 'A rehearsal is running that was not started here.';
  }
  switch (newest.result) {
    case 'Waiting':
      return 'The rehearsal waits for an approval.';
    case 'Interrupted':
      return 'The rehearsal was interrupted. Start it again.';
    default:
      return newest.verdict === ''
        ? `Result: ${newest.result}.`
        : `Result: ${newest.result}. Verdict: ${newest.verdict}.`;
  }
}
